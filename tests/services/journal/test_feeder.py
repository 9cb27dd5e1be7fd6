"""From the inbox into the journal: each record counts once and in order, whoever dies, retries or comes back."""

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.journal import mirror
from services.journal.mirror import Mirror
from services.journal.port import Content, JournalError, Refused, Tally, Verdict
from services.kafka.clients import partition_of
from services.kafka.feeder import Feeder
from services.kafka.records import Origin
from tests.services.journal.telling import NOW_MS, everything, invalid, told
from tests.services.journal.topic import Topic

TENANTS = ("acme", "globex")
INBOX = 7


class Flaky:
    """A topic that is fed and loses some records of a batch, which is an error."""

    def __init__(self, topic: Topic) -> None:
        self.topic = topic
        self.lost: set[int] = set()

    @property
    def partitions(self) -> int:
        return self.topic.partitions

    def feed(self, batch: Sequence[tuple[Content | Refused, Origin]], *, now_ms: int) -> list[Verdict | None]:
        for n, (said, origin) in enumerate(batch):
            if n not in self.lost:
                self.topic.write(said, now_ms, origin)
        if self.lost & set(range(len(batch))):
            raise JournalError("lost")
        return [None] * len(batch)


class Worker:
    """A worker that reads an inbox from a committed offset, and does not know whether it was replaced."""

    def __init__(self, number: int, journal: Flaky, start: int) -> None:
        self.number = number
        self.journal = journal
        self.position = start
        self._feeder = Feeder(journal)

    def step(self, size: int, lost: set[int], inbox: int) -> int:
        """Feed the next records; where to read on."""
        offsets = range(self.position, min(self.position + size, inbox))
        self.journal.lost = lost
        try:
            self._feeder.feed({INBOX: [(offset, self.judged(offset)) for offset in offsets]}, now_ms=NOW_MS)
            self.position = offsets.stop
        except JournalError:
            pass
        return self.position

    def judged(self, offset: int) -> Content | Refused:
        """What is told at an offset; about some, workers differ, as those of two versions do."""
        tenant = TENANTS[offset % 3 % 2]
        if offset % 5 == self.number % 5:
            return invalid(b"%d" % offset, tenant=tenant)
        return told(f"event {offset - (offset % 4 == 1)}", tenant=tenant)


Steps = list[tuple[int, int, set[int]]]


def run(steps: Steps, inbox: int) -> None:
    """Workers do these steps, in turns, until all of the inbox is acknowledged; then all that is promised holds."""
    topic = Topic()
    journal = Flaky(topic)
    committed = 0
    workers = [Worker(0, journal, 0)]
    for who, size, lost in [*steps, (-1, inbox, set())]:
        if not 0 <= who < len(workers):
            workers.append(Worker(len(workers), journal, committed))
        committed = max(committed, workers[who if who < len(workers) else -1].step(size, lost, inbox))
    assert committed == inbox
    check(topic, inbox)


def check(topic: Topic, inbox: int) -> None:
    """Every inbox record is told once; what is accepted stands in the order of the inbox."""
    with TemporaryDirectory() as folder, Mirror(Path(folder) / "m", topic, "t") as found:
        found.catch_up()
        told_at: dict[str, list[int]] = {tenant: [] for tenant in TENANTS}
        for offset in range(inbox):
            told_at[TENANTS[offset % 3 % 2]].append(offset)
        for tenant, offsets in told_at.items():
            tally = found.tally(tenant)
            assert tally.told == len(offsets)
            assert tally.told == tally.accepted + tally.duplicates + tally.refused
            order = [int(entry.id.split()[1]) for entry in everything(found, tenant)]
            assert order == sorted(set(order))
        assert found.strangers() == []


schedules = st.lists(
    st.tuples(st.integers(-1, 4), st.integers(1, 6), st.sets(st.integers(0, 5), max_size=3)), max_size=14
)


@given(steps=schedules, inbox=st.integers(1, 16))
def test_every_record_counts_once_under_any_schedule(steps: Steps, inbox: int) -> None:
    run(steps, inbox)


ZOMBIE: Steps = [(0, 4, set()), (-1, 4, set()), (0, 4, set())]
"""Two workers feed the same records, in turns."""
HOLE: Steps = [(0, 3, {0})]
"""The first record of a batch is lost and the others are not."""


