"""The installed model for tests: opened once a worker, from a cache of the machine's temporary folder."""

from __future__ import annotations

import getpass
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from lora_core.language.places import find_model
from lora_core.language.reader import folder_of


@pytest.fixture(scope="session")
def smollm2() -> Iterator[Path]:
    """The folder of SmolLM2, kept between runs: its checksums make it again when it is not whole."""
    try:
        find_model("smollm2")
    except ValueError as error:
        pytest.skip(str(error))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PRADIT_CACHE", str(Path(tempfile.gettempdir(), f"pradit-tests-{getpass.getuser()}")))
        yield folder_of("smollm2")
