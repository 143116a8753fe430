"""What `inspect` found in an adapter's files: layers, and findings with stable codes. No torch here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

SEVERITIES = ("error", "warning", "info")
"""error: PEFT refuses the file, or it cannot act as meant. warning: likely a surprise. info: good to know."""


@dataclass(frozen=True)
class Finding:
    """Something worth knowing about the files.

    Attributes:
        code: stable, for pages that say it in another language.
        severity: one of SEVERITIES.
        message: one or two English sentences.
        values: what the message names.
    """

    code: str
    severity: str
    message: str
    values: Mapping[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, str]:
        """Code, severity and message."""
        return {"code": self.code, "severity": self.severity, "message": self.message}


@dataclass(frozen=True)
class Layer:
    """One adapted layer; what cannot be known is None.

    Attributes:
        key: the layer's name in the file, less prefix; unique.
        name: the module's path in the base.
        d_out, d_in: of W (d_out, d_in); of one expert's where there are several.
        rank: r; the rows of A in the file, of one expert.
        alpha, scale: α, and γ exactly as PEFT computes it.
        norm: ‖ΔW‖ (Frobenius), over all experts; None with a `reason`.
        product_norm: ‖B A‖ without γ, known even where γ is not.
        reason: code of the finding that says why `norm` is None.
        kind: "linear", "convolution", "embedding" or "experts".
        experts: E, how many experts the layer has; 1 for all others.
        parameter: the parameter's path in the base, where target_parameters names it.
        dtype: type of A in the file, as safetensors calls it.
        tensors: part ("lora_A.weight") -> name in the file.
        shapes: part -> shape in the file.
    """

    key: str
    name: str
    d_out: int | None
    d_in: int | None
    rank: int | None
    alpha: float | None = None
    scale: float | None = None
    norm: float | None = None
    product_norm: float | None = None
    reason: str = ""
    kind: str = "linear"
    experts: int = 1
    parameter: str = ""
    dtype: str = ""
    tensors: Mapping[str, str] = field(default_factory=dict)
    shapes: Mapping[str, tuple[int, ...]] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """What `pradit inspect --json` prints of a layer."""
        names = ("name", "d_out", "d_in", "rank", "alpha", "scale", "norm")
        return {name: getattr(self, name) for name in names}


@dataclass(frozen=True)
class Report:
    """What is in an adapter's files.

    Attributes:
        format: "peft".
        method: what it was trained as, as far as the file tells: "lora", "rslora", "dora", "adalora",
            "pissa", …
        configured: there was an adapter_config.json.
        layers: in the order of their numbers.
        findings: errors first.
    """

    format: str
    method: str
    configured: bool
    layers: tuple[Layer, ...]
    findings: tuple[Finding, ...]

    def to_json(self) -> dict[str, Any]:
        """The form that `pradit inspect --json` prints."""
        return {
            "format": self.format,
            "method": self.method,
            "layers": [layer.to_json() for layer in self.layers],
            "findings": [finding.to_json() for finding in self.findings],
        }

    def to_text(self) -> str:
        """A table to read in a terminal."""
        head = ("layer", "d_out", "d_in", "r", "α", "γ", "‖ΔW‖")
        rows = [head, *(_row(layer) for layer in self.layers)]
        widths = [max(len(row[i]) for row in rows) for i in range(len(head))]
        lines = [
            "  ".join(
                cell.ljust(width) if i == 0 else cell.rjust(width)
                for i, (cell, width) in enumerate(zip(row, widths, strict=True))
            ).rstrip()
            for row in rows
        ]
        found = [f"{each.severity}: {each.message} [{each.code}]" for each in self.findings]
        count = f"{self.format} · {self.method} · {len(self.layers)} layers"
        return "\n".join([count, "", *lines, *([""] if found else []), *found])


def _row(layer: Layer) -> tuple[str, ...]:
    name = f"{layer.name} × {layer.experts} experts" if layer.experts > 1 else layer.name
    values = (layer.d_out, layer.d_in, layer.rank, layer.alpha, layer.scale, layer.norm)
    return (name, *("?" if value is None else f"{value:.6g}" for value in values))
