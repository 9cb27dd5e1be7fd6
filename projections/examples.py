"""A worked example for every KPI: a few events, a question, and the answer by hand.

They are shown in the catalogue's page, and a test takes each of them along the real path.
"""

from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Any, Final

from events.activities import TouchpointLogged
from events.base import SalesEvent
from events.codec import as_dict
from events.customers import CustomerChurned, CustomerReturned
from events.deals import DealCreated, DealLost, DealReopened, DealStageMoved, DealUpdated, DealWon
from events.leads import LeadCreated, LeadQualified
from events.orders import OrderPlaced, OrderRefunded
from events.people import RepAssigned
from events.planning import PipelineDefined
from events.samples import sample
from events.spend import SpendRecorded
from events.surveys import SurveyAnswered
from projections.question import Question, question


@dataclass(frozen=True)
class Example:
    """Given these events, the answer to this question is ``then``: money as text, ratios as fractions."""

    given: tuple[tuple[str, SalesEvent], ...]
    """Each event with its ``time``."""
    then: str | int | Fraction
    why: str
    """The arithmetic, in one sentence."""
    from_: str = "2026-03"
    to: str = "2026-04"
    where: tuple[str, ...] = ()

    def question(self, kpi: str) -> Question:
        """The question that is asked; without ``by`` beyond what the KPI needs."""
        return question(kpi, where=self.where, from_=self.from_, to=self.to)

    def shown(self) -> Any:
        """The value as it stands in the answer's JSON."""
        return self.then.numerator / self.then.denominator if isinstance(self.then, Fraction) else self.then

    def words(self) -> str:
        """The example in Markdown: a table of the events, the question, the answer and why."""
        asked = [f"--from {self.from_}", f"--to {self.to}", *(f"--where {each}" for each in self.where)]
        return "\n".join(
            [
                "| day | event | tells |",
                "|---|---|---|",
                *(f"| {time[:10]} | `{event.TYPE}` | {_told(event)} |" for time, event in self.given),
                "",
                f"`{' '.join(asked)}` gives **{_number(self.then)}**: {self.why}",
            ]
        )


def _told(event: SalesEvent) -> str:
    return ", ".join(f"{name} {_plain(value)}" for name, value in as_dict(event).items())


def _plain(value: Any) -> str:
    if isinstance(value, dict):
        return " ".join(map(_plain, value.values()))
    return " → ".join(map(_plain, value)) if isinstance(value, list) else str(value)


def _number(value: str | int | Fraction) -> str:
    if isinstance(value, Fraction):
        return f"{Decimal(value.numerator) / Decimal(value.denominator):,f}"
    return f"{Decimal(value):,f}"


_Given = tuple[str, SalesEvent]


def _on(day: str, event: SalesEvent) -> _Given:
    return f"{day}T09:00:00Z", event


def _lead(day: str, lead: str) -> _Given:
    return _on(day, sample(LeadCreated, lead_id=lead))


def _won(day: str, deal: str, amount: str, **facts: Any) -> _Given:
    return _on(day, sample(DealWon, deal_id=deal, amount=amount, **facts))


def _created(day: str, deal: str, amount: str | None = None, stage: str = "qualified", **facts: Any) -> _Given:
    return _on(day, sample(DealCreated, deal_id=deal, stage=stage, amount=amount, **facts))


def _moved(day: str, deal: str, to_stage: str) -> _Given:
    return _on(day, sample(DealStageMoved, deal_id=deal, to_stage=to_stage))


def _lost(day: str, deal: str) -> _Given:
    return _on(day, sample(DealLost, deal_id=deal))


def _order(day: str, order: str, amount: str, customer: str | None = None, **facts: Any) -> _Given:
    return _on(day, sample(OrderPlaced, order_id=order, amount=amount, customer_id=customer, **facts))


def _spend(day: str, category: str, amount: str, **facts: Any) -> _Given:
    return _on(day, sample(SpendRecorded, category=category, amount=amount, **facts))


def _answer(day: str, kind: str, score: str, respondent: str) -> _Given:
    return _on(day, sample(SurveyAnswered, kind=kind, score=score, respondent_id=respondent))


def _touched(day: str, kind: str, **facts: Any) -> _Given:
    return _on(day, sample(TouchpointLogged, rep_id="rep-7", kind=kind, **facts))


def _churned(day: str, customer: str) -> _Given:
    return _on(day, sample(CustomerChurned, customer_id=customer))


