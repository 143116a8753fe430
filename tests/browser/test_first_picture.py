"""The first picture of every page, chart or matrix or diagram, stands on its first screen."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from content.catalog import LANGUAGES
from tests.browser.conftest import visit

PICTURES = {
    "": ".head .hero-picture",
    "matrices": ".st-key-matrices canvas",
    "decompose": ".st-key-decompose canvas",
    "fine-tune": ".st-key-ft_loss .main-svg",
    "experiments": ".st-key-ex_list .main-svg",
    "methods": ".st-key-mt_diagram_0 svg",
    "serving": ".st-key-sv_batch svg",
}
ENOUGH = 160  # px of a picture that is too high for the screen
SEEN = """picture => {
    const { top, bottom, left, right } = picture.getBoundingClientRect()
    return [top, bottom - top, Math.min(bottom, innerHeight) - Math.max(top, 0), left, right - innerWidth]
}"""


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize(("width", "height"), [(1440, 900), (1280, 720), (360, 740)])
def test_it_is_on_the_first_screen(
    new_reader: Callable[..., Page], server: str, language: str, width: int, height: int
) -> None:
    page = new_reader(viewport={"width": width, "height": height})
    hidden = []
    for path, picture in PICTURES.items():
        visit(page, f"{server}/{path}?lang={language}")
        found = page.locator(picture).first
        expect(found).to_be_visible()
        top, whole, seen, left, over = found.evaluate(SEEN)
        if not (whole > 0 and seen >= min(0.4 * whole, ENOUGH) and left >= 0 and over <= 0):
            hidden.append(f"/{path}: top {top:.0f}, {seen:.0f} of {whole:.0f} px seen")
    assert not hidden, "\n".join(hidden)
