"""Files on their way to a page: who may send, how much, and who may take them out."""

import asyncio
from collections.abc import Iterator

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.testclient import TestClient
from starlette.types import Message, Receive, Scope, Send
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from tests.jobs.helpers import wait_until
from web.frame import upload_route
from web.frame.upload_route import HEADER, MAX_BYTES, ROUTES
from web.kit.reader import COOKIE, signed
from web.kit.upload_store import UploadedFile, UploadStore

LARGE = 1 << 20  # bytes of the largest file that the store of these tests is made for


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> UploadStore:
    store = UploadStore(most=3 * LARGE, most_each=2 * LARGE, most_address=2 * LARGE)
    monkeypatch.setattr(upload_route, "UPLOADS", store)
    return store


@pytest.fixture
def client(store: UploadStore) -> Iterator[TestClient]:
    with TestClient(Starlette(routes=ROUTES), cookies={COOKIE: signed("ann")}) as client:
        yield client


def content(file: UploadedFile | None) -> bytes | None:
    return None if file is None else file.read()


def test_a_file_is_taken_once_by_the_reader_who_sent_it(client: TestClient, store: UploadStore) -> None:
    answer = client.post("/upload", content=b"numbers", headers={HEADER: "1"})
    assert answer.status_code == 200
    name = answer.json()["id"]
    assert len(name) >= 20
    assert store.take(name, "ben") is None
    assert store.take("another", "ann") is None
    assert content(store.take(name, "ann")) == b"numbers"
    assert store.take(name, "ann") is None


def test_a_form_of_another_site_is_refused(client: TestClient) -> None:
    answer = client.post("/upload", content=b"numbers")
    assert (answer.status_code, answer.json()) == (403, {"refused": "reader"})
    assert client.get("/upload", headers={HEADER: "1"}).status_code == 405
    with TestClient(Starlette(routes=ROUTES)) as stranger:
        assert stranger.post("/upload", content=b"numbers", headers={HEADER: "1"}).status_code == 403


@pytest.mark.parametrize("length", ["", "-1", "many", str(MAX_BYTES + 1), "٣"])
def test_a_length_that_is_not_given_or_too_large_is_refused_unread(client: TestClient, length: str) -> None:
    def never() -> Iterator[bytes]:
        yield b"x"

    headers = {HEADER: "1"} | ({"content-length": length.encode()} if length else {})
    answer = client.post("/upload", content=never(), headers=headers)
    assert (answer.status_code, answer.json()) == (413, {"refused": "sent"})


def test_a_length_that_is_not_the_truth_is_refused(client: TestClient, store: UploadStore) -> None:
    for length in ("3", "9"):
        answer = client.post(
            "/upload", content=iter([b"12345"]), headers={HEADER: "1", "content-length": length}
        )
        assert answer.json() == {"refused": "sent"}
    assert not store._uploads


def test_a_file_that_never_ends_is_not_waited_for(
    store: UploadStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upload_route, "GRACE", 0.01)
    sent: list[Message] = [{"type": "http.request", "body": b"12", "more_body": True}]

    async def dribble() -> Message:
        return sent.pop() if sent else await asyncio.Event().wait()

    headers = [
        (b"cookie", f"{COOKIE}={signed('ann')}".encode()),
        (HEADER.encode(), b"1"),
        (b"content-length", b"5"),
    ]
    request = Request({"type": "http", "method": "POST", "headers": headers}, dribble)
    answer = asyncio.run(asyncio.wait_for(upload_route.receive(request), 10))
    assert answer.status_code == 400
    assert not store._uploads


def test_there_is_room_for_so_much(client: TestClient, store: UploadStore) -> None:
    store.most = 10
    first = client.post("/upload", content=b"1234567", headers={HEADER: "1"}).json()["id"]
    answer = client.post("/upload", content=b"1234", headers={HEADER: "1"})
    assert (answer.status_code, answer.json()) == (503, {"refused": "busy"})
    taken = store.take(first, "ann")
    assert content(taken) == b"1234567"
    again = client.post("/upload", content=b"1234", headers={HEADER: "1"})
    assert again.status_code == 503, "it lies there while the page refers to it"
    path = taken.path if taken else None
    del taken
    assert path is not None
    assert not path.exists()
    assert client.post("/upload", content=b"1234", headers={HEADER: "1"}).status_code == 200


def test_nothing_of_a_file_is_kept_in_memory_and_nothing_stays_on_disk(store: UploadStore) -> None:
    name = held(store, "ann", LARGE)
    (path,) = store._folder.iterdir()  # type: ignore[union-attr]
    assert path.stat().st_size == LARGE
    assert not any(isinstance(value, bytes | bytearray) for value in vars(store._uploads[name]).values())
    store.drop(name)
    assert not path.exists()


