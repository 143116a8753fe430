"""What axe finds against a page as it stands."""

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

from tests.browser.conftest import settled


def in_scheme(page: Page, scheme: str) -> Page:
    """Let the reader's system turn light or dark, and wait until the page has followed."""
    page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
    page.wait_for_function(
        "scheme => getComputedStyle(document.querySelector('.stApp')).colorScheme === scheme", arg=scheme
    )
    return page


def violations(page: Page) -> list[str]:
    """One line for each element that breaks a rule: the rule, the element's opening, what is wrong.

    A widget whose script has not come yet has no words for an instant: a finding counts when a second look
    finds the same.
    """
    found = _look(page)
    while found and found != (again := _look(page)):
        found = again
    return found


def _look(page: Page) -> list[str]:
    settled(page)
    return [
        f"{rule['id']}: {node['html'][:200]} | {node['failureSummary']}"
        for rule in Axe().run(page).response["violations"]
        for node in rule["nodes"]
    ]
