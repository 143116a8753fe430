"""The pages as they look now, and the pictures that stand for the site elsewhere.

python -m tests.browser.pictures pages [KEY …]   every page, both languages, wide and narrow, light and dark
python -m tests.browser.pictures marks           web/static/share-<language>.png and icon-<size>.png
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import product
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright
from safetensors.numpy import load_file

from content.catalog import LANGUAGES, catalog
from content.document import load
from tests.browser.conftest import FLAGS, ROOT, serving, settled
from tests.browser.install import chromium
from web.frame.navigation import PAGES

WIDTHS = (1440, 360)
SCHEMES = ("light", "dark")
LONGEST = 12_000  # px of a page that are taken
STATIC = ROOT / "web" / "static"
ADAPTER = ROOT / "lab" / "data" / "checkpoints" / "retrain" / "alpha_over_r-r4" / "adapter_model.safetensors"
LAYER = "base_model.model.blocks.0.attn.proj"
CELLS = 14  # of a side of the matrix in the picture

SHARE = """<!doctype html><html lang="{language}"><link rel="stylesheet" href="{static}/tokens.css"><style>
body{{margin:0;width:1200px;height:630px;background:var(--paper);color:var(--ink);display:grid;
grid-template-columns:1fr auto;align-items:center;gap:56px;padding:0 72px;box-sizing:border-box}}
p{{margin:0;font:600 34px/1.5 var(--font-serif);display:flex;gap:16px;align-items:center}}
h1{{margin:56px 0 14px;font:500 76px/1.16 var(--font-serif)}}
h2{{margin:0;font:400 32px/1.5 var(--font-serif);color:var(--subtle)}}</style>
<div><p><img src="{static}/mark.svg" width="44" alt="">{name}</p><h1>{title}</h1><h2>{subtitle}</h2></div>
{drawing}</html>"""

ICON = """<!doctype html><style>
body{{margin:0;width:{size}px;height:{size}px;background:#fbf8f1;display:grid;place-items:center}}
</style><img src="{static}/mark.svg" width="{inner}" alt="">"""


@contextmanager
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(args=FLAGS, executable_path=chromium() or None)
        yield opened
        opened.close()


def take_pages(keys: list[str], folder: Path) -> None:
    """A picture of each page as a whole: `<key>-<width>-<language>-<scheme>.png`."""
    folder.mkdir(exist_ok=True)
    with (
        tempfile.TemporaryDirectory() as scratch,
        serving(Path(scratch)) as (url, _),
        browser() as opened,
    ):
        for page_of, width, language, scheme in product(PAGES, WIDTHS, LANGUAGES, SCHEMES):
            if keys and page_of.key not in keys:
                continue
            context = opened.new_context(
                viewport={"width": width, "height": 900 if width > 600 else 780},
                color_scheme=scheme,
                reduced_motion="reduce",
            )
            page = context.new_page()
            page.goto(f"{url}/{page_of.path}?lang={language}")
            whole(settled(page))
            target = folder / f"{page_of.key}-{width}-{language}-{scheme}.png"
            page.screenshot(path=target)
            print(target.name, flush=True)
            context.close()


def whole(page: Page) -> None:
    """Walk down the page, so that what waits to be seen is drawn; then make the window as long as it is."""
    page.evaluate(
        """async () => {
            const main = document.querySelector('[data-testid=stMain]')
            for (let y = 0; y < main.scrollHeight; y += innerHeight) {
                main.scrollTo(0, y)
                await new Promise(seen => requestAnimationFrame(() => requestAnimationFrame(seen)))
            }
            main.scrollTo(0, 0)
        }"""
    )
    settled(page)
    height = page.evaluate("document.querySelector('[data-testid=stMain]').scrollHeight")
    size = page.viewport_size
    assert size is not None
    page.set_viewport_size({"width": size["width"], "height": min(int(height), LONGEST)})
    page.wait_for_function(
        """() => [...document.querySelectorAll('.pradit-figure-plot')].every(plot => !plot.clientWidth
            || plot.querySelector('.main-svg')?.clientWidth === Math.round(plot.clientWidth))"""
    )


def drawing() -> str:
    """B, A and BA of an adapter that was really trained, as the squares of the site's mark."""
    factors = load_file(ADAPTER)
    A = factors[f"{LAYER}.lora_A.weight"][:, :CELLS]
    B = factors[f"{LAYER}.lora_B.weight"][:CELLS]
    side, gap = 26, 30
    beside = gap + len(A) * side  # B's width and A's height, with the gap
    parts = []
    for matrix, left, top in ((B @ A, beside, beside), (B, 0, beside), (A, beside, 0)):
        largest = abs(matrix).max()
        for (i, j), value in ((at, matrix[at]) for at in product(*map(range, matrix.shape))):
            share = min(1.0, float(abs(value) / largest) * 1.25)
            strong = "--div-7" if value > 0 else "--div-1"
            parts.append(
                f'<rect x="{left + j * side}" y="{top + i * side}" width="{side}" height="{side}" '
                f'style="fill:color-mix(in oklab,var({strong}) {share:.0%},var(--div-4))"/>'
            )
    size = beside + CELLS * side
    return f'<svg width="{size}" height="{size}">{"".join(parts)}</svg>'


def take_marks() -> None:
    with browser() as opened:
        page = opened.new_page(viewport={"width": 1200, "height": 630})
        for language in LANGUAGES:
            title, _, _ = load(language).title.partition(":")
            setting = {
                "language": language,
                "static": "http://pradit/app/static",
                "name": catalog(language)["frame.name"],
                "title": title,
                "subtitle": catalog(language)["article.kicker"],
                "drawing": drawing(),
            }
            show(page, SHARE.format(**setting))
            page.screenshot(path=STATIC / f"share-{language}.png")
        for size in (192, 512):
            page.set_viewport_size({"width": size, "height": size})
            show(page, ICON.format(size=size, inner=size * 5 // 8, static="http://pradit/app/static"))
            page.screenshot(path=STATIC / f"icon-{size}.png")


def show(page: Page, source: str) -> None:
    """Set a document whose files come from the folder of static files, whatever server it names."""

    def answer(route) -> None:  # type: ignore[no-untyped-def]
        path = route.request.url.removeprefix("http://pradit/")
        if path:
            route.fulfill(path=STATIC / path.removeprefix("app/static/").partition("?")[0])
        else:
            route.fulfill(body=source, content_type="text/html; charset=utf-8")

    page.unroute_all()
    page.route("http://pradit/**", answer)
    page.goto("http://pradit/")
    page.evaluate("() => document.fonts.ready.then(() => true)")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.browser.pictures", description=__doc__)
    parser.add_argument("what", choices=("pages", "marks"))
    parser.add_argument("keys", nargs="*", metavar="KEY", help=", ".join(page.key for page in PAGES))
    parser.add_argument("--folder", type=Path, default=ROOT / "screenshots")
    options = parser.parse_args()
    if options.what == "marks":
        take_marks()
    else:
        take_pages(options.keys, options.folder)


if __name__ == "__main__":
    main()
