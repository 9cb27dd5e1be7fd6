"""The books of what happens once: touchpoints, survey answers, trainings. Each event is an entity of its own."""

from decimal import Decimal
from typing import Final

from events.activities import TouchpointLogged
from events.envelope import Fact
from events.people import TrainingCompleted
from events.surveys import SCALES, SurveyAnswered
from projections.books.plain import COMMON, Plain
from projections.posting import NOWHERE, Dimensions, Posting, merged, replace_dims

TOUCHPOINT: Final = Plain(
    event=TouchpointLogged,
    flag="automated",
    measures=("touchpoint", "touchpoint_automated"),
    dims={name: name for name in (*COMMON, "kind", "direction")}
    | {"lead": "lead_id", "deal": "deal_id", "customer": "customer_id"},
)
"""Measures: ``touchpoint`` (count), or ``touchpoint_automated`` where a machine sent it."""


class TouchpointBook:
    """One touchpoint, by the rule ``TOUCHPOINT``."""

    __slots__ = ()

    def post(self, fact: Fact) -> list[Posting]:
        """The line of this touchpoint."""
        assert isinstance(fact.data, TouchpointLogged)
        return [TOUCHPOINT.posting(fact)]


class SurveyBook:
    """Measure ``answer`` (count; amount = share of the best score in millionths), by kind and outcome."""

    __slots__ = ()

    def post(self, fact: Fact) -> list[Posting]:
        """The line of this answer."""
        event = fact.data
        assert isinstance(event, SurveyAnswered)
        share = Decimal(event.score) / Decimal(event.scale_max or SCALES[event.kind])
        dims = merged(NOWHERE, event, customer=event.customer_id, deal=event.deal_id, kind=event.kind)
        respondent = event.respondent_id or event.customer_id or fact.entity
        dims = replace_dims(dims, respondent=respondent, outcome=_outcome(event))
        return [_once("answer", fact, dims, amount=int((share * 1_000_000).to_integral_value()))]


def _outcome(event: SurveyAnswered) -> str:
    """Satisfied from 0.8 of the scale on; promoters from 0.9 on, detractors up to 0.6 (9-10 and 0-6 of 10)."""
    tenfold, scale = Decimal(event.score) * 10, Decimal(event.scale_max or SCALES[event.kind])
    if event.kind == "csat":
        return "satisfied" if tenfold >= 8 * scale else "dissatisfied"
    if event.kind == "nps":
        return "promoter" if tenfold >= 9 * scale else "detractor" if tenfold <= 6 * scale else "passive"
    return ""


class TrainingBook:
    """Measure ``training`` (count; amount = what was gained, in millionths of the best score), by course."""

    __slots__ = ()

    def post(self, fact: Fact) -> list[Posting]:
        """The line of this training."""
        event = fact.data
        assert isinstance(event, TrainingCompleted)
        dims = replace_dims(merged(NOWHERE, event, rep_id=event.rep_id), category=event.course)
        if event.pre_score is None or event.post_score is None or event.max_score is None:
            return [_once("training", fact, dims)]
        gain = (Decimal(event.post_score) - Decimal(event.pre_score)) / Decimal(event.max_score)
        dims = replace_dims(dims, outcome="measured")
        return [_once("training", fact, dims, amount=int((gain * 1_000_000).to_integral_value()))]


def _once(measure: str, fact: Fact, dims: Dimensions, amount: int = 0) -> Posting:
    return Posting(
        measure=measure, at_ms=fact.at_ms, event=fact.position, dims=dims, count=1, amount=amount, basis_ms=fact.at_ms
    )
