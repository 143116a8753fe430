"""Attach, merge and take off low-rank adapters on any nn.Module; `saving` writes and reads them.

    ΔW = γ B A,  W (d_out, d_in),  A (r, d_in),  B (d_out, r)

Every refusal is a ValueError, raised before anything is changed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from lora_core import resizing
from lora_core.bounds import largest_rank
from lora_core.config import AdapterConfig, select
from lora_core.linear import LoRALinear, weight_of
from lora_core.methods import method
from lora_core.modules import chosen, refuse_empty
from lora_core.modules import linear_layers as linear_layers

_MARK = "_lora_core"
M = TypeVar("M", bound=nn.Module)


@dataclass(frozen=True)
class Attached:
    """What a model with an adapter remembers.

    config: of the adapter, with the names of the adapted modules as its targets.
    trainable: names of the parameters that trained before.
    tied: names of adapted modules whose weight is another module's too, as an output layer's may be the
        embedding's.
    """

    config: AdapterConfig
    trainable: frozenset[str]
    tied: frozenset[str]


def attach(
    model: M,
    config: AdapterConfig,
    *,
    generator: torch.Generator | None = None,
    gradients: Mapping[str, Tensor] | None = None,
    ranks: Mapping[str, int] | None = None,
) -> M:
    """Wraps the linear layers that `config.targets` selects, in place, and freezes everything else.

    nn.Linear and transformers' Conv1D are adapted, their subclasses only with the same forward; "all-linear"
    and "blocks" warn of others. A layer used in several places is wrapped once, for all of them.

    Args:
        model: changed in place.
        config: method, rank, γ and targets.
        generator: source of the factors' random start, on any device.
        gradients: module name -> estimate of dL/dW (d_out, d_in), for the methods that ask for it; see
            `estimate_gradients`.
        ranks: module name or dotted suffix -> r where it differs from `config.rank`; γ follows each layer's
            own r, as in PEFT. The first that fits counts.

    Returns:
        The model.

    Raises:
        ValueError: no module matches, one that is asked for is not linear or has no numbers, a rank above
            min(d_out, d_in), an adapter is attached already, a needed gradient is missing or does not fit, or
            what the method itself refuses.
    """
    refuse_unready(model)
    linear = linear_layers(model)
    names = chosen(model, linear, config.targets)
    refuse_empty({name: linear[name] for name in names})
    configs = _own_ranks(config, names, ranks or {})
    for name in names:
        d_out, d_in = weight_of(linear[name]).shape
        rank, limit = configs[name].rank, largest_rank([(d_out, d_in)])
        if rank > limit:
            raise ValueError(
                f"rank is {rank}, expected 1 to {limit} for {name} of shape ({d_out}, {d_in}); "
                f"give it a rank of its own, ranks={{{name!r}: {limit}}}, or leave it out of targets"
            )
    how = method(config.method)
    wanted = _fitting(config.method, linear, names, gradients or {}) if how.needs_gradients else {}
    layers = {
        name: LoRALinear.of(
            linear[name], configs[name], method=how, generator=generator, gradient=wanted.get(name)
        )
        for name in names
    }
    return install(model, config, linear, layers)


def detach(model: M) -> M:
    """Takes the adapter off: the base is what it was, bit for bit, and what trained before trains again.

    "qlora" has kept its four-bit approximation of the base alone: that is what stays, with a warning.

    Raises:
        ValueError: no adapter is attached to this very module.
    """
    attached = remembered(model)
    layers = list(adapted_layers(model).values())
    _replace(model, {layer: layer.method.restored(layer) for layer in layers})
    return _forget(model, attached)


def _forget(model: M, attached: Attached) -> M:
    """Removes what `attach` remembered and lets train what trained before."""
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(name in attached.trainable)
    delattr(model, _MARK)
    resizing.leave(model)
    return model


def unload(model: M) -> M:
    """Takes the adapter off and keeps what it learned: each adapted layer is a plain one again, of W + ΔW.

    The names and types in `model.state_dict()` are the base model's, so that what reads the base (its
    `load_state_dict`, transformers' `from_pretrained`) reads this too. What trained before trains again. A
    merged adapter leaves the weights it was merged with.

    Returns:
        The model.

    Raises:
        ValueError: no adapter is attached to this very module; an adapted weight is shared with another
            module, which cannot have W + ΔW as well; or a parametrization computes it.
    """
    attached = remembered(model)
    layers = adapted_layers(model)
    for name, layer in layers.items():
        if name in attached.tied:
            raise ValueError(
                f"the weight of {name} is shared with another module, so W + ΔW has no place of its own; "
                f"untie the two before the adapter is attached, or leave {name} out of targets"
            )
        if parametrize.is_parametrized(layer.base, "weight"):
            raise ValueError(f"the weight of {name} is computed by a parametrization, expected a parameter")
    # One layer at a time: of all weights of a large model there need not be two copies at once.
    for layer in layers.values():
        with torch.no_grad():
            plain = layer.method.plain(layer, layer.whole())
        _replace(model, {layer: plain})
    return _forget(model, attached)


def merge(model: M) -> M:
    """Lets each adapted layer compute with one matrix W + ΔW. W, A and B stay, so `unmerge` is exact.

    A layer computes with A and B as they were when merged; a later change of them counts from the next merge.
    A base that has hooks or a patched forward (accelerate's) is still called, so that they act as before:
    y = base(x) + ΔW x.

    Raises:
        ValueError: no adapter is attached, it is merged, or a weight has no numbers.
    """
    layers = adapted_layers(model)
    if any(layer.merged is not None for layer in layers.values()):
        raise ValueError("the adapter is merged already; unmerge it first")
    refuse_empty({name: layer.base for name, layer in layers.items()})
    weights = {name: layer.merged_weight() for name, layer in layers.items()}
    for name, layer in layers.items():
        layer.merged = weights[name]
    return model


def unmerge(model: M) -> M:
    """Undoes `merge`, bit for bit.

    Raises:
        ValueError: no adapter is attached, or it is not merged.
    """
    layers = adapted_layers(model)
    if any(layer.merged is None for layer in layers.values()):
        raise ValueError("the adapter is not merged")
    for layer in layers.values():
        layer.merged = None
    return model


def delta_weights(model: nn.Module) -> dict[str, Tensor]:
    """Module name -> ΔW (d_out, d_in), merged or not.

    Raises:
        ValueError: no adapter is attached.
    """
    return {name: layer.delta() for name, layer in adapted_layers(model).items()}


def optimizer_for(
    model: nn.Module, config: AdapterConfig, *, lr: float, steps: int | None = None, **options: Any
) -> torch.optim.Optimizer:
    """AdamW of the adapter's parameters, set up as `config.method` asks.

    Args:
        model: with an adapter attached.
        config: its method is the one whose optimiser is made.
        lr: learning rate; the methods that use several derive them from it.
        steps: how many steps the run will have, for the methods with a schedule; without it "adalora" keeps
            its full budget.
        options: the method's own (`ratio` of "lora+") and those of torch.optim.AdamW; weight_decay is 0
            unless given.

    Raises:
        ValueError: no adapter is attached, it is merged (nothing would train), or another method made it.
    """
    layers = adapted_layers(model)
    how = method(config.method)
    if any(layer.merged is not None for layer in layers.values()):
        raise ValueError("the adapter is merged, so nothing would train; unmerge it first")
    for name, layer in layers.items():
        if not all(hasattr(layer, part) for part in how.parts):
            raise ValueError(
                f"{name} is a layer of {layer.method.name!r}, which holds {', '.join(layer.method.parts)}; "
                f"method {config.method!r} expects {', '.join(how.parts)}"
            )
    return how.optimizer(layers, config, lr=lr, steps=steps, **options)


def _own_ranks(config: AdapterConfig, names: list[str], ranks: Mapping[str, int]) -> dict[str, AdapterConfig]:
    """Module name -> its configuration; `select` refuses a pattern that fits none."""
    own = {name: rank for key, rank in reversed(list(ranks.items())) for name in select(names, (key,))}
    return {name: replace(config, rank=own.get(name, config.rank)) for name in names}


def _fitting(
    method: str, linear: Mapping[str, Any], names: list[str], gradients: Mapping[str, Tensor]
) -> Mapping[str, Tensor]:
    for name in names:
        if name not in gradients:
            raise ValueError(
                f"method {method!r} needs the gradient of {name}; "
                "give `gradients`, from estimate_gradients(model, loss, batches)"
            )
        found, shape = tuple(gradients[name].shape), tuple(weight_of(linear[name]).shape)
        if found != shape or not gradients[name].isfinite().all():
            raise ValueError(f"the gradient of {name} has shape {found}, expected {shape}, all of it finite")
    return gradients


def install(
    model: M, config: AdapterConfig, linear: Mapping[str, Any], layers: Mapping[str, LoRALinear]
) -> M:
    """Puts each layer in the place of the linear one of its name."""
    trainable = frozenset(name for name, parameter in model.named_parameters() if parameter.requires_grad)
    owners = Counter(id(p) for module in model.modules() for p in module._parameters.values())
    tied = frozenset(name for name in layers if owners[id(linear[name].weight)] > 1)
    attached = Attached(replace(config, targets=tuple(layers)), trainable, tied)
    # Nothing is refused from here on.
    model.requires_grad_(False)
    _replace(model, {linear[name]: layer for name, layer in layers.items()})
    resizing.follow(model)
    setattr(model, _MARK, attached)
    return model


def _replace(model: nn.Module, new: Mapping[Any, nn.Module]) -> None:
    for parent in list(model.modules()):
        for key, child in parent._modules.items():
            if child is not None and child in new:
                parent._modules[key] = new[child]


def adapted_layers(model: nn.Module) -> dict[str, LoRALinear]:
    """Name -> layer of the adapter that is on the model, merged or not.

    Raises:
        ValueError: there is none.
    """
    layers = {name: module for name, module in model.named_modules() if isinstance(module, LoRALinear)}
    if not layers:
        raise ValueError("no adapter is attached")
    return layers


def remembered(model: nn.Module) -> Attached:
    """What `attach` or `load_adapter` left on the model.

    Raises:
        ValueError: no adapter is attached to this very module.
    """
    adapted_layers(model)
    attached = getattr(model, _MARK, None)
    if not isinstance(attached, Attached):
        raise ValueError("the adapter was not attached to this module but to one inside or around it")
    return attached


def refuse_unready(model: nn.Module) -> None:
    """Refuses a model that no adapter can be attached to.

    Raises:
        ValueError: it has an adapter, or a parameter without a shape.
    """
    if any(isinstance(module, LoRALinear) for module in model.modules()):
        raise ValueError("an adapter is attached already; detach it first")
    for name, parameter in model.named_parameters():
        if isinstance(parameter, nn.UninitializedParameter):
            raise ValueError(f"{name} has no shape yet; send a batch through the model first")
