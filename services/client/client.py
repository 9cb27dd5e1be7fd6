"""Telling events from a program: typed, in batches, over a network that may be away, and each counted once.

from datetime import UTC, datetime
from events.deals import DealWon
from services.client.client import Client

with Client("http://localhost:8080", source="/our-crm", key="ss_…", spool="our-crm.spool") as client:
    client.tell(DealWon(deal_id="D-1", amount="12000.50", currency="CNY"), time=datetime.now(UTC))
"""

import logging
import random
import ssl
import time as clock
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from itertools import islice
from pathlib import Path
from threading import Condition, Thread
from typing import Final, NamedTuple

import msgspec

from events.base import SalesEvent
from events.envelope import MAX_BATCH_BYTES, MAX_BATCH_EVENTS
from services.client.gateway import Gateway, NotAllowed, Outcome, TryLater, WholeRefused
from services.client.spool import Refused, Spool, SpoolError, Waiting
from services.client.telling import Dated, cloud_event
from services.closing import Closing

_LOG: Final = logging.getLogger(__name__)
_BATCH_BYTES: Final = MAX_BATCH_BYTES // 2
_LISTED: Final = 1000
"""Refused events that are listed at a time."""


class Undelivered(Exception):
    """Not everything could be told in time. What could not is in the spool still, and is told later."""


class Delivered(NamedTuple):
    """What became of what was told."""

    accepted: int
    duplicates: int
    refused: tuple[Refused, ...]
    """At most 1,000; they stay in the spool until they are forgotten or retried."""


class Patience(NamedTuple):
    """How failures are met: with exponential backoff and full jitter (Brooker, AWS, 2015), and never before the moment
    that the gateway names in ``Retry-After``."""

    first_s: float = 0.5
    most_s: float = 60


