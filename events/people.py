"""People: who sells for whom, and what they learn."""

from typing import Annotated, ClassVar, Final

from pydantic import Field

from events.base import SalesEvent
from events.words import Name, Personal, RepId, ScaleMax, Score, beyond


class RepAssigned(SalesEvent, frozen=True, kw_only=True):
    """A rep belongs to this team, region and manager from now on. A full statement: what is absent is none."""

    TYPE: ClassVar[str] = "rep.assigned"
    ZH: ClassVar[str] = "销售归属"
    KIND: ClassVar[str] = "rep"
    ENTITY: ClassVar[str | None] = "rep_id"

    rep_id: RepId
    name: Annotated[Name, Personal(), Field(examples=["Li Na"])] | None = None
    team_id: Annotated[Name, Field(examples=["team-2"])] | None = None
    region: Annotated[Name, Field(examples=["华东"])] | None = None
    manager_id: Annotated[Name, Field(examples=["rep-1"])] | None = None


class RepLeft(SalesEvent, frozen=True, kw_only=True):
    """A rep is in place no longer. What still closes under the name counts for the last team."""

    TYPE: ClassVar[str] = "rep.left"
    ZH: ClassVar[str] = "销售离职"
    KIND: ClassVar[str] = "rep"
    ENTITY: ClassVar[str | None] = "rep_id"

    rep_id: RepId


class TrainingCompleted(SalesEvent, frozen=True, kw_only=True):
    """A rep finished a course."""

    TYPE: ClassVar[str] = "training.completed"
    ZH: ClassVar[str] = "完成培训"
    KIND: ClassVar[str] = "training"

    rep_id: RepId
    course: Annotated[Name, Field(examples=["Negotiation"])]
    pre_score: Annotated[Score, Field(examples=["62"])] | None = None
    post_score: Annotated[Score, Field(examples=["81.5"])] | None = None
    max_score: Annotated[ScaleMax, Field(examples=["100"])] | None = None

    def misfit(self) -> tuple[str, str] | None:
        """The scores lie on the scale, where one is told."""
        return beyond("pre_score", self.pre_score, self.max_score) or beyond(
            "post_score", self.post_score, self.max_score
        )


EVENTS: Final = (RepAssigned, RepLeft, TrainingCompleted)
