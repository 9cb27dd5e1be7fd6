"""Posting beside the gateway: a thread that brings the ledger to the head of the journal, again and again."""

import logging
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from threading import Event
from types import TracebackType
from typing import Final, Self

from services.journal.port import JournalError
from services.processor.poster import Poster
from services.store.columns import postings_table
from services.store.port import Fenced, StoreError
from services.workspace import Workspace

_LOG: Final = logging.getLogger(__name__)
PAUSE_S: Final = 0.1
"""What is told in the meantime is posted together: the store likes few large writes. Where they take long, the pause
is longer, so that two thirds of the time are left to those who tell."""
HURRY_S: Final = 0.02
"""The pause where somebody watches and little is told; half as long as posting took, where that is more, but
never longer than the other."""
LITTLE: Final = 200
"""Events posted in one go, up to which it is worth a hurry."""
WRITE_S: Final = 0.5
"""What was posted in a hurry is written so often: a board has it from memory, and the store likes few large writes."""
_LOOK_S: Final = 1.0
"""How often to look for what nobody has announced."""
_PATIENCE_S: Final = 5.0
"""How long to wait before what failed is tried again."""


def _nobody() -> bool:
    """Nobody watches, and nobody hears."""
    return False


class Follower:
    """Posts what the journal of a workspace has, until it is stopped, and then once more. A context manager.

    ``others`` takes in what other processes have told. While it runs, nobody else uses the store of that workspace.
    """

    def __init__(self, workspace: Workspace, others: Callable[[], None] | None = None) -> None:
        self._workspace = workspace
        self._others = others
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="ledger")
        self._news = Event()
        self._stopping = Event()
        self._hurry = Event()
        """Somebody waits, or it is to end: there is no time for a pause."""
        self._posted: dict[str, int] = {}
        self._written: dict[str, int] = {}
        self._write_s = 0.0
        """When what waits is to be written."""
        self.failing = False
        """Whether the last try failed; the log says why."""
        self.watched: Callable[[], bool] = _nobody
        """Whether somebody waits for what is told to be seen."""
        self.posted_more: Callable[[], object] = _nobody
        """Hears, in the thread that posts, that a ledger has grown."""
        self.done: Future[None] | None = None
        """Set while it runs; done when it has ended, with the exception where it could not go on."""

    def wake(self) -> None:
        """Something new is in the journal. Any thread may say so."""
        self._news.set()

    def behind(self) -> int:
        """How many events the ledgers lack. Any thread may ask. Raises JournalError."""
        journal, written = self._workspace.journal, self._written.copy()
        return sum(max(journal.head(name).position - written.get(name, 0), 0) for name in journal.tenants())

    def posted(self, tenant: str) -> int | None:
        """How far the ledger of a tenant is posted, if only in memory; None where nothing was. Any thread may ask."""
        return self._posted.get(tenant)

    def _run(self) -> None:
        postings_table("", [])  # what is imported when it is first used is, before anybody waits for it
        while not self._stopping.is_set():
            start, before = time.monotonic(), sum(self._posted.values())
            self._try()
            self._hurry.wait(self._pause_s(time.monotonic() - start, sum(self._posted.values()) - before))
            self._hurry.clear()
            if not self._stopping.is_set():
                self._news.wait(max(min(_LOOK_S, self._write_s - time.monotonic()), 0) if self._waits else _LOOK_S)
            self._news.clear()
        self._try()

    def _pause_s(self, took_s: float, posted: int) -> float:
        """How long to let events gather."""
        if self.failing:
            return _PATIENCE_S
        if posted <= LITTLE and self.watched():
            return min(max(HURRY_S, took_s / 2), PAUSE_S)
        return min(max(PAUSE_S, 2 * took_s), _PATIENCE_S)

    def _try(self) -> None:
        """Post everything there is. What fails is tried again later; who was taken over from has to end."""
        try:
            self._post()
            self.failing = False
        except Fenced:
            raise
        except (StoreError, JournalError) as error:
            if not self.failing:
                _LOG.error("%s", error)
            self.failing = True

    def _post(self) -> None:
        journal = self._workspace.journal
        if self._others is not None:
            self._others()
        for tenant in journal.tenants():
            head = journal.head(tenant).position
            if head != self._written.get(tenant):
                with self._workspace.posting:
                    self._post_up_to(self._workspace.poster(tenant), head)

    def _post_up_to(self, poster: Poster, head: int) -> None:
        """Up to here only: what comes meanwhile is worth one write after the pause, not many small ones now."""
        little = head - poster.position + poster.waiting <= LITTLE
        if little and self.watched() and not self._is_due(poster):
            if not poster.waiting:
                self._write_s = time.monotonic() + WRITE_S
            poster.look_ahead(head)
        else:
            poster.catch_up(partial(self._note, poster), upto=head)
        self._note(poster, 0)

    def _is_due(self, poster: Poster) -> bool:
        """Whether what it has in memory is to be written."""
        is_late = poster.waiting and time.monotonic() >= self._write_s
        return bool(is_late) or self._stopping.is_set() or self._workspace.recent.awaited(poster.tenant)

    @property
    def _waits(self) -> bool:
        """Whether something is to be written."""
        return self._posted != self._written

    def _hasten(self) -> None:
        self._hurry.set()
        self._news.set()

    def _note(self, poster: Poster, done: int) -> None:
        self._posted[poster.tenant] = poster.position
        if not poster.waiting:
            self._written[poster.tenant] = poster.position
        self.posted_more()

    def __enter__(self) -> Self:
        self._workspace.recent.hurry = self._hasten
        self.done = self._thread.submit(self._run)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopping.set()
        self._hasten()
        self._thread.shutdown()