class Client(Closing):
    """Tells events to one gateway. For any number of threads; use it as a context manager.

    ``tell`` returns once the event is in the spool on disk: it is told from there by a thread of the client's own,
    now or when the network is back, by this process or by the next one that opens the spool. An event leaves the spool
    only when the gateway has said what became of it. Told twice it counts once, for its id is the same. Nothing is
    held in memory but the batch that is on its way.

    ``source`` names the telling system. ``key`` is an API key with the scope ``ingest``. ``batch_events`` are told at
    once, or fewer after ``linger_s``. ``most_waiting`` events may wait in the spool; then ``tell`` raises SpoolError.
    """

    def __init__(
        self,
        url: str,
        *,
        source: str,
        spool: str | Path,
        key: str | None = None,
        tenant: str | None = None,
        batch_events: int = 500,
        linger_s: float = 1,
        timeout_s: float = 30,
        most_waiting: int = 1_000_000,
        patience: Patience = Patience(),  # noqa: B008 - it is immutable
        tls: ssl.SSLContext | None = None,
    ) -> None:
        """Raises ValueError for an address that is none, SpoolError where the spool cannot be used."""
        if not 1 <= batch_events <= MAX_BATCH_EVENTS:
            raise ValueError(f"batch_events is {batch_events}; allowed: 1 to {MAX_BATCH_EVENTS}")
        self._gateway: Final = Gateway(url, key, timeout_s, tls)
        self._spool: Final = Spool(Path(spool))
        self._source: Final = source
        self._tenant: Final = tenant
        self._batch: Final = batch_events
        self._linger_s: Final = linger_s
        self._most_waiting: Final = most_waiting
        self._patience: Final = patience
        self._changed: Final = Condition()
        self._counts = {"accepted": 0, "duplicate": 0}
        self._listed = 0
        """The number of the last refused event that ``flush`` has given back."""
        self._problem: str | None = None
        self._since_s: float | None = clock.monotonic() - linger_s if self._spool.waits(self._spool.last()) else None
        """Since when something waits; None: nothing does."""
        self._pressing = 0
        """How many callers wait for everything to be told."""
        self._closing = False
        self._thread: Final = Thread(target=self._work, name="salestream client", daemon=True)
        self._thread.start()

    def tell(
        self,
        event: SalesEvent,
        *,
        time: datetime,
        id: str | None = None,
        extensions: Mapping[str, str | int | bool] | None = None,
    ) -> str:
        """Tell one event, and give its id. ``time`` is when it happened; see Dated for ``id``.

        Raises InvalidEvent where it is none, with what is allowed: then nothing was told. Raises SpoolError.
        """
        known_by, body = cloud_event(
            Dated(event, time, id), source=self._source, tenant=self._tenant, extensions=extensions
        )
        self._put([body])
        return known_by

    def tell_all(self, events: Iterable[Dated]) -> int:
        """Tell many, a thousand in one transaction of the spool; how many. Raises as ``tell`` does: then the whole
        thousands before the bad one were told."""
        told, rest = 0, iter(events)
        while some := list(islice(rest, 1000)):
            self._put([cloud_event(each, source=self._source, tenant=self._tenant)[1] for each in some])
            told += len(some)
        return told

    def flush(self, timeout_s: float = 60) -> Delivered:
        """Wait until everything told so far was judged; what became of it since the last flush.

        Refused events of earlier runs that were neither forgotten nor retried are given back, too. Raises Undelivered
        after ``timeout_s``, and SpoolError.
        """
        upto, end = self._spool.last(), clock.monotonic() + timeout_s
        with self._changed:
            self._pressing += 1
            self._changed.notify_all()
            try:
                while self._spool.waits(upto):
                    left = end - clock.monotonic()
                    if left <= 0 or not self._thread.is_alive():
                        raise Undelivered(
                            f"{self._spool.count()} events wait in the spool and are told later: "
                            + (self._problem or "the gateway has not answered yet")
                        )
                    self._changed.wait(min(left, 1))
            finally:
                self._pressing -= 1
            counts, self._counts = self._counts, {"accepted": 0, "duplicate": 0}
            refused = self._spool.refused(_LISTED, after=self._listed)
            self._listed = max((each.number for each in refused), default=self._listed)
        return Delivered(counts["accepted"], counts["duplicate"], tuple(refused))

    @property
    def problem(self) -> str | None:
        """Why nothing can be told at present, in a sentence; None where nothing is known to be wrong."""
        return self._problem

    def waiting(self) -> int:
        """How many events are in the spool on their way."""
        return self._spool.count()

    def refused(self) -> list[Refused]:
        """The refused events in the spool, the oldest first, at most 1,000."""
        return self._spool.refused(_LISTED)

    def forget(self, refused: Iterable[Refused]) -> None:
        """Let go of refused events: they will not be told again, nor given back."""
        self._spool.forget([each.number for each in refused])

    def retry(self, refused: Iterable[Refused]) -> None:
        """Tell refused events again, as they are: for when the gateway has changed."""
        self._spool.retry([each.number for each in refused])
        self._waits()

    def close(self, timeout_s: float = 10) -> None:
        """Tell what waits, for so long, and end. What is not told by then stays in the spool; a log line says so.

        A client that was closed stays so.
        """
        if self._closing:
            return
        try:
            self.flush(timeout_s)
        except Undelivered as error:
            _LOG.warning("%s", error)
        finally:
            with self._changed:
                self._closing = True
                self._changed.notify_all()
            self._thread.join()
            self._gateway.close()
            self._spool.close()

    def _put(self, bodies: Sequence[bytes]) -> None:
        self._spool.put(bodies, self._most_waiting)
        self._waits()

    def _waits(self) -> None:
        with self._changed:
            if self._since_s is None:
                self._since_s = clock.monotonic()
            self._changed.notify_all()

    def _work(self) -> None:
        """The thread: one batch after another, and a pause after each failure."""
        failures, pause_s = 0, 0.0
        while self._due(pause_s):
            try:
                self._tell_some()
                failures, pause_s, self._problem = 0, 0.0, None
            except (TryLater, NotAllowed, SpoolError) as error:
                if str(error) != self._problem:
                    _LOG.warning("%s; what was told waits in the spool", error)
                self._problem = str(error)
                most_s = self._patience.most_s
                grown_s = most_s if isinstance(error, NotAllowed) else self._patience.first_s * 2.0 ** min(failures, 30)
                asked_s = error.after_s if isinstance(error, TryLater) else 0
                pause_s = asked_s + random.uniform(0, min(most_s, grown_s))
                failures += 1

    def _due(self, pause_s: float) -> bool:
        """Waits until a batch is to be told; False where the client ends."""
        with self._changed:
            self._changed.wait_for(lambda: self._closing, pause_s)
            while not self._closing:
                wait_s = self._wait_s()
                if wait_s is not None and wait_s <= 0:
                    return True
                self._changed.wait(wait_s)
        return False

    def _wait_s(self) -> float | None:
        """How long until a batch is due, in seconds; None: until something is told."""
        if self._since_s is None:
            return None
        if self._pressing or self._spool.first_is_full(self._batch):
            return 0
        return self._since_s + self._linger_s - clock.monotonic()

    def _tell_some(self) -> None:
        batch = self._spool.first(self._batch, _BATCH_BYTES)
        if batch:
            self._settle(batch, self._outcomes(batch))
        with self._changed:
            if not self._spool.waits(self._spool.last()):
                self._since_s = None
            elif len(batch) < self._batch:
                self._since_s = clock.monotonic()
            self._changed.notify_all()

    def _outcomes(self, batch: Sequence[Waiting]) -> list[Outcome]:
        """What became of each event of a batch, which is told in halves where it is refused as a whole."""
        try:
            return self._gateway.tell([each.body for each in batch])
        except WholeRefused as error:
            if len(batch) == 1:
                return [Outcome("invalid", error.problem, error.field)]
            half = len(batch) // 2
            return self._outcomes(batch[:half]) + self._outcomes(batch[half:])

    def _settle(self, batch: Sequence[Waiting], outcomes: Sequence[Outcome]) -> None:
        refused = [
            Refused(each.number, _id_of(each.body), outcome.reason, outcome.field, each.body)
            for each, outcome in zip(batch, outcomes, strict=True)
            if outcome.reason is not None
        ]
        with self._changed:  # whoever sees in the spool that they were judged finds them counted
            self._spool.settle([each.number for each in batch], refused)
            for outcome in outcomes:
                if outcome.reason is None:
                    self._counts[outcome.status] = self._counts.get(outcome.status, 0) + 1
        if refused:
            _LOG.warning(
                "%d events were refused and are kept in the spool; the first: %s", len(refused), refused[0].reason
            )


def _id_of(body: bytes) -> str:
    return msgspec.json.decode(body, type=_Named).id


class _Named(msgspec.Struct):
    id: str
