"""What a gateway counts and measures, as Prometheus reads it. No label names a tenant, a key, a person or an event."""

from collections import Counter as Tally
from collections.abc import Callable, Sequence
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from services.ingest import Outcome

CONTENT_TYPE: Final = CONTENT_TYPE_LATEST
_LATENCY_S: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
_SIZES: Final = (1, 2, 5, 10, 25, 50, 100, 250, 500, 1000, 2500)


class Metrics:
    """The counters of one gateway. ``lag`` says how many events its ledgers are behind, where it knows."""

    def __init__(self, lag: Callable[[], int] | None = None) -> None:
        registry = self._registry = CollectorRegistry()
        self._events: Final = Counter(
            "salestream_events",
            "What came of events: accepted, duplicate, conflict, invalid.",
            ["outcome"],
            registry=registry,
        )
        self._requests: Final = Counter(
            "salestream_requests", "Requests by route and status.", ["route", "status"], registry=registry
        )
        self._seconds: Final = Histogram(
            "salestream_request_seconds",
            "From the head of a request until its answer was ready.",
            ["route"],
            buckets=_LATENCY_S,
            registry=registry,
        )
        self._told: Final = Histogram(
            "salestream_request_events", "Events told in one request.", buckets=_SIZES, registry=registry
        )
        self._group: Final = Histogram(
            "salestream_commit_events", "Events that share a transaction.", buckets=_SIZES, registry=registry
        )
        self._commit: Final = Histogram(
            "salestream_commit_seconds",
            "How long a transaction of the journal takes.",
            buckets=_LATENCY_S,
            registry=registry,
        )
        if lag is not None:
            behind = Gauge(
                "salestream_ledger_lag_events", "Events of the journal that the ledger lacks.", registry=registry
            )
            behind.set_function(lag)

    def answered(self, route: str, status: int, seconds: float) -> None:
        """A request was answered. ``route`` is the path as it is declared, so there are few of them."""
        self._requests.labels(route, str(status)).inc()
        self._seconds.labels(route).observe(seconds)

    def told(self, outcomes: Sequence[Outcome]) -> None:
        """What one request told is in the journal."""
        self._told.observe(len(outcomes))
        for status, count in Tally(outcome.status for outcome in outcomes).items():
            self._events.labels(status).inc(count)

    def committed(self, events: int, seconds: float) -> None:
        """A transaction was written."""
        self._group.observe(events)
        self._commit.observe(seconds)

    def text(self) -> bytes:
        """All of it, as Prometheus reads it."""
        return generate_latest(self._registry)
