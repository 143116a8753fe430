"""The process that speaks: `python -m narration.worker`. Requests come in on stdin, clips leave on stdout.

It keeps its voices loaded, yields to the web server (nice 5, one thread) and ends when stdin does.
"""

import os
import sys

from content.catalog import LANGUAGES
from narration.article import Utterance, chapters
from narration.protocol import frame, read_frame
from narration.speaker import Speaker
from narration.voices.base import VoiceError


def main() -> None:
    """Answer requests until the server closes the pipe."""
    if hasattr(os, "nice"):
        os.nice(5)
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a library prints must not break the frames
    speaker = Speaker(None)  # the server keeps the clips
    for language in LANGUAGES:  # the first sentence of each loads what the rest need
        speaker.clip(chapters(language)[0].utterances[0])
    out.write(frame({"type": "ready"}))
    out.flush()
    while request := read_frame(lambda size: os.read(0, min(size, 1 << 20))):
        header, _ = request
        said = header["utterance"]
        utterance = Utterance(**said | {"given": tuple(tuple(part) for part in said["given"])})
        try:
            clip, fallback = speaker.clip(utterance, header["voice"], header["reader"])
        except VoiceError as problem:
            out.write(frame({"type": "failed", "id": header["id"], "reason": problem.reason}))
        except Exception as problem:  # one sentence must not silence the rest; its text stays out of the log
            print(f"narration: {utterance.id}: {type(problem).__name__}", file=sys.stderr)
            out.write(frame({"type": "failed", "id": header["id"], "reason": "garbage"}))
        else:
            answer = {"type": "clip", "id": header["id"], "meta": clip.meta(), "fallback": fallback}
            out.write(frame(answer, clip.mp3))
        out.flush()


if __name__ == "__main__":
    main()
