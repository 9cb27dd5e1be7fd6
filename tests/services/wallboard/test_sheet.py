"""Sheets: what is kept from frame to frame gives, at every cut, what asking anew gives."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from events.envelope import to_text
from projections.ask import Cell, Row
from projections.catalogue import KPIS
from projections.formula import Value
from projections.kpi import Kpi
from projections.periods import Period, running
from projections.question import Question
from services.books import Books
from services.clock import now_ms
from services.journal.port import Cut
from services.settings import Settings
from services.simulator.company import Company
from services.wallboard.board import Boards
from services.wallboard.frame import Framer
from services.wallboard.known import Knowing
from services.wallboard.sheet import Sheet, Want
from services.wallboard.style import Style
from services.workspace import Workspace

STEPS = (200, 20)
"""How many events become known between two frames."""


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workspace]:
    """Half a year of a small company, with its late, voided and corrected events, all posted."""
    with Workspace(Settings(data=tmp_path_factory.mktemp("sheet"))) as opened:
        company = Company(seed=3, years=1, reps=4, until=date(2024, 6, 20))
        opened.ingest().tell(list(company.events()), now_ms=now_ms(), importer=True, origin="test")
        opened.post_all()
        yield opened


def wants(kpi: Kpi, cut: Cut, knowing: Knowing, workspace: Workspace) -> Want:
    """The running quarter, that before, and the running month and day, by what the KPI needs or can."""
    calendar = knowing.at(workspace.books(), cut).calendar
    spans = [running(grain, cut.recorded_ms, calendar) for grain in ("quarter", "month", "day")]
    before = running("quarter", spans[0].from_ms - 1, calendar)
    by = tuple(sorted(kpi.needs)) or (("region",) if "region" in kpi.dims else ())
    return Want(kpi, (before, *spans, Period("begin", spans[0].from_ms, spans[2].from_ms)), by)


def test_it_is_what_asking_anew_gives(workspace: Workspace) -> None:
    """Of every KPI there is, from cut to cut; and what a sheet finds at the last is what the answers say."""
    books, knowing, sheet = workspace.books(), Knowing(), Sheet()
    position = books.cut(None).position - sum(STEPS)
    for step in (0, *STEPS):
        position += step
        cut = books.cut(str(position))
        definitions = knowing.at(books, cut).definitions
        told = [wants(kpi, cut, knowing, workspace) for kpi in KPIS]
        kept, anew = sheet.read(books, cut, definitions, told), Sheet().read(books, cut, definitions, told)
        for want, mine, theirs in zip(told, kept, anew, strict=True):
            assert [_values(rows) for rows in mine] == [_values(rows) for rows in theirs], (want.kpi.id, step)
    for want, mine in zip(told, kept, strict=True):
        for place in (1, 2):
            period = want.periods[place]
            asked = Question(want.kpi, want.by, from_=to_text(period.from_ms), to=to_text(period.to_ms))
            answered = {row.cell: row for row in books.answer(asked, cut).rows}
            assert _values(mine[place]) == _values(answered), want.kpi.id


def _values(rows: Mapping[Cell, Row]) -> dict[Cell, Value]:
    return {cell: row.value for cell, row in rows.items()}


def test_boards_share_statements(workspace: Workspace) -> None:
    """What one statement can read it reads; and where nothing is new, nothing is read."""
    books, knowing, sheet = workspace.books(), Knowing(), Sheet()
    cut = books.cut(None)
    names = ("revenue", "bookings", "deals_lost")
    told = [replace(wants(kpi, cut, knowing, workspace), by=()) for kpi in KPIS if kpi.id in names]
    asked: list[str] = []
    ask = books.query

    def query(sql: str, parameters: Mapping[str, Any]) -> list[tuple[Any, ...]]:
        asked.append(sql)
        return ask(sql, parameters)

    books.query = query  # type: ignore[method-assign]
    definitions = knowing.at(books, cut).definitions
    asked.clear()
    sheet.read(books, cut, definitions, told)
    assert len(asked) == 2, "what is new, and one statement for all"
    later = Cut(cut.position + 1, cut.recorded_ms)
    asked.clear()
    sheet.read(books, later, definitions, told)
    assert len(asked) == 2, "which lines are new, and of what: nothing"
    asked.clear()
    sheet.read(books, later, definitions, told)
    assert len(asked) == 2, "there is time to ask all anew"


def test_what_a_rebuild_put_in_place_is_another_story(workspace: Workspace) -> None:
    framer = Framer(Boards().all["sales"], Style())

    def frame(tenant: str, tables: str) -> dict[str, Any]:
        books = Books(workspace.store, tenant, workspace.settings, tables)
        return framer.frame(books, None, lambda cut: cut.recorded_ms)

    assert frame("default", "one")["tiles"][0]["value"] != "0.00"
    assert frame("nobody", "two")["tiles"][0]["value"] == "0.00"
