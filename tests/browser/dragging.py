"""How tests look at a widget that a hand drags: what it paints, what it says and what the server hears."""

import numpy as np
from playwright.sync_api import Locator, Page, WebSocket

from tests.browser.conftest import settled

WATCH = """name => {
    window.paints = []; window.gaps = []; window.still = false
    const paints = list => list.getEntriesByName(name).map(entry => entry.duration)
    new PerformanceObserver(list => window.paints.push(...paints(list))).observe({ type: 'measure' })
    let last
    const frame = now => {
        if (last) window.gaps.push(now - last)
        last = now
        if (!window.still) requestAnimationFrame(frame)
    }
    requestAnimationFrame(frame)
}"""
OVER = """([widget, parts]) => {
    const main = document.querySelector('[data-testid=stMain]'), limit = main.clientWidth
    const host = [...document.querySelectorAll(`${widget} *`)].find(e => e.shadowRoot)
    const over = [...host.shadowRoot.querySelectorAll(parts)].filter(e => {
        const box = e.getBoundingClientRect()
        const scrolls = at => at && (getComputedStyle(at).overflowX === 'auto' || scrolls(at.parentElement))
        if (scrolls(e)) return false
        return box.width && (box.right > limit + 1 || box.left < -1)
    })
    return [main.scrollWidth - limit, over.map(e => e.outerHTML.slice(0, 90))]
}"""
PIXELS = "c => [...c.getContext('2d').getImageData(0, 0, c.width, c.height).data]"


def said(page: Page, name: str) -> Locator:
    """Where a widget writes a value, the first of them that is shown."""
    return page.locator(f'[data-v="{name}"]:visible').first


def messages(page: Page) -> list[object]:
    """Every message to the server from now on; call before the page is opened."""
    sent: list[object] = []

    def opened(socket: WebSocket) -> None:
        socket.on("framesent", lambda message: sent.append(message))

    page.on("websocket", opened)
    return sent


def centre(locator: Locator) -> tuple[float, float, float, float]:
    """Left edge, middle height, width and height of what has been brought into sight."""
    locator.scroll_into_view_if_needed()
    box = locator.bounding_box()
    assert box
    return box["x"], box["y"] + box["height"] / 2, box["width"], box["height"]


def quiet(page: Page) -> None:
    """Until the script has run to its end and two frames have passed."""
    settled(page)
    page.evaluate("() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")


def thumb(box: tuple[float, float, float, float], value: float, most: int) -> float:
    """Where the thumb of a slider from 1 to `most` stands: it is 18 px wide, its middle at the value."""
    x, _, width, _ = box
    return x + 9 + (width - 18) * (value - 1) / (most - 1)


def pixels(canvas: Locator) -> np.ndarray:
    """What a canvas shows: red, green, blue and opacity, shape (height, width, 4)."""
    width, height = canvas.evaluate("c => [c.width, c.height]")
    return np.array(canvas.evaluate(PIXELS)).reshape(height, width, 4)


def in_time(page: Page) -> None:
    """What `WATCH` saw since it began: more than 20 paints, each and each frame soon enough."""
    paints, gaps = page.evaluate("() => { window.still = true; return [window.paints, window.gaps] }")
    assert len(paints) > 20
    # The middle ones: on a busy machine some wait for the processor. The benchmark holds the 95th percentile.
    assert np.median(paints) <= 8, f"ms to paint: {np.quantile(paints, [0.5, 0.95])}"
    assert np.median(gaps) <= 34, f"ms between frames: {np.quantile(gaps, [0.5, 0.95])}"


def overflow(page: Page, widget: str, parts: str) -> list[object]:
    """How far the page is wider than its room, and which visible parts of a widget stand outside it."""
    found: list[object] = page.evaluate(OVER, [widget, parts])
    return found
