"""What if: reality under no scenario, to the byte; and what follows from each rule."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from events.deals import DealCreated, DealWon
from events.people import RepAssigned
from events.planning import FxRateSet, PipelineDefined
from events.spend import SpendRecorded
from services.replay.digest import history_digest, ledger_digest
from services.replay.scenario import BadScenario, Scenario, read_scenario
from services.replay.whatif import LABEL, whatif
from tests.oracle.real_path import Company
from tests.services.processor.stories import deal, story

New = Callable[..., Company]

STAGES = [{"stage": "proposal", "probability": "0.5"}, {"stage": "negotiation", "probability": "0.8"}]
HISTORY = [
    deal(1, PipelineDefined, "p", pipeline="default", stages=STAGES),
    deal(1, FxRateSet, "f", base="USD", quote="CNY", rate="7.1"),
    deal(1, RepAssigned, "r", rep_id="ana", region="E"),
    deal(2, DealCreated, "d1", deal_id="D-1", stage="proposal", amount="100.00", currency="CNY", rep_id="ana"),
    deal(3, DealWon, "d2", deal_id="D-2", amount="10.00", currency="USD", rep_id="ana"),
    deal(3, SpendRecorded, "s", category="events", amount="31.00", period_from="2026-03-01", period_to="2026-04-01"),
]


def run(company: Company, scenario: Scenario, *asked: dict[str, Any]) -> dict[str, Any]:
    workspace: Any = SimpleNamespace(
        journal=company.journal, store=company.store, settings=company.settings,
        books=lambda tenant, store=None: type(company.books)(store or company.store, tenant, company.settings),
    )  # fmt: skip
    return whatif(workspace, company.tenant, scenario, asked)


def values(result: dict[str, Any], by: str | None = None) -> list[Any]:
    (pair,) = result["answers"]
    return [[row["value"] if by is None else (row[by], row["value"]) for row in pair[which]["rows"]] for which in pair]


def test_the_identity_scenario_is_reality_to_the_byte(company: New, monkeypatch: pytest.MonkeyPatch) -> None:
    told, seen = company(story(120)), []
    store = told.store
    drop = store.drop_scratch

    def noting() -> None:
        scratch = store._with_tables("_scratch")
        seen.append(
            [
                (ledger_digest(each, told.tenant, 120), history_digest(each, told.tenant, 120))
                for each in (store, scratch)
            ]
        )
        drop()

    monkeypatch.setattr(store, "drop_scratch", noting)
    result = run(told, Scenario())

    ((live, scratch),) = seen[-1:]
    assert live == scratch
    assert result["changed"] == 0
    assert result["label"] == LABEL == "a re-scoring of what happened, not a prediction"
    assert len(result["answers"]) > 40
    assert all(pair["reality"] == pair["scenario"] for pair in result["answers"])


@pytest.mark.parametrize(
    ("scenario", "asked", "reality", "other"),
    [
        ("probabilities: {default: {proposal: 0.1}}", {"kpi": "weighted_pipeline"}, ["50.00"], ["10.00"]),
        ("rates: {USD/CNY: 8}", {"kpi": "bookings"}, ["71.00"], ["80.00"]),
        ("owners: {ana: bo}", {"kpi": "bookings", "by": ["rep_id"]}, [("ana", "71.00")], [("bo", "71.00")]),
        ("regions: {E: W}", {"kpi": "bookings", "by": ["region"]}, [("E", "71.00")], [("W", "71.00")]),
        (
            "spend_categories: {events: salaries}", {"kpi": "spend", "by": ["category"]},
            [("events", "31.00")], [("salaries", "31.00")],
        ),
    ],
)  # fmt: skip
def test_each_rule_scores_history_anew(
    company: New, scenario: str, asked: dict[str, Any], reality: list[Any], other: list[Any]
) -> None:
    result = run(company(HISTORY), read_scenario(scenario, "x.yaml"), asked)
    assert values(result, next(iter(asked.get("by", [])), None)) == [reality, other]
    assert result["changed"] > 0


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("rates: {EUR/CNY: 8}", "nothing in the history is about: rates EUR/CNY"),
        ("owners: {zoe: bo}", "nothing in the history is about: owners zoe"),
        ("spend_categories: {events: fun}", "event s is not valid"),
    ],
)
def test_a_rule_that_fits_nothing_is_said(company: New, text: str, words: str) -> None:
    told = company(HISTORY)
    with pytest.raises(BadScenario, match=words):
        run(told, read_scenario(text, "x.yaml"))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("colour: red", "x.yaml: colour: .* a scenario has: name, probabilities, rates"),
        ("probabilities: {default: {proposal: 1.2}}", "x.yaml: probabilities.default.proposal: .*less than or equal"),
        ("rates: {USD: 7}", r"x.yaml: rates.USD"),
        ("a: [", "x.yaml is no YAML"),
    ],
)  # fmt: skip
def test_what_is_no_scenario_is_refused(text: str, words: str) -> None:
    with pytest.raises(BadScenario, match=words):
        read_scenario(text, "x.yaml")
