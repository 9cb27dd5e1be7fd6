"""The books of what happens once: touchpoints, survey answers, trainings. Each event is an entity of its own."""

from decimal import Decimal
from functools import lru_cache
from typing import Final

from events.activities import TouchpointLogged
from events.envelope import Fact
from events.people import TrainingCompleted
from events.surveys import SCALES, SurveyAnswered
from projections.books.fold import Fold
from projections.books.plain import COMMON, Plain
from projections.posting import NOWHERE, Dimensions, Posting, merged, replace_dims

TOUCHPOINT: Final = Plain(
    event=TouchpointLogged,
    dims={name: name for name in (*COMMON, "kind", "direction")}
    | {"lead": "lead_id", "deal": "deal_id", "customer": "customer_id"},
    made={"measure": (lambda automated: "touchpoint_automated" if automated else "touchpoint", ("automated",))},
)
"""Measures: ``touchpoint`` (count), or ``touchpoint_automated`` where a machine sent it."""


class TouchpointBook(Fold):
    """One touchpoint, by the rule ``TOUCHPOINT``."""

    __slots__ = ()

    def post(self, fact: Fact) -> list[Posting]:
        """The line of this touchpoint."""
        assert isinstance(fact.data, TouchpointLogged)
        return [TOUCHPOINT.posting(fact)]


@lru_cache(4096)
def _share(kind: str, score: str, scale_max: str | None) -> int:
    """The share of the best score, in millionths."""
    share = Decimal(score) / Decimal(scale_max or SCALES[kind])
    return int((share * 1_000_000).to_integral_value())


@lru_cache(4096)
def _outcome(kind: str, score: str, scale_max: str | None) -> str:
    """Satisfied from 0.8 of the scale on; promoters from 0.9 on, detractors up to 0.6 (9-10 and 0-6 of 10)."""
    tenfold, scale = Decimal(score) * 10, Decimal(scale_max or SCALES[kind])
    if kind == "csat":
        return "satisfied" if tenfold >= 8 * scale else "dissatisfied"
    if kind == "nps":
        return "promoter" if tenfold >= 9 * scale else "detractor" if tenfold <= 6 * scale else "passive"
    return ""


_SCORED: Final = ("kind", "score", "scale_max")
SURVEY: Final = Plain(
    event=SurveyAnswered,
    dims={name: name for name in (*COMMON, "kind")} | {"deal": "deal_id", "customer": "customer_id"},
    made={
        "measure": (lambda: "answer", ()),
        "amount": (_share, _SCORED),
        "outcome": (_outcome, _SCORED),
        "respondent": (
            lambda told, customer, entity: told or customer or entity,
            ("respondent_id", "customer_id", "entity"),
        ),
    },
)
"""Measure ``answer`` (count; amount = share of the best score in millionths), by kind and outcome."""


class SurveyBook(Fold):
    """One answer, by the rule ``SURVEY``."""

    __slots__ = ()

    def post(self, fact: Fact) -> list[Posting]:
        """The line of this answer."""
        assert isinstance(fact.data, SurveyAnswered)
        return [SURVEY.posting(fact)]


class TrainingBook(Fold):
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
