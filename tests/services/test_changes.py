"""Why a number changed: every cause by its name, and effects that add up to the difference exactly."""

from collections.abc import Callable
from fractions import Fraction
from typing import Any, Final

import pytest

from events.corrections import EventVoided
from events.deals import DealCreated, DealReopened, DealUpdated, DealWon
from events.orders import OrderPlaced
from events.people import RepAssigned
from events.planning import CalendarDefined, FxRateSet, PipelineDefined
from events.samples import SOURCE
from projections.catalogue import BY_ID, KPIS
from projections.kpi import Kpi
from projections.question import BadQuestion, question
from services.changes import change_of, changes
from tests.oracle.real_path import Company
from tests.services.test_receipt import STORY, E, W, cell, on

New = Callable[..., Company]
KNOWN: Final = [
    on("01-01", CalendarDefined, timezone="UTC", currency="CNY"),
    on("01-01", PipelineDefined, pipeline="default", stages=[{"stage": "a", "probability": "0.5"}]),
    on("01-01", FxRateSet, base="USD", quote="CNY", rate="7"),
    on("01-01", RepAssigned, rep_id="ana", region="E"),
    on("02-01", DealWon, "w1", deal_id="D-1", amount="100.00", rep_id="ana", customer_id="C-1"),
    on("02-02", DealWon, "w2", deal_id="D-2", amount="10.00", currency="USD", customer_id="C-2", **E),
    on("02-03", DealCreated, deal_id="D-3", stage="a", amount="40.00", **E),
]
FEBRUARY: Final[dict[str, Any]] = {"from_": "2026-02", "to": "2026-03"}


