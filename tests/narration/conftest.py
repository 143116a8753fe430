"""The built-in voice once for all tests; nothing here touches the network or the user's cache."""

from collections.abc import Callable
from pathlib import Path

import pytest

from narration.article import Utterance, chapters
from narration.voices.base import Speech
from narration.voices.engine import Builtin, engine

DATA = Path(__file__).parent / "data"


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PRADIT_CACHE", str(tmp_path / "cache"))
    for name in ("PRADIT_ONLINE_VOICES", "PRADIT_GEMINI_KEY", "PRADIT_CACHE_SIZE"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="session")
def builtin() -> Callable[[str], Builtin]:
    return lambda language: Builtin(language, engine())


@pytest.fixture(scope="session")
def rows() -> Callable[[str], list[list[str]]]:
    """The lines of a data file, cut at tabs, without its comments."""

    def read(name: str) -> list[list[str]]:
        lines = (DATA / name).read_text("utf-8").splitlines()
        return [line.split("\t") for line in lines if line and not line.startswith("# ")]

    return read


@pytest.fixture(scope="session")
def sentence() -> Callable[[str, str], Utterance]:
    """A sentence of the article by language and id."""
    found = {(u.language, u.id): u for lang in ("en", "th") for c in chapters(lang) for u in c.utterances}
    return lambda language, name: found[language, name]


@pytest.fixture(scope="session")
def spoken_sentences(builtin, sentence) -> dict[str, tuple[Utterance, Speech]]:
    """Ten English sentences of the article, said once."""
    names = [
        "why-1",
        "why-6",
        "tldr-3",
        "why-10",
        "why-12",
        "why-13",
        "matrices-5",
        "start-1",
        "gains-1",
        "why-3",
    ]
    voice = builtin("en")
    return {name: (u := sentence("en", name), voice.synthesise(u.form)) for name in names}
