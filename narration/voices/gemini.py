"""Google's Gemini voices: opt-in, with the operator's key. One request a sentence; it gives no word times."""

import base64
import binascii
import json
import re
import urllib.error
import urllib.request
from typing import Any

import numpy as np

from narration.spoken import SpokenForm
from narration.voices.base import RATE, Speech, VoiceError, proportional, trimmed


class Gemini:
    """One online voice.

    Args:
        voice: a prebuilt voice's name, for example "Kore".
        model: the model that speaks; previews end, so it is a setting.
        key: the operator's; it goes into one header and nowhere else.
        url: the service's root.
        timeout: seconds a sentence may take.
    """

    def __init__(self, voice: str, model: str, key: str, url: str, timeout: float) -> None:
        self.name, self._timeout = "gemini", timeout
        self._url, self._key = f"{url.rstrip('/')}/v1beta/models/{model}:generateContent", key
        self._speech = {"voiceConfig": {"prebuiltVoiceConfig": {"voiceName": voice}}}

    def synthesise(self, sentence: SpokenForm) -> Speech:
        audio = _samples(self._ask(sentence.text))
        return trimmed(Speech(audio, proportional(sentence, audio)))

    def _ask(self, text: str) -> Any:
        body = {
            "contents": [{"parts": [{"text": text}]}],
            "generationConfig": {"responseModalities": ["AUDIO"], "speechConfig": self._speech},
        }
        headers = {"Content-Type": "application/json", "x-goog-api-key": self._key}
        request = urllib.request.Request(self._url, json.dumps(body).encode(), headers)
        try:  # `from None` throughout: a chained exception would carry the request and with it the key
            with urllib.request.urlopen(request, timeout=self._timeout) as answer:
                return json.loads(answer.read(20_000_000))
        except urllib.error.HTTPError as problem:
            reason = "refused" if 400 <= problem.code < 500 else "unreachable"
            problem.close()
            raise VoiceError(reason, f"HTTP {problem.code}") from None
        except TimeoutError:
            raise VoiceError("timeout") from None
        except urllib.error.URLError as problem:
            late = isinstance(problem.reason, TimeoutError)
            raise VoiceError("timeout" if late else "unreachable", type(problem.reason).__name__) from None
        except OSError as problem:
            raise VoiceError("unreachable", type(problem).__name__) from None
        except ValueError:
            raise VoiceError("garbage", "not JSON") from None


def _samples(answer: Any) -> Any:
    """16-bit samples of an answer as float32."""
    try:
        candidate = answer["candidates"][0]
        if candidate.get("finishReason") in ("SAFETY", "PROHIBITED_CONTENT", "OTHER") or answer.get(
            "promptFeedback"
        ):
            raise VoiceError("refused", "the service would not say this")
        data = candidate["content"]["parts"][0]["inlineData"]
        raw = base64.b64decode(data["data"], validate=True)
        rate = re.search(r"rate=(\d+)", data["mimeType"])
    except (KeyError, IndexError, TypeError, AttributeError, binascii.Error):
        raise VoiceError("garbage", "no audio in the answer") from None
    if (
        not data["mimeType"].startswith("audio/L16")
        or (rate and int(rate[1]) != RATE)
        or len(raw) < RATE // 10
    ):
        raise VoiceError("garbage", "not 16-bit audio at 24 kHz")
    return np.frombuffer(raw[: len(raw) // 2 * 2], "<i2").astype(np.float32) / 32768
