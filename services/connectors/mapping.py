"""The mapping of a system's webhooks: which records tell what, and which of their fields feed which of ours.

Described for people in ``docs/connectors.md``. A mapping says what, never how: nothing in it is executed. It is
checked as a whole when it is loaded, and what is wrong is said in one sentence that names the file, the key and what
is allowed.
"""

from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Final, Literal, Self

from pydantic import Field, field_validator, model_validator

from events.fields import fields_of
from events.vocabulary import BY_TYPE
from services.importer.mapping import Condition, Part
from services.importer.spelling import CurrencyCode, Text, Texts, Zone, wrong

ENTITIES: Final = {
    "deal": ("deal.created", "deal.updated", "deal.won", "deal.lost"),
    "lead": ("lead.created", "lead.qualified", "lead.disqualified"),
    "customer": ("customer.updated",),
}
"""What has a history in which changes are told as they come: the events of each."""
_NO_FACTS: Final = ("event.voided", *(type_ for types in ENTITIES.values() for type_ in types))
FACTS: Final = tuple(type_ for type_ in BY_TYPE if type_ not in _NO_FACTS and type_.partition(".")[0] not in ENTITIES)
"""Events that a record tells once. If the record changes, the event is taken back and told anew."""
_MOMENTS: Final = {"deal": ("closed_at",)}
_OTHERS: Final = "*"


Conditions = Annotated[dict[Text, Condition], Field(default_factory=dict)]


class Record(Part):
    """What one kind of record tells."""

    tells: str
    """``deal``, ``lead``, ``customer``, or the type of an event."""
    fields: dict[Text, Texts]
    """Our field to theirs; of several the first that says something. Names joined by points reach inside."""
    values: Annotated[dict[Text, dict[Text, Text]], Field(default_factory=dict)]
    """Of our fields: their values to ours; ``*`` stands for all others. What is missing stays as it is."""
    when: Conditions
    """What their fields must hold for the record to tell anything."""
    won: Conditions
    lost: Conditions
    qualified: Conditions
    disqualified: Conditions
    first_stage: Text | None = None
    """The stage of a new deal, where nobody says it."""
    deleted: Literal["void", "keep"] = "void"
    """What becomes of the events of a record that is deleted: they never happened, or they stay."""

    @field_validator("tells")
    @classmethod
    def _is_known(cls, tells: str) -> str:
        if tells not in ENTITIES and tells not in FACTS:
            raise wrong(f"is nothing that can be told; allowed: {', '.join((*ENTITIES, *FACTS))}")
        return tells

    @model_validator(mode="after")
    def _tells_its_fields(self) -> Self:
        known = self.known_fields
        for name in (*self.fields, *self.values):
            if name not in known and not name.startswith("attributes."):
                allowed = ", ".join((*known, "attributes.<name>"))
                raise wrong(f"has the field {name[:40]!r}, unknown of {self.tells}; allowed: {allowed}")
        if lacking := [name for name in self._needed if name not in self.fields]:
            raise wrong(f"lacks the field {', '.join(lacking)}, which {self.tells} needs; allowed: {', '.join(known)}")
        for option, entity in _OPTIONS.items():
            if getattr(self, option) and self.tells != entity:
                raise wrong(f"has {option}, but tells {self.tells}; allowed: {option} of what tells {entity}")
        return self

    @property
    def _needed(self) -> list[str]:
        """Fields that nothing else can fill. An entity has the record's own id where no field says another."""
        if self.tells in ENTITIES:
            return []
        event = BY_TYPE[self.tells]
        return [each.name for each in fields_of(event) if each.required and each.name != event.ENTITY]

    @property
    def known_fields(self) -> tuple[str, ...]:
        """The fields of ours that it may feed."""
        names: list[str] = []
        for type_ in ENTITIES.get(self.tells, (self.tells,)):
            for each in fields_of(BY_TYPE[type_]):
                inner = [f"{each.name}.{part.name}" for part in fields_of(each.inner)] if each.inner else [each.name]
                names += [name for name in inner if name not in ("attributes", *names)]
        return (*names, *_MOMENTS.get(self.tells, ()), *(() if self.tells in ENTITIES else ("time",)))

    @property
    def theirs(self) -> frozenset[str]:
        """The names of all of their fields that it looks at."""
        conditions = (self.when, self.won, self.lost, self.qualified, self.disqualified)
        return frozenset(name for told in self.fields.values() for name in told).union(*conditions)

    def ours(self, field: str, value: str) -> str:
        """A value in our words."""
        known = self.values.get(field, {})
        return known.get(value, known.get(_OTHERS, value))


_OPTIONS: Final = {
    "won": "deal", "lost": "deal", "first_stage": "deal", "qualified": "lead", "disqualified": "lead",
}  # fmt: skip


class HookMapping(Part):
    """The mapping of a system."""

    about: str = ""
    currency: CurrencyCode | None = None
    """Of amounts that name none; absent: the tenant's."""
    timezone: Zone = "UTC"
    """Of moments without an offset, and of days."""
    round: bool = False
    """Whether amounts are rounded, half-even, to the minor unit of their currency; else finer ones are refused."""
    records: Annotated[dict[Text, Record], Field(default_factory=dict)]

    def record(self, names: Iterable[str]) -> Record | None:
        """What the first of these names tells that is known."""
        return next((self.records[name] for name in names if name in self.records), None)


def hold(conditions: Mapping[str, Condition], value_of: Any) -> bool:
    """Whether there are conditions and all of them hold. ``value_of`` gives the text of one of their fields."""
    return bool(conditions) and all(condition.holds(value_of(name)) for name, condition in conditions.items())
