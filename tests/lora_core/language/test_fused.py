"""Parts with gradients of their own, against autograd through the plain formulas."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lora_core import AdapterConfig, attach
from lora_core.language.fused import read, rms_norm, turned
from lora_core.linear import LoRALinear
from tests.lora_core.language.tiny import tiny_model


def gradients(function: Callable[..., Tensor], *inputs: Tensor) -> tuple[Tensor, ...]:
    inputs = tuple(each.detach().clone().requires_grad_() for each in inputs)
    out = function(*inputs)
    weights = torch.linspace(-1, 1, out.numel(), dtype=out.dtype).view_as(out)
    return out, *torch.autograd.grad((out * weights).sum(), inputs)


def test_rms_norm_is_torchs(generator: torch.Generator) -> None:
    x, w = torch.randn(2, 5, 8, generator=generator), torch.randn(8, generator=generator)
    found = gradients(lambda x, w: rms_norm(x, w, 1e-5), x, w)
    expected = gradients(lambda x, w: F.rms_norm(x, (8,), w, 1e-5), x, w)
    torch.testing.assert_close(found, expected)


def test_rms_norm_of_bfloat16_is_float32s_rounded_once(generator: torch.Generator) -> None:
    x = torch.randn(64, 96, generator=generator).bfloat16()
    w = torch.randn(96, generator=generator).bfloat16()
    assert torch.equal(rms_norm(x, w, 1e-5), rms_norm(x.float(), w.float(), 1e-5).bfloat16())


def test_pairs_are_turned_as_complex_numbers(generator: torch.Generator) -> None:
    x, angle = torch.randn(2, 3, 5, 8, generator=generator), torch.randn(2, 1, 5, 4, generator=generator)

    def plain(x: Tensor) -> Tensor:
        a, b = x.chunk(2, -1)
        out = torch.complex(a, b) * torch.polar(torch.ones_like(angle), angle)
        return torch.cat([out.real, out.imag], -1)

    found = gradients(lambda x: turned(x, angle.cos(), angle.sin()), x)
    torch.testing.assert_close(found, gradients(plain, x))


def adapted(bias: bool, generator: torch.Generator, method: str = "lora", **options: Any) -> nn.ModuleList:
    layers = nn.ModuleList([nn.Linear(6, 5, bias=bias), nn.Linear(6, 3, bias=bias)]).double()
    attach(layers, AdapterConfig(method, rank=2, alpha=5, **options), generator=generator)
    for layer in layers:
        assert isinstance(layer, LoRALinear)
        layer.B.data = torch.randn(layer.B.shape, generator=generator, dtype=layer.B.dtype)
    return layers


def of_all(layers: nn.ModuleList, x: Tensor, outputs: tuple[Tensor, ...]) -> list[Tensor | None]:
    """The outputs and the gradients of x and of all that trains."""
    trained = [p for p in layers.parameters() if p.requires_grad]
    total = sum(((k + 1) * y.square().sum() for k, y in enumerate(outputs)), torch.zeros((), dtype=x.dtype))
    return [*outputs, *torch.autograd.grad(total, [x, *trained], allow_unused=True)]


@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("method", ["lora", "rslora", "adalora", "qlora"])
def test_layers_read_together_give_what_each_gives(
    method: str, bias: bool, generator: torch.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    layers = adapted(bias, generator, method)
    for layer in layers:
        if method == "adalora":
            layer.E.data = torch.randn(layer.E.shape, generator=generator, dtype=layer.E.dtype)
    x = torch.randn(2, 4, 6, generator=generator, dtype=torch.float64, requires_grad=True)
    expected = of_all(layers, x, tuple(layer(x) for layer in layers))
    monkeypatch.setattr(LoRALinear, "forward", None)  # none is called by itself
    torch.testing.assert_close(of_all(layers, x, read(x, *layers)), expected)


@pytest.mark.parametrize("reason", ["dora", "dropout", "merged", "hook", "trained bias", "plain"])
def test_other_layers_are_called(reason: str, generator: torch.Generator) -> None:
    options = {"dropout": 0.5} if reason == "dropout" else {}
    layers = adapted(True, generator, "dora" if reason == "dora" else "lora", **options)
    first: Any = layers[0]
    if reason == "merged":
        first.merged = first.merged_weight()
    elif reason == "hook":
        first.register_forward_hook(lambda layer, x, y: y + 1)
    elif reason == "trained bias":
        first.bias.requires_grad_()
    elif reason == "plain":
        layers[0] = nn.Linear(6, 5).double()
    x = torch.randn(4, 6, generator=generator, dtype=torch.float64, requires_grad=True)
    torch.manual_seed(0)
    expected = of_all(layers, x, tuple(layer(x) for layer in layers))
    torch.manual_seed(0)
    found = of_all(layers, x, read(x, *layers))
    assert [each is None for each in found] == [each is None for each in expected]
    torch.testing.assert_close([y for y in found if y is not None], [y for y in expected if y is not None])


def test_a_whole_models_gradients_are_those_of_its_layers_one_by_one(
    generator: torch.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = attach(tiny_model(), AdapterConfig(rank=3, alpha=7), generator=generator)
    trained = {name: p for name, p in model.named_parameters() if p.requires_grad}
    for p in trained.values():
        p.data += torch.randn(p.shape, generator=generator) / 10
    ids = torch.randint(50, (3, 9), generator=generator)

    def found() -> dict[str, Tensor]:
        loss = F.cross_entropy(model(ids[:, :-1]).flatten(0, 1), ids[:, 1:].flatten())
        return dict(zip(trained, torch.autograd.grad(loss, list(trained.values())), strict=True))

    together = found()
    monkeypatch.setattr("lora_core.language.fused._plain", lambda layer, x: False)
    torch.testing.assert_close(together, found())
    assert all(gradient.abs().max() > 0 for gradient in together.values())


def test_half_types_are_rounded_but_their_factors_are_not(generator: torch.Generator) -> None:
    layers = adapted(True, generator).float().bfloat16()
    x = torch.randn(4, 6, generator=generator).bfloat16().requires_grad_()
    found = of_all(layers, x, read(x, *layers))
    wide = layers.float()
    y = x.detach().float().requires_grad_()
    expected = of_all(wide, y, read(y, *wide))
    for each, exact in zip(found, expected, strict=True):
        assert each is not None
        assert exact is not None
        assert (each.float() - exact).norm() < 0.02 * exact.norm()
    assert [each.dtype for each in found if each is not None] == [torch.bfloat16] * 3 + [torch.float32] * 4
