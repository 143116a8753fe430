"""Which voices there are, by the operator's settings. Asking loads none of them.

Settings (environment): see `narration/README.md`.
"""

import os
from dataclasses import dataclass, field
from functools import cache
from importlib.util import find_spec

from content.pronunciation import digest
from narration.voices.base import Voice

#: Raised when our own part of the sound changes: phonemes, tones, trimming.
REVISION = "1"
BUILTIN = "builtin"
ONLINE = ("edge", "gemini")
_EDGE = {"en": "en-US-AriaNeural", "th": "th-TH-PremwadeeNeural"}
_GEMINI_MODEL = "gemini-2.5-flash-preview-tts"


@dataclass(frozen=True)
class Settings:
    """What the operator chose.

    Attributes:
        online: the online voices allowed, none by default.
        timeout: seconds an online voice may take for a sentence.
        limit, limit_all: sentences an hour that online voices say for one reader, and for all.
        gemini_key: never part of any text, log or error.
    """

    online: tuple[str, ...] = ()
    timeout: float = 10.0
    limit: int = 300
    limit_all: int = 3000
    edge: dict[str, str] = field(default_factory=lambda: dict(_EDGE))
    gemini_key: str = field(default="", repr=False)
    gemini_model: str = _GEMINI_MODEL
    gemini_voice: str = "Kore"
    gemini_url: str = "https://generativelanguage.googleapis.com"

    @classmethod
    def from_environment(cls) -> "Settings":
        """Read `PRADIT_ONLINE_VOICES` and what belongs to it.

        Raises:
            ValueError: a voice that does not exist, gemini without its key, or a limit that is no number.
        """
        get = os.environ.get
        online = tuple(name for name in get("PRADIT_ONLINE_VOICES", "").replace(",", " ").split() if name)
        for name in online:
            if name not in ONLINE:
                raise ValueError(f"PRADIT_ONLINE_VOICES: no voice {name!r}; there are {', '.join(ONLINE)}")
        if "gemini" in online and not get("PRADIT_GEMINI_KEY"):
            raise ValueError("PRADIT_ONLINE_VOICES names gemini, so PRADIT_GEMINI_KEY must hold a key")
        return cls(
            online=online,
            timeout=float(get("PRADIT_ONLINE_TIMEOUT", cls.timeout)),
            limit=int(get("PRADIT_ONLINE_LIMIT", cls.limit)),
            limit_all=int(get("PRADIT_ONLINE_LIMIT_ALL", cls.limit_all)),
            edge={
                language: get(f"PRADIT_EDGE_{language.upper()}", voice) for language, voice in _EDGE.items()
            },
            gemini_key=get("PRADIT_GEMINI_KEY", ""),
            gemini_model=get("PRADIT_GEMINI_MODEL", _GEMINI_MODEL),
            gemini_voice=get("PRADIT_GEMINI_VOICE", cls.gemini_voice),
            gemini_url=get("PRADIT_GEMINI_URL", cls.gemini_url),
        )


def available(settings: Settings) -> tuple[str, ...]:
    """Names of the server's voices, the built-in one first; each speaks both languages."""
    espeak = ("espeak",) if find_spec("espeakng_loader") else ()
    return (BUILTIN, *espeak, *settings.online)


def version(name: str, language: str, settings: Settings) -> str:
    """What the sound of a voice depends on, for the cache's names."""
    if name == "edge":
        return f"1-{settings.edge[language]}-{digest()}"
    if name == "gemini":
        return f"1-{settings.gemini_model}-{settings.gemini_voice}-{digest()}"
    return f"{_package_versions(name)}-{digest()}"


@cache
def _package_versions(name: str) -> str:
    from importlib.metadata import version as installed

    engine = "espeakng-loader" if name == "espeak" else "hibari-tts"
    packages = (engine, "kham", "thaiphon", "thaiphon-data-volubilis")
    return "-".join([REVISION, *(installed(package) for package in packages)])


def load(name: str, language: str, settings: Settings) -> Voice:
    """The voice, ready to speak.

    Raises:
        ValueError: there is no such voice here.
        VoiceError: it did not start.
    """
    if name not in available(settings):
        raise ValueError(f"no voice {name!r} here; there are {', '.join(available(settings))}")
    if name == "edge":
        from narration.voices.edge import Edge

        return Edge(settings.edge[language], settings.timeout)
    if name == "gemini":
        from narration.voices.gemini import Gemini

        chosen = (settings.gemini_voice, settings.gemini_model, settings.gemini_key, settings.gemini_url)
        return Gemini(*chosen, settings.timeout)
    if name == "espeak":
        from narration.voices.espeak import Espeak

        return Espeak(language)
    from narration.voices.engine import Builtin, engine

    return Builtin(language, engine())
