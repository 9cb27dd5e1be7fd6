"""What every sales event has: a wire name, the entity it is about, and free attributes."""

from dataclasses import dataclass
from typing import Annotated, ClassVar

from pydantic import ConfigDict, Field, WithJsonSchema

from events.words import LINE_PATTERN, NAME_PATTERN, Allowed, Detail, Line, Name, RepId

Attributes = Annotated[
    dict[Name, Line],
    Field(max_length=16, examples=[{"source": "expo"}]),
    WithJsonSchema(
        {
            "type": "object",
            "maxProperties": 16,
            "propertyNames": {"type": "string", "maxLength": 200, "pattern": NAME_PATTERN},
            "additionalProperties": {"type": "string", "maxLength": 200, "pattern": LINE_PATTERN},
        }
    ),
    Allowed("at most 16 pairs of text, names of 1-200 and values of up to 200 visible characters"),
]


@dataclass(frozen=True, slots=True, kw_only=True)
class SalesEvent:
    """A fact about selling, in the past tense. Facts are added, never edited."""

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    TYPE: ClassVar[str]
    """Its name on the wire. Spelled out, because it must outlive the class name."""
    ZH: ClassVar[str]
    """Its short name in Chinese."""
    VERSION: ClassVar[int] = 1
    """The newest version of its shape; older ones are brought up by ``events.upcasts``."""
    KIND: ClassVar[str]
    """The kind of entity whose history it belongs to."""
    ENTITY: ClassVar[str | None] = None
    """The field that names the entity; None where each event is an entity of its own."""
    ABOUT: ClassVar[tuple[tuple[str, str], ...]] = ()
    """Whom its personal fields are about: kinds, and the fields that name them, of which the first that is told counts.
    Where none is told, and where nothing is said here, it is the entity."""

    attributes: Attributes | None = None
    """Free dimensions of your own."""

    def misfit(self) -> tuple[str, str] | None:
        """What does not fit between its fields: the field, and ``is …; allowed: …``. None where all fits."""
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Dimensioned(SalesEvent):
    """An event that may say whose it is and where it belongs."""

    rep_id: RepId | None = None
    team_id: Annotated[Name, Field(examples=["team-2"])] | None = None
    region: Annotated[Name, Field(examples=["华东"])] | None = None
    product: Annotated[Name, Field(examples=["CRM Pro"])] | None = None
    channel: Annotated[Name, Field(examples=["web"])] | None = None
    campaign: Annotated[Name, Field(examples=["spring-2026"])] | None = None
    segment: Annotated[Name, Field(examples=["enterprise"])] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Contact:
    """Who to talk to. Personal throughout."""

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    name: Annotated[Detail, Field(examples=["Li Na"])] | None = None
    email: Annotated[Detail, Field(examples=["li.na@example.com"])] | None = None
    phone: Annotated[Detail, Field(examples=["+86 10 5550 0100"])] | None = None
    company: Annotated[Detail, Field(examples=["Example Trading"])] | None = None
