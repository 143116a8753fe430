"""What a reader feels: how soon the article stands there, how a drag follows the hand, whether the page of
another answers as usual while a job trains. A real server, a real browser; the clock on the wall.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from playwright.sync_api import Browser, Page

from benchmarks.measure import entry
from content.catalog import catalog
from tests.browser.conftest import ROOT, free_port, healthy, link_to, serving, settled, visit
from tests.browser.pictures import browser as opened
from tests.browser.smooth import SIZES, longest_task, observed, shifts, still
from tests.load.client import Reader
from web.frame.navigation import PAGES

EMPTY = "import streamlit as st\n\nst.write('empty')\n"
READ, APP = "h1", "#root .st-key-article_head h1"  # as it is served, and as the app sets it
PAINTED = {"app.py": (READ, APP), "empty.py": ("[data-testid=stMarkdown] p",)}
# The page itself notes when something is painted: a driver that asks from outside waits for its turn.
NOTE = """(selectors => {
    const painted = window.painted = {}
    for (const selector of selectors) {
        const look = () => {
            if (document.querySelector(selector)?.checkVisibility({ visibilityProperty: true })) {
                requestAnimationFrame(() => setTimeout(() => { painted[selector] = Date.now() / 1000 }))
            } else requestAnimationFrame(look)
        }
        requestAnimationFrame(look)
    }
})(SELECTORS)"""

LOOKS = 12  # reruns of another reader's pages in a round, idle and while a job trains
VISITED = ("", "matrices")
TRAINING = "steps=600"  # longer than the looks take

STOPS = 5  # of the tour

MOVES = 90  # of the hand in a drag, there and back
WATCH = """() => {
    const seen = window.drag = { gaps: [], paints: [], last: null }
    const tick = now => {
        if (seen.last !== null) seen.gaps.push(now - seen.last)
        seen.last = now
        const begin = performance.now(), after = new MessageChannel()
        after.port1.onmessage = () => seen.paints.push(performance.now() - begin) // this frame is painted
        after.port2.postMessage(0)
        if (!seen.done) requestAnimationFrame(tick)
    }
    requestAnimationFrame(tick)
}"""


def first_paint(rounds: int) -> dict[str, Any]:
    """Seconds from the start of the server's process to the article in a new browser's window, over those to
    the text of an empty Streamlit app: its first screen, to be read, and the app that takes its place."""
    found: dict[str, list[float]] = {READ: [], APP: [], "empty": []}
    with tempfile.TemporaryDirectory() as scratch, opened() as browser:
        (Path(scratch) / "empty.py").write_text(EMPTY)
        for round_ in range(rounds + 1):  # the first warms the disk's cache
            ours = _start_to_paint(browser, ROOT, "app.py")
            (empty,) = _start_to_paint(browser, Path(scratch), "empty.py").values()
            if round_:
                for name, seconds in {**ours, "empty": empty}.items():
                    found[name].append(seconds)
    medians = {name: statistics.median(seconds) for name, seconds in found.items()}
    return {
        key: entry(
            [ours / empty for ours, empty in zip(found[name], found["empty"], strict=True)],
            1.3,
            "lower",
            f"{what}: {medians[name]:.2f} s, an empty app {medians['empty']:.2f} s",
        )
        for key, name, what in (
            ("first_paint", READ, "title and summary, as they are served"),
            ("first_paint_app", APP, "the same as the app sets them, with controls"),
        )
    }


def idle_reader(rounds: int) -> dict[str, Any]:
    """A rerun of another reader's page while one job trains, over the same on an idle server."""
    with tempfile.TemporaryDirectory() as scratch, serving(Path(scratch)) as (url, _):
        idle, busy = asyncio.run(_beside_training(url.removeprefix("http://"), rounds))
    shares = [b / a for a, b in zip(idle, busy, strict=True)]
    notes = (
        f"medians of {LOOKS * len(VISITED)} reruns: {statistics.median(idle) * 1e3:.0f} ms idle, "
        f"{statistics.median(busy) * 1e3:.0f} ms while a job trains in its worker"
    )
    return {"idle_reader": entry(shares, 1.5, "lower", notes)}


def drag(rounds: int) -> dict[str, Any]:
    """The rank of a 64 x 64 layer under a real mouse: ms to paint a frame, and between frames (95 of 100)."""
    paints, gaps = [], []
    with (
        tempfile.TemporaryDirectory() as scratch,
        serving(Path(scratch)) as (url, _),
        opened() as browser,
    ):
        context = browser.new_context(viewport={"width": 1440, "height": 900}, device_scale_factor=2)
        page = context.new_page()
        page.goto(f"{url}/matrices?lang=en")
        settled(page)
        for round_ in range(rounds + 1):
            seen = _drag(page)
            if round_:
                paints.append(float(np.percentile(seen["paints"], 95)))
                gaps.append(float(np.percentile(seen["gaps"], 95)))
        context.close()
    notes = f"device scale 2, {2 * MOVES} moves of the mouse a round, W, A, B, BA and W′ repainted"
    return {
        "drag_paint_p95_ms": entry(paints, 8, "lower", notes),
        "drag_gap_p95_ms": entry(gaps, 34, "lower", notes),
    }


