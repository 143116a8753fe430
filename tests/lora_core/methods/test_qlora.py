from __future__ import annotations

import copy
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from lora_core import AdapterConfig, attach, detach, load_adapter, merge, optimizer_for, save_adapter, unmerge
from lora_core.methods.qlora import (
    METHOD,
    NF4,
    dequantise,
    dequantise_again,
    nf4_linear,
    quantise,
    quantise_again,
)
from tests.lora_core.methods.common import Problem, disturb, layers

CONFIG = AdapterConfig(method="qlora", rank=3, alpha=5)
PUBLISHED = """
    −1, −.69619280, −.52507305, −.39491749, −.28444138, −.18477343, −.09105004, 0, .07958030, .16093020,
    .24611230, .33791524, .44070983, .56261700, .72295684, 1
"""


def test_the_codes_are_the_published_ones() -> None:
    published = [float(code.strip().replace("−", "-")) for code in PUBLISHED.split(",")]
    assert list(NF4) == pytest.approx(published, abs=5e-9)


def test_the_codes_are_quantiles_of_the_normal_distribution() -> None:
    def quantiles(count: int) -> Tensor:
        return torch.special.ndtri(torch.linspace(0.9677083, 0.5, count, dtype=torch.float64)[:-1])

    positive, negative = quantiles(9), -quantiles(8)
    codes = torch.cat([negative, torch.zeros(1, dtype=torch.float64), positive.flip(0)]) / positive[0]
    assert list(NF4) == pytest.approx(codes.tolist(), abs=2e-7)
    assert len(set(NF4)) == 16


@pytest.mark.parametrize("doubly", [False, True])
def test_errors_on_normal_weights_are_the_known_ones(doubly: bool, generator: torch.Generator) -> None:
    W = torch.randn(2**16, 64, generator=generator)
    codes, c = quantise(W)
    if doubly:
        c = dequantise_again(*quantise_again(c))
    error = dequantise(codes, c).view_as(W) - W
    assert error.abs().mean().item() == pytest.approx(0.0728, abs=1e-4)
    assert error.square().mean().sqrt().item() == pytest.approx(0.0920, abs=2e-4)


def test_bits_a_parameter() -> None:
    layer = nf4_linear(nn.Linear(1024, 1024, bias=False))
    sizes = {name: 8 * t.numel() * t.element_size() / 1024**2 for name, t in layer.state_dict().items()}
    assert sizes["codes"] == 4
    assert sizes["q"] + sizes["unit"] == pytest.approx(0.127, abs=1e-3)
    assert sum(sizes.values()) == pytest.approx(4.127, abs=1e-3)
    _, c = quantise(torch.randn(1024, 1024))
    assert 8 * c.numel() * c.element_size() / 1024**2 == 0.5


def test_every_code_comes_back_in_its_place() -> None:
    """The 16 codes four times over, at scale 3; the first of two goes in the upper half of a byte."""
    W = 3 * torch.tensor(NF4).repeat(4).view(8, 8)
    codes, c = quantise(W)
    assert c.tolist() == [3.0]
    assert codes[0, :8].tolist() == [0x01, 0x23, 0x45, 0x67, 0x89, 0xAB, 0xCD, 0xEF]
    torch.testing.assert_close(dequantise(codes, c).view(8, 8), W)


def test_each_entry_becomes_the_nearest_code(generator: torch.Generator) -> None:
    W = torch.randn(3, 64, generator=generator)
    codes, c = quantise(W)
    distances = (W[..., None] / c[:, None, None] - torch.tensor(NF4)).abs()
    torch.testing.assert_close(dequantise(codes, c), torch.tensor(NF4)[distances.argmin(-1)] * c[:, None])


def test_the_second_quantisation_is_close_and_takes_the_mean_off_first(generator: torch.Generator) -> None:
    c = 2.4 + 0.3 * torch.randn(1000, generator=generator)
    q, unit = quantise_again(c)
    assert (q.dtype, len(q), len(unit)) == (torch.int8, 1000, 1 + 4)
    assert unit[0] == c.mean()
    assert (dequantise_again(q, unit) - c).abs().max() <= 0.501 * unit[1:].max()
    same = torch.full((5,), 2.5)
    assert torch.equal(dequantise_again(*quantise_again(same)), same)


