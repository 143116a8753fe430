"""How calmly a page comes to stand: what moves while it loads, and tasks that hold the main thread."""

from typing import Any

from playwright.sync_api import BrowserContext, Page

from tests.browser.conftest import visit

SIZES = ((1440, 900), (360, 740))
STILL = 1000  # ms without a shift or a long task after which a page is still
LONGEST = 15_000  # ms to wait for that

OBSERVE = """(() => {
    const seen = window.smooth = { shifts: [], tasks: [], last: 0 }
    const name = node => {
        const element = node?.nodeType === 1 ? node : node?.parentElement ?? node?.getRootNode().host
        const keyed = element?.closest('[class*=st-key-]')?.classList ?? []
        return `${element?.tagName} in ${[...keyed].find(each => each.startsWith('st-key-'))}`
    }
    const watch = (type, note) => new PerformanceObserver(list => {
        for (const entry of list.getEntries()) note(entry)
        seen.last = performance.now()
    }).observe({ type, buffered: true })
    watch('layout-shift', entry => {
        if (entry.hadRecentInput) return
        const of = entry.sources.map(each => name(each.node))
        seen.shifts.push({ value: entry.value, at: entry.startTime, of })
    })
    watch('longtask', entry => {
        seen.tasks.push({ at: entry.startTime, ms: entry.duration, on: location.pathname })
    })
})()"""


def observed(context: BrowserContext) -> BrowserContext:
    """Every page of this context is observed from its first moment."""
    context.add_init_script(OBSERVE)
    return context


def still(page: Page) -> None:
    """Wait until nothing has moved and no task was long for a second."""
    page.wait_for_function(
        "([still, longest]) => performance.now() > Math.min(longest, smooth.last + still)",
        arg=[STILL, LONGEST],
        timeout=60_000,
    )


def shifts(page: Page, url: str) -> list[dict[str, Any]]:
    """What moves by itself on an observed page from its navigation until it is still, the worst first.

    Returns:
        `value` (a share of the window, as the browser counts), `at` (ms) and `of` (what moved) of each shift.
    """
    visit(page, url)
    still(page)
    return sorted(page.evaluate("smooth.shifts"), key=lambda shift: -shift["value"])


def longest_task(page: Page) -> dict[str, Any]:
    """The longest task of the main thread since the document came: `ms`, `at`, the page it was `on`."""
    return dict(page.evaluate("smooth.tasks.reduce((a, b) => b.ms > a.ms ? b : a, { ms: 0, at: 0, on: '' })"))
