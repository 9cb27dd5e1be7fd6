"""Many who watch one board, in a process of their own that does as little as it can: what is measured is the server."""

import select
import socket
import time
from multiprocessing.connection import Connection
from typing import Final

_REQUEST: Final = b"GET /api/stream?board=sales HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
_STAMP: Final = b'data: {"cut":{"position":'
"""What stands before the position of a frame, and nowhere else."""
_MOST: Final = 1 << 20
"""Bytes that are taken at once."""

Seen = list[tuple[float, int]]
"""When a frame was there, by the monotonic clock, and its position."""


def watch(port: int, count: int, told: Connection) -> None:
    """Watch ``count`` times: say so when each has its first frame, and what each has seen when something is said."""
    poll, seen, open_ = select.epoll(), dict[int, Seen](), {}
    sizes = dict[int, int]()
    for _ in range(count):
        viewer = socket.create_connection(("127.0.0.1", port))
        viewer.sendall(_REQUEST)
        viewer.setblocking(False)
        open_[viewer.fileno()] = viewer
        poll.register(viewer, select.EPOLLIN)
    poll.register(told, select.EPOLLIN)
    buffer = bytearray(_MOST)
    while True:
        for number, _ in poll.poll():
            if number == told.fileno():
                told.recv()
                told.send((list(seen.values()), sum(sizes.values()) / count))
                return
            size = open_[number].recv_into(buffer)
            if not size:
                raise ConnectionError("the server let go of a viewer")
            sizes[number] = sizes.get(number, 0) + size
            at = buffer.rfind(_STAMP, 0, size)
            if at >= 0:
                first = number not in seen
                start = at + len(_STAMP)
                position = int(buffer[start : buffer.index(b",", start)])
                seen.setdefault(number, []).append((time.monotonic(), position))
                if first and len(seen) == count:
                    told.send(None)
