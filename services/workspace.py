"""A data folder, opened: journal, store, and the right to change them. The only place that chooses adapters."""

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from threading import Lock
from typing import IO, Final

from services.books import Books
from services.closing import Closing
from services.ingest import Ingest
from services.journal.open import open_journal
from services.journal.sqlite import SqliteJournal
from services.news import Recent
from services.processor.parallel import ParallelPoster, post_parallel
from services.processor.poster import Poster
from services.settings import Settings
from services.store.clickhouse import ClickHouseStore
from services.store.open import open_store

LONG: Final = 100_000
"""From this many events on, posting is worth the start of helper processes."""


class WorkspaceError(Exception):
    """The data folder cannot be used. One sentence says why and what to do."""


class InUse(WorkspaceError):
    """Another process owns the data folder."""


class Workspace(Closing):
    """The embedded pair in one folder. One process owns it at a time; use it as a context manager."""

    def __init__(self, settings: Settings) -> None:
        self.settings: Final = settings
        self.folder: Final = settings.data
        with ExitStack() as opened:
            opened.enter_context(owned(self.folder))
            self.journal: Final[SqliteJournal] = opened.enter_context(open_journal(settings))
            self.store: Final[ClickHouseStore] = opened.enter_context(closing(open_store(settings)))
            self._ingest: Final = Ingest(self.journal, settings.currency)
            self._opened: Final = opened.pop_all()
        self._posters: dict[str, Poster] = {}
        self.recent: Final = Recent()
        """What was posted last to the live ledger."""
        self.posting: Final = Lock()
        """Held by a thread that posts to the live ledger, where there are several that may."""
        self.served = False
        """Others are served here meanwhile: what is posted beside the live ledger gives way."""

    def poster(self, tenant: str) -> Poster:
        """The one poster of a tenant."""
        if tenant not in self._posters:
            keep = self.settings.history_events
            self._posters[tenant] = Poster(tenant, self.journal, self.store, keep=keep, recent=self.recent)
        return self._posters[tenant]

    def post_all(self, progress: Callable[[int], None] | None = None) -> int:
        """Bring every tenant's ledger to the head of its journal; the number of events posted."""
        return sum(self.post(tenant, self.store, progress) for tenant in self.journal.tenants())

    def post(self, tenant: str, store: ClickHouseStore, progress: Callable[[int], None] | None = None) -> int:
        """Bring one tenant's ledger to the head of its journal, a long stretch on all cores."""
        keep = self.settings.history_events
        behind = self.journal.head(tenant).position - store.checkpoint(tenant).position
        if behind < 0:
            raise WorkspaceError(
                f"the ledger of {tenant} is ahead of its journal by {-behind} events, so the journal is not the one it "
                "was made from; bring that journal back, or delete the store folder to make the ledger anew"
            )
        if behind >= LONG and (cores := os.cpu_count() or 1) > 1:
            if store is self.store:
                self._posters.pop(tenant, None)
                self.recent.forget(tenant)
            path = self.settings.journal_path
            give_way = self.served and store is not self.store
            workers = min(cores, 8)
            return post_parallel(tenant, path, store, workers=workers, keep=keep, progress=progress, give_way=give_way)
        poster = self.poster(tenant) if store is self.store else Poster(tenant, self.journal, store, keep=keep)
        return poster.catch_up(progress)

    def posting_along(self, tenant: str, progress: Callable[[int], None] | None = None) -> ParallelPoster:
        """A poster in a process of its own that follows one tenant's journal while this process feeds it."""
        self._posters.pop(tenant, None)
        self.recent.forget(tenant)
        keep = self.settings.history_events
        return ParallelPoster(tenant, self.settings.journal_path, self.store, keep=keep, progress=progress)

    def refresh(self) -> None:
        """Take in what other processes have told, where the journal is one that they share. Raises JournalError."""
        if self.settings.on_kafka:
            from services.journal.kafka import KafkaJournal

            assert isinstance(self.journal, KafkaJournal), "the settings say so"
            self.journal.catch_up()

    def forget_posters(self) -> None:
        """Start posting anew from the checkpoints: the tables behind them were exchanged."""
        self._posters.clear()
        self.recent.forget()

    def ingest(self) -> Ingest:
        """The door for what is told. There is one, and all threads that tell something share it."""
        return self._ingest

    def books(
        self, tenant: str | None = None, store: ClickHouseStore | None = None, past: str | None = None
    ) -> Books:  # fmt: skip
        """The books of a tenant, for questions; those of another set of tables where one is given. ``past``: as Books
        has it."""
        told = tenant or self.settings.tenant, self.settings
        return Books(store or self.store, *told, past=past, opened=self.journal.opened)

    def answers_at(self, address: str) -> None:
        """Whoever finds the folder in use is told to ask there."""
        (self.folder / "lock").write_text(address, "utf-8")

    def close(self) -> None:
        """Let go of everything."""
        self._opened.close()


@contextmanager
def journal_alone(settings: Settings) -> Iterator[SqliteJournal]:
    """The journal of a data folder without its store, for a process that takes events in and does not post them."""
    with owned(settings.data), open_journal(settings) as journal:
        yield journal


def owned(folder: Path) -> IO[str]:
    """Take the folder for this process. The lock goes when the process does, however it ends."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = (folder / "lock").open("a+", encoding="utf-8")
    except OSError as error:
        raise WorkspaceError(
            f"the data folder {folder} cannot be used: {error.strerror}; choose another with --data"
        ) from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        lock.seek(0)
        owner = lock.read().strip() or "another process"
        lock.close()
        if "://" in owner:
            raise InUse(f"the data folder {folder} is served at {owner}; ask there, or stop that process") from error
        raise InUse(
            f"the data folder {folder} is in use by {owner}; wait for it, or choose another with --data"
        ) from error
    lock.seek(0)
    lock.truncate()
    lock.write(f"process {os.getpid()}")
    lock.flush()
    return lock
