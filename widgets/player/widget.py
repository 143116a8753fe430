"""The player: one voice for the whole app, shown as a small bar, as a card and as a list of chapters.

All three are faces of one player that lives in the document, so that it speaks on whatever the page does.
"""

from collections.abc import Mapping

from widgets.component import component

_player = component("player")


def player(
    *, language: str, voices: Mapping[str, str], fallbacks: Mapping[str, str], text: Mapping[str, str]
) -> bool:
    """Put the player into the frame; what it shows is a bar, once something has been played.

    Args:
        language: of the page.
        voices: names of the voices there are, the reader's device last.
        fallbacks: why the built-in voice speaks in place of another, by reason.
        text: the strings of `player`.

    Returns:
        Whether the reader has just asked for the transcript.
    """
    told = {"language": language, "voices": dict(voices), "fallbacks": dict(fallbacks), "text": dict(text)}
    said = _player(
        key="player",
        data={"form": "bar", **told},
        default={},
        on_open_change=lambda: None,
        height="content",
    )
    return bool(said.get("open"))


def listen_card(title: str) -> None:
    """The card of the Listen view: waveform, keys, speed, voice, sleep timer; `title` is the article's."""
    _player(key="listen_card", data={"form": "card", "title": title}, height="content")


def chapter_list() -> None:
    """The chapters, to be pressed."""
    _player(key="listen_chapters", data={"form": "chapters"}, height="content")
