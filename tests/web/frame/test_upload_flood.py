"""Two hundred strangers send at once; a reader with an honest cookie is served all the same."""

import asyncio
import json
import time

import pytest
from starlette.applications import Starlette
from starlette.types import Message

from web.frame import upload_route
from web.frame.upload_route import HEADER, ROUTES
from web.kit.reader import COOKIE, signed
from web.kit.upload_store import MAX_BYTES, MB, UploadStore

STRANGERS = 200
CHUNK = 64 << 10  # bytes
APP = Starlette(routes=ROUTES)


async def post(
    cookie: str, address: str, length: int, sent: int, *, stay: bool
) -> tuple[int, dict[str, str]]:
    """Announce `length` bytes, send `sent`, then stay without a word or leave; the answer."""
    left, begun = sent, False
    answer: list[Message] = []

    async def receive() -> Message:
        nonlocal left, begun
        await asyncio.sleep(0)  # the others have their turn, as between packets
        size = min(left, CHUNK)
        left -= size
        if size or not begun:
            begun = True
            return {"type": "http.request", "body": bytes(size), "more_body": left > 0 or stay}
        if stay:
            await asyncio.Event().wait()
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        answer.append(message)

    headers = [
        (b"cookie", f"{COOKIE}={cookie}".encode()),
        (HEADER.encode(), b"1"),
        (b"content-length", b"%d" % length),
    ]
    scope = {
        "type": "http",
        "method": "POST",
        "path": "/upload",
        "headers": headers,
        "client": (address, 1),
        "query_string": b"",
    }
    await APP(scope, receive, send)
    return answer[0]["status"], json.loads(answer[1]["body"])


def invented(i: int) -> tuple[str, str, int, int]:
    return f"stranger-{i}", f"198.51.100.{i}", MAX_BYTES, CHUNK


def announcing(i: int) -> tuple[str, str, int, int]:
    return signed(f"stranger-{i}"), f"198.51.100.{i}", MAX_BYTES, 1


def from_one_address(i: int) -> tuple[str, str, int, int]:
    return signed(f"stranger-{i}"), "198.51.100.1", 4 << 20, 4 << 20


def from_everywhere(i: int) -> tuple[str, str, int, int]:
    return signed(f"stranger-{i}"), f"198.51.100.{i}", 2 << 20, 2 << 20


@pytest.mark.parametrize(
    ("stranger", "full"),  # what the flood holds, in MB
    [(invented, 0), (announcing, 0), (from_one_address, 128), (from_everywhere, 192)],
)
def test_an_honest_reader_is_served_within_two_seconds(
    stranger, full: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = UploadStore(most=192 * MB, most_each=128 * MB, most_address=128 * MB)
    monkeypatch.setattr(upload_route, "UPLOADS", store)

    async def flood() -> float:
        senders = []
        for i in range(STRANGERS):
            cookie, address, length, sent = stranger(i)
            senders.append(asyncio.create_task(post(cookie, address, length, sent, stay=sent < length)))
        for _ in range(40):  # turns, in which each sends its next chunk: all room is taken that can be
            await asyncio.sleep(0)
        assert sum(one.size for one in store._uploads.values()) >= 0.95 * full * MB, "it is no flood"
        began = time.monotonic()
        status, answer = await post(signed("ann"), "203.0.113.5", 512 << 10, 512 << 10, stay=False)
        took = time.monotonic() - began
        assert status == 200, answer
        taken = store.take(answer["id"], "ann")
        assert taken is not None
        assert len(taken.read()) == 512 << 10
        for sender in senders:
            sender.cancel()
        await asyncio.gather(*senders, return_exceptions=True)
        assert sum(one.size for one in store._uploads.values()) <= store.most
        return took

    took = asyncio.run(flood())
    print(f"{took:.2f} s")
    assert took < 2.0, f"{took:.1f} s"


def test_who_sends_slower_than_the_least_rate_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    store = UploadStore()
    monkeypatch.setattr(upload_route, "UPLOADS", store)
    monkeypatch.setattr(upload_route, "GRACE", 0.05)
    dripping = post(signed("slow"), "198.51.100.1", MAX_BYTES, 100, stay=True)
    assert asyncio.run(asyncio.wait_for(dripping, 30)) == (400, {"refused": "sent"})
    assert not store._uploads
    monkeypatch.setattr(upload_route, "LEAST_RATE", CHUNK / 3600)
    steady = post(signed("steady"), "198.51.100.1", 4 * CHUNK, 4 * CHUNK, stay=False)
    assert asyncio.run(steady)[0] == 200
