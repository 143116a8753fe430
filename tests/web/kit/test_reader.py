"""The reader's cookie: signed with a secret that outlives the server."""

import stat
import sys
from pathlib import Path

import pytest

from web.kit import reader
from web.kit.reader import COOKIE, reader_of, signed


@pytest.fixture(autouse=True)
def _fresh(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.delenv("PRADIT_SECRET")
    monkeypatch.setattr(reader, "user_data_path", lambda *_, **__: tmp_path / "data")
    reader._signer.cache_clear()
    yield
    reader._signer.cache_clear()


def test_a_cookie_is_read_back_and_no_other() -> None:
    cookie = signed("token")
    assert reader_of(f"a=b; {COOKIE}={cookie}; c=d") == "token"
    for wrong in ("token", f"other.{cookie.split('.')[1]}", cookie[:-2], ""):
        assert reader_of(f"{COOKIE}={wrong}") is None
    assert reader_of("") is None


def test_the_secret_is_made_once_and_for_its_owner_alone(tmp_path: Path) -> None:
    cookie = signed("token")
    kept = tmp_path / "data" / "secret"
    assert [path.name for path in kept.parent.iterdir()] == ["secret"]
    assert len(kept.read_bytes()) == 32
    if sys.platform != "win32":
        assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    reader._signer.cache_clear()  # as after a restart
    assert reader_of(f"{COOKIE}={cookie}") == "token"
    kept.write_bytes(bytes(32))
    reader._signer.cache_clear()
    assert reader_of(f"{COOKIE}={cookie}") is None


def test_servers_with_one_secret_know_each_others_readers(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PRADIT_SECRET", "of all servers")
    cookie = signed("token")
    monkeypatch.setattr(reader, "user_data_path", lambda *_, **__: tmp_path / "another")
    reader._signer.cache_clear()
    assert reader_of(f"{COOKIE}={cookie}") == "token"
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("broken", ["in the way", "short"])
def test_without_a_disk_the_secret_lasts_as_long_as_the_server(tmp_path: Path, broken: str) -> None:
    if broken == "short":
        (tmp_path / "data").mkdir()
        (tmp_path / "data" / "secret").write_bytes(b"short")
    else:
        (tmp_path / "data").write_text("in the way")
    assert reader_of(f"{COOKIE}={signed('token')}") == "token"
