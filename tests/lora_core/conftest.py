"""Shared by the tests of lora_core: every device there is, and one source of randomness."""

from __future__ import annotations

import pytest
import torch
from hypothesis import settings

# Time says nothing about correctness on a busy machine.
settings.register_profile("patient", deadline=None)
settings.load_profile("patient")

DEVICES = [
    "cpu",
    *(["cuda"] if torch.cuda.is_available() else []),
    *(["mps"] if torch.backends.mps.is_available() else []),
]


@pytest.fixture(autouse=True, scope="session")
def _one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(params=DEVICES)
def device(request: pytest.FixtureRequest) -> torch.device:
    return torch.device(request.param)


@pytest.fixture
def generator() -> torch.Generator:
    """On the CPU, wherever the model is."""
    return torch.Generator().manual_seed(20250929)
