"""The first page finds its words and Streamlit's imports ready."""

import subprocess
import sys

from tests.browser.conftest import ROOT

LOOK = """
import sys
from content import document
import web.frame.prepare
from web.article.first_screen import first_screen
assert "pandas" not in sys.modules
web.frame.prepare.prepare([first_screen]).join()
assert "pandas" in sys.modules
assert document._articles.cache_info().currsize == 1
document.load("th")
assert document._articles.cache_info().misses == 1
"""


def test_the_first_page_waits_for_nothing_that_could_be_fetched_before() -> None:
    found = subprocess.run(
        [sys.executable, "-c", LOOK], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert found.returncode == 0, found.stderr