@pytest.mark.parametrize("shape", [(1, 1), (3, 5), (8, 8), (5, 13), (2, 300), (130, 127)])
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_any_shape_and_type(shape: tuple[int, int], dtype: torch.dtype, generator: torch.Generator) -> None:
    base = nn.Linear(shape[1], shape[0], bias=False)
    with torch.no_grad():
        base.weight.copy_(torch.randn(shape, generator=generator))
    base.to(dtype)
    layer = nf4_linear(base)
    W = layer.weight
    assert (W.shape, W.dtype) == (shape, dtype)
    largest = base.weight.abs().max()
    assert (W - base.weight).abs().max() <= 0.16 * largest  # half the widest gap between codes, and rounding
    assert layer.weight.equal(nf4_linear(base).weight)


def test_zeros_stay_zeros() -> None:
    base = nn.Linear(64, 2, bias=False)
    with torch.no_grad():
        base.weight[0] = 0
    assert not nf4_linear(base).weight[0].any()
    with torch.no_grad():
        base.weight.zero_()
    assert not nf4_linear(base).weight.any()


def test_the_base_is_bytes_that_nothing_changes(problem: Problem, generator: torch.Generator) -> None:
    """Training, merging, unmerging and a change of type leave every byte; merging uses W's own type."""
    model = problem.attached(CONFIG, generator)

    def held() -> dict[str, Tensor]:
        return {
            n: t.clone() for n, t in model.state_dict().items() if n.split(".")[-1] in ("codes", "q", "unit")
        }

    before = held()
    assert {t.dtype for t in before.values()} == {torch.uint8, torch.int8}
    problem.losses(model, optimizer_for(model, CONFIG, lr=1e-2), steps=3)
    merged = merge(model)[0].merged  # type: ignore[index]
    assert merged.dtype == torch.float64
    unmerge(model).to(torch.bfloat16).to(torch.float64)
    after = held()
    assert before.keys() == after.keys()
    assert all(torch.equal(before[name], after[name]) for name in before)


def test_another_type_reaches_the_dequantised_weight(problem: Problem, generator: torch.Generator) -> None:
    model = problem.attached(CONFIG, generator).to(torch.float32)
    x = problem.x.float()
    assert model(x).dtype == torch.float32
    torch.testing.assert_close(merge(model)(x), unmerge(model)(x))


def test_detach_says_what_it_gives_back(problem: Problem, generator: torch.Generator) -> None:
    model = problem.attached(CONFIG, generator)
    quantised = {name: layer.base.weight for name, layer in layers(model).items()}
    disturb(model, generator)
    with pytest.warns(UserWarning, match="the base was quantised: what stays is its NF4 approximation"):
        detach(model)
    for name, W in quantised.items():
        layer = model.get_submodule(name)
        assert type(layer) is nn.Linear
        assert torch.equal(layer.weight, W)
        assert not torch.equal(layer.weight, problem.model.get_parameter(f"{name}.weight"))


def test_a_plain_file_goes_on_a_quantised_base(
    problem: Problem, tmp_path: Path, generator: torch.Generator
) -> None:
    model = problem.attached(CONFIG, generator)
    disturb(model, generator)
    save_adapter(model, tmp_path)
    on_four_bits = load_adapter(copy.deepcopy(problem.model), tmp_path, quantised=True)
    assert torch.equal(on_four_bits(problem.x), model(problem.x))
    assert layers(on_four_bits)["0"].method is METHOD
    problem.losses(on_four_bits, optimizer_for(on_four_bits, CONFIG, lr=1e-2), steps=2)  # and trains on
    on_all_bits = load_adapter(copy.deepcopy(problem.model), tmp_path)
    assert not torch.allclose(on_all_bits(problem.x), model(problem.x), rtol=1e-3)


def test_a_file_of_another_method_does_not(problem: Problem, tmp_path: Path) -> None:
    save_adapter(attach(copy.deepcopy(problem.model), AdapterConfig(method="dora", rank=2)), tmp_path)
    with pytest.raises(ValueError, match="the file holds 'dora', expected 'lora' for a quantised base"):
        load_adapter(problem.model, tmp_path, quantised=True)
