"""LoRA: Hu et al. 2021, "Low-Rank Adaptation of Large Language Models", arXiv:2106.09685.

    h = W x + γ B A x,  γ = α / r          (eq. 3)
    W (d_out, d_in) frozen;  A (r, d_in) uniform in ±1/√d_in;  B (d_out, r) zero
    merge: W <- W + γ B A

One AdamW for A and B alike, without weight decay. The paper draws A from a normal distribution; its authors'
code, PEFT and "LoRA Without Regret" from this uniform one.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from lora_core.config import AdapterConfig
from lora_core.linear import LoRALinear


class LoRA:
    """Plain LoRA, and what the rest of the family starts from."""

    layer: type[LoRALinear] = LoRALinear
    needs_gradients = False

    def build(
        self,
        base: nn.Linear,
        config: AdapterConfig,
        *,
        generator: torch.Generator | None,
        gradient: Tensor | None,
    ) -> LoRALinear:
        return self.layer(
            base, rank=config.rank, scale=config.gamma, dropout=config.dropout, generator=generator
        )

    def optimizer(
        self,
        layers: Mapping[str, LoRALinear],
        config: AdapterConfig,
        *,
        lr: float,
        steps: int | None = None,
        **options: Any,
    ) -> torch.optim.Optimizer:
        parameters = [p for layer in layers.values() for p in layer.parameters() if p.requires_grad]
        return torch.optim.AdamW(parameters, lr=lr, **{"weight_decay": 0.0, **options})

    def entries(self, layers: Mapping[str, LoRALinear]) -> dict[str, Any]:
        return {}


METHOD = LoRA()