def recorded(day: str, events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Those events, learned on a day of 2026."""
    return [event | {"recordedtime": f"2026-{day}T12:00:00Z"} for event in events]


def asked(company: Company, more: list[dict[str, Any]], kpi: str = "bookings", **told: Any) -> dict[str, Any]:
    """What changed because of ``more``."""
    known = company.tell(recorded("02-03", KNOWN)).post().books.cut(None).position
    company.tell(recorded("04-05", more)).post()
    return changes(company.books, question(kpi, **FEBRUARY | told), str(known), None)


def effects(told: dict[str, Any]) -> dict[str, Any]:
    return {cause["cause"]: cause["effect"] for cause in told["causes"]}


class TestEveryCause:
    """By its name, with the events behind it."""

    def test_new_facts_happened_after_the_first_look(self, company: New) -> None:
        told = asked(company(), [on("02-04", DealWon, "w3", deal_id="D-4", amount="5.00")])
        assert (told["before"]["value"], told["after"]["value"], told["difference"]) == ("170.00", "175.00", "5.00")
        assert effects(told) == {"new_facts": "5.00"}
        (event,) = told["causes"][0]["events"]
        assert (event["id"], event["change"]) == ("w3", {"bookings": "5.00"})

    def test_late_facts_had_happened_by_then(self, company: New) -> None:
        assert effects(asked(company(), [on("02-02", DealWon, deal_id="D-4", amount="5.00")])) == {"late_facts": "5.00"}

    def test_corrections(self, company: New) -> None:
        told = asked(company(), [on("02-05", DealUpdated, deal_id="D-1", amount="90.00")])
        assert effects(told) == {"corrections": "-10.00"}

    def test_a_win_told_again_with_another_amount_is_a_correction(self, company: New) -> None:
        told = asked(company(), [on("02-05", DealWon, deal_id="D-1", amount="120.00")])
        assert effects(told) == {"corrections": "20.00"}

    def test_voided_names_the_voiding(self, company: New) -> None:
        told = asked(company(), [on("02-05", EventVoided, "v1", source=SOURCE, id="w1")])
        assert effects(told) == {"voided": "-100.00"}
        (event,) = told["causes"][0]["events"]
        assert (event["id"], event["by"]["id"]) == ("w1", "v1")

    def test_reopened(self, company: New) -> None:
        told = asked(company(), [on("02-05", DealReopened, deal_id="D-1", stage="a")])
        assert effects(told) == {"reopened": "-100.00"}

    def test_a_late_win_behind_a_reopening_of_what_was_open_is_late(self, company: New) -> None:
        reopened = on("02-01", DealReopened, "r1", deal_id="D-4", stage="b", attributes={"how": "again"})
        late = on("02-02", DealWon, deal_id="D-4", amount="5.00")
        for more in ([late, reopened], [reopened, late]):
            assert effects(asked(company(), more)) == {"late_facts": "5.00"}

    def test_a_late_win_before_a_reopening_that_is_known(self, company: New) -> None:
        new = company().tell(recorded("02-03", [on("02-02", DealReopened, deal_id="D-4", stage="b")]))
        told = asked(new, [on("02-01", DealWon, deal_id="D-4", amount="5.00")], grain="day", to="2026-02-02")
        assert effects(told) == {"late_facts": "5.00"}

    def test_a_late_win_behind_a_reopening_that_was_voided_is_late(self, company: New) -> None:
        more = [
            on("02-02", DealReopened, "r1", deal_id="D-1", stage="b"),
            on("02-03", DealWon, deal_id="D-1", amount="105.00"),
            on("02-05", EventVoided, source=SOURCE, id="r1"),
        ]
        assert effects(asked(company(), more)) == {"late_facts": "5.00"}

    def test_a_reopening_of_what_was_open_moves_what_is_won_later(self, company: New) -> None:
        known = company().tell(recorded("02-03", [on("02-02", DealWon, deal_id="D-4", amount="5.00")]))
        told = asked(
            known,
            [on("02-01", DealReopened, deal_id="D-4", stage="b", attributes={"how": "again"})],
            where=["attributes.how=again"],
        )
        assert effects(told) == {"late_facts": "5.00"}

    def test_a_win_that_another_reopening_makes_anew(self, company: New) -> None:
        """In the cell that is asked for lies the second win alone: what was re-opened lies elsewhere."""
        again = on("02-03", DealWon, deal_id="D-2", amount="10.00", currency="USD", **W)
        new = company().tell(recorded("02-03", [*KNOWN[:3], KNOWN[5], again]))
        told = asked(new, [on("02-02", DealReopened, deal_id="D-2", stage="b")], where=["region=W"])
        assert effects(told) == {"reopened": "70.00"}

    def test_another_owner(self, company: New) -> None:
        moved = [on("02-05", DealUpdated, deal_id="D-3", region="W")]
        told = asked(company(), moved, "pipeline_value", where=["region=E"])
        assert effects(told) == {"owner": "-40.00"}

    def test_the_exchange_rate(self, company: New) -> None:
        told = asked(company(), [on("02-01", FxRateSet, base="USD", quote="CNY", rate="8")])
        assert effects(told) == {"exchange_rate": "10.00"}

    def test_the_organisation(self, company: New) -> None:
        told = asked(company(), [on("01-15", RepAssigned, rep_id="ana", region="W")], where=["region=E"])
        assert effects(told) == {"organisation": "-100.00"}

    def test_the_pipeline(self, company: New) -> None:
        stages = [{"stage": "a", "probability": "0.25"}]
        told = asked(company(), [on("02-10", PipelineDefined, pipeline="default", stages=stages)], "weighted_pipeline")
        assert effects(told) == {"pipeline_definition": "-10.00"}

    def test_the_calendar(self, company: New) -> None:
        won = on("02-28", DealWon, deal_id="D-9", amount="1.00") | {"time": "2026-02-28T20:00:00Z"}
        new = company().tell(recorded("01-31", [won]))
        told = asked(new, [on("01-01", CalendarDefined, timezone="Asia/Shanghai", currency="CNY")])
        assert effects(told) == {"calendar_definition": "-1.00"}

    def test_time_that_passed(self, company: New) -> None:
        """The period was still running: what stood at the first look stood for less of it."""
        stages = [{"stage": "a", "probability": "0.25"}]
        later = on("02-20", PipelineDefined, pipeline="default", stages=stages)
        new = company().tell(recorded("02-03", [*KNOWN, later])).post()
        known = new.books.cut(None).position
        new.tell(recorded("02-25", [on("02-21", OrderPlaced, order_id="O-1", amount="1.00")])).post()
        told = changes(new.books, question("weighted_pipeline", from_="2026-02", to="2026-03"), str(known), None)
        assert effects(told) == {"time_passed": "-10.00"}

    def test_an_older_purchase_takes_the_place_of_the_first(self, company: New) -> None:
        older = on("01-05", OrderPlaced, "o1", order_id="O-1", amount="1.00", customer_id="C-1")
        told = asked(company(), [older], "new_customers")
        assert effects(told) == {"consequences": -1}
        (event,) = told["causes"][0]["events"]
        assert event["id"] == "w1"

    def test_several_at_once_each_have_their_part(self, company: New) -> None:
        more = [
            on("02-01", FxRateSet, base="USD", quote="CNY", rate="8"),
            on("02-05", EventVoided, source=SOURCE, id="w1"),
            on("02-06", DealWon, deal_id="D-4", amount="5.00", currency="USD"),
        ]
        told = asked(company(), more)
        assert effects(told) == {"exchange_rate": "10.00", "new_facts": "40.00", "voided": "-100.00"}
        assert told["difference"] == "-50.00"

    def test_of_a_ratio_the_effects_add_up_too(self, company: New) -> None:
        more = [
            on("02-05", EventVoided, source=SOURCE, id="w1"),
            on("02-06", DealWon, deal_id="D-4", amount="5.00"),
        ]
        told = asked(company(), more, "average_deal_size")
        assert told["before"]["value"] == "85.00"
        assert told["after"]["value"] == "37.50"
        assert effects(told) == {"new_facts": "-26.67", "voided": "-20.83"}


class TestQuestions:
    """What is asked for, and what cannot be."""

    def test_nothing_changed(self, company: New) -> None:
        told = asked(company(), [on("03-04", DealWon, deal_id="D-4", amount="5.00")])
        assert (told["difference"], told["causes"]) == ("0.00", [])

    def test_a_number_that_was_not_there_has_no_difference(self, company: New) -> None:
        told = asked(company(), [on("04-04", DealWon, deal_id="D-4", amount="5.00")], "average_deal_size",
            from_="2026-04", to="2026-05")  # fmt: skip
        assert (told["before"]["value"], told["after"]["value"], told["difference"]) == (None, "5.00", None)
        assert told["causes"][0]["parts"] == {"bookings": "5.00", "won": 1}

    def test_the_later_look_first_is_told(self, company: New) -> None:
        new = company(KNOWN)
        with pytest.raises(BadQuestion, match=r"known_from '3' lies after known_to; allowed: a moment before it"):
            changes(new.books, question("bookings"), "3", "2")

    @pytest.mark.parametrize(("early", "late", "field"), [("soon", None, "known_from"), ("1", "999", "known_to")])
    def test_a_moment_that_is_none_is_told_by_its_name(
        self, company: New, early: str, late: str | None, field: str
    ) -> None:
        with pytest.raises(BadQuestion) as told:
            changes(company(KNOWN).books, question("bookings"), early, late)
        assert told.value.field == field
        assert str(told.value).startswith(f"{field} ")

    def test_more_than_one_cell_is_told(self, company: New) -> None:
        with pytest.raises(BadQuestion, match=r"names \d cells; allowed: one"):
            asked(company(), [on("02-04", DealWon, deal_id="D-4", amount="5.00", **W)], by=["region"])


@pytest.fixture(scope="module")
def february(backends: Any) -> Company:
    new: Company = backends.company(STORY)
    return new


@pytest.mark.parametrize("kpi", BY_ID)
def test_effects_add_up_whatever_the_kpi(kpi: str, february: Company) -> None:
    """Between a few positions of a history with everything in it."""
    for early, late in ((8, 24), (24, 40), (17, len(STORY)), (36, len(STORY))):
        found, _ = change_of(february.books, cell(kpi), str(early), str(late))
        if found.difference is not None:
            assert sum((cause.effect for cause in found.causes), Fraction(0)) == found.difference
        median = any(part.stat == "median" for part in BY_ID[kpi].parts)
        assert median or "several" not in {cause.name for cause in found.causes}


@pytest.mark.parametrize("kpi", [kpi.id for kpi in KPIS if kpi.adds_lines])
def test_what_came_in_is_what_differs(kpi: str, february: Company, monkeypatch: pytest.MonkeyPatch) -> None:
    """What adds lines is told by those between the cuts; that is what the receipts of both cuts say."""
    for early in range(0, len(STORY), 12):
        quick, _ = change_of(february.books, cell(kpi), str(early), str(len(STORY)))
        with monkeypatch.context() as patch:
            patch.setattr(Kpi, "adds_lines", False)
            assert change_of(february.books, cell(kpi), str(early), str(len(STORY)))[0] == quick
