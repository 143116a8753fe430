"""The family: one file a method, found by name. A method decides what stands here, `adapter` does the rest.

To add one: put its name into `config.METHODS` and write `methods/<name>.py` ("lora-ga" is lora_ga.py, "lora+"
is lora_plus.py) with its layer, a subclass of LoRALinear if it differs, and `METHOD`, an instance of LoRA or
of a subclass.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from lora_core.bounds import choice
from lora_core.config import METHODS, AdapterConfig
from lora_core.linear import LoRALinear


class Method(Protocol):
    """What a method decides.

    layer: the class of its layers. `optimizer` needs layers of this class.
    needs_gradients: whether `build` cannot do without `gradient`.
    """

    layer: type[LoRALinear]
    needs_gradients: bool

    def build(
        self,
        base: nn.Linear,
        config: AdapterConfig,
        *,
        generator: torch.Generator | None,
        gradient: Tensor | None,
    ) -> LoRALinear:
        """A layer around `base`, which is left as it is: `attach` may still refuse.

        gradient: estimate of dL/dW (d_out, d_in); None unless `needs_gradients`.
        """
        ...

    def optimizer(
        self,
        layers: Mapping[str, LoRALinear],
        config: AdapterConfig,
        *,
        lr: float,
        steps: int | None,
        **options: Any,
    ) -> torch.optim.Optimizer:
        """An optimiser of the layers' trainable parameters; options are the method's own and then AdamW's.

        What a method does besides following gradients, it does in the optimiser's `step`.
        """
        ...

    def entries(self, layers: Mapping[str, LoRALinear]) -> dict[str, Any]:
        """What adapter_config.json says beyond plain LoRA, `{"use_dora": True}` for instance."""
        ...


def method(name: str) -> Method:
    """The method called `name`.

    Raises:
        ConfigError: (a ValueError) there is none; lists those there are.
    """
    choice("method", name, METHODS)
    file = name.replace("+", "_plus").replace("-", "_")
    found: Method = importlib.import_module(f"lora_core.methods.{file}").METHOD
    return found
