"""Walls: what a company decides about how its people are shown."""

from typing import Annotated, ClassVar, Final, Literal, get_args

from pydantic import Field

from events.base import SalesEvent, pairs_schema
from events.words import NAME_PATTERN, Allowed, Name

Names = Literal["full", "initials", "alias", "id", "own", "off"]
"""How people are named, from the most to the least: in full, by initials, by alias, by id, only on their own board,
not at all."""
NAMES: Final[tuple[Names, ...]] = get_args(Names)


class WallDefined(SalesEvent, frozen=True, kw_only=True):
    """How the wallboard shows people, of whatever moment, from now on. What is absent stays as it was.

    It moves no number. The stricter of it, of the settings and of a board holds.
    """

    TYPE: ClassVar[str] = "wall.defined"
    ZH: ClassVar[str] = "定义看板"
    KIND: ClassVar[str] = "wall"

    names: Annotated[Names, Field(examples=["alias"])] | None = None
    """How reps are named; `own`: only on their own board; `off`: not at all."""
    least: Annotated[int, Field(strict=True, ge=1, le=100, examples=[3]), Allowed("a number from 1 to 100")] | None = (
        None
    )
    """Teams, regions and managers with fewer reps are not shown."""
    aliases: (
        Annotated[
            dict[Name, Name],
            Field(max_length=1000, examples=[{"R-7": "Falcon"}]),
            pairs_schema(1000, NAME_PATTERN),
            Allowed("at most 1000 pairs of a rep's id and an alias, each of 1-200 visible characters"),
        ]
        | None
    ) = None
    """What reps are called where names are by alias; who has none is called by the id."""


EVENTS: Final = (WallDefined,)
