"""The dashboard: short figures, and a screen that fits its terminal in both languages."""

import io
from datetime import date

import pytest
from rich.cells import cell_len
from rich.console import Console

from services.journal.port import Tally
from services.simulator.dashboard import Feed, Progress, draw, kpi_name, short, sparkline, stage_name
from services.simulator.gauges import KPIS, Frame, Gauge, Value

FRAME = Frame(
    "2024-12",
    tuple(Gauge(kpi, "money", (None, "1200000.00", "900.00", None, "0.00", "5.00", "2.00", "1.00")) for kpi in KPIS),
    (("rep-1", "863000.00"), ("rep-2", "120.00"), ("rep-3", "0.00"), ("rep-4", None)),
    (("proposal", "5000.00"), ("qualified", "100.00"), ("odd", None)),
)
PROGRESS = Progress(date(2024, 12, 31), 0.5, 1300.0, 25_593, Tally(25_886, 25_593, 275, 18))


def feed() -> Feed:
    found = Feed()
    found.learn(event("rep.assigned", rep_id="rep-1", name="李娜"))
    stages = [{"stage": "qualified", "name": "商机确认 Qualified"}, {"stage": "proposal", "name": "方案报价 Proposal"}]
    found.learn(event("pipeline.defined", pipeline="default", stages=stages))
    found.learn(event("deal.won", id="w-1", deal_id="D-1", rep_id="rep-1", amount="267000.00", product="客服云"))
    return found


def event(type_: str, id: str = "1", **data: object) -> dict[str, object]:
    return {"source": "/crm", "id": id, "type": type_, "time": "2024-12-30T10:00:00+08:00", "data": data}


def voiding(id_: str) -> dict[str, object]:
    return {**event("event.voided"), "data": {"source": "/crm", "id": id_}}


def screen(width: int, height: int, lang: str, frame: Frame | None = FRAME) -> str:
    console = Console(file=io.StringIO(), width=width, height=height, force_terminal=True, color_system=None)
    with console.capture() as captured:
        console.print(draw(frame, feed(), PROGRESS, lang, (width, height)))
    return captured.get()


@pytest.mark.parametrize("lang", ["en", "zh"])
@pytest.mark.parametrize("size", [(200, 60), (120, 40), (80, 24), (60, 20), (30, 10)])
def test_it_fits_the_terminal(size: tuple[int, int], lang: str) -> None:
    lines = screen(*size, lang).splitlines()
    assert len(lines) <= size[1]
    assert max(cell_len(line) for line in lines) <= size[0]


def test_it_tells_the_identity_figures_leaders_stages_and_wins() -> None:
    shown = screen(120, 40, "en")
    for text in (
        "25,886 = 25,593 accepted + 275 duplicates + 18 refused ✓",
        "Tue",
        "Revenue",
        "Proposal",
        "李娜",
        "267K",
    ):
        assert text in shown
    assert shown.index("Qualified") < shown.index("Proposal"), "stages stand in the order of the pipeline"
    shown = screen(120, 40, "zh")
    for text in ("报送", "周二", "销售额", "方案报价", "本月", "26.7万"):
        assert text in shown


def test_before_the_first_answer_there_is_the_header() -> None:
    assert "Salestream" in screen(80, 24, "en", None)


def test_a_voided_win_goes_from_the_feed() -> None:
    found = feed()
    found.learn(voiding("another"))
    assert len(found.wins) == 1
    found.learn(voiding("w-1"))
    assert not found.wins


@pytest.mark.parametrize(
    ("value", "unit", "en", "zh"),
    [
        ("12345678.00", "money", "12.3M", "1,235万"),
        ("123456789.00", "money", "123M", "1.23亿"),
        ("-4560.00", "money", "-4.56K", "-4,560"),
        ("999.50", "money", "1,000", "1,000"),
        ("0.00", "money", "0", "0"),
        (0.4234, "ratio", "42.3 %", "42.3 %"),
        (1234, "count", "1,234", "1,234"),
        (-3.25, "score", "-3.2", "-3.2"),
        (None, "money", "–", "–"),
    ],
)
def test_figures_are_short(value: Value, unit: str, en: str, zh: str) -> None:
    assert (short(value, unit, "en"), short(value, unit, "zh")) == (en, zh)


def test_a_sparkline_has_a_place_for_each_value() -> None:
    assert sparkline(["1", None, "8", 4]) == "▁ █▄"
    assert sparkline([2, 2]) == "▄▄"
    assert sparkline([None, None]) == "  "


def test_names_are_in_the_language_of_the_viewer() -> None:
    assert (kpi_name("win_rate", "en"), kpi_name("cac", "en"), kpi_name("cac", "zh")) == (
        "Win rate",
        "CAC",
        "客户获取成本",
    )
    assert (stage_name("方案报价 Proposal", "en"), stage_name("方案报价 Proposal", "zh")) == ("Proposal", "方案报价")
    assert stage_name("proposal", "en") == "proposal"
