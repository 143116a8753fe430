import pytest
import torch

from lora_core.device import devices
from lora_core.language.speed import opened_device


@pytest.mark.parametrize(("there", "first"), [((), "cpu"), (("mps",), "mps"), (("cuda", "mps"), "cuda")])
def test_the_quickest_of_what_there_is_comes_first(
    there: tuple[str, ...], first: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for kind in ("cuda", "mps"):
        monkeypatch.setattr(getattr(torch, kind), "is_available", lambda kind=kind: kind in there)
    assert devices() == [*there, "cpu"]
    assert devices()[0] == first


def test_no_name_is_the_quickest_that_there_is() -> None:
    assert opened_device("").type == devices()[0]
