"""Receipts: every number explained down to its events, and those that do not count with the reason."""

from collections.abc import Callable
from fractions import Fraction
from typing import Any, Final

import pytest

from events.activities import TouchpointLogged
from events.corrections import EventVoided
from events.customers import CustomerChurned, CustomerReturned, CustomerUpdated
from events.deals import DealCreated, DealLost, DealReopened, DealStageMoved, DealUpdated, DealWon
from events.envelope import to_text
from events.leads import LeadCreated, LeadQualified
from events.orders import OrderPlaced, OrderRefunded
from events.people import RepAssigned, TrainingCompleted
from events.planning import CalendarDefined, FxRateSet, PipelineDefined, TargetSet
from events.samples import SOURCE, sample, told
from events.spend import SpendRecorded
from events.surveys import SurveyAnswered
from projections.catalogue import BY_ID
from projections.question import BadQuestion, Question, question
from projections.receipt import Receipts, one_cell
from services.receipt import explain, history
from tests.oracle.real_path import NOW_MS, Company
from tests.services.processor.stories import newer

New = Callable[..., Company]
Event = dict[str, Any]


def on(day: str, event: Any, id_: str | None = None, recorded: str | None = None, **facts: Any) -> Event:
    """An event of 2026."""
    time = f"2026-{day}T09:00:00Z"
    return told(sample(event, **facts), id=id_, time=time, **({"recordedtime": recorded} if recorded else {}))


