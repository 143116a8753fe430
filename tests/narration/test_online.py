"""The online voices against local stand-ins that speak their protocols."""

import asyncio
import base64
import json
import logging
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import edge_tts.communicate
import numpy as np
import pytest
from aiohttp import web

from narration import spoken_form
from narration.article import Utterance
from narration.sound import mp3
from narration.speaker import Speaker
from narration.voices.base import RATE, VoiceError
from narration.voices.edge import Edge
from narration.voices.gemini import Gemini
from narration.voices.registry import Settings, available, load

# edge-tts 7.3 calls aiohttp in a way that aiohttp 3.14 is about to drop.
pytestmark = pytest.mark.filterwarnings("ignore:.*receive_timeout.*:DeprecationWarning")

KEY = "a-key-that-must-not-leak"
FORM = spoken_form("เรียนรู้ LoRA 16 ครั้ง", "th")
TONE = (0.3 * np.sin(np.arange(RATE * 2) * 0.05)).astype(np.float32)


class EdgeStandIn:
    """The service's side of the websocket: configuration and SSML in, audio and metadata out."""

    def __init__(self) -> None:
        self.mode, self.calls, self.ssml = "success", 0, ""
        self.loop = asyncio.new_event_loop()
        ready = threading.Event()
        self.thread = threading.Thread(target=self._run, args=(ready,), daemon=True)
        self.thread.start()
        assert ready.wait(30)

    def _run(self, ready: threading.Event) -> None:
        asyncio.set_event_loop(self.loop)

        async def start() -> web.AppRunner:
            app = web.Application()
            app.router.add_get("/edge/v1", self._socket)
            runner = web.AppRunner(app, shutdown_timeout=0.1)
            await runner.setup()
            site = web.TCPSite(runner, "127.0.0.1", 0)
            await site.start()
            self.port = runner.addresses[0][1]
            return runner

        runner = self.loop.run_until_complete(start())
        ready.set()
        self.loop.run_forever()
        self.loop.run_until_complete(runner.cleanup())
        self.loop.close()

    def close(self) -> None:
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(10)

    async def _socket(self, request: web.Request) -> web.StreamResponse:
        self.calls += 1
        if self.mode == "refusal":
            return web.Response(status=403)
        if self.mode == "timeout":
            await asyncio.sleep(30)
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        await socket.receive()
        self.ssml = (await socket.receive()).data
        head = "X-RequestId:1\r\nContent-Type:application/json; charset=utf-8\r\nPath:{}\r\n\r\n"
        await socket.send_str(head.format("turn.start") + "{}")
        sound = mp3(TONE)
        if self.mode == "garbage":
            sound = b"<html>not audio</html>" * 50
        if self.mode == "nothing":
            sound = b""
        for begin in range(0, len(sound), 5000):
            binary = b"X-RequestId:1\r\nContent-Type:audio/mpeg\r\nPath:audio\r\n"
            await socket.send_bytes(len(binary).to_bytes(2, "big") + binary + sound[begin : begin + 5000])
        if self.mode == "broken":
            await socket.send_str(head.format("audio.metadata") + "{not json")
        if self.mode == "success":
            for number, word in enumerate(FORM.text.split()):
                data = {
                    "Offset": number * 4_000_000,
                    "Duration": 3_000_000,
                    "text": {"Text": word, "Length": len(word)},
                }
                boundary = {"Metadata": [{"Type": "WordBoundary", "Data": data}]}
                await socket.send_str(head.format("audio.metadata") + json.dumps(boundary))
        await socket.send_str(head.format("turn.end") + "{}")
        return socket


@pytest.fixture
def edge(monkeypatch: pytest.MonkeyPatch) -> Iterator[EdgeStandIn]:
    stand_in = EdgeStandIn()
    address = f"ws://127.0.0.1:{stand_in.port}/edge/v1?TrustedClientToken=x"
    monkeypatch.setattr(edge_tts.communicate, "WSS_URL", address)
    monkeypatch.setattr(edge_tts.communicate, "_SSL_CTX", True)
    yield stand_in
    stand_in.close()


class GeminiStandIn(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Answer)
        self.mode, self.calls, self.asked = "success", 0, {}
        self.released = threading.Event()
        threading.Thread(target=self.serve_forever, daemon=True).start()


