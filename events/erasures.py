"""Erasures: what is held of a person was destroyed, and that it was is told for good."""

from typing import Annotated, ClassVar, Final, Literal, get_args

from pydantic import Field

from events.base import SalesEvent
from events.words import Name, Reason

Kind = Literal["lead", "customer", "rep", "respondent", "deal", "survey"]
KINDS: Final[tuple[str, ...]] = get_args(Kind)
"""Whom personal fields can be about."""


class SubjectErased(SalesEvent, frozen=True, kw_only=True):
    """The personal fields of everything told about this subject were destroyed, and those told later are not kept.

    It holds nothing personal and moves no number. `salestream erase` tells it; it is refused from anybody else.
    """

    TYPE: ClassVar[str] = "subject.erased"
    ZH: ClassVar[str] = "抹除个人数据"
    KIND: ClassVar[str] = "erasure"

    kind: Kind
    id: Annotated[Name, Field(examples=["L-1"])]
    """The subject's id, as events name it."""
    reason: Reason | None = None


EVENTS: Final = (SubjectErased,)
