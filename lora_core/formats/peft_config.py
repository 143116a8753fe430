"""adapter_config.json: whether it is PEFT's, and the rank, α and γ that PEFT takes from it. No torch here.

LoRA      γ = α / r,  with use_rslora α / √r;  r and α by the first of rank_pattern, alpha_pattern that fits
AdaLoRA   γ = α / (init_r + 1e-5),  init_r for an α of 0 or less;  one for all layers
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lora_core.bounds import ConfigError, real, whole
from lora_core.formats import peft_names
from lora_core.formats.patterns import Budget, PatternError, first_key
from lora_core.formats.refusal import FormatError, refuse_foreign

FILE = peft_names.FILE
MAX_CONFIG = 16 << 20  # bytes; one with a pattern for each of 10,000 modules has 1
MAX_RANK = 10**9  # of which no file is written; a float still holds it
GUARD = 1e-5  # AdaLoRA's, against a rank of 0
KINDS = ("LORA", "ADALORA")

# Starts that subtract γ B₀A₀ from W, or round W: alone, A and B then do not say what was learned.
MOVED_STARTS = ("pissa", "olora", "corda", "loftq", "lora_ga")
# What changes the update itself, with the values that mean "not in use".
VARIANTS: Mapping[str, tuple[Any, ...]] = {
    "use_dora": (False, None),
    "use_qalora": (False, None),
    "use_bdlora": (None, False),
    "kasa_config": (None,),
    "arrow_config": (None,),
    "alora_invocation_tokens": (None, []),
    "monteclora_config": (None,),
    "layer_replication": (None, []),
}


@dataclass(frozen=True)
class PeftConfig:
    """What adapter_config.json says.

    Attributes:
        entries: all of it, unchanged.
        kind: "LORA" or "ADALORA".
    """

    entries: Mapping[str, Any]
    kind: str
    budget: Budget = field(default_factory=Budget, repr=False, compare=False)

    @property
    def stabilised(self) -> bool:
        """Whether γ is α / √r."""
        return bool(self.entries.get("use_rslora")) and self.kind == "LORA"

    @property
    def start(self) -> str:
        """init_lora_weights as one word: "pissa" for "pissa_niter_4"; empty for PEFT's own start."""
        value = self.entries.get("init_lora_weights")
        return value.lower().partition("_niter_")[0] if isinstance(value, str) else ""

    @property
    def method(self) -> str:
        """What the adapter was trained as, so far as the file tells."""
        if self.kind == "ADALORA":
            return "adalora"
        moved = self.start if self.start in MOVED_STARTS else ""
        named = "dora" if self.entries.get("use_dora") else "rslora" if self.stabilised else "lora"
        return moved if moved and named == "lora" else "+".join(filter(None, (moved, named)))

    def variants(self) -> list[str]:
        """Keys in use under which the update is not γ B A alone."""
        return [key for key, off in VARIANTS.items() if self.entries.get(key, off[0]) not in off]

    def rank(self, name: str) -> int:
        """The rank of a module, or of a parameter by its full name, as PEFT reads it.

        Raises:
            FormatError: it is no number, or a pattern cannot be matched safely.
        """
        if self.kind == "ADALORA":
            return self._whole("init_r", self.entries.get("init_r", 12))
        return self._whole("rank", self._by_pattern("rank_pattern", name, self.entries.get("r", 8)))

    def alpha(self, name: str) -> float:
        """α of a module or a parameter, as PEFT reads it; of any sign.

        Raises:
            FormatError: as `rank`.
        """
        value = self.entries.get("lora_alpha", 8)
        if self.kind == "LORA":
            value = self._by_pattern("alpha_pattern", name, value)
        try:
            return real("alpha", value)
        except ConfigError as error:
            raise _wrong(str(error)) from None

    def scale(self, name: str) -> float:
        """γ of a module or a parameter, as PEFT computes it.

        Raises:
            FormatError: as `rank`.
        """
        rank, alpha = self.rank(name), self.alpha(name)
        if self.kind == "ADALORA":
            return (alpha if alpha > 0 else float(rank)) / (rank + GUARD)
        return alpha / (math.sqrt(rank) if self.stabilised else rank)

    def _by_pattern(self, key: str, name: str, default: Any) -> Any:
        patterns = self.entries.get(key) or {}
        try:
            found = first_key(patterns, name, self.budget)
        except PatternError as error:
            raise FormatError("pattern", f"{FILE}: {key}: {error}", field=key) from None
        return default if found is None else patterns[found]

    @staticmethod
    def _whole(field: str, value: Any) -> int:
        try:
            found = whole(field, value, least=1)
        except ConfigError as error:
            raise _wrong(str(error)) from None
        if found > MAX_RANK:
            raise _wrong(f"{field} is {str(value)[:20]}…, expected at most {MAX_RANK}")
        return found


def read_config(source: str | os.PathLike[str] | bytes) -> PeftConfig:
    """Reads and checks adapter_config.json, from its path or its content.

    Raises:
        FormatError: no file, no JSON, not PEFT's, or of a method that is not LoRA's.
    """
    if isinstance(source, bytes):
        data, name = source, FILE
    else:
        path = Path(source)
        name = path.name
        try:
            with path.open("rb") as file:
                data = file.read(MAX_CONFIG + 1)
        except OSError:
            raise FormatError("missing", f"no {name} in {str(path.parent)!r}", file=name) from None
    return parse_config(data, name)


def parse_config(data: bytes, name: str = FILE) -> PeftConfig:
    """The same from bytes; `name` is how the file is called in messages."""
    refuse_foreign(name, data[:64])
    if len(data) > MAX_CONFIG:
        raise FormatError("json_size", f"{name} has more than {MAX_CONFIG >> 20} MB", file=name)
    try:
        entries = json.loads(data.decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise FormatError("json", f"{name} is not JSON: {error}", file=name) from None
    if not isinstance(entries, dict):
        raise FormatError(
            "json_type", f"{name} holds a {type(entries).__name__}, expected an object", file=name
        )
    kind = entries.get("peft_type")
    if kind is None:
        raise FormatError(
            "foreign_config",
            f"{name}: peft_type is None, so this is no adapter's configuration by PEFT; {_whose(entries)}",
            file=name,
            tool=_tool(entries),
        )
    if kind not in KINDS:
        raise FormatError(
            "peft_type",
            f"{name}: peft_type is {str(kind)[:40]!r}, expected 'LORA' or 'ADALORA'",
            kind=str(kind)[:40],
        )
    peft_names.check(entries)
    config = PeftConfig(entries, kind)
    config.scale("")  # refuses ranks and α that are no numbers
    for key, kind_of in (("rank_pattern", config._whole), ("alpha_pattern", real)):
        if config.kind == "LORA":
            for value in (entries.get(key) or {}).values():
                try:
                    kind_of(key.partition("_")[0], value)
                except ConfigError as error:
                    raise _wrong(str(error)) from None
    return config


def _wrong(message: str) -> FormatError:
    return FormatError("config", f"{FILE}: {message}", field=message[:80])


def _tool(entries: Mapping[str, Any]) -> str:
    if "lora_parameters" in entries or "fine_tune_type" in entries:
        return "mlx"
    return "model" if "model_type" in entries or "architectures" in entries else "other"


def _whose(entries: Mapping[str, Any]) -> str:
    return {
        "mlx": "it looks like mlx-lm's",
        "model": f"it is a model's own config.json (model_type {str(entries.get('model_type'))[:40]!r})",
        "other": f"it has: {', '.join(sorted(map(str, entries))[:6])[:200] or 'nothing'}",
    }[_tool(entries)]
