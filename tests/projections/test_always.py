"""What is always true of the ledger, whatever is told, in whatever order, however it is interrupted."""

import os
from collections import Counter
from dataclasses import replace
from typing import Any

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from events.envelope import to_text
from projections.question import BadQuestion
from services.processor.poster import Poster
from services.store.clickhouse import ClickHouseStore
from tests.oracle.answers import ask
from tests.oracle.comparison import differences
from tests.oracle.real_path import Backends, Company
from tests.oracle.telling import event, history
from tests.oracle.window import Query
from tests.projections.strategies import CloudEvent, apart, histories, queries

DEEP = int(os.environ.get("ORACLE_EXAMPLES", "0"))
"""Examples of a long run; 0: as many as the profile says, or a share of them."""


def share(of: int) -> settings:
    """One example in ``of`` of those that the profile has: some of these properties take many questions."""
    return settings(settings(), max_examples=DEEP or max(settings().max_examples // of, 4))


def lines(company: Company) -> Counter[tuple[Any, ...]]:
    """Every line of the ledger, place and all."""
    return _rows(company, "position, line, event")


def balances(company: Company) -> dict[tuple[Any, ...], tuple[int, ...]]:
    """What the lines add up to, grouped by everything but their place; sums of nothing are left out."""
    sums: dict[tuple[Any, ...], tuple[int, ...]] = {}
    for row, times in _rows(company, "").items():
        amounts, key = row[:3], row[3:]
        before = sums.get(key, (0, 0, 0))
        sums[key] = tuple(old + times * int(new) for old, new in zip(before, amounts, strict=True))
    return {key: found for key, found in sums.items() if any(found)}


def _rows(company: Company, places: str) -> Counter[tuple[Any, ...]]:
    named = f"count, amount, cost{', ' if places else ''}{places}"
    rows = company.store.query(
        f"SELECT {named}, * EXCEPT (tenant, position, line, event, count, amount, cost) "
        "FROM {postings} FINAL WHERE tenant = {tenant:String}",
        {"tenant": company.tenant},
    )
    return Counter(tuple(_plain(value) for value in row) for row in rows)


def _plain(value: Any) -> Any:
    return tuple(sorted(value.items())) if isinstance(value, dict) else value


def answer(company: Company, query: Query) -> Any:
    """The rows of an answer; a question that cannot be asked here is no example."""
    try:
        return company.ask(query)["rows"]
    except BadQuestion as refused:
        assume(refused.field not in ("from", "to"))
        raise


def now(query: Query) -> Query:
    """The same question, asked at the head of the journal."""
    return replace(query, as_of=None)


@share(of=4)
@given(events=histories(), query=queries(), data=st.data())
def test_any_order_of_arrival_gives_the_same_balances(
    backends: Backends, events: list[CloudEvent], query: Query, data: st.DataObject
) -> None:
    told = apart(events)
    one, other = backends.company(told), backends.company(data.draw(st.permutations(told)))
    assert balances(one) == balances(other)
    assert answer(one, now(query)) == answer(other, now(query))


@share(of=4)
@given(events=histories(), sizes=st.lists(st.integers(1, 5), min_size=1, max_size=4), again=st.integers(1, 3))
def test_any_batching_and_any_duplication_give_the_same_lines(
    backends: Backends, events: list[CloudEvent], sizes: list[int], again: int
) -> None:
    one = backends.company(events)
    other = backends.company()
    position = 0
    while position < len(events):
        size = sizes[position % len(sizes)]
        for _ in range(again):
            other.tell(events[position : position + size])
        other.post(batch=size)
        position += size
    assert lines(one) == lines(other)


class Crash(Exception):
    """The process ends here."""


class Fragile(ClickHouseStore):
    """The store of a process that ends before its n-th write, which is half done where ``torn``."""

    def __init__(self, store: ClickHouseStore, writes: int, torn: bool) -> None:
        vars(self).update(vars(store))
        self._writes = writes
        self._torn = torn

    def insert(self, table: str, rows: Any) -> None:
        if self._is_the_end() and self._torn:
            super().insert(table, rows.slice(0, (rows.num_rows + 1) // 2))
        self._live()
        super().insert(table, rows)

    def move_checkpoint(self, *place: Any) -> None:
        self._live()
        super().move_checkpoint(*place)

    def _is_the_end(self) -> bool:
        return self._writes == 0

    def _live(self) -> None:
        if self._is_the_end():
            raise Crash
        self._writes -= 1


@share(of=4)
@given(
    events=histories(),
    crashes=st.lists(st.tuples(st.integers(0, 4), st.booleans()), min_size=1, max_size=3),
    batch=st.integers(1, 6),
)
def test_any_crash_point_gives_the_same_lines(
    backends: Backends, events: list[CloudEvent], crashes: list[tuple[int, bool]], batch: int
) -> None:
    one = backends.company(events)
    other = backends.company().tell(events)
    for writes, torn in crashes:
        poster = Poster(other.tenant, backends.journal, Fragile(backends.store, writes, torn))
        try:
            poster.catch_up(batch=batch)
        except Crash:
            continue
    Poster(other.tenant, backends.journal, backends.store).catch_up(batch=batch)
    assert lines(one) == lines(other)
    assert backends.store.checkpoint(one.tenant) == backends.store.checkpoint(other.tenant)


@share(of=6)
@given(events=histories(), crash=st.integers(0, 4), batch=st.integers(1, 6))
def test_a_poster_that_outlives_a_failed_write_goes_on_rightly(
    backends: Backends, events: list[CloudEvent], crash: int, batch: int
) -> None:
    one = backends.company(events)
    other = backends.company().tell(events)
    failing = Fragile(backends.store, crash, torn=True)
    poster = Poster(other.tenant, backends.journal, failing)
    try:
        poster.catch_up(batch=batch)
    except Crash:
        failing._writes = 10_000
        poster.catch_up(batch=batch)
    assert lines(one) == lines(other)


@share(of=10)
@given(events=histories(max_size=10), asked=st.lists(queries(), min_size=1, max_size=2))
def test_an_answer_as_of_a_cut_is_the_one_that_was_given_live(
    backends: Backends, events: list[CloudEvent], asked: list[Query]
) -> None:
    company = backends.company()
    live: list[tuple[Query, Any]] = []
    for each in events:
        company.tell([each]).post()
        at = backends.store.checkpoint(company.tenant)
        for query in asked:
            live.append((replace(query, as_of=str(at.position)), rows_and_cut(company, now(query))))
    for query, was in live:
        assert rows_and_cut(company, query) == was, query


@share(of=10)
@given(events=histories(max_size=10), query=queries())
def test_an_answer_as_of_a_recorded_time_is_the_one_that_was_given_then(
    backends: Backends, events: list[CloudEvent], query: Query
) -> None:
    company = backends.company()
    live: dict[int, Any] = {}
    for each in events:
        company.tell([each]).post()
        live[backends.store.checkpoint(company.tenant).recorded_ms] = rows_and_cut(company, now(query))
    for recorded_ms, was in live.items():
        assert rows_and_cut(company, replace(query, as_of=to_text(recorded_ms))) == was


def rows_and_cut(company: Company, query: Query) -> Any:
    """All that an answer says, apart from the question. What cannot be asked is the same refusal later."""
    try:
        told = company.ask(query)
    except BadQuestion as refused:
        return refused.field
    return {name: told[name] for name in told if name != "question"}


@share(of=6)
@given(events=histories(), altered=st.lists(st.integers(0, 23), max_size=3))
def test_nothing_is_dropped_in_silence(backends: Backends, events: list[CloudEvent], altered: list[int]) -> None:
    changed = [{**events[place], "time": "2022-01-01T00:00:00Z"} for place in altered if place < len(events)]
    company = backends.company([*events, *changed])
    tally = backends.journal.tally(company.tenant)
    assert tally.told == len(events) + len(changed) == tally.accepted + tally.duplicates + tally.refused
    counted = backends.store.query(
        "SELECT countIf(parked = ''), countIf(parked != '') FROM {history} FINAL WHERE tenant = {tenant:String}",
        {"tenant": company.tenant},
    )
    applied, parked = counted[0]
    assert (applied + parked, parked) == (tally.accepted, 0), "every valid event can be posted"
    assert tally.refused == len(backends.journal.letters(company.tenant)) == len(changed)


PLANTED = history(
    event("deal.created", "2024-01-05", deal_id="D1", stage="a", amount="100", region="E"),
    event("deal.won", "2024-02-05", deal_id="D1", amount="120", cost="7"),
    event("order.placed", "2024-02-06", order_id="O1", amount="40", customer_id="C1"),
)
WATCHED = (
    *("deals_created", "bookings", "revenue", "cost", "open_deals", "pipeline_value", "stage_days", "stage_conversion"),
    *("win_rate/created", "new_customers", "repeat_purchase_rate"),
)


def test_the_check_itself_can_fail(backends: Backends) -> None:
    """Each line of a ledger is planted twice, and lost; the oracle must notice every time.

    A second line of a cohort or a purchase makes no number wrong: deals and customers are counted once each.
    """
    sound = backends.company(PLANTED)
    assert not seen(sound)
    places = backends.store.query(
        "SELECT position, line, measure FROM {postings} WHERE tenant = {tenant:String}", {"tenant": sound.tenant}
    )
    assert len(places) >= 6
    for position, line, measure in places:
        twice, lost = backends.company(PLANTED), backends.company(PLANTED)
        plant(twice, position, line)
        lose(lost, position, line)
        assert seen(twice) or measure in ("cohort", "bought"), f"a second {measure} line goes unnoticed"
        assert seen(lost), f"a lost {measure} line goes unnoticed"


def seen(company: Company) -> list[str]:
    """What the oracle has to say about a ledger, up to the first KPI that is wrong."""
    facts = company.facts()
    for kpi in WATCHED:
        query = Query(kpi, by=("stage",) if kpi.startswith("stage_") else ())
        if found := differences(company.ask(query), ask(facts, query), query):
            return found
    return []


def plant(company: Company, position: int, line: int) -> None:
    """Posts a line a second time."""
    company.store._command(
        "INSERT INTO {postings} SELECT * REPLACE (t.line + 1000 AS line) FROM {postings} AS t "
        "WHERE t.tenant = {tenant:String} AND t.position = {position:UInt64} AND t.line = {line:UInt32}",
        {"tenant": company.tenant, "position": position, "line": line},
    )


def lose(company: Company, position: int, line: int) -> None:
    """Loses a line."""
    company.store._command(
        "ALTER TABLE {postings} DELETE WHERE tenant = {tenant:String} AND position = {position:UInt64} "
        "AND line = {line:UInt32} SETTINGS mutations_sync = 2",
        {"tenant": company.tenant, "position": position, "line": line},
    )