E, W = {"region": "E"}, {"region": "W"}
STAGES: Final = [{"stage": "a", "probability": "0.2"}, {"stage": "b", "probability": "0.5"}, {"stage": "c"}]
STORY: Final = [
    on("01-01", CalendarDefined, timezone="Europe/Berlin", holidays=["2026-02-16"]),
    on("01-01", PipelineDefined, pipeline="default", stages=STAGES),
    on("01-01", FxRateSet, base="USD", quote="CNY", rate="7.123456"),
    on("02-20", FxRateSet, base="USD", quote="CNY", rate="7.2"),
    on("01-01", RepAssigned, rep_id="ana", team_id="t1", region="E", manager_id="m1"),
    on("02-15", RepAssigned, rep_id="ana", team_id="t2", region="W"),
    on("01-01", RepAssigned, rep_id="bo", team_id="t1", region="E"),
    on("01-10", LeadCreated, lead_id="L-1", rep_id="ana"),
    on("02-02", LeadCreated, lead_id="L-2", **E),
    on("02-03", LeadCreated, lead_id="L-3", **W),
    on("02-04", LeadQualified, lead_id="L-2"),
    on("01-20", DealCreated, deal_id="D-1", stage="a", amount="100.00", lead_id="L-1", rep_id="ana"),
    on("02-03", TouchpointLogged, rep_id="ana", deal_id="D-1", kind="call"),
    on("02-04", TouchpointLogged, rep_id="bo", lead_id="L-2", kind="email", automated=True, **E),
    on("01-05", TouchpointLogged, rep_id="bo", lead_id="L-1", kind="email"),
    on("02-05", DealStageMoved, deal_id="D-1", to_stage="b"),
    on("02-10", DealWon, deal_id="D-1", amount="90.01", cost="30.00", customer_id="C-1"),
    on("02-20", DealUpdated, deal_id="D-1", amount="80.02"),
    on("02-06", DealCreated, deal_id="D-2", stage="a", amount="10.00", currency="USD", rep_id="bo"),
    on("02-12", DealLost, deal_id="D-2", reason="price"),
    on("02-18", DealReopened, deal_id="D-2", stage="b"),
    on("02-21", DealWon, deal_id="D-2", amount="11.11", currency="USD", customer_id="C-2"),
    on("02-07", DealCreated, deal_id="D-3", stage="b", amount="55.55", lead_id="L-2", expected_close="2026-02-27", **E),
    on("02-08", DealUpdated, deal_id="D-3", probability="0.75"),
    on("02-08", DealCreated, deal_id="D-4", stage="a", amount="44.44", rep_id="ana"),
    on("02-25", DealStageMoved, deal_id="D-4", to_stage="b"),
    on("02-09", DealWon, "ghost", deal_id="D-5", amount="999.99", customer_id="C-9", **E),
    on("02-26", EventVoided, source=SOURCE, id="ghost", reason="never signed"),
    on("02-22", OrderPlaced, order_id="O-1", amount="70.00", cost="20.00", customer_id="C-1", **E),
    on("02-23", OrderPlaced, order_id="O-2", amount="60.00", deal_id="D-2", customer_id="C-2", **W),
    on("02-24", OrderRefunded, order_id="O-1", amount="10.00"),
    on("01-15", OrderPlaced, order_id="O-3", amount="30.00", customer_id="C-3", **W),
    on("02-24", OrderPlaced, order_id="O-4", amount="5.00"),
    on("01-12", CustomerUpdated, customer_id="C-3", region="E", segment="big"),
    on("02-13", CustomerChurned, customer_id="C-3", reason="price"),
    on("02-27", CustomerReturned, customer_id="C-3"),
    on("02-01", SpendRecorded, category="salaries", period_from="2026-01-20", period_to="2026-02-20", **E),
    on("02-05", SpendRecorded, category="marketing", amount="12.34", currency="USD", **W),
    on("02-05", SurveyAnswered, kind="csat", score="2", respondent_id="P-1", **E),
    on("02-06", SurveyAnswered, kind="csat", score="5", respondent_id="P-1", **E),
    on("02-06", SurveyAnswered, kind="csat", score="3", respondent_id="P-2", **W),
    on("02-07", SurveyAnswered, kind="nps", score="3", respondent_id="P-1", **E),
    on("02-08", SurveyAnswered, kind="nps", score="9", respondent_id="P-1", **E),
    on("02-08", SurveyAnswered, kind="nps", score="10", respondent_id="P-2", **W),
    on("02-14", DealCreated, deal_id="D-6", stage="a", amount="33.33", lead_id="L-3", rep_id="ana"),
    on("03-05", DealWon, deal_id="D-6", amount="33.33", customer_id="C-4"),
    on("02-14", DealLost, deal_id="D-7", reason="time"),
    on("01-16", OrderPlaced, order_id="O-5", amount="8.00", customer_id="C-4", **E),
    on("02-05", TouchpointLogged, rep_id="ana", lead_id="L-3", kind="call", **E),
    on("02-06", TouchpointLogged, rep_id="bo", deal_id="D-1", kind="demo"),
    on("02-08", SurveyAnswered, kind="collaboration", score="4", respondent_id="P-1", **E),
    on("02-11", TrainingCompleted, rep_id="ana", pre_score="50", post_score="62.5", max_score="100"),
    on("01-02", TargetSet, kpi="revenue", period="2026-02", value="1000"),
    on("01-02", TargetSet, kpi="revenue", period="2026-02", value="500", scope="region", scope_id="E"),
    told(sample(DealWon, deal_id="D-0", amount="40.00"), time="2025-02-10T09:00:00Z"),
]  # fmt: skip
NARROWED: Final = {"region": "region=E", "manager_id": "manager=m1", "customer": "customer=C-1"}
CELLS: Final = [(kpi, ()) for kpi in BY_ID] + [
    (kpi, (where,))
    for kpi in BY_ID
    for name, where in NARROWED.items()
    if name in BY_ID[kpi].dims and not (name == "customer" and BY_ID[kpi].needs)
]


def cell(kpi: str, where: tuple[str, ...] = (), **asked: Any) -> Question:
    """February; of KPIs by stage the first one, of those about targets revenue."""
    needed = {"stage": ("stage=a",), "kpi": ("kpi=revenue",)}
    own = tuple(each for name in BY_ID[kpi].needs for each in needed[name])
    return question(kpi, where=where + own, **{"from_": "2026-02", "to": "2026-03"} | asked)


@pytest.fixture(scope="module")
def february(backends: Any) -> Company:
    new: Company = backends.company(STORY)
    return new


def reasons(receipt: dict[str, Any]) -> dict[str, str]:
    """Of what does not count, by id."""
    return {event["id"]: event["reason"] for event in receipt["excluded"]}


