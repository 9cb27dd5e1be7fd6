"""How much memory a process and all that it starts hold, each page counted once."""

import time
from collections.abc import Iterator
from pathlib import Path
from threading import Event, Thread
from typing import Final, Self

_PROCESSES: Final = Path("/proc")
_EVERY_S: Final = 0.1
"""So often it is looked at: what is held for less may be missed."""


class Watched:
    """A process whose memory is watched from outside, with its descendants. A context manager.

    What is added up is the proportional set size (PSS) of Linux: a page that several processes share, such as those of
    a library's file, is counted once and not in each of them.
    """

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._over = Event()
        self._thread = Thread(target=self._watch, daemon=True)
        self.peak_mib = 0.0
        """The most that they held at a time; NaN where the system does not say."""

    def __enter__(self) -> Self:
        if (_PROCESSES / "self" / "smaps_rollup").exists():
            self._thread.start()
        else:
            self.peak_mib = float("nan")
        return self

    def __exit__(self, *error: object) -> None:
        self._over.set()
        if self._thread.ident is not None:
            self._thread.join()

    def _watch(self) -> None:
        while not self._over.is_set():
            start = time.monotonic()
            self.peak_mib = max(self.peak_mib, sum(map(held_mib, family(self._pid))))
            # To look takes the longer the more they hold, and they wait for it: a tenth of the time at most.
            self._over.wait(max(_EVERY_S, 9 * (time.monotonic() - start)))


def family(pid: int) -> Iterator[int]:
    """A process and its descendants, those that live."""
    yield pid
    try:
        told = [path.read_text("ascii") for path in (_PROCESSES / str(pid) / "task").glob("*/children")]
    except OSError:  # it has ended meanwhile
        return
    for child in " ".join(told).split():
        yield from family(int(child))


def held_mib(pid: int) -> float:
    """The proportional set size of one process; 0 where it has ended."""
    try:
        text = (_PROCESSES / str(pid) / "smaps_rollup").read_text("ascii")
    except OSError:
        return 0.0
    return next((int(line.split()[1]) / 1024 for line in text.splitlines() if line.startswith("Pss:")), 0.0)
