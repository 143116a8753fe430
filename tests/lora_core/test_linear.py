from __future__ import annotations

import copy
import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from lora_core.linear import LoRALinear, uniform

DTYPES = [torch.float16, torch.bfloat16, torch.float32, torch.float64]


def trained(layer: LoRALinear, generator: torch.Generator) -> LoRALinear:
    """Gives B a value, as training would."""
    with torch.no_grad():
        layer.B.copy_(torch.randn(layer.B.shape, generator=generator))
    return layer


def random_linear(
    d_out: int,
    d_in: int,
    generator: torch.Generator,
    *,
    bias: bool = True,
    dtype: torch.dtype = torch.float64,
) -> nn.Linear:
    base = nn.Linear(d_in, d_out, bias=bias, dtype=dtype)
    with torch.no_grad():
        for parameter in base.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=generator))
    return base


def test_by_eye() -> None:
    base = nn.Linear(3, 2, bias=False)
    layer = LoRALinear(base, rank=1, scale=10.0)
    with torch.no_grad():
        base.weight.copy_(torch.tensor([[1.0, 0, 0], [0, 2, 0]]))
        layer.A.copy_(torch.tensor([[0.0, 0, 1]]))
        layer.B.copy_(torch.tensor([[0.0], [3]]))
    assert torch.equal(layer(torch.tensor([1.0, 1, 1])), torch.tensor([1.0, 2 + 10 * 3]))
    assert torch.equal(layer.delta(), torch.tensor([[0.0, 0, 0], [0, 0, 30]]))


@given(
    st.integers(1, 7),
    st.integers(1, 7),
    st.integers(1, 5),
    st.booleans(),
    st.floats(0.01, 8),
    st.integers(0, 2),
)
def test_forward_and_gradients_are_those_of_the_dense_layer(
    d_out: int, d_in: int, rank: int, bias: bool, scale: float, batch_dims: int
) -> None:
    generator = torch.Generator().manual_seed(d_out * 100 + d_in * 10 + rank)
    base = random_linear(d_out, d_in, generator, bias=bias)
    layer = trained(LoRALinear(base, rank=rank, scale=scale, generator=generator), generator)
    base.requires_grad_(False)
    x = torch.randn(*[3, 2][:batch_dims], d_in, generator=generator, dtype=torch.float64, requires_grad=True)
    W = (base.weight + scale * layer.B @ layer.A).detach().requires_grad_()
    dense_x = x.detach().clone().requires_grad_()

    y, dense = layer(x), nn.functional.linear(dense_x, W, base.bias)
    torch.testing.assert_close(y, dense)
    torch.testing.assert_close(layer.merged_weight(), W.detach())
    torch.testing.assert_close(layer.delta(), (W - base.weight).detach())

    into = torch.randn(y.shape, generator=generator, dtype=torch.float64)
    y.backward(into)
    dense.backward(into)
    g = W.grad
    assert g is not None
    torch.testing.assert_close(layer.A.grad, scale * layer.B.detach().mT @ g)  # gA = s Bᵀg
    torch.testing.assert_close(layer.B.grad, scale * g @ layer.A.detach().mT)  # gB = s gAᵀ
    torch.testing.assert_close(x.grad, dense_x.grad)
    assert base.weight.grad is None


@pytest.mark.parametrize("dtype", DTYPES)
def test_starts_from_the_base_exactly(
    dtype: torch.dtype, device: torch.device, generator: torch.Generator
) -> None:
    if device.type == "mps" and dtype == torch.float64:
        pytest.skip("MPS has no float64")
    base = random_linear(5, 6, generator, dtype=dtype).to(device)
    layer = LoRALinear(base, rank=3, scale=2.0, generator=generator)
    x = torch.randn(4, 6, generator=generator).to(device, dtype)
    assert torch.equal(layer(x), base(x))
    assert layer(x).dtype == layer.delta().dtype == dtype
    assert layer.A.dtype == layer.B.dtype == torch.promote_types(dtype, torch.float32)
    assert layer.A.device == base.weight.device
    layer(x).float().square().mean().backward()
    assert layer.B.grad is not None
    assert layer.B.grad.abs().sum() > 0


def test_the_start_is_uniform_within_its_bound(generator: torch.Generator) -> None:
    A = uniform(64, 400, dtype=torch.float32, generator=generator)
    bound = 1 / math.sqrt(400)
    assert A.abs().max() <= bound
    # The mean and variance of 25,600 uniform numbers, to four standard errors.
    assert abs(A.mean()) < 4 * bound / math.sqrt(3 * A.numel())
    assert A.var().item() == pytest.approx(bound**2 / 3, rel=4 * math.sqrt(0.8 / A.numel()))


def test_the_start_depends_on_the_generator_alone(device: torch.device) -> None:
    draws = []
    for dtype in (torch.float16, torch.bfloat16, torch.float32):
        base = nn.Linear(8, 4, dtype=dtype, device=device)
        layer = LoRALinear(base, rank=2, scale=1, generator=torch.Generator().manual_seed(3))
        draws.append(layer.A.detach().float().cpu())
    assert torch.equal(draws[0], draws[2])
    assert torch.equal(draws[1], draws[2])