_PIPELINE: Final = _on(
    "2026-01-01",
    sample(
        PipelineDefined,
        pipeline="default",
        stages=[{"stage": "qualified", "probability": "0.2"}, {"stage": "proposal", "probability": "0.5"}],
    ),
)
_YEAR: Final = (
    _won("2026-02-10", "D-1", "4000000.00", cost="2500000.00", customer_id="C-1"),
    _order("2026-03-05", "O-1", "1000000.00", "C-2", cost="500000.00"),
    _spend("2026-03-31", "salaries", "1000000.00"),
)
_LIFE: Final = (_order("2026-03-05", "O-1", "20000.00", "C-1"), _spend("2026-03-02", "marketing", "500.00"))
_TWO_WINS: Final = (_won("2026-03-02", "D-1", "60000.00"), _won("2026-03-20", "D-2", "40000.00"))
_SALES: Final = (
    _won("2026-03-02", "D-1", "60000.00", cost="36000.00"),
    _order("2026-03-09", "O-1", "6000.00", cost="3000.00"),
    _on("2026-03-16", sample(OrderRefunded, order_id="O-1", amount="1000.00")),
)
_ACQUIRED: Final = (
    _spend("2026-03-02", "advertising", "600.00"),
    _spend("2026-03-31", "salaries", "400.00"),
    _order("2026-03-09", "O-1", "80.00", "C-1"),
    _order("2026-03-10", "O-2", "90.00", "C-2"),
)
_CLOSED: Final = (
    *(_won("2026-03-20", f"D-{number}", "10000.00") for number in (1, 2, 3)),
    *(_lost("2026-03-25", f"D-{number}") for number in (4, 5)),
)
_FROM_LEAD: Final = (
    _lead("2026-03-01", "L-1"),
    _created("2026-03-11", "D-1", lead_id="L-1"),
    _won("2026-03-31", "D-1", "10000.00"),
    _created("2026-03-05", "D-2"),
    _won("2026-03-15", "D-2", "10000.00"),
)
_VISITS: Final = (
    *(_created("2026-03-02", f"D-{number}") for number in (1, 2, 3)),
    _moved("2026-03-03", "D-1", "proposal"),
    _lost("2026-03-06", "D-2"),
    _moved("2026-03-12", "D-3", "proposal"),
)
_BOUGHT: Final = tuple(_order("2026-02-10", f"O-{number}", "80.00", f"C-{number}") for number in (1, 2, 3, 4))
_QUALIFIED: Final = ("stage=qualified",)
_ASKED: Final = (("5", "P-1"), ("5", "P-2"), ("4", "P-3"), ("4", "P-4"), ("3", "P-5"))
_PROMOTED: Final = (("10", "P-1"), ("9", "P-2"), ("7", "P-3"), ("6", "P-4"))

