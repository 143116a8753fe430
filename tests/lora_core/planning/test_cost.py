from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import save_file
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from lab.bases.registry import BASES
from lora_core import AdapterConfig, attach, optimizer_for, save_adapter
from lora_core.config import select
from lora_core.formats.peft import TENSOR_FILE
from lora_core.planning.cost import break_even_rank, cost

LAYERS = {"0": (9, 6), "2": (7, 9), "4": (5, 7)}


def network(layers: dict[str, tuple[int, int]] = LAYERS, *, bias: bool = False) -> nn.Sequential:
    """The layers with a tanh between them, so that they are called 0, 2, 4, …"""
    parts: list[nn.Module] = []
    for d_out, d_in in layers.values():
        parts += [nn.Linear(d_in, d_out, bias=bias), nn.Tanh()]
    return nn.Sequential(*parts)


def counted(model: nn.Module, rows: int, width: int) -> tuple[int, int]:
    """FLOPs of a forward and of a backward pass, by torch's counter."""
    x = torch.randn(rows, width)
    with FlopCounterMode(display=False) as forward:
        loss = model(x).sum()
    with FlopCounterMode(display=False) as backward:
        loss.backward()
    return forward.get_total_flops(), backward.get_total_flops()


CHOICES = [("0", "2", "4"), ("2",), ("4",), ("0",), ("0", "4"), ("2", "4")]


@pytest.mark.parametrize("trained", CHOICES, ids=str)
@pytest.mark.parametrize("bias", [False, True])
def test_flops_are_torchs_own_count(trained: tuple[str, ...], bias: bool) -> None:
    full = network(bias=bias).requires_grad_(False)
    for name in trained:
        full.get_submodule(name).requires_grad_(True)
    expected = cost(LAYERS, trained, rank=None, rows=11)
    assert counted(full, 11, 6) == (expected.forward, expected.backward)

    lora = attach(network(bias=bias), AdapterConfig(rank=3, targets=trained))
    expected = cost(LAYERS, trained, rank=3, rows=11)
    assert counted(lora, 11, 6) == (expected.forward, expected.backward)
    assert expected.flops == expected.forward + expected.backward


def test_flops_of_the_shipped_gpt_are_torchs_own_count() -> None:
    from lab.bases.models import GPT

    shapes = dict(BASES["gpt-en"].layers)
    names = select(shapes, "blocks")
    model = attach(GPT(), AdapterConfig(rank=4, targets="blocks"))
    tokens = torch.randint(0, 90, (3, 16))
    with FlopCounterMode(display=False) as counter:
        model(tokens).sum().backward()
    linear = sum(
        n for op, n in counter.get_flop_counts()["Global"].items() if "mm" in str(op) and "bmm" not in str(op)
    )
    assert linear == cost(shapes, names, rank=4, rows=3 * 16).flops


@given(st.integers(1, 500).map(lambda k: 6 * k))
def test_the_articles_formula(n: int) -> None:
    """A layer behind another that trains: 3 n² against 2 n² + 6 n r multiply-adds, equal at r = n / 6."""
    layers = {"first": (n, 1), "layer": (n, n)}

    def second(rank: int | None) -> int:
        both = cost(layers, ["first", "layer"], rank=rank).flops
        return both - cost({"first": (n, 1)}, ["first"], rank=rank).flops

    assert second(None) == 2 * 3 * n**2
    for r in (1, 8):
        assert second(r) == 2 * (2 * n**2 + 6 * n * r)
    assert break_even_rank((n, n)) == n / 6
    assert second(n // 6) == second(None)


def test_a_little_over_two_thirds_at_a_small_rank() -> None:
    layers = {str(i): (4096, 4096) for i in range(32)}
    ratio = cost(layers, list(layers), rank=8).flops / cost(layers, list(layers), rank=None).flops
    assert 2 / 3 < ratio < 0.68


def test_parameters_are_those_that_train() -> None:
    model = attach(network(), AdapterConfig(rank=2, targets=("0", "4")))
    counted = sum(p.numel() for p in model.parameters() if p.requires_grad)
    found = cost(LAYERS, ["0", "4"], rank=2)
    assert found.trained == counted
    assert found.share == counted / sum(p.numel() for p in network().parameters())
    assert cost(LAYERS, list(LAYERS), rank=None).share == 1


def test_a_high_rank_trains_more_than_all() -> None:
    assert cost({"layer": (64, 64)}, ["layer"], rank=64).share == 2


@pytest.mark.parametrize("rank", [None, 2])
def test_optimizer_and_gradients_take_the_bytes_counted(rank: int | None) -> None:
    model = network()
    if rank is None:
        optimizer: torch.optim.Optimizer = torch.optim.AdamW(model.parameters())
    else:
        attach(model, AdapterConfig(rank=rank))
        optimizer = optimizer_for(model, AdapterConfig(), lr=1e-3)
    model(torch.randn(2, 6)).sum().backward()
    optimizer.step()
    found = cost(LAYERS, list(LAYERS), rank=rank)
    moments = [s[key] for s in optimizer.state.values() for key in ("exp_avg", "exp_avg_sq")]
    assert found.optimizer_bytes == sum(t.nbytes for t in moments)
    assert found.gradient_bytes == sum(p.grad.nbytes for p in model.parameters() if p.grad is not None)


@pytest.mark.parametrize("dtype", [torch.float16, torch.float32, torch.float64])
@pytest.mark.parametrize("rank", [1, 5])
@pytest.mark.parametrize("trained", [("0",), ("0", "2", "4")])
def test_a_saved_adapter_takes_the_bytes_counted(
    dtype: torch.dtype, rank: int, trained: tuple[str, ...], tmp_path: Path
) -> None:
    model = attach(network().to(dtype), AdapterConfig(rank=rank, targets=trained))
    save_adapter(model, tmp_path)
    found = cost(LAYERS, trained, rank=rank, itemsize=max(4, dtype.itemsize))
    assert found.file_bytes == (tmp_path / TENSOR_FILE).stat().st_size


def test_a_saved_model_takes_the_bytes_counted(tmp_path: Path) -> None:
    save_file(network().state_dict(), tmp_path / "full", metadata={"format": "pt"})
    assert cost(LAYERS, list(LAYERS), rank=None).file_bytes == (tmp_path / "full").stat().st_size


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"trained": []}, "no layer trains; layers are: 0, 2, 4"),
        ({"trained": ["1", "2"]}, "no layer 1; layers are: 0, 2, 4"),
        ({"rank": 0}, "rank is 0"),
        ({"rows": 0}, "rows 0"),
        ({"itemsize": 3}, "itemsize 3"),
    ],
)
def test_what_cannot_be_counted_is_refused(values: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        cost(**{"layers": LAYERS, "trained": ["2"], "rank": 1, **values})