def ids(receipt: dict[str, Any], role: str) -> list[str]:
    return [event["id"] for event in receipt["events"] if event["role"] == role]


class TestEveryKpi:
    """On a small rich history, whole and narrowed."""

    @pytest.mark.parametrize(("kpi", "where"), CELLS, ids=[" ".join([kpi, *where]) for kpi, where in CELLS])
    def test_the_events_that_are_listed_alone_give_the_cell(
        self, kpi: str, where: tuple[str, ...], february: Company, company: New
    ) -> None:
        receipt = explain(february.books, cell(kpi, where))
        listed = {event["id"] for event in receipt["events"]}
        assert len(listed) == len(receipt["events"])
        assert not listed & set(reasons(receipt))

        alone = company([event for event in STORY if event["id"] in listed])

        (row,) = alone.books.ask(cell(kpi, where))["rows"]
        assert row == receipt["cell"]

    @pytest.mark.parametrize("kpi", BY_ID)
    def test_what_they_add_is_the_parts(self, kpi: str, february: Company) -> None:
        asked = cell(kpi)
        asker = february.books.asker(february.books.cut(None))
        answered = asker.answer(asked)

        contributions = Receipts(asker, asked).contributions(february.books.query, *one_cell(answered))

        for part in asked.kpi.parts:
            added = sum((each.get(part.name, Fraction(0)) for each in contributions.values()), Fraction(0))
            value = answered.rows[0].parts[part.name]
            if part.special in ("lifespan", "days", "days_gone") or part.stat in ("median", "p90"):
                continue
            if part.stat == "distinct":
                assert isinstance(value, Fraction)
                assert added >= value
                assert bool(added) == bool(value)
            else:
                assert added == value, part.name

    @pytest.mark.parametrize("kpi", BY_ID)
    def test_the_story_gives_it_something_to_explain(self, kpi: str, february: Company) -> None:
        receipt = explain(february.books, cell(kpi))
        assert receipt["cell"]["value"] not in (None, 0, "0.00")
        assert ids(receipt, "counted")
        assert receipt["definition"]["hash"] == BY_ID[kpi].hash
        assert receipt["cut"]["position"] == len(STORY)


class TestListed:
    """What is told of an event."""

    def test_each_with_what_it_adds(self, company: New) -> None:
        new = company(
            [
                on("02-02", DealWon, "win", deal_id="D-1", amount="90.00"),
                on("02-05", DealUpdated, "less", amount="70.00"),
            ]
        )
        receipt = explain(new.books, cell("average_deal_size"))

        assert [(event["id"], event["contribution"]) for event in receipt["events"]] == [
            ("win", {"bookings": "90.00", "won": 1}),
            ("less", {"bookings": "-20.00"}),
        ]
        assert receipt["events"][0] == {
            "position": 1, "id": "win", "source": SOURCE, "type": "deal.won", "time": "2026-02-02T09:00:00Z",
            "recorded": to_text(NOW_MS), "entity": "D-1", "role": "counted",
            "contribution": {"bookings": "90.00", "won": 1},
        }  # fmt: skip

    def test_an_amount_is_told_in_the_currency_of_the_answer(self, february: Company) -> None:
        receipt = explain(february.books, cell("bookings", ("deal=D-2",)))
        (added,) = [event["contribution"] for event in receipt["events"] if event["role"] == "counted"]
        assert added == {"bookings": "79.99"}
        assert "fx_rate.set" in {event["type"] for event in receipt["events"]}

    def test_what_it_rests_on_is_context(self, february: Company) -> None:
        receipt = explain(february.books, cell("sales_cycle_days", ("deal=D-1",)))
        kinds = {event["type"]: event["role"] for event in receipt["events"]}
        assert kinds["deal.won"] == "counted"
        assert kinds["lead.created"] == kinds["touchpoint.logged"] == kinds["deal.created"] == "context"

    def test_other_entities_are_not_listed(self, february: Company) -> None:
        receipt = explain(february.books, cell("bookings", ("deal=D-1",)))
        assert {event["entity"] for event in receipt["events"] if event["type"].startswith("deal.")} == {"D-1"}

    def test_one_cell_of_several_is_refused(self, february: Company) -> None:
        sentence = r"^question names 2 cells; allowed: one, narrowed by --where, --from, --to and --grain$"
        with pytest.raises(BadQuestion, match=sentence):
            explain(february.books, cell("bookings", grain="month", to="2026-04"))
        with pytest.raises(BadQuestion, match=r"^question names 0 cells"):
            explain(february.books, cell("bookings", ("deal=D-99",), by=["deal"]))


