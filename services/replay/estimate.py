"""How long a rebuild will take: measured on the beginning of the journal, and carried on in a straight line."""

import time
from contextlib import suppress
from typing import Any, Final

from services.replay.compare import questions
from services.replay.digest import history_digest, ledger_digest
from services.workspace import Workspace

SAMPLE: Final = 300_000
"""Events that are posted to measure with; all, where there are fewer."""
ASKED: Final = 24
"""Questions that are asked to measure with."""


class _Enough(Exception):
    """The sample is posted."""


class _Watch:
    """Notes when how much was done."""

    def __init__(self, enough: int) -> None:
        self._enough = enough
        self._start = time.monotonic()
        self.marks: list[tuple[int, float]] = [(0, 0.0)]

    def __call__(self, count: int) -> None:
        self.marks.append((self.marks[-1][0] + count, time.monotonic() - self._start))
        if self.marks[-1][0] >= self._enough:
            raise _Enough

    def seconds(self, events: int) -> float:
        """What so many events take: what it takes to begin is taken once."""
        done, at = self.marks[-1]
        if done == 0:
            return 0.0
        first, first_at = self.marks[1]
        if done == first or events <= done:
            return at * events / done
        return at + (events - done) * (at - first_at) / (done - first)


def estimate(workspace: Workspace) -> dict[str, Any]:
    """Seconds of a rebuild, by a sample of it in scratch tables; and of the comparison, where the ledger differs.

    The figure is for a machine that is as busy then as it is now.
    """
    journal, store = workspace.journal, workspace.store
    events = {tenant: journal.head(tenant).position for tenant in journal.tenants()}
    if not events:
        return {"events": 0, "sample": 0, "seconds": 0.0, "comparing_s": 0.0}
    largest = max(events, key=lambda name: events[name])
    watch = _Watch(min(SAMPLE, events[largest]))
    scratch = store.scratch()
    try:
        with suppress(_Enough):
            workspace.post(largest, scratch, watch)
        start = time.monotonic()
        scratch.tidy()
        _digests(workspace, scratch, largest)
        after_s = (time.monotonic() - start) * sum(events.values()) / watch.marks[-1][0]
    finally:
        store.drop_scratch()
    start = time.monotonic()
    for tenant in events:
        _digests(workspace, store, tenant)
    proof_s = time.monotonic() - start
    posting_s = sum(watch.seconds(count) for count in events.values())
    return {
        "events": sum(events.values()),
        "sample": watch.marks[-1][0],
        "seconds": round(posting_s + after_s + proof_s, 1),
        "comparing_s": round(_comparing_s(workspace, largest) * len(events), 1),
    }


def _digests(workspace: Workspace, store: Any, tenant: str) -> None:
    position = store.read_checkpoint(tenant).position
    ledger_digest(store, tenant, position)
    history_digest(store, tenant, position)


def _comparing_s(workspace: Workspace, tenant: str) -> float:
    """What it takes to ask everything of two ledgers, by a sample of the questions."""
    asked = questions()
    sample = asked[:: max(len(asked) // ASKED, 1)]
    books, cut = workspace.books(tenant), workspace.store.read_checkpoint(tenant)
    start = time.monotonic()
    for one in sample:
        books.answer(one, cut)
    return 2 * (time.monotonic() - start) * len(asked) / len(sample)
