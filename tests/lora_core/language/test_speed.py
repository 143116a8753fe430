"""The type that is chosen is the quicker one, measured once."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch

from lora_core.language import speed
from lora_core.language.speed import fast_dtype, product_seconds


@pytest.fixture(autouse=True)
def _forgotten() -> Iterator[None]:
    fast_dtype.cache_clear()
    yield
    fast_dtype.cache_clear()


@pytest.mark.parametrize(("bfloat16", "chosen"), [(1.0, torch.bfloat16), (3.0, torch.float32)])
def test_the_quicker_type_is_chosen_once(
    bfloat16: float, chosen: torch.dtype, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[torch.dtype] = []

    def seconds(dtype: torch.dtype, device: str) -> float:
        asked.append(dtype)
        return {torch.bfloat16: bfloat16, torch.float32: 2.0}[dtype]

    monkeypatch.setattr(speed, "product_seconds", seconds)
    assert [fast_dtype(), fast_dtype()] == [chosen, chosen]
    assert len(asked) == 2


def test_this_machine_is_measured() -> None:
    begin = speed.time.perf_counter()
    seconds = product_seconds(torch.float32)
    assert 0 < seconds < speed.time.perf_counter() - begin
    assert fast_dtype() in (torch.bfloat16, torch.float32)
