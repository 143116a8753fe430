"""`/audio/<sha256>.mp3`: ranges, and no name but a hash."""

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from narration import routes
from narration.article import Utterance
from narration.cache import Cache, Clip
from narration.lane import Task
from narration.service import Service
from narration.voices.registry import Settings

KEY, DATA = "ab" * 32, bytes(range(250)) * 4
CLIP = Clip(DATA, 1.0, [], [], "builtin", [])


@pytest.fixture
def client(tmp_path, monkeypatch: pytest.MonkeyPatch) -> TestClient:
    cache = Cache(tmp_path)
    cache.put(KEY, CLIP)
    (tmp_path / "secret.mp3").write_bytes(b"secret")
    served = Service(cache, Settings())
    monkeypatch.setattr(routes, "service", lambda: served)
    return TestClient(Starlette(routes=routes.ROUTES))


def test_whole(client: TestClient) -> None:
    answer = client.get(f"/audio/{KEY}.mp3")
    assert (answer.status_code, answer.content) == (200, DATA)
    assert answer.headers["content-type"] == "audio/mpeg"
    assert answer.headers["accept-ranges"] == "bytes"
    assert "immutable" in answer.headers["cache-control"]
    assert (
        client.get(f"/audio/{KEY}.mp3", headers={"If-None-Match": answer.headers["etag"]}).status_code == 304
    )
    assert client.head(f"/audio/{KEY}.mp3").headers["content-length"] == "1000"


@pytest.mark.parametrize(
    ("wanted", "first", "last"),
    [("bytes=0-99", 0, 99), ("bytes=900-", 900, 999), ("bytes=-10", 990, 999), ("bytes=990-5000", 990, 999),
     ("bytes=0-0", 0, 0), ("bytes=-5000", 0, 999)],
)  # fmt: skip
def test_a_range(client: TestClient, wanted: str, first: int, last: int) -> None:
    answer = client.get(f"/audio/{KEY}.mp3", headers={"Range": wanted})
    assert answer.status_code == 206
    assert answer.content == DATA[first : last + 1]
    assert answer.headers["content-range"] == f"bytes {first}-{last}/1000"


@pytest.mark.parametrize("wanted", ["bytes=1000-", "bytes=5000-6000", "bytes=-0"])
def test_a_range_outside(client: TestClient, wanted: str) -> None:
    answer = client.get(f"/audio/{KEY}.mp3", headers={"Range": wanted})
    assert answer.status_code == 416
    assert answer.headers["content-range"] == "bytes */1000"


@pytest.mark.parametrize(
    "wanted",
    [
        "",
        "bytes=",
        "bytes=-",
        "bytes=a-b",
        "lines=1-2",
        "bytes=0-1,5-6",
        "bytes=9-3",
        "bytes=" + "9" * 5000 + "-",
    ],
)
def test_what_is_no_range_is_ignored(client: TestClient, wanted: str) -> None:
    answer = client.get(f"/audio/{KEY}.mp3", headers={"Range": wanted})
    assert (answer.status_code, answer.content) == (200, DATA)


def test_without_a_disk_the_voice_is_heard_all_the_same(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("in the way")
    served = Service(Cache(tmp_path / "file" / "folder"), Settings())
    served._done(Task(KEY, Utterance("a", "en", "a"), "builtin", "ann"), CLIP, "")
    monkeypatch.setattr(routes, "service", lambda: served)
    answer = TestClient(Starlette(routes=routes.ROUTES)).get(
        f"/audio/{KEY}.mp3", headers={"Range": "bytes=0-"}
    )
    assert (answer.status_code, answer.content) == (200, DATA)


@pytest.mark.parametrize(
    "name",
    ["secret.mp3", "..%2Fsecret.mp3", f"{KEY}", f"{KEY.upper()}.mp3", f"{KEY}0.mp3", f"{'0' * 64}.mp3",
     ".mp3", f"{KEY}.mp3%0a", "..%2f..%2fetc%2fpasswd"],
)  # fmt: skip
def test_any_other_name_is_not_found(client: TestClient, name: str) -> None:
    assert client.get(f"/audio/{name}").status_code == 404
