"""rsLoRA: Kalajdzievski 2023, "A Rank Stabilization Scaling Factor for Fine-Tuning with LoRA",
arXiv:2312.03732.

    h = W x + γ B A x,  γ = α / √r         (section 4, theorem 4.1)

With α/r the update of a trained adapter shrinks as the rank grows; with α/√r it neither shrinks nor grows.
Nothing else differs from LoRA. In files it is a plain LoRA with PEFT's `use_rslora`.
"""

from __future__ import annotations

from lora_core.methods.lora import LoRA


class RsLoRA(LoRA):
    """LoRA whose scale falls with the root of the rank."""

    name = "rslora"
    place = 1
    rank_stabilised = True


METHOD = RsLoRA()
