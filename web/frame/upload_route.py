"""`POST /upload`: takes a file's bytes and answers with a name, under which the page takes them out, once.

A header that no form of another site can send stands in for a token.
"""

import asyncio

from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from web.kit.reader import reader_of
from web.kit.upload_store import MAX_BYTES, UPLOADS

HEADER = "x-pradit-upload"


async def receive(request: Request) -> Response:
    """Take a file in. The answer is `{"id": …}` or `{"refused": key}`, a key of `uploads.refused.*`."""
    reader = reader_of(request.headers.get("cookie", ""))
    if HEADER not in request.headers or reader is None:
        return _refused("reader", 403)
    length = request.headers.get("content-length", "")
    if not length.isascii() or not length.isdigit() or int(length) > MAX_BYTES:
        return _refused("sent", 413)
    size = int(length)
    name = UPLOADS.reserve(reader, size)
    if name is None:
        return _refused("busy", 503)
    data = bytearray()
    try:
        async with asyncio.timeout(UPLOADS.seconds):  # its room is kept no longer than that
            async for chunk in request.stream():
                data += chunk
                if len(data) > size:
                    break
    except (ClientDisconnect, TimeoutError):
        data.clear()
    if len(data) != size:
        UPLOADS.drop(name)
        return _refused("sent", 400)
    UPLOADS.put(name, bytes(data))
    asyncio.get_running_loop().call_later(UPLOADS.seconds, UPLOADS.drop, name)
    return JSONResponse({"id": name})


def _refused(key: str, status: int) -> Response:
    return JSONResponse({"refused": key}, status_code=status, headers={"connection": "close"})


ROUTES = [Route("/upload", receive, methods=["POST"])]