class _Answer(BaseHTTPRequestHandler):
    server: GeminiStandIn

    def do_POST(self) -> None:
        self.server.calls += 1
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.asked = {
            "path": self.path,
            "key": self.headers["x-goog-api-key"],
            "body": json.loads(body),
        }
        mode = self.server.mode
        if mode == "timeout":
            self.server.released.wait(30)
        sound = base64.b64encode((TONE * 32767).astype("<i2").tobytes()).decode()
        part = {"inlineData": {"mimeType": "audio/L16;codec=pcm;rate=24000", "data": sound}}
        answers = {
            "success": {"candidates": [{"content": {"parts": [part]}, "finishReason": "STOP"}]},
            "safety": {"candidates": [{"finishReason": "SAFETY"}]},
            "text": {"candidates": [{"content": {"parts": [{"text": "I cannot speak"}]}}]},
            "base64": {"candidates": [{"content": {"parts": [
                {"inlineData": {**part["inlineData"], "data": "?"}}]}}]},
            "rate": {"candidates": [{"content": {"parts": [
                {"inlineData": {"mimeType": "audio/L16;rate=8000", "data": sound}}]}}]},
        }  # fmt: skip
        status = {"quota": 429, "key": 403, "down": 503}.get(mode, 200)
        data = b"<html>" if mode == "html" else json.dumps(answers.get(mode, {})).encode()
        try:
            self.send_response(status)
            self.end_headers()
            self.wfile.write(data)
        except OSError:
            pass  # the client has given up

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def gemini() -> Iterator[GeminiStandIn]:
    stand_in = GeminiStandIn()
    yield stand_in
    stand_in.released.set()
    stand_in.shutdown()
    stand_in.server_close()


def gemini_voice(stand_in: GeminiStandIn, timeout: float = 20.0) -> Gemini:
    return Gemini("Kore", "a-model", KEY, f"http://127.0.0.1:{stand_in.server_port}", timeout)


def assert_times(speech, form=FORM) -> None:
    assert [(w.start, w.end) for w in speech.words] == [(w.start, w.end) for w in form.words]
    starts = [word.t0 for word in speech.words]
    assert starts == sorted(starts)
    assert all(0 <= word.t0 <= word.t1 <= speech.duration + 1e-6 for word in speech.words)


def test_edge_speaks_with_its_word_times(edge: EdgeStandIn) -> None:
    speech = Edge("th-TH-PremwadeeNeural", 20).synthesise(FORM)
    assert speech.duration == pytest.approx(2, abs=0.2)
    assert_times(speech)
    latin = next(word for word in speech.words if FORM.display[word.start : word.end] == "LoRA")
    assert latin.t0 == pytest.approx(FORM.text.split().index("Lora") * 0.4, abs=0.1)
    assert "th-TH, PremwadeeNeural" in edge.ssml
    assert FORM.text in edge.ssml


def test_edge_without_word_times_shares_the_time_out(edge: EdgeStandIn) -> None:
    edge.mode = "silent about words"
    speech = Edge("th-TH-NiwatNeural", 20).synthesise(FORM)
    assert_times(speech)
    assert speech.words[-1].t1 > 1.5


@pytest.mark.parametrize(
    ("mode", "reason"),
    [
        ("refusal", "refused"),
        ("nothing", "refused"),
        ("garbage", "garbage"),
        ("broken", "garbage"),
        ("timeout", "timeout"),
    ],
)
def test_edge_fails_with_a_reason(edge: EdgeStandIn, mode: str, reason: str) -> None:
    edge.mode = mode
    with pytest.raises(VoiceError) as problem:
        Edge("th-TH-PremwadeeNeural", 0.5 if mode == "timeout" else 20).synthesise(FORM)
    assert problem.value.reason == reason


