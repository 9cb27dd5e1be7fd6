"""The worker process: opens what it needs, joins the group, works until it is told to stop, and leaves in order."""

import asyncio
import logging
import os
import signal
import time
import traceback
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack, ExitStack, suppress
from pathlib import Path
from typing import Any, Final

from services.journal.kafka import KafkaJournal
from services.journal.port import JournalError
from services.journal.sqlite import SqliteJournal
from services.kafka.clients import Cluster, cluster_of
from services.kafka.lag import group_offsets
from services.kafka.log import Log
from services.kafka.records import Record
from services.kafka.topics import Names
from services.settings import Settings
from services.worker.breaker import Breaker
from services.worker.group import Group
from services.worker.inbox import Inbox
from services.worker.ledgers import LOOK_S, Ledgers
from services.worker.logs import say
from services.worker.metrics import Metrics
from services.worker.probe import Probe
from services.worker.serving import Serving
from services.worker.steady import Steady
from services.workspace import Workspace

BEAT_S: Final = 0.25
GATHER_S: Final = 1.0
"""While more waits in the inbox than a worker takes in one go, events gather for so long before they are posted: what
it costs to write a tenant's ledger is nearly the same for a few events and for some thousand."""
STUCK_S: Final = 15.0
"""An event loop that has not turned for so long is not healthy."""


class WorkerFailed(Exception):
    """The worker cannot go on, and its supervisor should start it anew. One sentence says why."""


