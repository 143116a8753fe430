"""What is worth knowing about an adapter's files, errors first. Codes are stable; pages say them by code."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from lora_core.formats.peft_config import MOVED_STARTS
from lora_core.formats.peft_files import CONFIG_FILE, PeftFiles
from lora_core.inspection.report import SEVERITIES, Finding, Layer

SHOWN = 3  # names in a message
PARTS = {
    "lora_A.weight", "lora_B.weight", "lora_A", "lora_B", "lora_E", "lora_embedding_A", "lora_embedding_B",
    "lora_magnitude_vector", "lora_B.bias",
}  # fmt: skip

# code -> severity, message; {names} are the first layers it concerns, {count} how many there are.
SAID = {
    "empty_tensors": (
        "error",
        "{count} layers are empty ({names}): DeepSpeed's ZeRO-3 or FSDP saved shards without gathering them. "
        "Gather the parameters, then save again.",
    ),
    "missing_factor": ("error", "{count} layers have only one of their two factors: {names}."),
    "shape_mismatch": ("error", "In {count} layers A and B do not multiply: {names}."),
    "rank_mismatch": (
        "error",
        "{count} layers have another rank than adapter_config.json says ({names}): PEFT refuses to load "
        "them.",
    ),
    "unsupported_dtype": (
        "error",
        "{count} layers are of type {dtypes}, which is not read here ({names}): eight-bit types need a "
        "scale that "
        "the file does not hold.",
    ),
    "not_finite": ("error", "{count} layers hold NaN or infinity: {names}."),
    "pattern": ("error", "α or r of {count} layers is not known: a pattern took too long to match "
    "({names})."),
    "parameter_unknown": (
        "warning",
        "{count} layers belong to several parameters of one module with ranks or α of their own, and the "
        "file does "
        "not say which is which: {names}.",
    ),
    "no_config": (
        "warning",
        "There is no adapter_config.json, so α and γ are not known, and ‖ΔW‖ only but for the factor γ.",
    ),
    "dora": (
        "info",
        "DoRA rescales the rows of W + γBA: how far that is from W cannot be known without the base's "
        "weights.",
    ),
    "unconverted_start": (
        "warning",
        "A {start} adapter, saved without being converted: its start was taken out of W, so the update is "
        "not γBA, "
        "and cannot be known without the base's weights. Servers that do not know it are wrong.",
    ),
    "variant": ("warning", "{keys} is in use: the update is not γBA, and cannot be known from the files."),
}  # fmt: skip


def of(files: PeftFiles, layers: Sequence[Layer]) -> list[Finding]:
    """All findings, errors first."""
    found = [
        *_by_reason(files, layers),
        *_effect(layers),
        *_names(files),
        *_beside(files),
        *_config(files, layers),
    ]
    return sorted(found, key=lambda finding: SEVERITIES.index(finding.severity))


def _finding(code: str, severity: str, message: str, **values: Any) -> Finding:
    return Finding(code, severity, message.format(**values), values)


def _by_reason(files: PeftFiles, layers: Sequence[Layer]) -> Iterable[Finding]:
    for code, (severity, message) in SAID.items():
        concerned = [layer for layer in layers if layer.reason == code]
        if not concerned:
            continue
        yield _finding(
            code,
            severity,
            message,
            count=len(concerned),
            names=_some(layer.name for layer in concerned),
            dtypes=", ".join(sorted({layer.dtype for layer in concerned})),
            start="" if files.config is None else files.config.start,
            keys="" if files.config is None else ", ".join(files.config.variants()),
        )


def _effect(layers: Sequence[Layer]) -> Iterable[Finding]:
    idle = [layer for layer in layers if layer.product_norm == 0 and layer.reason != "unconverted_start"]
    muted = [layer for layer in layers if layer.scale == 0]
    if idle and len(idle) == len(layers):
        yield _finding(
            "no_effect",
            "error",
            "B A is zero in every layer: the adapter was not trained, and changes nothing.",
        )
    elif idle:
        message = "B A is zero in {count} of {all} layers: {names}."
        yield _finding(
            "idle_layers",
            "warning",
            message,
            count=len(idle),
            all=len(layers),
            names=_some(x.name for x in idle),
        )
    if muted:
        yield _finding(
            "zero_scale", "error", "α is 0 in {count} layers: PEFT adds nothing there; llama.cpp takes it "
            "as 1.",
            count=len(muted),
        )  # fmt: skip
    if any((layer.scale or 0) < 0 for layer in layers):
        yield _finding("negative_scale", "info", "γ is negative: the update is taken away from the base.")


def _names(files: PeftFiles) -> Iterable[Finding]:
    names = files.names
    if names.wrapped:
        yield _finding(
            "wrapped_names", "warning",
            "Names come from a compiled or parallel model (_orig_mod., module.): PEFT finds no place for "
            "them on a "
            "plain one, and says so only in a warning. Save the unwrapped model.",
        )  # fmt: skip
    if names.adapters:
        yield _finding(
            "adapter_names", "warning",
            "Tensors carry the adapter's name ({names}), which PEFT leaves out of its files: it may not "
            "find them.",
            names=", ".join(sorted(names.adapters)),
        )  # fmt: skip
    if names.bare:
        yield _finding(
            "no_prefix", "warning", "Names do not begin with base_model.model.: PEFT finds no place for them."
        )
    strange = [
        name
        for parts in names.layers.values()
        for part, name in parts.items()
        if part not in PARTS
    ]  # fmt: skip
    if strange:
        yield _finding(
            "unknown_tensors", "warning", "{count} tensors are of no known kind: {names}.",
            count=len(strange), names=_some(strange),
        )  # fmt: skip


def _beside(files: PeftFiles) -> Iterable[Finding]:
    """What the file holds of the base itself."""
    entries = {} if files.config is None else files.config.entries
    whole = entries.get("modules_to_save") or []
    rest = dict(files.names.beside)

    def take(keep: Callable[[str, str], bool]) -> list[str]:
        taken = [place for place, name in rest.items() if keep(place, name)]
        for place in taken:
            del rest[place]
        return taken

    trained = take(
        lambda place, _: any(f".{place}".rpartition(".")[0].endswith(f".{each}") for each in whole)
    )
    kept = take(lambda place, name: ".base_layer." in name and place.endswith(".weight"))
    biases = take(lambda place, _: place.endswith(".bias"))
    for code, severity, places, message in (
        ("modules_to_save", "warning", trained,
         "{count} weights were trained whole beside the adapter (modules_to_save): {names}. Most servers "
         "refuse them."),
        ("base_weights", "info", kept,
         "The file also holds {count} weights of the base as they were: {names}. PEFT writes them beside "
         "an adapted "
         "head or embedding."),
        ("bias", "warning", biases,
         "{count} biases were trained beside the adapter: {names}. Most servers refuse them."),
        ("other_weights", "warning", list(rest),
         "{count} more tensors are no part of the adapter: {names}."),
    ):  # fmt: skip
        if places:
            yield _finding(code, severity, message, count=len(places), names=_some(places))
    if any("lora_B.bias" in parts for parts in files.names.layers.values()):
        yield _finding(
            "lora_bias", "warning", "B has a bias of its own (lora_bias): γ times it is added to the bias."
        )


def _config(files: PeftFiles, layers: Sequence[Layer]) -> Iterable[Finding]:
    if files.config is None:
        return
    entries = files.config.entries
    if files.config.stabilised:
        yield _finding("rank_stabilised", "info", "γ is α/√r (use_rslora); readers that take α/r apply less.")
    patterns = [key for key in ("rank_pattern", "alpha_pattern") if entries.get(key)]
    if patterns and files.config.kind == "LORA":
        yield _finding(
            "patterns", "info", "{keys} gives layers values of their own; readers that ignore it apply "
            "another γ.",
            keys=", ".join(patterns),
        )  # fmt: skip
    experts = {layer.experts for layer in layers if layer.kind == "experts"}
    if experts:
        yield _finding(
            "experts", "info",
            "Parameters of {experts} experts are adapted (target_parameters): the file holds them stacked; "
            "r, γ and "
            "shapes here are of one expert, ‖ΔW‖ of all together.",
            experts=", ".join(map(str, sorted(experts))),
        )  # fmt: skip
    if files.config.start in MOVED_STARTS and not any(each.reason == "unconverted_start" for each in layers):
        yield _finding(
            "unconverted_start", *SAID["unconverted_start"], start=files.config.start, count=0, names=""
        )
    if "use_dora" in files.config.variants() and not any(
        "lora_magnitude_vector" in x.tensors for x in layers
    ):
        yield _finding("no_magnitude", "error", f"{CONFIG_FILE} says DoRA, but no layer has its magnitudes.")


def _some(names: Iterable[str]) -> str:
    every = list(names)
    return ", ".join(name[:120] for name in every[:SHOWN]) + (", …" if len(every) > SHOWN else "")
