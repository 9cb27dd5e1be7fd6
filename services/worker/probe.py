"""Looks, again and again, how far behind each partition is and whether Kafka and ClickHouse answer."""

import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from threading import Event, Thread
from types import TracebackType
from typing import Final, Self

from services.clock import now_ms
from services.journal.port import JournalError
from services.kafka.clients import Cluster
from services.kafka.log import Log
from services.store.port import Store, StoreError
from services.worker.metrics import Metrics

EVERY_S: Final = 2.0
LATE_S: Final = 20.0
"""After so long without an answer a server counts as gone."""

Reached = Callable[[], Mapping[int, tuple[int, int]]]
"""By partition of ours, the offset up to which everything is done, and the time of the record before it; 0: unknown."""


class Probe:
    """A thread beside the work. A context manager. ``stages`` are topics by the stage that reads them."""

    def __init__(
        self, cluster: Cluster, store: Store, stages: Mapping[str, tuple[str, Reached]], metrics: Metrics
    ) -> None:
        self._cluster = cluster
        self._store = store
        self._stages = stages
        self._metrics = metrics
        self._ended: Final = Event()
        self._thread: Final = Thread(target=self._run, name="probe", daemon=True)
        self._since: dict[tuple[str, int], float] = {}
        """When a partition was last seen with nothing left to do."""
        now = time.monotonic()
        self._heard: dict[str, float] = {"kafka": now, "store": now}

    def up(self) -> dict[str, bool]:
        """Which servers have answered lately."""
        now = time.monotonic()
        return {server: now - heard < LATE_S for server, heard in self._heard.items()}

    def _run(self) -> None:
        with ExitStack() as opened:
            logs: dict[str, Log] = {}
            while not self._ended.wait(EVERY_S):
                self._ask("store", self._ask_store)
                self._ask("kafka", lambda: self._measure(opened, logs))

    def _ask(self, server: str, ask: Callable[[], None]) -> None:
        try:
            ask()
        except (JournalError, StoreError):
            return  # whoever works with it says so
        self._heard[server] = time.monotonic()

    def _ask_store(self) -> None:
        self._store.query("SELECT 1", {})

    def _measure(self, opened: ExitStack, logs: dict[str, Log]) -> None:
        for stage, (topic, reached) in self._stages.items():
            if stage not in logs:
                logs[stage] = opened.enter_context(Log(self._cluster, topic))
            done, ends = reached(), logs[stage].ends()
            lags = {number: self._lag((stage, number), ends[number] - at, ms) for number, (at, ms) in done.items()}
            self._metrics.behind(stage, lags)

    def _lag(self, place: tuple[str, int], lag: int, done_ms: int) -> tuple[int, float]:
        """Records not done, and for how long the first of them can have waited."""
        now = time.monotonic()
        if lag <= 0:
            self._since[place] = now
            return 0, 0.0
        waited_s = now - self._since.setdefault(place, now)
        return lag, min(waited_s, max(now_ms() - done_ms, 0) / 1000) if done_ms else waited_s

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._thread.join(5)
