"""A worker without a voice: answers at once, falls where the text says so. For tests of queue and service."""

import os
import sys

from narration.protocol import frame, read_frame
from narration.sound import mp3_duration


def main() -> None:
    out = os.fdopen(1, "wb")
    out.write(frame({"type": "ready"}))
    out.flush()
    while request := read_frame(lambda size: os.read(0, size)):
        header, text = request[0], request[0]["utterance"]["display"]
        if "FALL" in text:
            sys.exit(1)
        if "GARBLE" in text:
            out.write(b"\x00\x00\x00\x05nope!")
            out.flush()
            continue
        if "REFUSE" in text:
            out.write(frame({"type": "failed", "id": header["id"], "reason": "garbage"}))
            out.flush()
            continue
        audio = b"\xff" * 144 * 20
        voice = "builtin" if header["voice"] == "edge" else header["voice"]
        word = {"start": 0, "end": len(text), "t0": 0.1, "t1": 0.4}
        meta = {
            "duration": mp3_duration(audio),
            "words": [word],
            "peaks": [0.5] * 9,
            "voice": voice,
            "sentences": [],
        }
        fallback = "timeout" if voice != header["voice"] else ""
        out.write(frame({"type": "clip", "id": header["id"], "meta": meta, "fallback": fallback}, audio))
        out.flush()


if __name__ == "__main__":
    main()