def held(store: UploadStore, reader: str, size: int, address: str = "here") -> str:
    """A file that arrived and waits; "" where there was no room."""
    name = store.begin(reader, address)
    if not store.add(name, bytes(size)):
        return ""
    store.finish(name)
    return name


def test_what_was_announced_takes_no_room(store: UploadStore) -> None:
    for i in range(1000):
        store.begin(f"stranger {i}", "there")
    assert held(store, "ann", LARGE)


def test_one_reader_leaves_room_for_the_others(store: UploadStore) -> None:
    adapter = [held(store, "ann", LARGE) for _ in range(2)]
    assert all(adapter), "two large files are one adapter"
    assert not held(store, "ann", 1)
    assert held(store, "ben", LARGE, "elsewhere")
    store.drop(adapter[0])
    assert held(store, "ann", 1)


def test_one_address_leaves_room_for_the_others_whoever_it_says_it_is(store: UploadStore) -> None:
    files = [held(store, f"stranger {i}", LARGE // 4, "there") for i in range(20)]
    assert sum(map(bool, files)) == 8, "two of the largest"
    assert held(store, "ann", LARGE)


def test_where_room_runs_out_who_holds_most_gives_way(store: UploadStore) -> None:
    store.most = 30
    files = [held(store, "a", 10, "first"), held(store, "b", 10, "first"), held(store, "c", 10, "second")]
    assert all(files)
    mine = held(store, "ann", 8, "mine")
    assert mine
    assert [content(store.take(name, reader)) for name, reader in zip(files, "abc", strict=True)] == [
        None,
        bytes(10),
        bytes(10),
    ]
    assert not held(store, "ann", 25, "mine"), "and nobody is displaced by who holds more"


def test_a_sender_that_was_displaced_is_refused(store: UploadStore) -> None:
    store.most = 10
    name = store.begin("slow", "there")
    assert store.add(name, bytes(6))
    assert held(store, "ann", 5)
    assert name not in store._uploads, "nothing of it is held while it is silent"
    assert not store.add(name, b"x")


def test_what_nobody_takes_is_forgotten(store: UploadStore) -> None:
    store.seconds = 0.0
    name = store.begin("ann", "here")
    store.most_each = store.most_address = store.most
    assert store.add(name, bytes(store.most))
    store.finish(name)
    assert store.take(name, "ann") is None
    store.seconds = 60.0
    assert held(store, "ben", LARGE, "here"), "its room is free again"


def test_what_nobody_takes_does_not_stay_until_the_next_file_comes(
    client: TestClient, store: UploadStore
) -> None:
    store.seconds = 0.2
    assert client.post("/upload", content=b"numbers", headers={HEADER: "1"}).status_code == 200
    assert store._uploads
    wait_until(lambda: not store._uploads, timeout=10)


def test_a_file_that_has_not_arrived_cannot_be_taken(store: UploadStore) -> None:
    name = store.begin("ann", "here")
    assert store.take(name, "ann") is None
    store.drop(name)
    store.finish(name)
    assert store.take(name, "ann") is None


@pytest.mark.parametrize(
    "cookie", ["ann", "ann.signature", signed("ann")[:-1] + "~", "." + signed("ann"), ""]
)
def test_a_cookie_that_was_not_signed_here_is_no_reader(store: UploadStore, cookie: str) -> None:
    with TestClient(Starlette(routes=ROUTES), cookies={COOKIE: cookie}) as stranger:
        answer = stranger.post("/upload", content=b"numbers", headers={HEADER: "1"})
    assert (answer.status_code, answer.json()) == (403, {"refused": "reader"})


@pytest.mark.parametrize(
    ("peer", "header", "address"),
    [
        ("198.51.100.7", "203.0.113.9", "198.51.100.7"),  # no proxy of ours: what it says is not believed
        ("10.0.0.1", "203.0.113.9", "203.0.113.9"),
        ("10.0.0.1", "192.0.2.1, 203.0.113.9", "203.0.113.9"),  # what the sender put before it neither
        ("2001:db8::1", "", "2001:db8::/64"),
        ("2001:db8::2:3", "", "2001:db8::/64"),
        ("a socket", "", "a socket"),
    ],
)
def test_only_a_proxy_that_was_named_says_where_a_request_comes_from(
    peer: str, header: str, address: str
) -> None:
    found: list[str] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        found.append(upload_route.address_of(Request(scope)))

    headers = [(b"x-forwarded-for", header.encode())] if header else []
    scope = {"type": "http", "client": (peer, 1), "headers": headers}
    asyncio.run(ProxyHeadersMiddleware(app, "10.0.0.1")(scope, None, None))  # type: ignore[arg-type]
    assert found == [address]
