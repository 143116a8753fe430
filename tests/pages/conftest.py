"""What pages with live runs are tested with: the real pool, and a reader of its own for each test."""

import secrets
from collections.abc import Iterator

import pytest

import jobs
from jobs.limits import Limits


@pytest.fixture(scope="module")
def pool() -> Iterator[None]:
    """The pool is open while a module's tests run, for readers who are slow to look."""
    pool = jobs.pool()
    pool.limits = Limits(lease=120.0)
    pool.start()
    yield
    pool.stop()


@pytest.fixture
def own_reader(monkeypatch: pytest.MonkeyPatch) -> None:
    """A reader for each test; AppTest has no cookies."""
    token = secrets.token_urlsafe(16)
    monkeypatch.setattr("web.kit.live_job.reader_id", lambda: token)
