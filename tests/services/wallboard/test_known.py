"""What frames know beside numbers: names, targets and their pace, and groups too small to show."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from fractions import Fraction
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from projections.definitions import Calendar
from projections.periods import Period
from services.clock import now_ms
from services.settings import Settings
from services.wallboard.board import board
from services.wallboard.frame import Framer
from services.wallboard.known import initials, pace
from services.wallboard.privacy import Privacy
from services.wallboard.style import Style
from services.workspace import Workspace

BOARD = """
title: {en: A, zh: 甲}
tiles:
  - {kind: bars, kpi: bookings, period: month, by: team_id}
  - {kind: leaders, kpi: bookings, period: month, by: rep_id}
  - {kind: number, kpi: bookings, period: month}
  - {kind: number, kpi: bookings, period: month, where: [rep_id=R-3]}
"""


def event(number: int, type_: str, day: str, **data: Any) -> dict[str, Any]:
    time = f"2026-10-{day}:00:00Z"
    told = {"specversion": "1.0", "id": str(number), "source": "/crm", "type": type_, "time": time}
    return told | {"recordedtime": time, "data": data}


@pytest.fixture
def workspace(tmp_path: Path) -> Iterator[Workspace]:
    """Two reps in one team, one in another; the third was second until this morning."""
    reps = [("R-1", "T-1", "Li Na"), ("R-2", "T-1", "王伟"), ("R-3", "T-2", "Ann")]
    wins = [
        ("R-1", "300.00", "05T08"),
        ("R-2", "200.00", "06T08"),
        ("R-3", "100.00", "07T08"),
        ("R-3", "150.00", "08T09"),
    ]
    told = [event(0, "calendar.defined", "01T00", timezone="UTC", currency="CNY")]
    told += [
        event(10 + n, "rep.assigned", "01T00", rep_id=rep, team_id=team, name=name)
        for n, (rep, team, name) in enumerate(reps)
    ]
    told += [
        event(20, "target.set", "01T00", kpi="bookings", period="2026-10", value="2200.00", currency="CNY"),
        event(21, "target.set", "01T00", kpi="bookings", period="2026-10", value="99.00", scope="rep", scope_id="R-3"),
        event(22, "target.set", "01T00", kpi="bookings", period="2026-10", value="9.00", currency="EUR", scope="rep",
              scope_id="R-1"),
    ]  # fmt: skip
    told += [
        event(30 + n, "deal.won", day, deal_id=f"D-{n}", rep_id=rep, amount=amount)
        for n, (rep, amount, day) in enumerate(wins)
    ]
    with Workspace(Settings(data=tmp_path)) as opened:
        lines = [json.dumps(each).encode() for each in told]
        outcomes = opened.ingest().tell(lines, now_ms=now_ms(), importer=True)
        assert {outcome.status for outcome in outcomes} == {"accepted"}
        opened.post_all()
        yield opened


def frame(workspace: Workspace, style: Style) -> dict[str, Any]:
    return Framer(board("b.yaml", BOARD), style).frame(workspace.books(), None, lambda cut: cut.recorded_ms)


def test_leaders_and_who_rose_since_the_day_began(workspace: Workspace) -> None:
    rows = frame(workspace, Style())["tiles"][1]["rows"]
    assert [(row["place"], row["name"], row["value"], row["rose"]) for row in rows] == [
        (1, "Li Na", "300.00", 0), (2, "Ann", "250.00", 1), (3, "王伟", "200.00", -1)
    ]  # fmt: skip


def test_small_groups_and_names_are_withheld(workspace: Workspace) -> None:
    shown = frame(workspace, Style(Privacy("initials", 2)))
    teams, leaders = shown["tiles"][0], shown["tiles"][1]["rows"]
    assert ([row["name"] for row in teams["rows"]], teams["withheld"]) == (["T-1"], 1)
    assert [row["name"] for row in leaders] == ["L. N.", "A.", "王*"]
    assert {row["of"] for row in leaders} == {None}, "no receipt says who it was"


def test_the_company_says_how_its_people_are_shown(workspace: Workspace) -> None:
    """The strictest of settings, event and board holds; a look at the past shows what may be shown now."""
    framer = Framer(board("b.yaml", BOARD), Style())

    def shown(as_of: str | None = None) -> tuple[list[str | None], int]:
        teams, leaders = framer.frame(workspace.books(), as_of, lambda cut: cut.recorded_ms)["tiles"][:2]
        return [row["name"] for row in leaders["rows"]], teams["withheld"]

    def tell(number: int, type_: str, **data: Any) -> None:
        outcomes = workspace.ingest().tell([event(number, type_, "08T10", **data)], now_ms=now_ms(), importer=True)
        assert {outcome.status for outcome in outcomes} == {"accepted"}
        workspace.post_all()

    before = str(workspace.books().cut(None).position)
    assert shown() == (["Li Na", "Ann", "王伟"], 0)

    tell(40, "wall.defined", names="alias", aliases={"R-1": "Falcon"})
    tell(41, "wall.defined", least=2)
    assert shown() == shown(before) == (["Falcon", "R-3", "R-2"], 1)

    tell(42, "wall.defined", names="off")
    assert shown()[0] == [None, None, None]
    assert frame(workspace, Style(Privacy("own")))["tiles"][1]["rows"][0]["name"] is None

    tell(43, "event.voided", source="/crm", id="42")
    assert shown() == shown(before) == (["Falcon", "R-3", "R-2"], 1)
    assert [row["name"] for row in frame(workspace, Style(Privacy("id")))["tiles"][1]["rows"]] == ["R-1", "R-3", "R-2"]


def test_targets_and_their_pace(workspace: Workspace) -> None:
    company, rep = (tile["target"] for tile in frame(workspace, Style())["tiles"][2:])
    # October 2026 has 22 working days from Thursday the 1st; five are over on the 8th, and nine hours of the sixth.
    assert company == {"value": "2200", "due": "537.5"}
    assert rep is not None
    assert rep["value"] == "99"


def test_a_board_of_a_team_has_its_reps_with_their_own_targets(workspace: Workspace) -> None:
    """The coverage of each rep's target, live and anew, also when a rep moves to the team."""
    tiles = (
        "title: {en: A, zh: 甲}\nof: team_id\ntiles: [{kind: bars, kpi: pipeline_coverage, period: month, by: rep_id}]"
    )
    framers = {team: Framer(board("t.yaml", tiles), Style(), team) for team in ("T-1", "T-2")}

    def shown(*told: dict[str, Any]) -> dict[str, Any]:
        workspace.ingest().tell(told, now_ms=now_ms(), importer=True)
        workspace.post_all()
        made = {}
        for team, framer in framers.items():
            live, anew = framer, Framer(board("t.yaml", tiles), Style(), team)
            one, other = (each.frame(workspace.books(), None, lambda cut: cut.recorded_ms) for each in (live, anew))
            assert one == other
            made[team] = {row["of"]: row["value"] for row in one["tiles"][0]["rows"]}
        return made

    targets = [
        event(50 + n, "target.set", "08T10", kpi="revenue", period="2026-10", value=value, scope="rep", scope_id=rep)
        for n, (rep, value) in enumerate([("R-1", "400.00"), ("R-2", "400.00"), ("R-3", "300.00")])
    ]
    deals = [
        event(60 + n, "deal.created", "08T10", deal_id=f"D-{60 + n}", rep_id=rep, amount="100.00", stage="s",
              expected_close="2026-10-20", team_id="T-9")
        for n, rep in enumerate(("R-1", "R-2", "R-3"))
    ]  # fmt: skip
    assert shown(*targets, *deals) == {"T-1": {"rep_id=R-1": 1.0, "rep_id=R-2": 0.5}, "T-2": {"rep_id=R-3": 2.0}}
    moved = event(70, "rep.assigned", "08T11", rep_id="R-2", team_id="T-2")
    assert shown(moved) == {"T-1": {"rep_id=R-1": 1.0}, "T-2": {"rep_id=R-2": 0.5, "rep_id=R-3": 2.0}}


def test_pace_of_a_stretch_without_working_days() -> None:
    calendar = Calendar([(0, ZoneInfo("UTC"))], "CNY")
    saturday = int(datetime(2026, 10, 3, tzinfo=UTC).timestamp() * 1000)
    weekend = Period("w", saturday, saturday + 2 * 86_400_000)
    assert pace(weekend, saturday + 86_400_000, calendar) == Fraction(1, 2)
    assert pace(weekend, weekend.to_ms, calendar) == 1


@pytest.mark.parametrize(
    ("name", "short"), [("Li Na", "L. N."), ("王小明", "王*"), ("Anna", "A."), ("欧阳 锋", "欧. 锋.")]
)
def test_initials(name: str, short: str) -> None:
    assert initials(name) == short
