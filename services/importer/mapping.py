"""The mapping language: which events the lines of an export tell. Described for people in ``docs/mappings.md``.

A mapping says what, never how: nothing in it is executed. It is checked as a whole before a line is read, and what is
wrong is said in one sentence that names the file, the key and what is allowed.
"""

from typing import Annotated, Any, Final, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator, model_validator

from events.fields import EventField, fields_of
from events.vocabulary import BY_TYPE
from services.importer.arithmetic import Numerals
from services.importer.moments import ISO, read_moment
from services.importer.spelling import (
    Calculations,
    Columns,
    CurrencyCode,
    Delimiter,
    Encodings,
    FileName,
    Forms,
    OneTemplate,
    SourceName,
    Templates,
    Text,
    Texts,
    Zone,
    wrong,
)
from services.importer.template import Template, template


class MappingError(Exception):
    """A mapping, or a file that does not fit it: nothing is imported. One sentence says why and what is allowed."""


class Part(BaseModel):
    """A part of a mapping. Its keys are its fields, and no others."""

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)

    @model_validator(mode="before")
    @classmethod
    def _has_known_keys(cls, value: Any) -> Any:
        return _known_keys(cls, value)


def _known_keys(part: type[BaseModel], value: Any) -> Any:
    names = ", ".join(part.model_fields)
    if not isinstance(value, dict):
        raise wrong(f"is no mapping of keys; allowed: {names}")
    for key in value:
        if key not in part.model_fields:
            raise wrong(f"has the unknown key {str(key)[:40]!r}; allowed: {names}")
    for name, field in part.model_fields.items():
        if field.is_required() and name not in value:
            raise wrong(f"lacks the key {name!r}; allowed: {names}")
    return value


class Format(Part):
    """How a file is written."""

    encoding: Encodings = ("utf-8",)
    """Tried in this order."""
    delimiter: Delimiter = ","
    empty: Texts = ()
    """What stands for nothing, beside an empty cell: ``NULL``."""
    point: Literal[".", ","] = "."
    thousands: Literal["", ",", ".", " ", "'", "\u00a0", "\u202f"] = ""
    symbols: str = ""
    """Characters that may stand around a number: ``$€``."""
    dates: Forms = ()
    sheet: Text = ""
    """Which sheet of a workbook; empty: the only visible one."""

    @model_validator(mode="after")
    def _tells_points_apart(self) -> Self:
        if self.point == self.thousands:
            raise wrong("has one sign for point and thousands; allowed: two different ones")
        return self

    @property
    def numerals(self) -> Numerals:
        """How its numbers are read."""
        return Numerals(self.point, self.thousands, self.symbols)

    def with_changes(self, changes: "Format | None") -> "Format":
        """This format, with what another one says aloud."""
        if changes is None:
            return self
        return self.model_copy(update={name: getattr(changes, name) for name in changes.model_fields_set})


class Condition(Part):
    """What a column must hold. Everything that is said must be so."""

    present: bool | None = None
    any_of: Texts | None = Field(None, alias="in")
    not_: Texts | None = Field(None, alias="not")

    model_config = ConfigDict(populate_by_name=True)

    @model_validator(mode="before")
    @classmethod
    def _has_known_keys(cls, value: Any) -> Any:
        if not isinstance(value, dict):
            return {"in": value}
        if not value or not value.keys() <= {"present", "in", "not"}:
            raise wrong("is no condition; allowed: a value, a list of values, or an object with present, in, not")
        return value

    def holds(self, text: str) -> bool:
        """Whether it holds for the value of the column."""
        return (
            (self.present is None or self.present == bool(text))
            and (self.any_of is None or text in self.any_of)
            and (self.not_ is None or text not in self.not_)
        )


class Round(Part):
    """How an amount is rounded to the minor unit of its currency, always half-even."""

    what: Literal["event", "line", "carry"]
    within: OneTemplate | None = None
    """For ``carry``: what is carried stays within the same value of this."""

    @model_validator(mode="before")
    @classmethod
    def _has_known_keys(cls, value: Any) -> Any:
        if value in ("event", "line", "carry"):
            return {"what": value}
        if isinstance(value, dict) and list(value) == ["carry"]:
            return {"what": "carry", "within": value["carry"]}
        raise wrong('is no way to round; allowed: event, line, carry, or {carry: "{column}"}')


