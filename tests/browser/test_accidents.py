"""What a reader sees when things go wrong: a worker killed in the middle, a tab closed, a page that fails."""

from collections.abc import Callable
from pathlib import Path

import psutil
from playwright.sync_api import Page, expect

from content.catalog import catalog
from tests.browser.conftest import serving, settled, visit, wait_for

LONG = "fine-tune?lang=th&base=gpt-en&task=python&steps=2000"  # a minute of work
MINUTES = 180_000  # ms, on a busy machine


def press_train(page: Page) -> None:
    page.locator(".st-key-ft_train button").click()
    expect(page.locator(".st-key-ft_stop button")).to_be_visible()
    page.wait_for_function(
        "() => Number(document.querySelector('.ft-run .progress')?.getAttribute('aria-valuenow')) > 1",
        timeout=MINUTES,
    )


def workers(server: psutil.Process) -> list[psutil.Process]:
    return [child for child in server.children(recursive=True) if "jobs.worker" in child.cmdline()]


def test_a_killed_worker_ends_the_run_with_a_word_and_the_next_press_runs(
    new_reader: Callable[..., Page], tmp_path: Path
) -> None:
    with serving(tmp_path, PRADIT_WORKERS="1") as (url, server):
        page = visit(new_reader(), f"{url}/{LONG}")
        press_train(page)
        (victim,) = workers(server)
        victim.kill()
        expect(page.locator(".ft-message")).to_contain_text(str(catalog("th")["jobs.died"]))
        expect(page.locator(".st-key-ft_train button")).to_be_visible()
        press_train(page)
        assert victim.pid not in [worker.pid for worker in workers(server)]
        page.locator(".st-key-ft_stop button").click()
        expect(page.locator(".st-key-ft_train button")).to_be_visible(timeout=MINUTES)
        page.context.close()  # before its server goes


def test_a_closed_tab_ends_its_run(new_reader: Callable[..., Page], tmp_path: Path) -> None:
    with serving(tmp_path, PRADIT_WORKERS="1", PRADIT_LEASE="8") as (url, server):
        page = visit(new_reader(), f"{url}/{LONG}")
        press_train(page)
        context = page.context
        page.close()
        (worker,) = workers(server)
        wait_for(lambda: worker.cpu_percent(interval=3) < 1, 90, "the run goes on without a reader")
        again = visit(context.new_page(), f"{url}/{LONG}")
        expect(again.locator(".ft-message")).to_contain_text(str(catalog("th")["jobs.unwatched"]))
        settled(again)
        expect(again.locator(".st-key-ft_train button")).to_be_visible()
        context.close()
