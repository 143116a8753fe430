"""`/audio/<sha256>.mp3`: clips over HTTP, in ranges, so that a player may seek. Mounted by the launcher."""

import re

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from narration.cache import NAME
from narration.service import service

_RANGE = re.compile(rb"bytes=(?:(\d{1,18})-(\d{0,18})|-\d{1,18})")


class ClipResponse(FileResponse):
    """A file in ranges; a Range header that is no single range of bytes is ignored (RFC 9110, 14.2), where
    FileResponse alone would refuse the request or answer in several parts, which no player asks for."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = [(name, value) for name, value in scope["headers"] if name != b"range" or _is_range(value)]
        await super().__call__({**scope, "headers": headers}, receive, send)


def _is_range(value: bytes) -> bool:
    match = _RANGE.fullmatch(value.replace(b" ", b""))
    return bool(match and not (match[1] and match[2] and int(match[2]) < int(match[1])))


async def audio(request: Request) -> Response:
    """A clip, whole or a range of it; names are 64 hexadecimal digits and nothing else.

    Where no disk keeps clips, one comes whole from memory.
    """
    name = request.path_params["name"]
    key = name.removesuffix(".mp3")
    if not name.endswith(".mp3") or not NAME.fullmatch(key):
        return Response(status_code=404)
    headers = {
        "Cache-Control": "public, max-age=31536000, immutable",  # a name stands for its content
        "ETag": f'"{key}"',
        "X-Content-Type-Options": "nosniff",
    }
    file, clip = await run_in_threadpool(service().audio_file, key), None
    if file is None and (clip := await run_in_threadpool(service().audio, key)) is None:
        return Response(status_code=404, headers={"Cache-Control": "no-store"})
    if request.headers.get("if-none-match") == headers["ETag"]:
        return Response(status_code=304, headers=headers)
    if file:
        return ClipResponse(file, media_type="audio/mpeg", headers=headers)
    return Response(clip, media_type="audio/mpeg", headers=headers)


ROUTES = [Route("/audio/{name}", audio, methods=["GET", "HEAD"])]