def test_edge_out_of_reach(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(edge_tts.communicate, "WSS_URL", "ws://127.0.0.1:9/edge/v1?TrustedClientToken=x")
    monkeypatch.setattr(edge_tts.communicate, "_SSL_CTX", True)
    with pytest.raises(VoiceError) as problem:
        Edge("th-TH-PremwadeeNeural", 20).synthesise(FORM)
    assert problem.value.reason == "unreachable"


def test_gemini_speaks(gemini: GeminiStandIn) -> None:
    speech = gemini_voice(gemini).synthesise(FORM)
    assert speech.duration == pytest.approx(2, abs=0.2)
    assert_times(speech)
    assert gemini.asked["path"] == "/v1beta/models/a-model:generateContent"
    assert gemini.asked["key"] == KEY
    assert gemini.asked["body"]["contents"][0]["parts"][0]["text"] == FORM.text


@pytest.mark.parametrize(
    ("mode", "reason"),
    [("quota", "refused"), ("key", "refused"), ("safety", "refused"), ("down", "unreachable"),
     ("html", "garbage"), ("text", "garbage"), ("base64", "garbage"), ("rate", "garbage"),
     ("empty", "garbage"), ("timeout", "timeout")],
)  # fmt: skip
def test_gemini_fails_with_a_reason_and_keeps_the_key_to_itself(
    gemini: GeminiStandIn, mode: str, reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    gemini.mode = mode
    with caplog.at_level(logging.DEBUG), pytest.raises(VoiceError) as problem:
        gemini_voice(gemini, 0.3 if mode == "timeout" else 20).synthesise(FORM)
    assert problem.value.reason == reason
    assert problem.value.__cause__ is None
    assert KEY not in f"{problem.value!r} {problem.value} {caplog.text}"


def test_gemini_out_of_reach() -> None:
    with pytest.raises(VoiceError) as problem:
        Gemini("Kore", "m", KEY, "http://127.0.0.1:9", 5).synthesise(FORM)
    assert problem.value.reason == "unreachable"


SAID = Utterance("a", "en", "Frozen weights.")


def settings_for(gemini: GeminiStandIn, **more) -> Settings:
    url = f"http://127.0.0.1:{gemini.server_port}"
    return Settings(online=("gemini",), gemini_key=KEY, gemini_url=url, **more)


def test_the_built_in_voice_steps_in_says_so_and_lets_the_service_rest(
    gemini: GeminiStandIn, monkeypatch
) -> None:
    gemini.mode = "down"
    speaker = Speaker(None, settings_for(gemini))
    for _ in range(3):
        clip, reason = speaker.clip(SAID, "gemini", "ann")
        assert (clip.voice, reason) == ("builtin", "unreachable")
    assert gemini.calls == 1
    gemini.mode = "success"
    later = time.monotonic() + 100
    monkeypatch.setattr("narration.speaker.time.monotonic", lambda: later)
    assert speaker.clip(SAID, "gemini", "ann")[0].voice == "gemini"


def test_calls_are_limited_for_each_reader(gemini: GeminiStandIn) -> None:
    speaker = Speaker(None, settings_for(gemini, limit=2))
    voices = [speaker.clip(SAID, "gemini", "ann")[0].voice for _ in range(3)]
    assert voices == ["gemini", "gemini", "builtin"]
    assert speaker.clip(SAID, "gemini", "ann")[1] == "limit"
    assert speaker.clip(SAID, "gemini", "ben")[0].voice == "gemini"
    assert gemini.calls == 3


def test_calls_are_limited_for_all_readers_together_and_counted_for_an_hour(
    gemini: GeminiStandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    speaker = Speaker(None, settings_for(gemini, limit=2, limit_all=3))
    reasons = [speaker.clip(SAID, "gemini", f"reader {i}")[1] for i in range(5)]
    assert reasons == ["", "", "", "limit", "limit"]
    later = time.monotonic() + 3601
    monkeypatch.setattr("narration.speaker.time.monotonic", lambda: later)
    assert speaker.clip(SAID, "gemini", "ann")[1] == ""
    assert len(speaker._calls) == 1, "whom nothing was said for in the last hour is forgotten"


def test_online_voices_are_the_operators_choice(monkeypatch: pytest.MonkeyPatch) -> None:
    assert not set(available(Settings.from_environment())) & {"edge", "gemini"}
    with pytest.raises(ValueError, match="no voice 'edge'"):
        load("edge", "en", Settings())
    monkeypatch.setenv("PRADIT_ONLINE_VOICES", "edge gemini")
    with pytest.raises(ValueError, match="PRADIT_GEMINI_KEY"):
        Settings.from_environment()
    monkeypatch.setenv("PRADIT_GEMINI_KEY", KEY)
    settings = Settings.from_environment()
    assert available(settings)[-2:] == ("edge", "gemini")
    assert KEY not in repr(settings)
    monkeypatch.setenv("PRADIT_ONLINE_VOICES", "siri")
    with pytest.raises(ValueError, match="no voice 'siri'"):
        Settings.from_environment()
