"""What a worker counts and measures, as Prometheus reads it. No label names a tenant, a person or an event."""

import time
from collections.abc import Mapping, Sequence
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from services.clock import now_ms
from services.journal.port import Verdict

CONTENT_TYPE: Final = CONTENT_TYPE_LATEST
_LATENCY_S: Final = (0.05, 0.1, 0.2, 0.35, 0.5, 0.75, 1, 2, 5, 10, 30, 60, 300, 1800, 7200)
_SIZES: Final = (1, 10, 50, 100, 250, 500, 1000, 2000, 5000, 20000)


class Metrics:
    """The counters of one worker. Threads may share it."""

    def __init__(self) -> None:
        registry = self._registry = CollectorRegistry()
        self._events: Final = Counter(
            "salestream_events",
            "What came of events: accepted, duplicate, conflict, refused, passed_over at the door; applied, parked.",
            ["outcome"],
            registry=registry,
        )
        self._latency: Final = Histogram(
            "salestream_event_to_ledger_seconds",
            "From when the journal recorded an event until its lines stood in the ledger.",
            buckets=_LATENCY_S,
            registry=registry,
        )
        self._sizes: Final = Histogram(
            "salestream_batch_events", "Events done in one go.", ["stage"], buckets=_SIZES, registry=registry
        )
        self._errors: Final = Counter(
            "salestream_errors",
            "Tries that failed, by what failed: store, journal, fenced, breaker.",
            ["of"],
            registry=registry,
        )
        self._lag: Final = Gauge(
            "salestream_lag_events", "Records not yet done.", ["stage", "partition"], registry=registry
        )
        self._lag_s: Final = Gauge(
            "salestream_lag_seconds", "For how long records have not been done.", ["stage", "partition"],
            registry=registry,
        )  # fmt: skip
        self._checkpoint: Final = Gauge(
            "salestream_checkpoint_age_seconds",
            "Since a checkpoint was last written; 0 while there is nothing to write.",
            registry=registry,
        )
        self._breaker: Final = Gauge(
            "salestream_breaker_open", "1 while nearly everything is bad and nothing is taken.", ["stage"],
            registry=registry,
        )  # fmt: skip
        self._up: Final = Gauge("salestream_up", "Whether a server answers.", ["server"], registry=registry)
        self._partitions: Final = Gauge("salestream_partitions", "Partitions of this worker.", registry=registry)
        self._written_s = time.monotonic()

    def fed(self, told: int, refused: int, verdicts: Sequence[Verdict | None]) -> None:
        """A batch of the inbox is in the journal."""
        self._sizes.labels("inbox").observe(told)
        outcomes = [verdict.status for verdict in verdicts if verdict is not None]
        for status in ("accepted", "duplicate", "conflict"):
            self._events.labels(status).inc(outcomes.count(status))
        self._events.labels("refused").inc(refused)
        self._events.labels("passed_over").inc(told - refused - len(outcomes))

    def posted(self, recorded_ms: Sequence[int], parked: int) -> None:
        """Events that were recorded at these times, of which so many are parked, are in the ledger."""
        self._written_s = time.monotonic()
        self._sizes.labels("ledger").observe(len(recorded_ms))
        self._events.labels("applied").inc(len(recorded_ms) - parked)
        self._events.labels("parked").inc(parked)
        now = now_ms()
        for then in recorded_ms:
            self._latency.observe(max(now - then, 0) / 1000)

    def failed(self, of: str) -> None:
        """A try failed."""
        self._errors.labels(of).inc()

    def behind(self, stage: str, lags: Mapping[int, tuple[int, float]]) -> None:
        """How many records each partition is behind, and for how many seconds it has been."""
        self._lag.remove_by_labels({"stage": stage})
        self._lag_s.remove_by_labels({"stage": stage})
        for partition, (records, seconds) in lags.items():
            self._lag.labels(stage, str(partition)).set(records)
            self._lag_s.labels(stage, str(partition)).set(seconds)
        if stage == "journal":
            waits = any(records for records, _ in lags.values())
            self._checkpoint.set(time.monotonic() - self._written_s if waits else 0)

    def states(self, partitions: int, up: Mapping[str, bool], breakers: Mapping[str, bool]) -> None:
        """How things are."""
        self._partitions.set(partitions)
        for server, answers in up.items():
            self._up.labels(server).set(answers)
        for stage, is_open in breakers.items():
            self._breaker.labels(stage).set(is_open)

    def text(self) -> bytes:
        """All of it, as Prometheus reads it."""
        return generate_latest(self._registry)
