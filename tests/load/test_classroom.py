"""A classroom: thirty readers press Train together, on one machine."""

from __future__ import annotations

import asyncio
import os
import re
import socket
import statistics
import subprocess
import sys
import time
import urllib.error
import urllib.request
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from content.catalog import catalog
from tests.load.client import Reader

ROOT = Path(__file__).parents[2]
READERS = 30
PATIENCE = 300.0  # s until the last of them has finished
SLOWDOWN = 3.0  # 95 of 100 reruns of a page against its own idle time; the worst is printed
PAGES = ("", "matrices", "fine-tune")
LOOKS = 25  # reruns of each page on an idle server


@pytest.fixture
def server():
    """`streamlit run app.py` as a reader starts it; its address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    command = [sys.executable, "-m", "streamlit", "run", "app.py", "--server.headless", "true"]
    command += ["--server.address", "127.0.0.1", "--server.port", address.split(":")[1]]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL) as process:
        try:
            end = time.monotonic() + 60
            while True:
                assert process.poll() is None, "the server ended"
                assert time.monotonic() < end, "the server never answered"
                with suppress(urllib.error.URLError, ConnectionError):
                    urllib.request.urlopen(f"http://{address}/_stcore/health").close()
                    break
                time.sleep(0.1)
            yield address
        finally:
            process.terminate()


@dataclass
class Pupil:
    """One of the class: seconds from the press to the end of the run, and the places in the queue told."""

    reader: Reader
    finished: float | None = None
    places: list[int] = field(default_factory=list)

    async def train(self) -> None:
        words = catalog(self.reader.language)
        place = re.escape(words["fine_tune.queued"]).replace(r"\{place\}", r"<b>(\d+)</b>")
        pressed = time.perf_counter()
        await self.reader.rerun(press=words["fine_tune.train"])
        while words["fine_tune.stop"] in self.reader.buttons:
            told = re.search(place, self.reader.text)
            if told:
                self.places.append(int(told[1]))
            assert time.perf_counter() - pressed < PATIENCE, f"not finished; places {self.places}"
            await self.reader.live(1.0)
        self.finished = time.perf_counter() - pressed
        step, steps = re.search(r'aria-valuemax="(\d+)" aria-valuenow="(\d+)"', self.reader.text).groups()
        assert step == steps, self.reader.text


async def class_(address: str) -> tuple[list[Pupil], dict[str, tuple[list[float], list[float]]]]:
    """All come in, the idle pages are timed, all press Train, the pages are timed until the last is done."""
    languages = ("en", "th")
    pupils = [Pupil(Reader(address, "fine-tune", languages[i % 2])) for i in range(READERS)]
    visitors = {path: Reader(address, path) for path in PAGES}
    for reader in [*visitors.values(), *(pupil.reader for pupil in pupils)]:
        await reader.open()
        assert reader.errors == []
    words = catalog("en")
    while words["fine_tune.device.cpu"] not in visitors["fine-tune"].text:  # until a worker is warm
        await asyncio.sleep(1)
        await visitors["fine-tune"].rerun()
    idle: dict[str, list[float]] = {path: [] for path in PAGES}
    busy: dict[str, list[float]] = {path: [] for path in PAGES}

    async def look(into: dict[str, list[float]]) -> None:
        for path, visitor in visitors.items():
            into[path].append(await visitor.rerun())
            await asyncio.sleep(0.2)

    for _ in range(LOOKS):
        await look(idle)
    for path in PAGES:
        del idle[path][:3]  # caches were cold
    runs = asyncio.gather(*(pupil.train() for pupil in pupils))
    while not runs.done():
        await look(busy)
    await runs
    for reader in [*visitors.values(), *(pupil.reader for pupil in pupils)]:
        assert reader.errors == []
        await reader.close()
    return pupils, {path: (idle[path], busy[path]) for path in PAGES}


@pytest.mark.load
@pytest.mark.timeout(900)
def test_thirty_readers_press_train_together(server, capsys):
    pupils, times = asyncio.run(class_(server))
    finished = sorted(pupil.finished for pupil in pupils)
    waited = [pupil for pupil in pupils if pupil.places]
    with capsys.disabled():
        print(f"\n{READERS} readers on {len(os.sched_getaffinity(0))} cores, load {os.getloadavg()[0]:.1f}")
        middle = statistics.median(finished)
        print(f"finished after {finished[0]:.0f} s (first), {middle:.0f} (median), {finished[-1]:.0f} (last)")
        for path, (idle, busy) in times.items():
            usual = statistics.median(idle)
            print(f"/{path}: idle {1000 * usual:.0f} ms (worst {1000 * max(idle):.0f})", end="")
            print(f"; {len(busy)} reruns in class: ", end="")
            told = {"median": statistics.median(busy), "p95": quantile(busy, 0.95), "worst": max(busy)}
            print(
                ", ".join(f"{key} {1000 * value:.0f} = {value / usual:.1f}x" for key, value in told.items())
            )
    assert finished[-1] <= PATIENCE
    assert len(waited) >= READERS - 2  # all but those who ran at once were told their place
    for pupil in waited:
        assert pupil.places == sorted(pupil.places, reverse=True)  # nobody is overtaken
    assert max(max(pupil.places) for pupil in waited) >= READERS - 3
    for path, (idle, busy) in times.items():
        assert quantile(busy, 0.95) <= SLOWDOWN * statistics.median(idle), f"/{path}"


def quantile(values: list[float], share: float) -> float:
    return sorted(values)[round(share * (len(values) - 1))]