def shift(rounds: int) -> dict[str, Any]:
    """What moves by itself while a page loads, in shares of the window: the page on which it is most."""
    worst: list[tuple[float, str]] = []
    with tempfile.TemporaryDirectory() as scratch, serving(Path(scratch)) as (url, _), opened() as browser:
        for _ in range(rounds):
            found = []
            for width, height in SIZES:
                context = observed(browser.new_context(viewport={"width": width, "height": height}))
                page = context.new_page()
                for each in PAGES:
                    moved = sum(shift["value"] for shift in shifts(page, f"{url}/{each.path}?lang=en"))
                    found.append((moved, f"{each.key} at {width} px"))
                context.close()
            worst.append(max(found))
    notes = f"from navigation to a still page, {len(PAGES)} pages at two widths; most: {max(worst)[1]}"
    return {"shift": entry([moved for moved, _ in worst], 0.1, "lower", notes)}


def long_task(rounds: int) -> dict[str, Any]:
    """Seconds of the longest task of the browser's main thread, in a walk over all pages and the tour."""
    found = []
    with tempfile.TemporaryDirectory() as scratch, serving(Path(scratch)) as (url, _), opened() as browser:
        for _ in range(rounds):
            context = observed(browser.new_context(viewport={"width": 1440, "height": 900}, locale="en-US"))
            page = context.new_page()
            _walk(page, url)
            found.append(longest_task(page))
            context.close()
    worst = max(found, key=lambda task: task["ms"])
    notes = f"every page by its link and to its end, then the tour with a run; longest on {worst['on']}"
    return {"long_task": entry([task["ms"] / 1e3 for task in found], 0.2, "lower", notes)}


def _walk(page: Page, url: str) -> None:
    """Every page from top to end, and the tour with all it does."""
    visit(page, f"{url}/?lang=en")
    for each in PAGES[1:] + PAGES[:1]:
        link_to(page, each.key).click()
        page.wait_for_url(re.compile(rf"{url}/{each.path}(\?|$)"))
        settled(page)
        still(page)
        page.mouse.move(720, 500)
        for _ in range(40):
            page.mouse.wheel(0, 700)
            page.wait_for_timeout(40)
    page.evaluate("document.querySelector('[data-testid=stMain]').scrollTo(0, 0)")
    page.locator(".st-key-tour_button .start").click()
    for step in range(STOPS):
        page.locator(".st-key-tour .do:enabled").click(timeout=60_000)
        page.wait_for_timeout(3000)
        page.locator(".st-key-tour .next").click()
        if step + 1 < STOPS:
            settled(page)


def _start_to_paint(browser: Browser, folder: Path, script: str) -> dict[str, float]:
    """Seconds from the start of the server to each thing to be painted."""
    port = free_port()
    context = browser.new_context(viewport={"width": 1440, "height": 900}, locale="en-US")
    page = context.new_page()
    page.add_init_script(NOTE.replace("SELECTORS", json.dumps(PAINTED[script])))
    command = [sys.executable, "-m", "streamlit", "run", script, "--server.port", str(port)]
    command += ["--server.headless", "true", "--browser.gatherUsageStats", "false"]
    begin = time.time()
    process = subprocess.Popen(
        command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=os.environ
    )
    try:
        while not healthy(f"http://127.0.0.1:{port}"):
            if process.poll() is not None:
                raise RuntimeError(f"{script} ended before it answered")
            time.sleep(0.01)
        page.goto(f"http://127.0.0.1:{port}/?lang=en", wait_until="commit")
        many = len(PAINTED[script])
        page.wait_for_function(
            "many => Object.keys(window.painted).length === many", arg=many, timeout=60_000
        )
        return {name: at - begin for name, at in page.evaluate("window.painted").items()}
    finally:
        context.close()
        process.terminate()
        process.wait(20)


async def _beside_training(address: str, rounds: int) -> tuple[list[float], list[float]]:
    """Median seconds of a rerun in each round, idle and while a job trains."""
    words = catalog("en")
    trainer = Reader(address, "fine-tune", query=TRAINING)
    visitors = [Reader(address, path) for path in VISITED]
    for reader in (trainer, *visitors):
        await reader.open()
    while words["fine_tune.device.cpu"] not in trainer.text:  # until a worker is warm
        await asyncio.sleep(1)
        await trainer.rerun()

    async def look() -> float:
        return statistics.median([await visitor.rerun() for _ in range(LOOKS) for visitor in visitors])

    async def watch() -> None:
        while words["fine_tune.stop"] in trainer.buttons:
            await trainer.live(1.0)

    await look()  # caches were cold
    idle, busy = [], []
    for _ in range(rounds):
        idle.append(await look())
        await trainer.rerun(press=words["fine_tune.train"])
        watching = asyncio.create_task(watch())
        await asyncio.sleep(1.5)  # the run has begun
        busy.append(await look())
        if words["fine_tune.stop"] not in trainer.buttons:
            raise RuntimeError("the run ended while the pages of others were timed")
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)
        await trainer.close()
        await trainer.open()  # a page interrupted in the middle of an answer starts anew
        if words["fine_tune.stop"] in trainer.buttons:
            await trainer.rerun(press=words["fine_tune.stop"])
        await watch()
        await asyncio.sleep(0.5)
    for reader in (trainer, *visitors):
        await reader.close()
    return idle, busy


def _drag(page: Page) -> dict[str, list[float]]:
    """Drag the rank to the left end and back."""
    box = page.locator(".st-key-matrices #rank").bounding_box()
    if box is None:
        raise RuntimeError("the rank has no slider")
    y, left, right = box["y"] + box["height"] / 2, box["x"] + 10, box["x"] + box["width"] - 10
    page.mouse.move(right, y)
    page.mouse.down()
    page.evaluate(WATCH)
    for x in [*np.linspace(right, left, MOVES), *np.linspace(left, right, MOVES)]:
        page.mouse.move(float(x), y)
    page.mouse.up()
    seen: dict[str, list[float]] = page.evaluate("() => (window.drag.done = true, window.drag)")
    return seen
