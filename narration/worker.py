"""The process that speaks: `python -m narration.worker`. Requests come in on stdin, clips leave on stdout.

    server -> worker   say (id, utterance, voice, reader)
    worker -> server   ready, then for each request: clip (id, meta, fallback + mp3) or failed (id, reason)

It keeps its voices loaded, yields to the web server and ends when stdin does.
"""

import sys

from content.catalog import LANGUAGES
from narration.article import Utterance, chapters
from narration.speaker import Speaker
from narration.voices.base import VoiceError
from workers.child import lower_priority, take_pipes
from workers.pipe import Header, read_frame, write_frame


def main() -> None:
    """Answer requests until the server closes the pipe."""
    source, sink = take_pipes()
    lower_priority()
    speaker = Speaker(None)  # the server keeps the clips
    for language in LANGUAGES:  # the first sentence of each loads what the rest need
        speaker.clip(chapters(language)[0].utterances[0])
    write_frame(sink, {"type": "ready"})
    while frame := read_frame(source):
        write_frame(sink, *answer(speaker, frame[0]))


def answer(speaker: Speaker, request: Header) -> tuple[Header, bytes]:
    """A request's clip, or the reason why no voice could say it."""
    given = request["utterance"]
    utterance = Utterance(**given | {"given": tuple(tuple(part) for part in given["given"])})
    try:
        clip, fallback = speaker.clip(utterance, request["voice"], request["reader"])
    except VoiceError as problem:
        return {"type": "failed", "id": request["id"], "reason": problem.reason}, b""
    except Exception as problem:  # one sentence must not silence the rest; its text stays out of the log
        print(f"narration: {utterance.id}: {type(problem).__name__}", file=sys.stderr)
        return {"type": "failed", "id": request["id"], "reason": "garbage"}, b""
    return {"type": "clip", "id": request["id"], "meta": clip.meta(), "fallback": fallback}, clip.mp3


if __name__ == "__main__":
    main()