class Value(Part):
    """Where the value of a field comes from."""

    text: Templates | None = None
    number: Calculations | None = None
    sum: Calculations | None = None
    date: Templates | None = None
    fields: "dict[str, Value] | None" = None
    constant: Any = None
    map: dict[Text, Text] | None = None
    other: OneTemplate | None = None
    round: Round | None = None
    format: Forms | None = None

    @model_validator(mode="after")
    def _says_one_thing(self) -> Self:
        kinds = [
            name for name in ("text", "number", "sum", "date", "fields", "constant") if name in self.model_fields_set
        ]
        if len(kinds) != 1:
            raise wrong(
                "says where it comes from more than once, or not at all; allowed: one of text, number, sum, date"
            )
        for option, goes_with in _OPTIONS.items():
            if option in self.model_fields_set and kinds[0] not in goes_with:
                raise wrong(f"has {option} beside {kinds[0]}; allowed: {option} beside {' or '.join(goes_with)}")
        if self.other is not None and self.map is None:
            raise wrong("has other without map; allowed: other beside map")
        if self.round is not None and self.round.what != "event" and self.sum is None:
            raise wrong(f"rounds by {self.round.what} what is no sum; allowed: round: event")
        return self

    @property
    def columns(self) -> set[str]:
        """The columns it needs, but for those it sums."""
        templates = [*(self.text or ()), *(self.date or ()), *([self.other] if self.other else [])]
        if self.round is not None and self.round.within is not None:
            templates.append(self.round.within)
        found = {column for each in templates for column in each.columns}
        found |= {column for each in self.number or () for column in each.columns}
        return found.union(*(inner.columns for inner in (self.fields or {}).values()))

    @property
    def summed_columns(self) -> set[str]:
        """The columns it sums over the lines of a group."""
        return {column for each in self.sum or () for column in each.columns}


_OPTIONS: Final = {"map": ("text",), "other": ("text",), "round": ("number", "sum"), "format": ("date",)}


class Moment(Part):
    """When an event occurred."""

    text: Templates
    format: Forms | None = None
    timezone: Zone | None = None

    @model_validator(mode="before")
    @classmethod
    def _has_known_keys(cls, value: Any) -> Any:
        if not isinstance(value, dict) or list(value.values()) == [None]:
            return {"text": value}
        return _known_keys(cls, value)

    @model_validator(mode="after")
    def _has_real_constants(self) -> Self:
        for each in self.text:
            try:
                _ = each.columns or read_moment(each.text, (ISO,), "UTC")
            except ValueError as error:
                raise wrong(str(error)) from None
        return self


class Event(Part):
    """An event that a line tells, if its conditions hold."""

    type: str
    when: dict[Text, Condition] = {}
    time: Moment
    id: Templates | None = None
    first_stands: bool = False
    """Whether what was told of this identity before stands, whatever is said now: for facts that no longer change."""
    data: dict[str, Value]

    @field_validator("type")
    @classmethod
    def _is_known(cls, type_: str) -> str:
        if type_ not in BY_TYPE:
            raise wrong(f"is no type of event; allowed: {', '.join(BY_TYPE)}")
        return type_

    @field_validator("data", mode="before")
    @classmethod
    def _tells_its_fields(cls, data: Any, info: ValidationInfo) -> Any:
        type_ = info.data.get("type")
        if type_ is None:
            return {}
        known = {field.name: field for field in fields_of(BY_TYPE[type_])}
        if not isinstance(data, dict):
            raise wrong(f"is no object; allowed: {', '.join(known)}")
        for name in data:
            if name not in known:
                raise wrong(f"has the field {str(name)[:40]!r}, unknown in {type_}; allowed: {', '.join(known)}")
        lacking = [name for name, field in known.items() if field.required and name not in data]
        if lacking:
            raise wrong(f"lacks {', '.join(lacking)}, which {type_} needs; allowed: {', '.join(known)}")
        return {name: _spelled_out(value, known[name]) for name, value in data.items()}

    @property
    def columns(self) -> set[str]:
        """The columns it needs, but for those it sums."""
        templates = [*self.time.text, *(self.id or ())]
        found = set(self.when) | {column for each in templates for column in each.columns}
        return found.union(*(value.columns for value in self.data.values()))


