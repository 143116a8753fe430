from __future__ import annotations

import pytest
import torch

from tests.lora_core.methods.common import Problem


@pytest.fixture
def problem(generator: torch.Generator) -> Problem:
    return Problem(generator)
