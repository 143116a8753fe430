"""LoRA+: Hayou, Ghosh & Yu 2024, "LoRA+: Efficient Low Rank Adaptation of Large Models", arXiv:2402.12354.

    lr_A = η,  lr_B = λ η,  λ > 1

In the limit of wide layers one rate for both learns features in A too slowly. The paper finds λ around 2⁴
good for its models; values from 4 to 20 are in use. Nothing else differs from LoRA.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from lora_core.lazy import LazyModule
from lora_core.methods.lora import LoRA

if TYPE_CHECKING:
    import torch

    from lora_core.config import AdapterConfig
    from lora_core.linear import LoRALinear
else:
    torch = LazyModule("torch")


class LoRAPlus(LoRA):
    """LoRA with a larger learning rate for B."""

    name = "lora+"
    place = 2

    def optimizer(
        self,
        layers: Mapping[str, LoRALinear],
        config: AdapterConfig,
        *,
        lr: float,
        steps: int | None = None,
        ratio: float = 16.0,
        **options: Any,
    ) -> torch.optim.Optimizer:
        """AdamW with rate η = lr for A and λη for B; λ is `ratio`.

        Raises:
            ValueError: ratio is not above 0.
        """
        if not ratio > 0:
            raise ValueError(f"ratio is {ratio!r}, expected a number above 0")
        groups = [
            {"params": [layer.A for layer in layers.values()], "lr": lr},
            {"params": [layer.B for layer in layers.values()], "lr": lr * ratio},
        ]
        return torch.optim.AdamW(groups, lr=lr, **{"weight_decay": 0.0, **options})


METHOD = LoRAPlus()
