"""The order of the tests: the browser's come last, since what they start runs until the end."""

import os
from pathlib import Path

import pytest

os.environ.setdefault("PRADIT_SECRET", "of the tests")  # nothing is written to the user's folders

BROWSER = Path(__file__).parent / "browser"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: BROWSER in item.path.parents)