def test_a_zombie_and_a_hole_do_no_harm() -> None:
    run([(0, 2, {0, 1}), *ZOMBIE, *HOLE], 12)


def _take_all(self: Any, partition: int, origin: Origin | None) -> bool:
    return True


def _only_above(self: Any, partition: int, origin: Origin | None) -> bool:
    """Without the forerunner."""
    assert origin is not None
    place = (partition, origin.partition)
    if origin.offset <= self._watermarks.get(place, -1):
        return False
    self._watermarks[place] = origin.offset
    self._moved.add(place)
    return True


@pytest.mark.parametrize(
    ("bug", "steps"), [(_take_all, [(0, 4, {3}), (0, 4, set())]), (_only_above, HOLE)], ids=["double", "loss"]
)
def test_a_planted_bug_is_seen(monkeypatch: pytest.MonkeyPatch, bug: Any, steps: Steps) -> None:
    run(steps, 6)
    monkeypatch.setattr(mirror._Batch, "_is_next", bug)

    with pytest.raises(AssertionError):
        run(steps, 6)


def test_what_is_owed_is_fed_before_anything_else() -> None:
    journal = Flaky(Topic())
    feeder = Feeder(journal)
    journal.lost = {1}
    with pytest.raises(JournalError, match="lost"):
        feeder.feed({0: [(4, told("4")), (5, told("5"))]}, now_ms=NOW_MS)
    journal.lost = set()

    with pytest.raises(JournalError, match=r"was to be fed from offset 4, .* and not from 6; read it again from 4"):
        feeder.feed({0: [(6, told("6"))]}, now_ms=NOW_MS)
    feeder.feed({1: [(9, told("9"))]}, now_ms=NOW_MS)
    feeder.feed({0: [(4, told("4")), (5, told("5"))]}, now_ms=NOW_MS)
    feeder.feed({0: [(6, told("6"))]}, now_ms=NOW_MS)


def test_partitions_that_are_fed_together_are_owed_together() -> None:
    journal = Flaky(Topic())
    feeder = Feeder(journal)
    journal.lost = {1}
    with pytest.raises(JournalError, match="lost"):
        feeder.feed({0: [(4, told("4"))], 1: [(7, told("7"))], 2: []}, now_ms=NOW_MS)
    journal.lost = set()

    for inbox, offset in ((0, 5), (1, 8)):
        with pytest.raises(JournalError, match=f"was to be fed from offset {offset - 1}"):
            feeder.feed({inbox: [(offset, told(f"{offset}"))]}, now_ms=NOW_MS)
    feeder.feed({0: [(4, told("4"))], 1: [(7, told("7"))]}, now_ms=NOW_MS)
    feeder.feed({0: [(5, told("5"))], 1: [(8, told("8"))], 2: [(0, told("0"))]}, now_ms=NOW_MS)


def test_a_watermark_is_what_is_certain(tmp_path: Path) -> None:
    journal = Flaky(Topic(3))
    places = {tenant: partition_of(tenant, 3) for tenant in ("acme", "globex", "default")}
    other = next(tenant for tenant, place in places.items() if place != places["acme"])
    feeder = Feeder(journal)
    feeder.feed({places["acme"]: [(4, told("1", tenant=other)), (6, told("2", tenant="acme"))]}, now_ms=NOW_MS)
    feeder.feed({places["acme"]: [(9, told("3", tenant=other))]}, now_ms=NOW_MS)
    feeder.feed({17: [(1, told("4", tenant="acme")), (8, told("5", tenant=other))]}, now_ms=NOW_MS)

    with Mirror(tmp_path / "m", journal.topic, "t") as found:
        found.catch_up()
        assert found.watermark(places["acme"]) == 6
        assert found.watermark(17) == 1
        assert found.watermark(places[other]) == -1


def test_a_partition_that_comes_back_starts_anew(tmp_path: Path) -> None:
    journal = Flaky(Topic())
    mine, theirs = Feeder(journal), Feeder(journal)
    mine.feed({0: [(0, told("0"))]}, now_ms=NOW_MS)
    mine.forget(0)
    theirs.feed({0: [(1, told("1")), (2, told("2"))]}, now_ms=NOW_MS)
    mine.feed({0: [(3, told("3"))]}, now_ms=NOW_MS)

    with Mirror(tmp_path / "m", journal.topic, "t") as found:
        assert found.tally("default") == Tally(4, 4, 0, 0)
