"""Surveys: what customers, colleagues and trainees answered."""

from typing import Annotated, ClassVar, Final, Literal

from pydantic import Field

from events.base import Dimensioned
from events.words import CustomerId, DealId, Name, Personal, ScaleMax, Score, Text, beyond

SCALES: Final = {"csat": "5", "nps": "10", "collaboration": "5", "training": "5"}
"""The best possible score of each kind of survey where the answer does not say."""


class SurveyAnswered(Dimensioned, frozen=True, kw_only=True):
    """One person answered one question."""

    TYPE: ClassVar[str] = "survey.answered"
    ZH: ClassVar[str] = "问卷回答"
    KIND: ClassVar[str] = "survey"
    ABOUT: ClassVar[tuple[tuple[str, str], ...]] = (
        ("respondent", "respondent_id"),
        ("customer", "customer_id"),
        ("deal", "deal_id"),
    )

    kind: Literal["csat", "nps", "collaboration", "training"]
    score: Score
    scale_max: ScaleMax | None = None
    """The best possible score; 10 for nps and 5 for the others where absent."""
    respondent_id: Annotated[Name, Field(examples=["P-1"])] | None = None
    customer_id: CustomerId | None = None
    deal_id: DealId | None = None
    comment: Annotated[Text, Personal(), Field(examples=["Quick and friendly"])] | None = None

    def misfit(self) -> tuple[str, str] | None:
        """The score lies on the scale."""
        return beyond("score", self.score, self.scale_max or SCALES[self.kind])


EVENTS: Final = (SurveyAnswered,)
