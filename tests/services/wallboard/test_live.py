"""Live frames: made from the lines that were posted last, they are what a frame made anew is."""

from collections.abc import Iterator, Mapping
from concurrent.futures import Future
from datetime import date
from decimal import Decimal
from itertools import count
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from events.envelope import to_text
from services.books import Books
from services.clock import now_ms
from services.laws import Laws, Look, Looking
from services.settings import Settings
from services.simulator.company import Company
from services.wallboard.board import Boards, board
from services.wallboard.frame import Framer
from services.wallboard.pulse import Pulse
from services.wallboard.style import Style
from services.workspace import Workspace

AHEAD = 200
"""Events of the company that are told and posted bit by bit."""
BRIDGE = """
title: {en: Pipeline, zh: 商机}
tiles:
  - {kind: bridge, kpi: pipeline_bridge, period: year}
  - {kind: bars, kpi: weighted_pipeline, by: pipeline}
  - {kind: bars, kpi: win_rate/created, by: region, period: quarter}
  - {kind: bars, kpi: nps/latest, by: region, period: quarter}
"""
MANY_KINDS = (
    BRIDGE
    + """
  - {kind: leaders, kpi: bookings, period: year, by: rep_id}
  - {kind: number, kpi: new_customers, period: quarter}
  - {kind: funnel, kpi: stage_conversion, period: year, by: stage}
  - {kind: bars, kpi: touchpoints, period: year, by: team_id}
  - {kind: wins}
"""
)


@pytest.fixture(scope="module")
def company() -> list[dict[str, Any]]:
    """What a small company tells in some months, with late, corrected and voided events."""
    return list(Company(seed=5, years=1, reps=4, until=date(2024, 4, 10)).events())


@pytest.fixture
def workspace(tmp_path: Any, company: list[dict[str, Any]]) -> Iterator[Workspace]:
    """All of it posted, but for the end."""
    with Workspace(Settings(data=tmp_path)) as opened:
        opened.ingest().tell(company[:-AHEAD], now_ms=now_ms(), importer=True, origin="test")
        opened.post_all()
        yield opened


def books(workspace: Workspace, *, live: bool) -> Books:
    return Books(workspace.store, "default", workspace.settings, recent=workspace.recent if live else None)


def frame(framer: Framer, of: Books) -> dict[str, Any]:
    return framer.frame(of, None, lambda cut: cut.recorded_ms)


def test_it_is_what_a_frame_made_anew_is(workspace: Workspace, company: list[dict[str, Any]]) -> None:
    boards = {**Boards().all, "pipeline": board("pipeline.yaml", BRIDGE)}
    framers = {name: Framer(each, Style()) for name, each in boards.items() if name not in ("health", "rep")}
    live = books(workspace, live=True)
    told, sizes = company[-AHEAD:], (1, 40, 3, 150, 6)
    for framer in framers.values():
        frame(framer, live)
    assert sum(sizes) == AHEAD
    for size in sizes:
        workspace.ingest().tell(told[:size], now_ms=now_ms(), importer=True, origin="test")
        told = told[size:]
        workspace.poster("default").catch_up()
        for name, framer in framers.items():
            anew = frame(Framer(boards[name], Style()), books(workspace, live=False))
            assert frame(framer, live) == anew, (name, size)


def test_a_broken_law_is_on_the_badge(workspace: Workspace) -> None:
    def badge() -> dict[str, Any]:
        laws, of = Laws(), books(workspace, live=False)
        laws.look(of)
        pulse = Pulse(workspace.journal, "default", laws)
        made = [
            Framer(Boards().all[name], Style()).frame(of, None, lambda cut: 0, pulse) for name in ("health", "sales")
        ]
        assert made[0]["health"] == made[1]["health"], "what one board has found all know"
        found: dict[str, Any] = made[1]["health"]
        assert found.pop("latest") is not None
        return found

    assert badge() == {"holds": True, "lag": 0}
    workspace.store._command("ALTER TABLE postings DELETE WHERE measure = 'won' SETTINGS mutations_sync = 2", {})
    assert badge() == {"holds": False, "lag": 0}


def test_who_looks_at_the_laws_does_not_keep_frames_waiting(workspace: Workspace) -> None:
    of, looks, begun = books(workspace, live=False), list[Looking](), Future[Look]()

    def aside(tenant: str, look: Looking) -> Future[Look]:
        looks.append(look)
        return begun

    pulse, framer = Pulse(workspace.journal, "default", Laws(aside)), Framer(Boards().all["sales"], Style())

    def badge() -> Any:
        return framer.frame(of, None, lambda cut: 0, pulse)["health"]

    assert [badge(), badge()] == [{"holds": None, "lag": 0, "latest": None}] * 2
    (look,) = looks
    look(of)
    assert badge()["holds"] is True
    assert len(looks) == 1, "within a minute once"


