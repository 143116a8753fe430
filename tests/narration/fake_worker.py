"""A worker without a voice: answers at once, falls where the text says so. For tests of queue and service."""

import sys

from narration.sound import mp3_duration
from workers.child import take_pipes
from workers.pipe import read_frame, write_frame


def main() -> None:
    source, sink = take_pipes()
    write_frame(sink, {"type": "ready"})
    while request := read_frame(source):
        header, text = request[0], request[0]["utterance"]["display"]
        if "FALL" in text:
            sys.exit(1)
        if "GARBLE" in text:
            sink.write(b"\x00\x00\x00\x05\x00\x00\x00\x00nope!")
            sink.flush()
            continue
        if "SILENT" in text:
            continue
        if "REFUSE" in text:
            write_frame(sink, {"type": "failed", "id": header["id"], "reason": "garbage"})
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
        write_frame(sink, {"type": "clip", "id": header["id"], "meta": meta, "fallback": fallback}, audio)


if __name__ == "__main__":
    main()
