"""Live frames: made from the lines that were posted last, they are what a frame made anew is."""

from collections.abc import Iterator, Mapping
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from services.books import Books
from services.clock import now_ms
from services.settings import Settings
from services.simulator.company import Company
from services.wallboard.board import Boards, board
from services.wallboard.frame import Framer
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