def test_a_frame_of_the_past_shows_the_periods_of_its_moment(workspace: Workspace) -> None:
    of, framer = books(workspace, live=False), Framer(Boards().all["sales"], Style())
    last = of.cut(None)
    then = to_text(last.recorded_ms + 3 * 86_400_000)
    for as_of, moment in ((then, then), (str(last.position), to_text(last.recorded_ms))):
        made = framer.frame(of, as_of, lambda cut: 0)
        assert (made["now"], made["cut"]["recorded"]) == (moment, to_text(last.recorded_ms))


def test_a_calm_frame_asks_the_engine_almost_nothing(workspace: Workspace, company: list[dict[str, Any]]) -> None:
    live, framer = books(workspace, live=True), Framer(Boards().all["sales"], Style())
    hour_ms = live.cut(None).recorded_ms
    touches = [each for each in company[-AHEAD:] if each["type"] == "touchpoint.logged"]
    asked: list[str] = []
    ask = workspace.store.query

    def query(sql: str, parameters: Mapping[str, Any]) -> list[tuple[Any, ...]]:
        asked.append(sql)
        return ask(sql, parameters)

    for each in touches[:2]:
        workspace.ingest().tell([each], now_ms=now_ms(), importer=True, origin="test")
        workspace.poster("default").catch_up()
        workspace.store.query = query  # type: ignore[method-assign]
        asked.clear()
        framer.frame(live, None, lambda cut: hour_ms)
        workspace.store.query = ask  # type: ignore[method-assign]
    assert asked == [], "who posted the lines has them, and they are about contacts alone"


def test_a_bridge_of_the_pipeline_leads_from_its_begin_to_its_end(workspace: Workspace) -> None:
    tile = frame(Framer(board("pipeline.yaml", BRIDGE), Style()), books(workspace, live=False))["tiles"][0]
    assert {row["part"] for row in tile["rows"]} >= {"new", "won"}
    steps = sum(Decimal(row["value"]) for row in tile["rows"])
    rounded = Decimal(len(tile["rows"]) + 2) / 100
    assert abs(Decimal(tile["start"]) + steps - Decimal(tile["end"])) < rounded < Decimal(tile["end"])


TENANTS = count()
"""A tenant for each example, in one store: making one takes longer than all else."""


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workspace]:
    with Workspace(Settings(data=tmp_path_factory.mktemp("live"))) as opened:
        yield opened


DAYS = st.integers(1, 120)
DEALS = st.sampled_from(["D-1", "D-2", "D-3", "D-4"])
CUSTOMERS = st.sampled_from(["C-1", "C-2"])
REPS = st.sampled_from(["a", "b"])
AMOUNTS = st.integers(0, 10_000).map(lambda cents: f"{cents / 100:.2f}")
STAGES = st.sampled_from(["qualified", "proposal"])
STORIES = st.one_of(
    st.tuples(st.just("deal.created"), st.fixed_dictionaries(
        {"deal_id": DEALS, "stage": STAGES, "amount": AMOUNTS, "rep_id": REPS, "region": st.sampled_from(["E", "W"])})),
    st.tuples(st.just("deal.stage_moved"), st.fixed_dictionaries({"deal_id": DEALS, "to_stage": STAGES})),
    st.tuples(st.just("deal.won"), st.fixed_dictionaries(
        {"deal_id": DEALS, "amount": AMOUNTS, "customer_id": CUSTOMERS})),
    st.tuples(st.just("deal.lost"), st.fixed_dictionaries({"deal_id": DEALS, "reason": st.just("price")})),
    st.tuples(st.just("deal.reopened"), st.fixed_dictionaries({"deal_id": DEALS, "stage": STAGES})),
    st.tuples(st.just("touchpoint.logged"), st.fixed_dictionaries({"rep_id": REPS, "kind": st.just("call")})),
    st.tuples(st.just("rep.assigned"), st.fixed_dictionaries({"rep_id": REPS, "team_id": st.sampled_from(["t", "u"])})),
    st.tuples(st.just("event.voided"), st.integers(0, 60)),
)  # fmt: skip
"""A type, and its data; of a voiding, which event is voided, counted from the first."""


