"""Reading history out: the right events, at the right pace, whole or not at all."""

from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from pyarrow import parquet

from events.codec import export
from events.samples import SOURCE
from projections.question import BadQuestion, question
from services.books import Books
from services.journal.sqlite import SqliteJournal
from services.kafka.log import Log
from services.replay.reading import Filter, chosen, entries, into_file, into_topic, paced, written
from services.settings import Settings
from services.wallboard.board import Boards
from services.wallboard.frame import Framer
from services.wallboard.style import style
from tests.kafka.broker import Kafka
from tests.kafka.topics import cluster, make
from tests.oracle.real_path import NOW_MS, Company
from tests.services.processor.stories import story

New = Callable[..., Company]
ANY = Filter({})


def all_of(company: Company, which: Filter = ANY) -> list[Any]:
    return list(entries(company.journal, company.tenant, 1, 10**6, which, lambda count: None))


@pytest.mark.parametrize(
    ("where", "takes"),
    [
        (["type=deal.won"], lambda entry: entry.type == "deal.won"),
        (["type=deal.won", "type=deal.lost"], lambda entry: entry.type in ("deal.won", "deal.lost")),
        ([f"source={SOURCE}", "subject=1"], lambda entry: entry.subject == "1"),
        (["data.reason=price"], lambda entry: entry.type == "deal.lost"),
        (["data.nothing=1"], lambda entry: False),
    ],
)
def test_events_are_chosen_by_their_attributes_and_data(company: New, where: list[str], takes: Any) -> None:
    told = company(story(120))
    assert all_of(told, chosen(where)) == [entry for entry in all_of(told) if takes(entry)]


@pytest.mark.parametrize("where", ["type", "colour=red", "data=x"])
def test_what_is_no_filter_is_refused(where: str) -> None:
    with pytest.raises(ValueError, match=r"is no filter; allowed: type=…"):
        chosen([where])


@pytest.mark.parametrize("speed", [1.0, 60.0, None])
def test_the_pace_is_kept(company: New, speed: float | None) -> None:
    """Waits add up to the time between the first event and the last, divided by the speed."""
    events = [{**event, "recordedtime": f"2026-06-01T00:00:{n:02d}Z"} for n, event in zip(count(), story(30))]
    told, slept = company(events), list[float]()
    assert list(paced(all_of(told), speed, slept.append)) == all_of(told)
    # Nobody sleeps here, so each wait is that from the start.
    due = [] if speed is None else [number / speed for number in range(1, 30)]
    assert len(slept) <= len(due)
    assert all(0 <= whole - wait < 3 for whole, wait in zip(due[::-1], slept[::-1], strict=False))
    assert bool(slept) == (speed is not None)


def test_parquet_holds_every_event_with_its_columns(company: New, tmp_path: Path) -> None:
    told = company(story(40))
    with into_file(tmp_path / "x.parquet") as sink:
        assert written(all_of(told), sink, at_once=False) == 40
    table = parquet.read_table(tmp_path / "x.parquet")
    assert table.column("id").to_pylist() == [entry.id for entry in all_of(told)]
    assert table.column("position").to_pylist() == list(range(1, 41))
    assert [path.name for path in tmp_path.iterdir()] == ["x.parquet"]


@pytest.mark.parametrize("name", ["x.parquet", "x.jsonl"])
def test_a_file_is_there_only_when_it_is_whole(company: New, tmp_path: Path, name: str) -> None:
    told = company(story(10))

    def broken() -> Any:
        yield from all_of(told)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), into_file(tmp_path / name) as sink:
        written(broken(), sink, at_once=True)
    assert list(tmp_path.iterdir()) == []


def test_a_topic_gets_structured_events_by_tenant(company: New, kafka: Kafka) -> None:
    told, there = company(story(10)), cluster(kafka)
    topic = make(kafka, f"replay-{told.tenant}", partitions=1).inbox
    with into_topic(there, topic) as sink:
        assert written(all_of(told), sink, at_once=True) == 10
    with Log(there, topic) as log:
        records = [record for batch, _ in log.read({0: 0}, {0: 10}) for record in batch]
    assert [record.key for record in records] == [told.tenant.encode()] * 10
    assert [record.value for record in records] == [export(entry) for entry in all_of(told)]


class TestThePast:
    """Books that are opened at a moment of the past know nothing after it."""

    def test_every_answer_is_that_of_then(self, company: New) -> None:
        whole, begun = company(story(60)), company(story(60)[:30])
        past = Books(whole.store, whole.tenant, Settings(), past="30")
        asked = question("bookings", grain="month")
        assert past.ask(asked)["rows"] == begun.books.ask(asked)["rows"]
        assert past.ask(asked)["rows"] != whole.books.ask(asked)["rows"]
        with pytest.raises(BadQuestion, match="31 lies after the latest position; allowed: 0 to 30"):
            past.ask(question("bookings", as_of="31"))

    def test_a_board_shows_it_whole(self, company: New) -> None:
        whole, begun = company(story(60)), company(story(60)[:30])
        past = Books(whole.store, whole.tenant, Settings(), past="30")
        board = next(iter(Boards(None).all.values()))
        shown, then = (
            Framer(board, style(Settings())).frame(books, as_of, lambda cut: NOW_MS)
            for books, as_of in ((past, None), (begun.books, "30"))
        )
        assert not shown["live"]
        assert shown["tiles"] == then["tiles"]


def test_it_reads_beside_the_owner(company: New, backends_folder: Path) -> None:
    told = company(story(10))
    with SqliteJournal(backends_folder / "journal.sqlite", read_only=True) as journal:
        assert len(list(entries(journal, told.tenant, 3, 5, ANY, lambda count: None))) == 3