class TestExcluded:
    """What might be expected but does not count, with the reason."""

    def test_what_was_voided(self, february: Company) -> None:
        assert reasons(explain(february.books, cell("bookings")))["ghost"] == "voided at position 28: never signed"

    def test_what_was_voided_counts_as_long_as_that_was_not_known(self, february: Company) -> None:
        receipt = explain(february.books, cell("bookings", as_of="27"))
        assert "ghost" in ids(receipt, "counted")

    def test_what_was_recorded_after_the_cut(self, company: New) -> None:
        new = company(
            [
                on("02-02", DealWon, "early", "2026-02-02T09:00:00Z", deal_id="D-1"),
                on("02-03", DealWon, "late", "2026-03-10T09:00:00Z", deal_id="D-2"),
                on("04-03", DealWon, "later", "2026-04-03T09:00:00Z", deal_id="D-3"),
            ]
        )
        receipt = explain(new.books, cell("bookings", as_of="2026-03-01"))
        assert ids(receipt, "counted") == ["early"]
        assert reasons(receipt) == {"late": "recorded after the cut"}
        assert reasons(explain(new.books, cell("bookings"))) == {}

    def test_orders_that_fulfil_a_deal(self, company: New) -> None:
        new = company(
            [
                on("02-02", DealWon, deal_id="D-1"),
                on("02-03", OrderPlaced, "fulfils", order_id="O-1", deal_id="D-1"),
                on("04-03", OrderPlaced, "elsewhen", order_id="O-2", deal_id="D-1"),
            ]
        )
        assert reasons(explain(new.books, cell("revenue"))) == {
            "fulfils": "fulfils a deal and adds no revenue of its own"
        }

    def test_an_order_that_fulfils_a_deal_counts_where_its_cost_does(self, company: New) -> None:
        new = company(
            [
                on("02-02", DealWon, deal_id="D-1", amount="90.00"),
                on("02-03", OrderPlaced, "fulfils", order_id="O-1", deal_id="D-1", amount="90.00", cost="40.00"),
            ]
        )
        receipt = explain(new.books, cell("gross_profit"))
        assert reasons(receipt) == {}
        added = {event["id"]: event["contribution"] for event in receipt["events"]}
        assert added["fulfils"] == {"cost": "40.00"}

    def test_what_was_taken_back_adds_nothing_to_a_median(self, company: New) -> None:
        new = company(
            [
                on("02-02", DealCreated, deal_id="D-1", stage="a"),
                on("02-04", DealWon, "win", deal_id="D-1"),
                on("02-05", DealReopened, "back", deal_id="D-1", stage="a"),
                on("02-02", DealWon, "ghost", deal_id="D-2"),
                on("02-06", EventVoided, source=SOURCE, id="ghost"),
            ]
        )
        receipt = explain(new.books, cell("sales_cycle_days/median"))
        added = {event["id"]: event["contribution"] for event in receipt["events"] if event["role"] == "counted"}
        days = 2 * 86_400_000
        assert added == {"win": {"median_ms": days, "n": 1}, "back": {"median_ms": -days, "n": -1}}
        assert receipt["counted"] == 2

    def test_touchpoints_that_a_machine_sent(self, company: New) -> None:
        new = company([on("02-02", TouchpointLogged, "call"), on("02-03", TouchpointLogged, "mailing", automated=True)])
        receipt = explain(new.books, cell("touchpoints"))
        assert ids(receipt, "counted") == ["call"]
        assert reasons(receipt) == {"mailing": "sent by a machine"}

    @pytest.mark.parametrize("kpi", ["csat/customers", "nps/latest"])
    def test_answers_that_were_superseded(self, kpi: str, company: New) -> None:
        kind = kpi[:4].strip("/")
        new = company(
            [
                on("02-02", SurveyAnswered, "first", kind=kind, score="1", respondent_id="P-1"),
                on("02-05", SurveyAnswered, "latest", kind=kind, score="5", respondent_id="P-1"),
                on("02-03", SurveyAnswered, "other", kind=kind, score="5", respondent_id="P-2"),
            ]
        )
        receipt = explain(new.books, cell(kpi))
        assert set(ids(receipt, "counted")) == {"latest", "other"}
        assert reasons(receipt) == {"first": "superseded by a later answer of the same respondent"}

    def test_purchases_of_those_who_bought_before_or_have_no_name(self, company: New) -> None:
        new = company(
            [
                on("01-02", OrderPlaced, "long ago", order_id="O-1", customer_id="C-1"),
                on("02-02", OrderPlaced, "again", order_id="O-2", customer_id="C-1"),
                on("02-03", OrderPlaced, "nameless", order_id="O-3"),
                on("02-04", OrderPlaced, "new", order_id="O-4", customer_id="C-2"),
            ]
        )
        receipt = explain(new.books, cell("new_customers"))
        assert ids(receipt, "counted") == ["new"]
        assert reasons(receipt) == {
            "again": "not the first purchase of its customer",
            "nameless": "names no customer",
        }

    def test_what_is_parked(self, company: New) -> None:
        new = company([on("02-02", DealWon, "win", deal_id="D-1")])
        new.journal.append([newer(new, "deal.won", "urn:salestream:deal.won:99")], now_ms=NOW_MS)
        new.post()

        receipt = explain(new.books, cell("bookings"))
        assert ids(receipt, "counted") == ["win"]
        assert reasons(receipt) == {
            "newer": "parked: urn:salestream:deal.won:99 at position 2 is newer than this version knows"
        }


