"""Clips on disk: whole or not at all, bounded, and never in the way of the voice."""

import multiprocessing
import os
import sys
from pathlib import Path
from types import ModuleType

import pytest

from narration.article import Utterance
from narration.cache import Cache, Clip, clip_key, default_folder
from narration.speaker import Speaker, key_of
from narration.voices.registry import Settings

KEY = clip_key("e", "v", "1", "text")


def clip(size: int = 1000, byte: bytes = b"x") -> Clip:
    return Clip(byte * size, 1.0, [{"start": 0, "end": 1, "t0": 0.0, "t1": 0.5}], [0.5], "builtin", [])


def test_a_clip_comes_back_as_it_was(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    assert cache.get(KEY) is None
    assert cache.put(KEY, clip())
    assert cache.get(KEY) == clip()
    assert sorted(path.name for path in tmp_path.iterdir()) == [f"{KEY}.json", f"{KEY}.mp3"]


def test_names_are_hexadecimal_and_depend_on_all_parts() -> None:
    keys = {
        clip_key(*parts)
        for parts in (
            ("e", "v", "1", "t"),
            ("f", "v", "1", "t"),
            ("e", "w", "1", "t"),
            ("e", "v", "2", "t"),
            ("e", "v", "1", "u"),
            ("ev", "", "1", "t"),
        )
    }
    assert len(keys) == 6
    for name in ("../" + "a" * 61, "A" * 64, "a" * 63, ""):
        with pytest.raises(ValueError, match="hexadecimal"):
            Cache().get(name)


@pytest.mark.parametrize(
    "damage", [lambda d: d[:-1], lambda d: d[:-5] + b"wrong", lambda d: b"", lambda d: d[:20]]
)
@pytest.mark.parametrize("kind", ["mp3", "json"])
def test_what_a_crash_left_is_made_again(tmp_path: Path, damage, kind: str) -> None:
    cache = Cache(tmp_path)
    cache.put(KEY, clip())
    path = tmp_path / f"{KEY}.{kind}"
    path.write_bytes(damage(path.read_bytes()))
    assert cache.get(KEY) is None
    assert not path.exists()
    assert cache.put(KEY, clip())
    assert cache.get(KEY) == clip()


def test_what_was_used_longest_ago_goes_first(tmp_path: Path) -> None:
    cache = Cache(tmp_path, limit=35_000)
    keys = [clip_key("e", "v", "1", str(number)) for number in range(4)]
    for age, key in enumerate(keys[:3]):
        cache.put(key, clip(10_000))
        for kind in ("mp3", "json"):
            os.utime(tmp_path / f"{key}.{kind}", (1000 + age, 1000 + age))
    assert cache.get(keys[0])  # used again
    cache.put(keys[3], clip(10_000))
    assert cache.get(keys[1]) is None
    assert all(cache.get(key) for key in (keys[0], keys[2], keys[3]))


def _write(folder: str, byte: bytes) -> None:
    cache = Cache(Path(folder))
    for _ in range(50):
        assert cache.put(KEY, clip(20_000, byte))
        found = cache.get(KEY)
        if found is not None:  # one's audio beside the other's times is no clip
            assert found == clip(20_000, found.mp3[:1])


def test_writers_side_by_side_never_mix(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # A page that was run in this process may have left itself as what a new process begins with.
    monkeypatch.setitem(sys.modules, "__main__", ModuleType("__main__"))
    context = multiprocessing.get_context("spawn")
    writers = [context.Process(target=_write, args=(str(tmp_path), byte)) for byte in (b"a", b"b")]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert [writer.exitcode for writer in writers] == [0, 0]
    assert sorted(path.name for path in tmp_path.iterdir()) == [f"{KEY}.json", f"{KEY}.mp3"]


def test_no_disk_means_no_cache_not_no_voice(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    cache = Cache(tmp_path / "file" / "folder")
    assert cache.put(KEY, clip()) is False
    spoken, fallback = Speaker(cache).clip(Utterance("a", "en", "Frozen weights."))
    assert spoken.words
    assert not fallback


def test_a_full_disk_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    assert Cache(tmp_path).put(KEY, clip()) is False
    assert list(tmp_path.iterdir()) == []


def test_the_second_time_nothing_is_synthesised(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said = Utterance("a", "en", "Frozen weights.")
    first, _ = Speaker(Cache(tmp_path)).clip(said)
    monkeypatch.setattr("narration.speaker.load", lambda *_: pytest.fail("a voice was loaded"))
    second, _ = Speaker(Cache(tmp_path)).clip(said)
    assert second == first


def test_a_key_changes_with_voice_language_text_and_pause() -> None:
    base = Utterance("a", "en", "text", pause=0.1)
    others = [
        Utterance("a", "th", "text", pause=0.1),
        Utterance("a", "en", "text2", pause=0.1),
        Utterance("a", "en", "text", ((0, 4, "x"),), 0.1),
        Utterance("a", "en", "text", pause=0.2),
    ]
    settings = Settings()
    keys = {key_of(said, "builtin", settings) for said in [base, *others]} | {key_of(base, "edge", settings)}
    assert len(keys) == 6
    assert (
        key_of(Utterance("b", "en", "text", pause=0.1), "builtin", settings) in keys
    )  # the id does not matter


def test_the_folder_is_the_operators_or_the_users(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PRADIT_CACHE", str(tmp_path))
    assert default_folder() == tmp_path
    monkeypatch.delenv("PRADIT_CACHE")
    assert default_folder().name == "pradit"
