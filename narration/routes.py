"""`/audio/<sha256>.mp3`: clips over HTTP, in ranges, so that a player may seek. Mounted by the launcher."""

import re

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from narration.cache import NAME
from narration.service import service

_RANGE = re.compile(r"bytes=([0-9]{0,18})-([0-9]{0,18})")


async def audio(request: Request) -> Response:
    """A clip, whole or a range of it; names are 64 hexadecimal digits and nothing else."""
    name = request.path_params["name"]
    key = name.removesuffix(".mp3")
    if not name.endswith(".mp3") or not NAME.fullmatch(key):
        return Response(status_code=404)
    data = await run_in_threadpool(service().audio, key)
    if data is None:
        return Response(status_code=404, headers={"Cache-Control": "no-store"})
    headers = {
        "Accept-Ranges": "bytes",
        "Cache-Control": "public, max-age=31536000, immutable",  # a name stands for its content
        "ETag": f'"{key}"',
        "X-Content-Type-Options": "nosniff",
    }
    if request.headers.get("if-none-match") == headers["ETag"]:
        return Response(status_code=304, headers=headers)
    return _part(data, request.headers.get("range", ""), headers)


def _part(data: bytes, wanted: str, headers: dict[str, str]) -> Response:
    """One range (RFC 9110, 14.2); what is no single byte range is ignored."""
    match = _RANGE.fullmatch(wanted.replace(" ", ""))
    if not match or match.groups() == ("", ""):
        return Response(data, media_type="audio/mpeg", headers=headers)
    size, (first, last) = len(data), match.groups()
    begin = int(first) if first else max(0, size - int(last))
    end = min(int(last), size - 1) if first and last else size - 1
    if begin >= size or (first and last and int(last) < int(first)) or (not first and int(last) == 0):
        return Response(status_code=416, headers={"Content-Range": f"bytes */{size}"})
    headers = {**headers, "Content-Range": f"bytes {begin}-{end}/{size}"}
    return Response(data[begin : end + 1], 206, media_type="audio/mpeg", headers=headers)


ROUTES = [Route("/audio/{name}", audio, methods=["GET", "HEAD"])]
