"""The player in the frame of every page, and what it asks the server for.

The player in the browser fetches its sentences itself, so that it plays on while a page runs or changes.
"""

from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from content.catalog import LANGUAGES
from narration.article import chapters
from narration.routes import ROUTES as AUDIO
from narration.service import service
from web.kit.i18n import group, language, t
from web.kit.reader import reader_of
from widgets.player.widget import player

DEVICE = "device"
"""The voice that the reader's own browser speaks with."""

REASONS = ("timeout", "refused", "unreachable", "garbage", "limit", "failed")
"""Why another voice speaks than the one that was chosen."""

SECONDS_A_CHARACTER = {"en": 0.063, "th": 0.095}
"""Of the built-in voice with its pauses, over the article: what a chapter takes before it has been made."""


def lengths(name: str) -> list[dict[str, Any]]:
    """`{id, title, sentences: [[id, seconds expected]]}` of each chapter of the article in a language."""
    rate = SECONDS_A_CHARACTER[name]
    return [
        {
            "id": chapter.id,
            "title": chapter.title,
            "sentences": [[said.id, round(len(said.display) * rate, 2)] for said in chapter.utterances],
        }
        for chapter in chapters(name)
    ]


def track(name: str, chapter: str, voice: str, sentence: str, reader: str) -> dict[str, Any]:
    """The sentences of a chapter as far as they are made; asks for the rest, from a sentence on.

    Returns:
        `{chapter, audio, fallback, sentences}` as `narration.service`, or for a device's voice `{sentences}`
        of its script.
    """
    if voice == DEVICE:
        return {"sentences": service().script(name, chapter)}
    found = service().request(name, voice, sentence, reader)
    return {key: found[key] for key in ("chapter", "audio", "fallback", "sentences")}


async def serve_chapters(request: Request) -> Response:
    """`/narration/<language>`: the chapters there are."""
    name = request.path_params["language"]
    if name not in LANGUAGES:
        return Response(status_code=404)
    return JSONResponse(await run_in_threadpool(lengths, name), headers={"cache-control": "no-cache"})


async def serve_track(request: Request) -> Response:
    """`/narration/<language>/<chapter>?voice=…&sentence=…`: what is made of a chapter."""
    name, chapter = request.path_params["language"], request.path_params["chapter"]
    if name not in LANGUAGES or chapter not in {each.id for each in chapters(name)}:
        return Response(status_code=404)
    sentence = request.query_params.get("sentence", "")
    if sentence.rpartition("-")[0] != chapter:
        sentence = f"{chapter}-title"
    voice = request.query_params.get("voice", "")
    reader = reader_of(request.headers.get("cookie", "")) or ""
    found = await run_in_threadpool(track, name, chapter, voice, sentence, reader)
    return JSONResponse(found, headers={"cache-control": "no-store"})


ROUTES = [
    *AUDIO,
    Route("/narration/{language}", serve_chapters),
    Route("/narration/{language}/{chapter}", serve_track),
]


def frame_player() -> bool:
    """Put the player into the frame of every page; whether the reader has just asked for the transcript."""
    names = (*service().voices(), DEVICE)
    return player(
        language=language(),
        voices={name: t(f"narration.voice.{name}") for name in names},
        fallbacks={name: t(f"narration.fallback.{name}") for name in REASONS},
        text=group("player"),
    )