class TestHistory:
    """Everything known about one entity, on both clocks."""

    def test_its_events_and_what_the_books_posted(self, company: New) -> None:
        new = company(
            [
                on("02-02", DealCreated, "made", deal_id="D-1", stage="a", amount="100.00"),
                on("02-05", DealWon, "won", deal_id="D-1", amount="90.00", cost="30.00"),
                on("02-09", EventVoided, source=SOURCE, id="won", reason="never signed"),
                on("02-05", DealWon, deal_id="D-2"),
            ]
        )
        told = history(new.books, "deal", "D-1")

        assert (told["entity"], told["id"]) == ("deal", "D-1")
        assert [(event["id"], event["voided"]) for event in told["events"]] == [("made", False), ("won", True)]
        assert told["events"][1]["data"]["amount"] == "90.00"
        wins = [line for line in told["postings"] if line["measure"] == "won"]
        assert [(line["position"], line["count"], line["amount"], line["cost"]) for line in wins] == [
            (2, 1, "90.00", "30.00"), (3, -1, "-90.00", "-30.00"),
        ]  # fmt: skip
        assert wins[0]["time"] == "2026-02-05T09:00:00Z"

    def test_of_something_never_told_it_is_empty(self, company: New) -> None:
        assert history(company().books, "deal", "D-9") == {"entity": "deal", "id": "D-9", "events": [], "postings": []}

    @pytest.mark.parametrize(
        ("type_", "schema"),
        [("deal.won", "urn:salestream:deal.won:99"), ("deal.frozen", "urn:salestream:deal.frozen:1")],
    )
    def test_what_only_a_newer_version_knows_is_shown_as_parked(self, type_: str, schema: str, company: New) -> None:
        new = company([on("02-02", DealCreated, deal_id="D-1", stage="a")])
        new.journal.append([newer(new, type_, schema)], now_ms=NOW_MS)
        new.post()

        told = history(new.books, "deal" if type_ == "deal.won" else type_, "D-1")
        assert told["events"][-1]["data"] == {}
        assert " at position 2 is " in told["events"][-1]["parked"]
