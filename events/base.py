"""What every sales event has: a wire name, the entity it is about, and free attributes."""

from inspect import cleandoc
from typing import Annotated, Any, ClassVar, get_type_hints

import msgspec
from pydantic import Field, GetCoreSchemaHandler, GetJsonSchemaHandler, WithJsonSchema
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import core_schema

from events.words import LINE_PATTERN, NAME_PATTERN, Allowed, Detail, Line, Name, RepId


def pairs_schema(most: int, pattern: str) -> WithJsonSchema:
    """At most so many pairs of a name and a text of this pattern."""
    text = {"type": "string", "maxLength": 200}
    names, values = text | {"pattern": NAME_PATTERN}, text | {"pattern": pattern}
    return WithJsonSchema(
        {"type": "object", "maxProperties": most, "propertyNames": names, "additionalProperties": values}
    )


Attributes = Annotated[
    dict[Name, Line],
    Field(max_length=16, examples=[{"source": "expo"}]),
    pairs_schema(16, LINE_PATTERN),
    Allowed("at most 16 pairs of text, names of 1-200 and values of up to 200 visible characters"),
]


class Shape(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Something told as a JSON object, an event or an object within one: these fields and no others.

    A journal is read by msgspec, which trusts it; what is told is validated by pydantic, with the limits in the types.
    """

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        """How pydantic validates it: as an object with the fields of the class, of which it is then made."""
        hints = get_type_hints(cls, include_extras=True)
        fields = {}
        for field in msgspec.structs.fields(cls):
            inner = handler.generate_schema(hints[field.name])
            if field.default not in (msgspec.NODEFAULT, None):
                inner = core_schema.with_default_schema(inner, default=field.default)
            fields[field.name] = core_schema.typed_dict_field(inner, required=field.required)
        told = core_schema.typed_dict_schema(fields, extra_behavior="forbid")
        made = core_schema.no_info_after_validator_function(lambda valid: cls(**valid), told)
        made["ref"] = f"{cls.__module__}.{cls.__qualname__}:{id(cls)}"
        return made

    @classmethod
    def __get_pydantic_json_schema__(
        cls, schema: core_schema.CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        """Its JSON Schema, described by its docstring."""
        told = handler(schema)
        handler.resolve_ref_schema(told)["description"] = cleandoc(cls.__doc__ or "")
        return told


class SalesEvent(Shape, frozen=True, kw_only=True):
    """A fact about selling, in the past tense. Facts are added, never edited."""

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


class Dimensioned(SalesEvent, frozen=True, kw_only=True):
    """An event that may say whose it is and where it belongs."""

    rep_id: RepId | None = None
    team_id: Annotated[Name, Field(examples=["team-2"])] | None = None
    region: Annotated[Name, Field(examples=["华东"])] | None = None
    product: Annotated[Name, Field(examples=["CRM Pro"])] | None = None
    channel: Annotated[Name, Field(examples=["web"])] | None = None
    campaign: Annotated[Name, Field(examples=["spring-2026"])] | None = None
    segment: Annotated[Name, Field(examples=["enterprise"])] | None = None


class Contact(Shape, frozen=True, kw_only=True):
    """Who to talk to. Personal throughout."""

    name: Annotated[Detail, Field(examples=["Li Na"])] | None = None
    email: Annotated[Detail, Field(examples=["li.na@example.com"])] | None = None
    phone: Annotated[Detail, Field(examples=["+86 10 5550 0100"])] | None = None
    company: Annotated[Detail, Field(examples=["Example Trading"])] | None = None