def test_a_generator_given_leaves_the_global_one_alone(generator: torch.Generator) -> None:
    before = torch.get_rng_state()
    LoRALinear(nn.Linear(3, 3, device="meta"), rank=2, scale=1, generator=generator)
    assert torch.equal(torch.get_rng_state(), before)


def test_dropout_acts_on_the_update_alone_and_only_while_training(generator: torch.Generator) -> None:
    base = random_linear(4, 2000, generator)
    layer = trained(LoRALinear(base, rank=2, scale=1, dropout=0.25, generator=generator), generator)
    x = torch.ones(2000, dtype=torch.float64)
    layer.eval()
    assert torch.equal(layer(x), layer(x))
    torch.testing.assert_close(layer(x), nn.functional.linear(x, layer.merged_weight(), base.bias))
    layer.train()
    with torch.no_grad():
        base.weight.zero_()
        assert base.bias is not None
        base.bias.zero_()
        layer.A.fill_(1.0)
        layer.B.fill_(1.0)
        kept = layer(x)[0].item() / 2 * 0.75  # each kept entry counts 1 / (1 − p)
        assert kept == pytest.approx(1500, abs=80)
        layer.B.zero_()
        assert torch.equal(layer(x), base(x))


@pytest.mark.parametrize("training", [True, False])
def test_the_layer_takes_over_the_mode_of_its_base(training: bool) -> None:
    assert LoRALinear(nn.Linear(2, 2).train(training), rank=1, scale=1).training is training


def test_half_types_are_rounded_once(generator: torch.Generator) -> None:
    base = random_linear(16, 32, generator, bias=False, dtype=torch.bfloat16)
    layer = trained(LoRALinear(base, rank=8, scale=0.3, generator=generator), generator)
    exact = base.weight.double() + 0.3 * layer.B.double() @ layer.A.double()
    assert torch.equal(layer.merged_weight(), exact.float().bfloat16())


def test_who_reads_the_weight_finds_the_update_in_it(generator: torch.Generator) -> None:
    attention = nn.MultiheadAttention(4, 2, batch_first=True, dtype=torch.float64)
    x = torch.randn(2, 3, 4, generator=generator, dtype=torch.float64)
    dense = copy.deepcopy(attention)
    layer = trained(LoRALinear(attention.out_proj, rank=2, scale=1.5, generator=generator), generator)
    with torch.no_grad():
        dense.out_proj.weight.copy_(layer.merged_weight())
    attention.out_proj = layer  # type: ignore[assignment]

    def out(module: nn.MultiheadAttention) -> Tensor:
        y: Tensor = module(x, x, x)[0]
        return y

    torch.testing.assert_close(out(attention), out(dense))
    out(attention).sum().backward()
    assert layer.A.grad is not None
    assert layer.A.grad.abs().sum() > 0


@pytest.mark.parametrize("dtype", [torch.int8, torch.float8_e4m3fn, torch.complex64])
def test_a_type_that_does_not_train_is_refused(dtype: torch.dtype) -> None:
    base = nn.Linear(2, 2)
    base.weight = nn.Parameter(torch.zeros(2, 2).to(dtype), requires_grad=False)
    with pytest.raises(ValueError, match=f"weight is {dtype}, expected float16"):
        LoRALinear(base, rank=1, scale=1)


def test_rank_zero_is_refused() -> None:
    with pytest.raises(ValueError, match="rank is 0, expected at least 1"):
        LoRALinear(nn.Linear(2, 2), rank=0, scale=1)


def test_what_it_says_of_itself() -> None:
    layer = LoRALinear(nn.Linear(3, 2), rank=1, scale=0.5, dropout=0.1)
    assert "rank=1, scale=0.5, dropout=0.1, merged=False" in repr(layer)
    assert (layer.in_features, layer.out_features, layer.rank) == (3, 2, 1)
    assert layer.bias is layer.base.bias
    assert {name: t.shape for name, t in layer.tensors().items()} == layer.method.shapes(2, 3, 1)


def test_a_state_dictionary_holds_base_and_factors_merged_or_not(generator: torch.Generator) -> None:
    layer = trained(
        LoRALinear(random_linear(3, 4, generator), rank=2, scale=1, generator=generator), generator
    )
    other = LoRALinear(random_linear(3, 4, generator), rank=2, scale=1, generator=generator)
    layer.merged = layer.merged_weight()
    other.merged = other.merged_weight()
    state = layer.state_dict()
    assert set(state) == {"base.weight", "base.bias", "A", "B"}
    other.load_state_dict(state)
    x = torch.randn(5, 4, generator=generator, dtype=torch.float64)
    assert torch.equal(other(x), layer(x))
    assert torch.equal(other.weight, layer.weight)


def test_a_merged_layer_moves_and_copies_whole(generator: torch.Generator) -> None:
    layer = trained(
        LoRALinear(random_linear(3, 4, generator), rank=2, scale=1, generator=generator), generator
    )
    layer.merged = layer.merged_weight()
    x = torch.randn(5, 4, generator=generator, dtype=torch.float64)
    assert torch.equal(copy.deepcopy(layer)(x), layer(x))
    assert layer.to(torch.float32)(x.float()).dtype == torch.float32
