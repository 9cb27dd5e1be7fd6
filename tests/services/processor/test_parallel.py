"""Posting with helper processes: the same ledger to the bit, however many there are and whatever dies."""

import os
import signal
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from threading import Event
from time import monotonic
from typing import Any

import pytest

from events.deals import DealCreated, DealLost
from services.journal.port import JournalError
from services.processor import parallel
from services.processor.parallel import HelperFailed, ParallelPoster, post_parallel
from services.processor.poster import Poster
from services.replay.digest import ledger_digest
from services.replay.verify import broken_laws
from services.store.clickhouse import ClickHouseStore
from tests.oracle.real_path import NOW_MS, Company
from tests.services.processor.stories import deal, newer, story

New = Callable[..., Company]
STORY = story(240)


@pytest.fixture(autouse=True)
def small_ranges(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ranges so small that entities come back in later ones; each is written by itself."""
    monkeypatch.setattr(parallel, "RANGE", 25)
    monkeypatch.setattr(parallel, "BLOCK", 25)


@pytest.fixture
def journal_path(backends_folder: Path) -> Path:
    return backends_folder / "journal.sqlite"


@pytest.fixture(scope="module")
def serial(backends: Any) -> tuple[str, list[Any]]:
    """Digest and events of the story, posted one by one."""
    return result(backends.company(STORY))


def result(company: Company) -> tuple[str, list[Any]]:
    sql = "SELECT position, book, entity, parked, body FROM {history} WHERE tenant = {tenant:String} ORDER BY position"
    rows = [(*row[:4], len(row[4])) for row in company.store.query(sql, {"tenant": company.tenant})]
    size = len(company.tenant)
    digest = ledger_digest(company.store, company.tenant, 10**9)
    return digest, [(*row[:4], row[4] - size) for row in rows]


def laws(company: Company) -> dict[str, str]:
    return broken_laws(company.store, company.tenant, company.store.checkpoint(company.tenant))


def pieces(company: Company) -> int:
    """In how many pieces the lines are."""
    sql = "SELECT count() FROM system.parts WHERE active AND database = currentDatabase() AND table = 'postings'"
    return int(company.store.query(sql, {})[0][0])


class TestTheSame:
    """As if posted by one."""

    @pytest.mark.parametrize(("workers", "keep"), [(1, 200_000), (2, 6), (3, 200_000), (3, 0)])
    def test_however_many_and_however_little_they_remember(
        self, company: New, journal_path: Path, serial: tuple[str, list[Any]], workers: int, keep: int
    ) -> None:
        new = company().tell(STORY)
        seen: list[int] = []

        posted = post_parallel(new.tenant, journal_path, new.store, workers=workers, keep=keep, progress=seen.append)

        assert posted == sum(seen) == len(STORY)
        assert result(new) == serial
        assert laws(new) == {}

    def test_written_a_few_ranges_at_a_time(
        self, company: New, journal_path: Path, serial: tuple[str, list[Any]], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(parallel, "BLOCK", 70)
        new = company().tell(STORY)
        seen: list[int] = []

        post_parallel(new.tenant, journal_path, new.store, workers=2, progress=seen.append)

        assert seen == [75, 75, 75, 15]
        assert result(new) == serial

    def test_written_before_the_block_is_full_where_nothing_follows(
        self, company: New, journal_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(parallel, "BLOCK", 10_000)
        monkeypatch.setattr(parallel, "PAUSE_S", 0.01)
        new, written = company().tell(STORY), Event()

        with ParallelPoster(new.tenant, journal_path, new.store, progress=lambda events: written.set()) as poster:
            poster.feed()
            assert written.wait(30)
            assert poster.finish() == len(STORY)

    def test_going_on_where_another_stopped(
        self, company: New, journal_path: Path, serial: tuple[str, list[Any]]
    ) -> None:
        new = company(STORY[:70])
        new.tell(STORY[70:200])
        assert post_parallel(new.tenant, journal_path, new.store, workers=2) == 130

        new.poster = Poster(new.tenant, new.journal, new.store)
        new.tell(STORY[200:]).post(batch=9)

        assert result(new) == serial

    def test_histories_are_asked_for(
        self, company: New, journal_path: Path, monkeypatch: pytest.MonkeyPatch, serial: tuple[str, list[Any]]
    ) -> None:
        new = company().tell(STORY[:100])
        new.post()
        new.tell(STORY[100:])
        asked: list[int] = []
        histories = ClickHouseStore.histories

        def counting(store: ClickHouseStore, tenant: str, keys: Sequence[Any]) -> Any:
            asked.append(len(keys))
            return histories(store, tenant, keys)

        monkeypatch.setattr(ClickHouseStore, "histories", counting)
        post_parallel(new.tenant, journal_path, new.store, workers=2, keep=4)

        assert len(asked) > 2
        assert result(new) == serial

    def test_what_cannot_be_posted_is_parked_with_what_comes_after_it(self, company: New, journal_path: Path) -> None:
        serial, new = company(), company()
        for each in (serial, new):
            each.tell([deal(1, DealCreated, "first", deal_id="D-1"), *STORY[:40]])
            each.journal.append([newer(each, "deal.won", "urn:salestream:deal.won:99")], now_ms=NOW_MS)
            each.tell([*STORY[40:80], deal(20, DealLost, "last", deal_id="D-1")])

        serial.post()
        post_parallel(new.tenant, journal_path, new.store, workers=2)

        assert [row[3] != "" for row in result(new)[1]].count(True) == 2
        assert result(new) == result(serial)
        assert laws(new) == {}

    def test_is_merged_at_the_end_and_not_on_the_way(self, company: New, journal_path: Path) -> None:
        new = company().tell(STORY)
        seen: list[int] = []

        post_parallel(new.tenant, journal_path, new.store, progress=lambda events: seen.append(pieces(new)))

        assert seen == sorted(seen), "each block adds a piece"
        assert seen[-1] - seen[0] == len(seen) - 1
        assert pieces(new) == 1

    def test_of_very_many_pieces_the_engine_merges_some_before(
        self, company: New, journal_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(parallel, "MANY", 6)
        new, seen = company().tell(STORY), []

        def wait(events: int) -> None:
            seen.append(pieces(new))
            if len(seen) == 8:
                deadline = monotonic() + 60
                while pieces(new) >= seen[0] + 7:
                    assert monotonic() < deadline, "the engine has merged nothing"

        post_parallel(new.tenant, journal_path, new.store, progress=wait)

        assert seen[1] == seen[0] + 1, "few are left as they are"
        assert pieces(new) == 1

    def test_what_a_killed_poster_left_is_merged_as_ever(self, company: New) -> None:
        new = company()
        new.store.merge(50)

        new.store.recover(new.tenant)

        settings = "SELECT engine_full FROM system.tables WHERE name = 'postings' AND database = currentDatabase()"
        assert "min_parts_to_merge_at_once = 0" in new.store.query(settings, {})[0][0]

    def test_nothing_to_post_is_fine(self, company: New, journal_path: Path) -> None:
        new = company(STORY[:10])
        assert post_parallel(new.tenant, journal_path, new.store) == 0


class TestAlong:
    """A journal that grows meanwhile."""

    def test_it_is_followed(self, company: New, journal_path: Path, serial: tuple[str, list[Any]]) -> None:
        new = company()
        with ParallelPoster(new.tenant, journal_path, new.store, workers=2) as poster:
            for start in range(0, len(STORY), 40):
                new.tell(STORY[start : start + 40])
                poster.feed(at_least=50)
            poster.feed()
            assert poster.finish() == len(STORY)
        assert result(new) == serial

    def test_too_little_is_not_handed_out(self, company: New, journal_path: Path) -> None:
        new = company()
        with ParallelPoster(new.tenant, journal_path, new.store) as poster:
            new.tell(STORY[:10])
            poster.feed(at_least=11)
            assert poster.finish() == 0
        assert new.store.checkpoint(new.tenant).position == 0


@pytest.fixture
def pids(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """The helper processes of a test; at its end none of them is left."""
    found: list[int] = []
    crew = parallel._Crew.__init__

    def noting(self: Any, count: int, task: tuple[Any, ...]) -> None:
        crew(self, count, task)
        found.extend(process.pid for process in self._processes if process.pid)

    monkeypatch.setattr(parallel._Crew, "__init__", noting)
    yield found
    for pid in found:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


class TestKilled:
    """A helper that dies."""

    def test_is_told_and_a_next_call_completes(
        self, company: New, journal_path: Path, serial: tuple[str, list[Any]], pids: list[int]
    ) -> None:
        new = company().tell(STORY[:60])
        new.post()
        new.tell(STORY[60:])

        def kill_one(events: int) -> None:
            os.kill(pids[-1], signal.SIGKILL)

        with pytest.raises(HelperFailed, match=r"^a helper process ended early; run the command again$"):
            post_parallel(new.tenant, journal_path, new.store, workers=2, keep=0, progress=kill_one)

        assert 60 < new.store.checkpoint(new.tenant).position < len(STORY)
        new.store.tidy()  # it may merge again
        post_parallel(new.tenant, journal_path, new.store, workers=2)
        assert result(new) == serial
        assert laws(new) == {}

    def test_before_it_did_anything(self, company: New, journal_path: Path, pids: list[int]) -> None:
        new = company().tell(STORY[:60])
        with ParallelPoster(new.tenant, journal_path, new.store, workers=2) as poster:
            for pid in pids:
                os.kill(pid, signal.SIGKILL)
            with pytest.raises(HelperFailed, match="a helper process ended early"):
                feed_and_finish(poster)
        assert new.store.checkpoint(new.tenant).position == 0

    def test_an_interrupt_ends_the_helpers(self, company: New, journal_path: Path, pids: list[int]) -> None:
        new = company().tell(STORY[:60])

        def interrupt(events: int) -> None:
            raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            post_parallel(new.tenant, journal_path, new.store, workers=2, progress=interrupt)
        assert len(pids) == 2


def feed_and_finish(poster: ParallelPoster) -> None:
    poster.feed()
    poster.finish()


def test_a_journal_that_is_not_there_is_told(tmp_path: Path, company: New) -> None:
    new = company()
    with pytest.raises(JournalError, match="there is no journal at"):
        post_parallel(new.tenant, tmp_path / "none.sqlite", new.store)