EXAMPLES: Final[dict[str, Example]] = {
    "bookings": Example(
        (*_TWO_WINS, _on("2026-03-25", sample(DealReopened, deal_id="D-2", stage="proposal"))),
        "60000.00",
        "60,000 + 40,000 won, less the 40,000 of the win that was taken back.",
    ),
    "revenue": Example(
        (*_SALES, _order("2026-03-20", "O-2", "60000.00", deal_id="D-1")),
        "65000.00",
        "60,000 + 6,000 - 1,000; the order that fulfils D-1 adds nothing.",
    ),
    "cost": Example(_SALES, "39000.00", "36,000 for the win and 3,000 for the order; a refund gives no cost back."),
    "gross_profit": Example(_SALES, "26000.00", "revenue 65,000 - cost 39,000."),
    "gross_margin": Example(_SALES, Fraction(2, 5), "(65,000 - 39,000) / 65,000."),
    "spend": Example(
        (
            _spend("2026-03-01", "salaries", "3100.00", period_from="2026-03-01", period_to="2026-04-01"),
            _spend("2026-03-05", "tools", "200.00"),
        ),
        "1200.00",
        "10 of the 31 days that 3,100 pays for, and 200 at once.",
        from_="2026-03-01",
        to="2026-03-11",
    ),
    "net_profit": Example(
        _YEAR, "1000000.00", "revenue 5,000,000 - cost 3,000,000 - spend 1,000,000.", from_="2026", to="2027"
    ),
    "profit_margin": Example(
        _YEAR, Fraction(1, 5), "net profit 1,000,000 / revenue 5,000,000: 20 %.", from_="2026", to="2027"
    ),
    "leads_created": Example(
        (_lead("2026-03-02", "L-1"), _lead("2026-03-09", "L-2")),
        2,
        "L-1 and L-2.",
    ),
    "leads_qualified": Example(
        (
            _lead("2026-03-02", "L-1"),
            _lead("2026-03-09", "L-2"),
            _on("2026-03-11", sample(LeadQualified, lead_id="L-2")),
        ),
        1,
        "L-2 alone.",
    ),
    "deals_created": Example(
        (_created("2026-03-02", "D-1"), _won("2026-03-09", "D-2", "5000.00")),
        2,
        "D-1, and D-2, which was created by its win.",
    ),
    "deals_won": Example(
        (*_TWO_WINS, _on("2026-03-25", sample(DealReopened, deal_id="D-2", stage="proposal"))),
        1,
        "2 won, less 1 taken back.",
    ),
    "deals_lost": Example((_lost("2026-03-02", "D-1"), _lost("2026-03-09", "D-2")), 2, "D-1 and D-2."),
    "average_deal_size": Example(_TWO_WINS, "50000.00", "(60,000 + 40,000) / 2 wins."),
    "new_customers": Example(
        (
            _order("2026-02-10", "O-1", "80.00", "C-1"),
            _order("2026-03-02", "O-2", "90.00", "C-1"),
            _won("2026-03-09", "D-1", "5000.00", customer_id="C-2"),
        ),
        1,
        "C-2; C-1 bought in February already.",
    ),
    "cac": Example(_ACQUIRED, "500.00", "(600 + 400) / 2 new customers, as 500,000 for 1,000."),
    "cac/marketing": Example(_ACQUIRED, "300.00", "600 / 2 new customers; salaries are no marketing."),
    "clv": Example(
        _LIFE,
        "99500.00",
        "20,000 a year for each active customer * 5 years - 500 to win one; nobody churned, so 5 is the setting.",
    ),
    "clv_to_cac": Example(_LIFE, Fraction(200), "(99,500 + 500) / 500."),
    "sales_cycle_days": Example(
        _FROM_LEAD, Fraction(20), "(30 days from the lead L-1 + 10 days from the creation of D-2) / 2 wins."
    ),
    "sales_cycle_days/median": Example(
        (
            *(_created(f"2026-03-{day}", f"D-{number}") for number, day in ((1, "01"), (2, "11"), (3, "29"))),
            *(_won("2026-03-31", f"D-{number}", "10000.00") for number in (1, 2, 3)),
        ),
        Fraction(20),
        "the middle one of 30, 20 and 2 days.",
    ),
    "sales_cycle_days/from_deal": Example(
        _FROM_LEAD, Fraction(15), "(20 days from the creation of D-1, whatever came before + 10 of D-2) / 2 wins."
    ),
    "win_rate": Example(_CLOSED, Fraction(3, 5), "3 won / (3 won + 2 lost)."),
    "win_rate/created": Example(
        (
            _created("2026-02-10", "D-1"),
            _won("2026-03-09", "D-1", "5000.00"),
            _created("2026-03-02", "D-2"),
            _created("2026-03-03", "D-3"),
            _won("2026-04-20", "D-3", "5000.00"),
        ),
        Fraction(1, 2),
        "of D-2 and D-3, created in March, D-3 was won so far; D-1 was created in February.",
    ),
    "win_rate/value": Example(
        (_won("2026-03-02", "D-1", "30000.00"), _created("2026-03-02", "D-2", "10000.00"), _lost("2026-03-09", "D-2")),
        Fraction(3, 4),
        "30,000 won / (30,000 won + 10,000 lost).",
    ),
    "lead_conversion_rate": Example(
        (
            _lead("2026-03-02", "L-1"),
            _lead("2026-03-03", "L-2"),
            _created("2026-03-09", "D-1", lead_id="L-1"),
            _won("2026-04-20", "D-1", "5000.00"),
        ),
        Fraction(1, 2),
        "of L-1 and L-2, a deal of L-1 was won so far.",
    ),
    "stage_conversion": Example(
        (
            _PIPELINE,
            _created("2026-03-02", "D-1"),
            _created("2026-03-03", "D-2"),
            _moved("2026-04-20", "D-1", "proposal"),
            _lost("2026-03-09", "D-2"),
        ),
        Fraction(1, 2),
        "of D-1 and D-2, which entered qualified in March, D-1 came further so far.",
        where=_QUALIFIED,
    ),
    "stage_conversion/period": Example(
        (
            _PIPELINE,
            _created("2026-02-10", "D-1"),
            _created("2026-02-11", "D-2"),
            _moved("2026-03-09", "D-1", "proposal"),
            _lost("2026-03-10", "D-2"),
        ),
        Fraction(1, 2),
        "2 deals left qualified in March, 1 of them forward.",
        where=_QUALIFIED,
    ),
    "stage_days": Example(_VISITS, Fraction(5), "(1 + 4 + 10 days) / 3 visits to qualified.", where=_QUALIFIED),
    "stage_days/median": Example(_VISITS, Fraction(4), "the middle one of 1, 4 and 10 days.", where=_QUALIFIED),
    "pipeline_value": Example(
        (
            _created("2026-02-10", "D-1", "60000.00"),
            _on("2026-03-09", sample(DealUpdated, deal_id="D-1", amount="70000.00")),
            _created("2026-03-02", "D-2", "40000.00"),
            _lost("2026-03-20", "D-2"),
        ),
        "70000.00",
        "D-1 at its new amount; D-2 is lost.",
    ),
    "open_deals": Example(
        (_created("2026-02-10", "D-1"), _created("2026-03-02", "D-2"), _won("2026-03-09", "D-2", "5000.00")),
        1,
        "D-1; D-2 is won.",
    ),
    "weighted_pipeline": Example(
        (
            _PIPELINE,
            _created("2026-03-02", "D-1", "60000.00", stage="proposal"),
            _created("2026-03-03", "D-2", "40000.00"),
            _on("2026-03-09", sample(DealUpdated, deal_id="D-2", probability="0.9")),
        ),
        "66000.00",
        "60,000 * 0.5 of its stage + 40,000 * 0.9 of its own.",
    ),
    "churn_rate": Example(
        (*_BOUGHT, _churned("2026-03-09", "C-4")), Fraction(1, 4), "C-4 left, of 4 who were active when March began."
    ),
    "retention_rate": Example(
        (*_BOUGHT, _churned("2026-03-09", "C-4")), Fraction(3, 4), "4 were active when March began and 1 left."
    ),
    "churned_customers": Example(
        (
            _churned("2026-03-09", "C-1"),
            _churned("2026-03-10", "C-2"),
            _on("2026-03-20", sample(CustomerReturned, customer_id="C-2")),
        ),
        2,
        "C-1 and C-2; that C-2 came back is another matter.",
    ),
    "csat": Example(
        tuple(_answer("2026-03-09", "csat", score, person) for score, person in _ASKED),
        Fraction(4, 5),
        "4 of the 5 asked gave at least 4 of 5.",
    ),
    "csat/customers": Example(
        (
            _answer("2026-03-02", "csat", "2", "P-1"),
            _answer("2026-03-09", "csat", "5", "P-1"),
            _answer("2026-03-10", "csat", "3", "P-2"),
        ),
        Fraction(1, 2),
        "the latest answer of P-1 reaches 4 of 5, that of P-2 does not.",
    ),
    "nps": Example(
        tuple(_answer("2026-03-09", "nps", score, person) for score, person in _PROMOTED),
        Fraction(25),
        "2 promoters of 4 are 50 %, less 1 detractor of 4, 25 %.",
    ),
    "nps/latest": Example(
        (
            _answer("2026-03-02", "nps", "3", "P-1"),
            _answer("2026-03-09", "nps", "9", "P-1"),
            _answer("2026-03-10", "nps", "8", "P-2"),
        ),
        Fraction(50),
        "P-1 is a promoter by now, P-2 is neither: 1 of 2.",
    ),
    "touchpoints": Example(
        (
            _touched("2026-03-02", "call"),
            _touched("2026-03-03", "meeting"),
            _touched("2026-03-04", "email", automated=True),
        ),
        2,
        "the call and the meeting; the e-mail was sent by a machine.",
    ),
    "touchpoints_per_rep_day": Example(
        (
            _on("2026-03-02", sample(RepAssigned, rep_id="rep-7")),
            _touched("2026-03-02", "call"),
            _touched("2026-03-03", "call"),
            _touched("2026-03-05", "meeting"),
        ),
        Fraction(3, 5),
        "3 touchpoints / (1 rep * 5 working days, Monday to Friday).",
        from_="2026-03-02",
        to="2026-03-09",
    ),
}
"""By the KPI's id."""
