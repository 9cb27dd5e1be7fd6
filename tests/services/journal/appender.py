"""A process that appends until it is killed: ``python -m tests.services.journal.appender FILE FROM``.

It tells the events ``FROM``, ``FROM + 1``, … in batches of all sizes and writes ``position id`` of each one to its
standard output as soon as the journal has taken it, and not before.
"""

import os
import sys
from itertools import cycle
from pathlib import Path

from events.envelope import Told
from services.journal.sqlite import SqliteJournal
from tests.services.journal.telling import NOW_MS, told

SIZES = (1, 2, 30, 1, 500, 7, 90)


def batch(start: int, size: int) -> list[Told]:
    """Events that are the same whichever process tells them."""
    return [told(f"evt-{n}", f"reason {n}") for n in range(start, start + size)]


def main(path: Path, start: int) -> None:
    """Appends for ever."""
    batches = []
    for size in SIZES:
        batches.append(batch(start, size))
        start += size
    with SqliteJournal(path) as journal:
        for size in cycle(SIZES):
            events = batches.pop(0)
            verdicts = journal.append(events, now_ms=NOW_MS)
            lines = [f"{verdict.position} {event.id}\n" for verdict, event in zip(verdicts, events, strict=True)]
            os.write(sys.stdout.fileno(), "".join(lines).encode())
            batches.append(batch(start, size))
            start += size


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
