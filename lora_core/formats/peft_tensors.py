"""The names of tensors in PEFT's files. No torch here.

Which belong to a layer's update, and which stand beside:

base_model.model.<module>.lora_A.weight        as PEFT writes it
base_model.model.<module>.lora_A.<adapter>.weight, module.base_model.model.…, _orig_mod.…
                                               with the adapter's name, from a parallel or a compiled model
base_model.model.<module>.base_layer.weight    the layer's own weight, as it was
base_model.model.<module>.weight, .bias        of modules_to_save and of trained biases
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from lora_core.formats.refusal import FormatError

PREFIX = "base_model.model."
WRAPPERS = ("_orig_mod", "_fsdp_wrapped_module", "_checkpoint_wrapped_module")
"""What torch.compile, FSDP and activation checkpointing put into a module's path."""


@dataclass
class Names:
    """The tensors of a file, sorted.

    Attributes:
        layers: module's path as the file has it, less wrappers and prefix -> part ("lora_A.weight") ->
            tensor's name.
        beside: path of a parameter of the base -> tensor's name.
        adapters: names of adapters that stand in tensors' names.
        wrapped: some names come from a compiled or parallel model.
        bare: some names have no `base_model.model.`.
    """

    layers: dict[str, dict[str, str]] = field(default_factory=dict)
    beside: dict[str, str] = field(default_factory=dict)
    adapters: set[str] = field(default_factory=set)
    wrapped: bool = False
    bare: bool = False


def sort_names(names: Iterable[str], file: str) -> Names:
    """Which tensor is what.

    Raises:
        FormatError: two tensors claim one place, as where two adapters stand in one file.
    """
    found = Names()
    paths = {}
    for name in names:
        path, _, end = name.rpartition(".lora_")
        plain = unwrapped(path or name)
        found.wrapped |= plain != (path or name)
        outer = plain.removeprefix("module.") if plain.startswith(f"module.{PREFIX}") else plain
        found.bare |= not outer.startswith(PREFIX)
        found.wrapped |= outer != plain
        paths[name] = outer.removeprefix(PREFIX), end if path else None
    parallel = bool(paths) and all(path.startswith("module.") for path, _ in paths.values())
    found.wrapped |= parallel
    for name, (path, tail) in paths.items():
        module = path.removeprefix("module.") if parallel else path
        if tail is None:
            held, place = found.beside, _parameter(module)
        else:
            place, adapter = _part(tail)
            if adapter:
                found.adapters.add(adapter)
            held = found.layers.setdefault(module, {})
        if place in held:
            if len(found.adapters) > 1:
                raise FormatError(
                    "several_adapters",
                    f"{file} holds several adapters: {', '.join(sorted(found.adapters))}; expected one",
                    names=", ".join(sorted(found.adapters)),
                )
            raise FormatError(
                "tensor", f"{file}: {held[place]} and {name} are the same tensor twice", name=name[:80]
            )
        held[place] = name
    return found


def unwrapped(path: str) -> str:
    """A module's path without what compiling and sharding put into it."""
    return ".".join(segment for segment in path.split(".") if segment not in WRAPPERS)


def _part(tail: str) -> tuple[str, str]:
    """("A.default.weight") -> ("lora_A.weight", "default")."""
    kind, *rest = tail.split(".")
    last = rest.pop() if rest and rest[-1] in ("weight", "bias") else ""
    if kind == "magnitude_vector":  # some versions add ".weight"
        last = ""
    return f"lora_{kind}" + (f".{last}" if last else ""), ".".join(rest)


def _parameter(path: str) -> str:
    """The parameter's name in the base: "lm_head.base_layer.weight" -> "lm_head.weight"."""
    kept = path.split(".")
    if "modules_to_save" in kept[1:-1]:
        at = kept.index("modules_to_save", 1)
        kept = [*kept[:at], kept[-1]]
    return ".".join(segment for segment in kept if segment != "base_layer")