def _spelled_out(value: Any, field: EventField | None) -> Any:
    """A value in its long form: text is a template, what is no text is meant as it stands."""
    example = field.example if field else ""
    if isinstance(example, list):
        return {"constant": value}
    if isinstance(example, dict) and isinstance(value, dict):
        return {"fields": {str(name): _spelled_out(inner, None) for name, inner in value.items()}}
    if isinstance(value, bool | int) and not isinstance(example, str):
        return {"constant": value}
    if isinstance(value, dict) and list(value.values()) != [None]:
        return value
    return {"text": value}


SAME: Final = "*"
"""As the name of a file beside the main one: the main one itself, with another of its sheets."""


class Join(Part):
    """Columns from a line of a file beside the main one: that whose ``key`` is what ``on`` says here."""

    file: FileName
    key: str
    on: OneTemplate
    optional: bool = False
    """Whether a line may be missing there: then its columns are empty."""
    columns: Columns | None = None
    format: Format | None = None


class Step(Part):
    """What the lines of one kind of file tell. With ``group_by``, several lines tell it together."""

    columns: Columns | None = None
    """The names of the columns, for a file without a header line."""
    optional_columns: Columns = ()
    """Columns that may be missing: then they are empty."""
    format: Format | None = None
    rename: dict[Text, dict[Text, Text]] = {}
    join: dict[str, Join] = {}
    key: OneTemplate | None = None
    group_by: OneTemplate | None = None
    events: Annotated[tuple[Event, ...], Field(min_length=1)]

    @model_validator(mode="after")
    def _knows_its_lines(self) -> Self:
        if (self.key is None) == (self.group_by is None):
            raise wrong(
                "says by what a line is known twice, or not at all; allowed: key, or group_by for several lines that "
                "are one"
            )
        if not (self.key or self.group_by or _NOTHING).columns:
            raise wrong('has a key without a column; allowed: a text with a column, such as "{Id}"')
        joined = tuple(f"{join}." for join in self.join)
        if self.group_by is not None and any(column.startswith(joined) for column in self.group_by.columns if joined):
            raise wrong("groups by a column of another file; allowed: columns of the file itself")
        types = [event.type for event in self.events if event.id is None]
        for type_ in types:
            if types.count(type_) > 1:
                raise wrong(f"tells {type_} more than once under one id; allowed: an id for each but one")
        if self.group_by is None and any(value.sum for event in self.events for value in event.data.values()):
            raise wrong("sums lines that are not grouped; allowed: number instead of sum, or group_by")
        return self

    @property
    def shared_columns(self) -> set[str]:
        """The columns of which a group of lines has one value: all but those that are summed."""
        return set[str]().union(*(event.columns for event in self.events))

    @property
    def all_columns(self) -> set[str]:
        """Every column it names; those of its joins as ``join.column``."""
        summed = (value.summed_columns for event in self.events for value in event.data.values())
        return self.shared_columns.union(
            self.known_by.columns, *summed, *(join.on.columns for join in self.join.values())
        )

    @property
    def known_by(self) -> Template:
        """What a line, or a group of lines, is known by."""
        return self.key or self.group_by or _NOTHING


_NOTHING: Final = template("")


class Beside(Step):
    """What the lines of a file beside the main one tell, before those of the main one."""

    file: FileName


class Mapping(Part):
    """A mapping: what is told once, by files beside the main one, and by its lines."""

    source: SourceName
    """The ``source`` of every event."""
    about: str = ""
    currency: CurrencyCode | None = None
    timezone: Zone | None = None
    format: Format = Format()
    once: tuple[Event, ...] = ()
    beside: tuple[Beside, ...] = ()
    rows: Step

    @model_validator(mode="after")
    def _tells_constants_once(self) -> Self:
        types = [event.type for event in self.once if event.id is None]
        if any(event.when or event.columns for event in self.once):
            raise wrong("tells once what depends on a column; allowed: constants without when, or events under rows")
        if len(set(types)) < len(types):
            raise wrong("tells one type once and again under one id; allowed: an id for each but one")
        return self

    @property
    def side_files(self) -> set[str]:
        """The names of the files that are read beside the main one."""
        steps: tuple[Step, ...] = (*self.beside, self.rows)
        found = {side.file for side in self.beside} | {join.file for step in steps for join in step.join.values()}
        return found - {SAME}
