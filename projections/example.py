"""A worked example of a KPI: a few events, a question and its answer. It is a test, and it is shown to people."""

from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Any

from events.activities import TouchpointLogged
from events.base import SalesEvent
from events.codec import as_dict
from events.customers import CustomerChurned
from events.deals import DealCreated, DealLost, DealStageMoved, DealWon
from events.leads import LeadCreated
from events.orders import OrderPlaced
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


Given = tuple[str, SalesEvent]
"""The time of an event, and the event."""


def on(day: str, event: SalesEvent) -> Given:
    """An event at nine in the morning."""
    return f"{day}T09:00:00Z", event


def lead(day: str, lead: str) -> Given:
    """A lead that came in."""
    return on(day, sample(LeadCreated, lead_id=lead))


def won(day: str, deal: str, amount: str, **facts: Any) -> Given:
    """A deal that was won."""
    return on(day, sample(DealWon, deal_id=deal, amount=amount, **facts))


def created(day: str, deal: str, amount: str | None = None, stage: str = "qualified", **facts: Any) -> Given:
    """A deal that was opened."""
    return on(day, sample(DealCreated, deal_id=deal, stage=stage, amount=amount, **facts))


def moved(day: str, deal: str, to_stage: str) -> Given:
    """A deal that moved to a stage."""
    return on(day, sample(DealStageMoved, deal_id=deal, to_stage=to_stage))


def lost(day: str, deal: str) -> Given:
    """A deal that was lost."""
    return on(day, sample(DealLost, deal_id=deal))


def order(day: str, order: str, amount: str, customer: str | None = None, **facts: Any) -> Given:
    """An order."""
    return on(day, sample(OrderPlaced, order_id=order, amount=amount, customer_id=customer, **facts))


def spend(day: str, category: str, amount: str, **facts: Any) -> Given:
    """What was spent."""
    return on(day, sample(SpendRecorded, category=category, amount=amount, **facts))


def answer(day: str, kind: str, score: str, respondent: str) -> Given:
    """An answer to a survey."""
    return on(day, sample(SurveyAnswered, kind=kind, score=score, respondent_id=respondent))


def touched(day: str, kind: str, **facts: Any) -> Given:
    """A rep and a customer in touch."""
    return on(day, sample(TouchpointLogged, rep_id="rep-7", kind=kind, **facts))


def churned(day: str, customer: str) -> Given:
    """A customer who left."""
    return on(day, sample(CustomerChurned, customer_id=customer))
