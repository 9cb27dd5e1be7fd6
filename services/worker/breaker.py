"""The breaker: when nearly everything is bad, it is our mistake or a feed's, and going on would only bury it."""

from collections import deque
from collections.abc import Callable
from typing import Final, Literal

State = Literal["closed", "open", "trying"]


class Tripped(Exception):
    """Nearly everything is bad; nothing of this batch was done. ``wait_s``: after how long one batch is tried."""

    def __init__(self, sentence: str, wait_s: float) -> None:
        super().__init__(sentence)
        self.wait_s: Final = wait_s


class Breaker:
    """Watches the share of bad events among the latest ``events``. ``percent`` 0: it never trips.

    Ask ``admit`` before a batch is done, and tell ``note`` after. ``now`` counts seconds.
    """

    def __init__(self, what: str, percent: int, events: int, pause_s: float, now: Callable[[], float]) -> None:
        self._what = what
        self._percent = percent
        self._events = events
        self._pause_s = pause_s
        self._now = now
        self._latest: deque[tuple[int, int]] = deque()
        self._until: float | None = None

    @property
    def state(self) -> State:
        """Closed: all is well. Open: nothing is taken. Trying: the pause is over, and the next batch will tell."""
        if self._until is None:
            return "closed"
        return "open" if self._now() < self._until else "trying"

    def admit(self, total: int, bad: int) -> None:
        """Whether a batch may be done. Raises Tripped."""
        if self.state == "trying":
            return
        if self.state == "closed" and not self._too_bad(total, bad):
            return
        if self._until is None:
            self._until = self._now() + self._pause_s
        raise Tripped(
            f"{self._percent} % or more of the latest {self._events} events were {self._what}; nothing is taken until "
            "a batch is tried: look at the dead letters, and start the worker anew once the cause is gone",
            max(self._until - self._now(), 0.1),
        )

    def note(self, total: int, bad: int) -> None:
        """A batch was done. One that was tried closes the breaker, or opens it for another pause."""
        if self._until is not None:
            worse = total > 0 and bad * 100 >= total * self._percent
            self._until = self._now() + self._pause_s if worse else None
            self._latest.clear()
            return
        self._latest.append((total, bad))
        while self._latest and self._count() - self._latest[0][0] >= self._events:
            self._latest.popleft()

    def _too_bad(self, total: int, bad: int) -> bool:
        seen = total + self._count()
        worse = bad + sum(bad for _, bad in self._latest)
        return bool(self._percent) and bad > 0 and seen >= self._events and worse * 100 >= seen * self._percent

    def _count(self) -> int:
        return sum(total for total, _ in self._latest)
