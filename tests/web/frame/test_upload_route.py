"""Files on their way to a page: who may send, how much, and who may take them out."""

import asyncio
from collections.abc import Iterator

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.testclient import TestClient
from starlette.types import Message

from tests.jobs.helpers import wait_until
from web.frame import upload_route
from web.frame.upload_route import HEADER, MAX_BYTES, ROUTES
from web.kit.reader import COOKIE
from web.kit.upload_store import UploadStore


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> UploadStore:
    store = UploadStore()
    monkeypatch.setattr(upload_route, "UPLOADS", store)
    return store


@pytest.fixture
def client(store: UploadStore) -> Iterator[TestClient]:
    with TestClient(Starlette(routes=ROUTES), cookies={COOKIE: "ann"}) as client:
        yield client


def test_a_file_is_taken_once_by_the_reader_who_sent_it(client: TestClient, store: UploadStore) -> None:
    answer = client.post("/upload", content=b"numbers", headers={HEADER: "1"})
    assert answer.status_code == 200
    name = answer.json()["id"]
    assert len(name) >= 20
    assert store.take(name, "ben") is None
    assert store.take("another", "ann") is None
    assert store.take(name, "ann") == b"numbers"
    assert store.take(name, "ann") is None


def test_a_form_of_another_site_is_refused(client: TestClient) -> None:
    answer = client.post("/upload", content=b"numbers")
    assert (answer.status_code, answer.json()) == (403, {"refused": "reader"})
    assert client.get("/upload", headers={HEADER: "1"}).status_code == 405
    with TestClient(Starlette(routes=ROUTES)) as stranger:
        assert stranger.post("/upload", content=b"numbers", headers={HEADER: "1"}).status_code == 403


@pytest.mark.parametrize("told", ["", "-1", "many", str(MAX_BYTES + 1), "٣"])
def test_a_length_that_is_not_told_or_too_large_is_refused_unread(client: TestClient, told: str) -> None:
    def never() -> Iterator[bytes]:
        yield b"x"

    headers = {HEADER: "1"} | ({"content-length": told.encode()} if told else {})
    answer = client.post("/upload", content=never(), headers=headers)
    assert (answer.status_code, answer.json()) == (413, {"refused": "sent"})


def test_a_length_that_is_not_the_truth_is_refused(client: TestClient, store: UploadStore) -> None:
    for told in ("3", "9"):
        answer = client.post(
            "/upload", content=iter([b"12345"]), headers={HEADER: "1", "content-length": told}
        )
        assert answer.json() == {"refused": "sent"}
    assert not store._uploads


def test_a_file_that_never_ends_is_not_waited_for(store: UploadStore) -> None:
    store.seconds = 0.01
    sent: list[Message] = [{"type": "http.request", "body": b"12", "more_body": True}]

    async def dribble() -> Message:
        return sent.pop() if sent else await asyncio.Event().wait()

    headers = [(b"cookie", f"{COOKIE}=ann".encode()), (HEADER.encode(), b"1"), (b"content-length", b"5")]
    request = Request({"type": "http", "method": "POST", "headers": headers}, dribble)
    answer = asyncio.run(asyncio.wait_for(upload_route.receive(request), 10))
    assert answer.status_code == 400
    assert not store._uploads


def test_there_is_room_for_so_much(client: TestClient, store: UploadStore) -> None:
    store.most = 10
    first = client.post("/upload", content=b"1234567", headers={HEADER: "1"}).json()["id"]
    answer = client.post("/upload", content=b"1234", headers={HEADER: "1"})
    assert (answer.status_code, answer.json()) == (503, {"refused": "busy"})
    assert store.take(first, "ann") == b"1234567"
    assert client.post("/upload", content=b"1234", headers={HEADER: "1"}).status_code == 200


def test_one_reader_leaves_room_for_the_others(store: UploadStore) -> None:
    adapter = [store.reserve("ann", MAX_BYTES) for _ in range(2)]
    assert all(adapter), "two large files are one adapter"
    assert store.reserve("ann", 1) is None
    assert store.reserve("ben", MAX_BYTES)
    store.drop(str(adapter[0]))
    assert store.reserve("ann", 1)


def test_what_nobody_takes_is_forgotten(store: UploadStore) -> None:
    store.seconds, store.most_each = 0.0, store.most
    name = store.reserve("ann", store.most)
    assert name
    store.put(name, b"numbers")
    assert store.take(name, "ann") is None
    assert store.reserve("ben", store.most), "its room is free again"


def test_what_nobody_takes_does_not_stay_until_the_next_file_comes(
    client: TestClient, store: UploadStore
) -> None:
    store.seconds = 0.2
    assert client.post("/upload", content=b"numbers", headers={HEADER: "1"}).status_code == 200
    assert store._uploads
    wait_until(lambda: not store._uploads, timeout=10)


def test_a_file_that_has_not_arrived_cannot_be_taken(store: UploadStore) -> None:
    name = store.reserve("ann", 5)
    assert name
    assert store.take(name, "ann") is None
    store.drop(name)
    store.put(name, b"late!")
    assert store.take(name, "ann") is None
