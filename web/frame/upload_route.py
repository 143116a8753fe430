"""`POST /upload`: takes a file's bytes and answers with a name, under which the page takes them out, once.

A header that no form of another site can send stands in for a token.
"""

import asyncio
from ipaddress import ip_address, ip_network

from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from web.kit.reader import reader_of
from web.kit.upload_store import MAX_BYTES, UPLOADS

HEADER = "x-pradit-upload"
GRACE = 10.0  # s that any file may take
LEAST_RATE = 64_000  # bytes a second after that, on the whole; a telephone's poor reception sends more


async def receive(request: Request) -> Response:
    """Take a file in. The answer is `{"id": …}` or `{"refused": key}`, a key of `uploads.refused.*`."""
    reader = reader_of(request.headers.get("cookie", ""))
    if HEADER not in request.headers or reader is None:
        return _refused("reader", 403)
    length = request.headers.get("content-length", "")
    if not length.isascii() or not length.isdigit() or int(length) > MAX_BYTES:
        return _refused("sent", 413)
    name = UPLOADS.begin(reader, address_of(request))
    received, began = 0, asyncio.get_running_loop().time()
    try:
        async with asyncio.timeout(GRACE) as limit:
            async for chunk in request.stream():
                received += len(chunk)
                if received > int(length):
                    break
                if not UPLOADS.add(name, chunk):
                    return _refused("busy", 503)
                limit.reschedule(began + GRACE + received / LEAST_RATE)
    except (ClientDisconnect, TimeoutError):
        received = -1
    if received != int(length):
        UPLOADS.drop(name)
        return _refused("sent", 400)
    UPLOADS.finish(name)
    asyncio.get_running_loop().call_later(UPLOADS.seconds, UPLOADS.drop, name)
    return JSONResponse({"id": name})


def address_of(request: Request) -> str:
    """Where a request comes from, an IPv6 network as one. Behind a proxy this is what the proxy says, if
    uvicorn is told to believe it (FORWARDED_ALLOW_IPS), else the proxy itself."""
    host = request.client.host if request.client else ""
    try:
        address = ip_address(host)
    except ValueError:
        return host
    return host if address.version == 4 else str(ip_network((host.partition("%")[0], 64), strict=False))


def _refused(key: str, status: int) -> Response:
    return JSONResponse({"refused": key}, status_code=status, headers={"connection": "close"})


ROUTES = [Route("/upload", receive, methods=["POST"])]
