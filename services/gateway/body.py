"""Reading what is sent, as far as it is allowed: so many bytes, in so much time, and unpacked no further."""

import asyncio
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from starlette.requests import ClientDisconnect, Request

from services.gateway.problems import Problem, unavailable

MAX_RATIO: Final = 100
"""How many times as long as its compressed form a body may be. Events, even alike, are some 20 times as long."""
_SMALL: Final = 64 * 1024
"""Up to this length the ratio is nobody's affair, and unpacking is not worth a thread."""
MAX_HELD: Final = 256 * 1024 * 1024
"""How many bytes of bodies are held in memory at a time."""


class Bodies:
    """Reads the bodies of requests; each within ``patience_s`` seconds."""

    def __init__(self, patience_s: float) -> None:
        self._patience_s = patience_s
        self._held = 0

    @contextmanager
    def room(self, size: int) -> Iterator[None]:
        """Room for a body in memory. Raises Problem 503 where there is none."""
        if self._held + size > MAX_HELD:
            raise unavailable("too much is being told at once; try again")
        self._held += size
        try:
            yield
        finally:
            self._held -= size

    async def read(self, request: Request, limit: int) -> bytes:
        """The body, unpacked, of at most ``limit`` bytes. Raises Problem."""
        packed = _encoding(request)
        if "transfer-encoding" in request.headers and "content-length" in request.headers:
            sentence = "Content-Length and Transfer-Encoding contradict each other; allowed: one of them"
            raise Problem(400, "bad-request", sentence, headers={"Connection": "close"})
        length = request.headers.get("content-length", "")
        if length.isdecimal() and int(length) > limit:
            raise too_large(limit)
        try:
            async with asyncio.timeout(self._patience_s):
                body = await _stream(request, limit)
        except TimeoutError:
            sentence = f"the request took too long; allowed: {self._patience_s:g} s for all of it"
            raise Problem(408, "request-timeout", sentence, headers={"Connection": "close"}) from None
        except ClientDisconnect:
            raise Problem(400, "bad-request", "the request ended before it was complete; send it again") from None
        if not packed:
            return body
        return await asyncio.to_thread(inflate, body, limit) if len(body) > _SMALL // 16 else inflate(body, limit)


async def _stream(request: Request, limit: int) -> bytes:
    chunks, size = [], 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > limit:
            raise too_large(limit)
        chunks.append(chunk)
    return chunks[0] if len(chunks) == 1 else b"".join(chunks)


def _encoding(request: Request) -> bool:
    """Whether the body is compressed. Raises Problem where it is by something else than gzip."""
    told = ", ".join(request.headers.getlist("content-encoding")).strip().lower()
    if told not in ("", "identity", "gzip", "x-gzip"):
        sentence = "this content encoding is not understood; allowed: gzip, or none"
        raise Problem(415, "unsupported-media-type", sentence, headers={"Accept-Encoding": "gzip"})
    return told.endswith("gzip")


def inflate(packed: bytes, limit: int) -> bytes:
    """What was compressed with gzip; never more than ``limit`` bytes of it are made. Raises Problem."""
    allowed = min(limit, max(len(packed) * MAX_RATIO, _SMALL))
    unpacking = zlib.decompressobj(wbits=31)
    try:
        body = unpacking.decompress(packed, allowed + 1)
    except zlib.error:
        raise Problem(400, "bad-request", "the body is no gzip; send it anew, or without Content-Encoding") from None
    if len(body) > limit:
        raise too_large(limit)
    if len(body) > allowed:
        raise Problem(413, "content-too-large", f"the body unpacks to more than {MAX_RATIO} times its length")
    if not unpacking.eof or unpacking.unused_data:
        raise Problem(400, "bad-request", "the body is not one whole gzip stream; send it anew")
    return body


def too_large(limit: int) -> Problem:
    """The body is longer than allowed."""
    return Problem(413, "content-too-large", f"the body is too long; allowed: at most {limit} bytes", limit=limit)