@given(
    told=st.lists(st.tuples(STORIES, DAYS), min_size=8, max_size=24),
    sizes=st.lists(st.integers(3, 9), min_size=8, max_size=8),
    written=st.lists(st.booleans(), min_size=8, max_size=8),
)
@settings(max_examples=4)
def test_however_it_is_told_and_written_a_live_frame_is_what_one_made_anew_is(
    empty: Workspace, told: list[Any], sizes: list[int], written: list[bool]
) -> None:
    """Late, repeated and voided, in batches of any size, and also while the lines stand in memory alone."""
    tenant = f"t{next(TENANTS)}"
    poster = empty.poster(tenant)
    empty.recent.hurry = poster.write
    shown = board("all.yaml", MANY_KINDS)
    live, framer = Books(empty.store, tenant, empty.settings, recent=empty.recent), Framer(shown, Style())
    events = [_told(number, type_, data, day) for number, ((type_, data), day) in enumerate(told)]
    for size, is_written in zip(sizes, written, strict=True):
        batch, events = events[:size], events[size:]
        if not batch:
            break
        empty.ingest().tell(batch, now_ms=now_ms(), tenant=tenant)
        poster.look_ahead(empty.journal.head(tenant).position)
        if is_written:
            poster.write()
        made = frame(framer, live)
        poster.write()
        anew = frame(Framer(shown, Style()), Books(empty.store, tenant, empty.settings))
        assert made == anew, len(events)


def test_what_is_taken_back_leaves_no_row(empty: Workspace) -> None:
    """Neither in the funnel, whose rows follow from a deal's lines, nor in bars, whose rows add lines up."""
    tenant = f"t{next(TENANTS)}"
    poster = empty.poster(tenant)
    shown = board("all.yaml", MANY_KINDS)
    live, framer = Books(empty.store, tenant, empty.settings, recent=empty.recent), Framer(shown, Style())
    funnel, bars = [], []
    for number, (type_, data) in enumerate([
        ("deal.created", {"deal_id": "D-1", "stage": "qualified", "amount": "10.00"}),
        ("touchpoint.logged", {"rep_id": "a", "team_id": "t", "kind": "call"}),
        ("event.voided", 0),
        ("event.voided", 1),
    ]):  # fmt: skip
        empty.ingest().tell([_told(number, type_, data, 1 + number)], now_ms=now_ms(), tenant=tenant)
        poster.catch_up()
        tiles = frame(framer, live)["tiles"]
        assert tiles == frame(Framer(shown, Style()), Books(empty.store, tenant, empty.settings))["tiles"], number
        funnel.append(len(tiles[6]["rows"]))
        bars.append(len(tiles[7]["rows"]))
    assert (funnel, bars) == ([1, 1, 0, 0], [0, 1, 1, 0])


def test_a_deal_with_a_long_history_is_left_to_the_engine(empty: Workspace) -> None:
    """It holds each of a deal's moves against each other one, for which it is made."""
    tenant, moves = f"t{next(TENANTS)}", 400
    shown = board("all.yaml", MANY_KINDS)
    live, framer = Books(empty.store, tenant, empty.settings, recent=empty.recent), Framer(shown, Style())
    asked: list[str] = []
    ask = empty.store.query

    def query(sql: str, parameters: Mapping[str, Any]) -> list[tuple[Any, ...]]:
        asked.append(sql)
        return ask(sql, parameters)

    def tell(*events: dict[str, Any]) -> None:
        empty.ingest().tell(list(events), now_ms=now_ms(), tenant=tenant)
        empty.poster(tenant).catch_up()

    def moved(number: int, deal: str) -> dict[str, Any]:
        data = {"deal_id": deal, "to_stage": ("qualified", "proposal")[number % 2]}
        return _told(number, "deal.stage_moved", data, 1 + number % 119)

    tell(*(moved(number, "D-1") for number in range(moves)), moved(moves, "D-2"))
    frame(framer, live)
    for number, deal, by_engine in ((moves + 1, "D-2", False), (moves + 2, "D-1", True)):
        tell(moved(number, deal))
        empty.store.query = query  # type: ignore[method-assign]
        made = frame(framer, live)
        empty.store.query = ask  # type: ignore[method-assign]
        assert any("{changed:" in sql for sql in asked) == by_engine
        assert made == frame(Framer(shown, Style()), Books(empty.store, tenant, empty.settings))


def _told(number: int, type_: str, data: Any, day: int) -> dict[str, Any]:
    time = f"2026-{1 + day // 31:02d}-{1 + day % 28:02d}T09:00:00Z"
    data = {"source": "/crm", "id": str(data)} if type_ == "event.voided" else data
    return {"specversion": "1.0", "id": str(number), "source": "/crm", "type": type_, "time": time, "data": data}