class Worker:
    """One member of the group, in this process. ``announce`` is told what it works on once it has begun."""

    def __init__(self, settings: Settings, announce: Callable[[dict[str, Any]], None]) -> None:
        self._settings = settings
        self._announce = announce
        self._cluster: Final[Cluster] = cluster_of(settings)
        self._names: Final = Names(settings.kafka_prefix)
        self._metrics: Final = Metrics()
        self._breakers: Final = {"inbox": self._breaker("refused"), "journal": self._breaker("parked")}
        self._beat = time.monotonic()

    def _breaker(self, what: str) -> Breaker:
        told = self._settings
        return Breaker(what, told.breaker_percent, told.breaker_events, told.breaker_pause_s, time.monotonic)

    async def run(self) -> None:
        """Work until SIGTERM or SIGINT. Raises WorkerFailed, and WorkspaceError where the data folder is not ours."""
        self._stop, self._fed = asyncio.Event(), asyncio.Event()
        self._full_s, self._posted_s = -GATHER_S, 0.0
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._told_to_stop)
        longest_s, failed = self._settings.worker_retry_s, self._metrics.failed
        self._inbox_stage = Steady("inbox", longest_s, failed)
        self._journal_stage = Steady("journal", longest_s, failed)
        async with AsyncExitStack() as opened:
            if await self._opened(opened):
                await self._work()

    async def _opened(self, opened: AsyncExitStack) -> bool:
        """Open journal and store, however long that takes; whether it was done before we were told to stop."""
        kept: list[tuple[Workspace, Log]] = []

        def open_all() -> None:
            with ExitStack() as both:
                log = both.enter_context(Log(self._cluster, self._names.inbox))
                workspace = both.enter_context(Workspace(self._settings))
                _must_fit(log, workspace.journal)
                kept.append((workspace, log))
                opened.callback(both.pop_all().close)

        opening = asyncio.create_task(self._journal_stage.do(open_all))
        stopped = asyncio.create_task(self._stop.wait())
        await asyncio.wait({opening, stopped}, return_when=asyncio.FIRST_COMPLETED)
        stopped.cancel()
        if not opening.done():
            self._journal_stage.stop()
        if not await opening:
            if self._journal_stage.bug is not None:
                raise self._journal_stage.bug
            return False
        self._build(*kept[0])
        return True

    def _build(self, workspace: Workspace, log: Log) -> None:
        journal, settings = workspace.journal, self._settings
        assert isinstance(journal, KafkaJournal), "the settings name a journal on Kafka"
        self._workspace = workspace
        self._group = Group(settings, self._cluster, self._take, self._revoked, self._assigned)
        inbox, told = self._breakers["inbox"], self._breakers["journal"]
        self._inbox = Inbox(journal, log, self._group.partitions, settings.currency, inbox, self._metrics)
        self._ledgers = Ledgers(
            journal,
            workspace.store,
            self._group.partitions,
            told,
            self._metrics,
            writing=lambda: not self._inbox_stage.resting or self._more_waits(),
            history_events=settings.history_events,
            retry_s=settings.worker_retry_s,
        )

    async def _work(self) -> None:
        stages = {
            "inbox": (self._names.inbox, self._inbox.done),
            "journal": (self._names.journal, lambda: dict(self._ledgers.done)),
        }
        self._beginning: set[asyncio.Task[bool]] = set()
        with Probe(self._cluster, self._workspace.store, stages, self._metrics) as self._probe:
            async with AsyncExitStack() as serving:
                if address := self._settings.worker_metrics:
                    page = Serving(address, self._text, self._unhealthy, self._unready)
                    serving.enter_context(page)
                await self._group.start()
                self._announce(self._described())
                posting = asyncio.create_task(self._post())
                await self._until_stopped()
                await self._leave()
                await posting

    async def _until_stopped(self) -> None:
        while not self._stop.is_set() and self._broken() is None:
            self._beat = time.monotonic()
            try:
                await asyncio.wait_for(self._stop.wait(), BEAT_S)
            except TimeoutError:
                continue

    def _broken(self) -> BaseException | None:
        """What has gone wrong that no time heals."""
        return self._inbox_stage.bug or self._journal_stage.bug or self._group.crash()

    async def _leave(self) -> None:
        """Finish what runs, commit, and leave the group. Whoever does not come to an end in time is cut off."""
        broken = self._broken()
        loop = asyncio.get_running_loop()
        cut = loop.call_later(self._settings.worker_stop_s, self._cut_off)
        for stage in (self._inbox_stage, self._journal_stage):
            stage.stop()
            await stage.rest(self._settings.worker_stop_s)
        await asyncio.sleep(BEAT_S)  # the agents acknowledge what was finished
        await self._group.stop()
        for stage in (self._inbox_stage, self._journal_stage):
            stage.close()
        cut.cancel()
        if broken is not None:
            raise WorkerFailed(
                f"the worker stopped over an error that trying again does not help: {_where(broken)}; nothing is lost: "
                "start it anew, and report it if it comes back"
            ) from broken
        say(logging.INFO, "stopped")

    def _told_to_stop(self) -> None:
        if self._stop.is_set():
            os._exit(130)
        say(logging.INFO, "stopping", within_s=self._settings.worker_stop_s)
        self._stop.set()

    def _cut_off(self) -> None:
        say(logging.ERROR, "did not stop in time; nothing is lost, the next worker goes on from the checkpoints")
        os._exit(1)

    async def _take(self, records: Sequence[Record]) -> bool:
        """Feed records of the inbox into the journal; the ledger follows while the next ones are fed."""

        def feed() -> None:
            self._inbox.take(records)
            self._ledgers.look()  # between two batches, when nothing of ours is on its way

        done = await self._inbox_stage.do(feed)
        if len(records) * 2 >= self._settings.worker_batch:
            self._full_s = time.monotonic()
        self._fed.set()
        return done

    async def _post(self) -> None:
        """Post what was fed, and now and then what others have put into the journal, until the stage is stopped."""
        going = True
        while going:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._fed.wait(), LOOK_S)
            if not self._gathers():
                self._posted_s = time.monotonic()
                going = await self._journal_stage.do(self._ledgers.post)

    def _gathers(self) -> bool:
        """Whether more is on its way, and what was fed can wait for it."""
        fed, feeding = self._fed.is_set(), not self._inbox_stage.resting
        self._fed.clear()
        young = time.monotonic() - self._posted_s < GATHER_S
        return young and self._more_waits() and (fed or feeding) and not self._stop.is_set()

    def _more_waits(self) -> bool:
        """Whether the inbox has lately given about as much as is taken in one go."""
        return time.monotonic() - self._full_s < GATHER_S

    async def _revoked(self) -> None:
        """A rebalance waits for what runs, so that the next owner does not do it again; but not for an outage."""
        within_s = self._settings.worker_session_s / 3
        await asyncio.gather(self._inbox_stage.rest(within_s), self._journal_stage.rest(within_s))

    async def _assigned(self) -> None:
        say(logging.INFO, "partitions assigned", partitions=sorted(self._group.partitions()))
        for begin in (
            self._inbox_stage.do(lambda: self._inbox.begin(self._committed())),
            self._journal_stage.do(self._ledgers.begin),
        ):
            task = asyncio.create_task(begin)
            self._beginning.add(task)
            task.add_done_callback(self._beginning.discard)

    def _committed(self) -> dict[int, int]:
        return group_offsets(self._settings, self._names.inbox)

    def _described(self) -> dict[str, Any]:
        return {
            "group": self._settings.group,
            "kafka": self._cluster.name,
            "topics": [self._names.inbox, self._names.journal],
            "store": self._settings.store_place,
            "metrics": self._settings.worker_metrics or None,
            "tenants": len(self._workspace.journal.tenants()),
        }

    def _text(self) -> bytes:
        self._metrics.states(
            len(self._group.partitions()),
            self._probe.up(),
            {stage: breaker.state != "closed" for stage, breaker in self._breakers.items()},
        )
        return self._metrics.text()

    def _unhealthy(self) -> str:
        stuck_s = time.monotonic() - self._beat
        return f"the event loop has not turned for {stuck_s:.0f} s" if stuck_s > STUCK_S else ""

    def _unready(self) -> str:
        wrong = [f"{server} does not answer" for server, up in self._probe.up().items() if not up]
        wrong += [
            f"the breaker of the {stage} is open" for stage, each in self._breakers.items() if each.state == "open"
        ]
        if not self._group.partitions():
            wrong.append("no partitions are assigned")
        if self._beginning:
            wrong.append("it still catches up with its partitions")
        return "; ".join(wrong)


def _must_fit(inbox: Log, journal: SqliteJournal) -> None:
    """Who has a partition of the inbox has that of the journal, so there must be as many of both."""
    assert isinstance(journal, KafkaJournal), "the settings name a journal on Kafka"
    if inbox.partitions != journal.partitions:
        raise JournalError(
            f"{inbox.topic} has {inbox.partitions} partitions and the journal {journal.partitions}; both must have as "
            "many: make the inbox anew with `salestream setup` once workers have emptied it"
        )


def _where(error: BaseException) -> str:
    """What kind of error it is and where it was raised; what it says may hold what an event told."""
    frames = traceback.extract_tb(error.__traceback__)
    place = f" in {frames[-1].name}, {Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else ""
    return f"{type(error).__name__}{place}"
