"""One change, read through the mapping of its record: their fields as ours."""

from collections.abc import Iterable, Mapping
from decimal import Decimal, InvalidOperation
from functools import cache
from typing import Any, Final

from events.currencies import EXPONENTS
from events.fields import EventField, fields_of
from events.vocabulary import BY_TYPE
from services.connectors.mapping import ENTITIES, HookMapping, Record, hold
from services.connectors.payload import day, find, moment_ms, text
from services.connectors.port import Change
from services.importer.mapping import Condition
from services.importer.rounding import rounded

_MONEY: Final = ("amount", "cost")
_TRUTHS: Final = {"true": True, "1": True, "false": False, "0": False}


class Said:
    """What a change says about a record, in our words. What it does not say is None."""

    def __init__(self, change: Change, rule: Record, mapping: HookMapping, currency: str) -> None:
        """``currency`` is the tenant's, for the rounding of amounts that name none."""
        self.change: Final = change
        self.rule: Final = rule
        self._mapping: Final = mapping
        self._currency: Final = currency
        self.at_ms: Final = change.at_ms

    def entity(self, field: str) -> str:
        """The id of what the change is about: what ``field`` says, else the record's own id."""
        return self.value(field) or self.change.id

    def value(self, field: str) -> Any:
        """What it says of a field of ours, changed or not."""
        return self._read(field, self.change.values)

    def before(self, field: str) -> Any:
        """What the field held before, where the system says so."""
        return self._read(field, self.change.previous)

    def changed(self, field: str) -> bool:
        """Whether it tells that a field of ours is new."""
        return self._any_changed(self.rule.fields.get(field, ()))

    def values(self, names: Iterable[str]) -> dict[str, Any]:
        """What is new of these fields of ours, as the data of an event."""
        return self._data(name for name in names if self.changed(name))

    def all_values(self, names: Iterable[str]) -> dict[str, Any]:
        """What it says of these fields of ours, new or not, as the data of an event."""
        return self._data(names)

    def attributes(self, *, only_new: bool = True) -> tuple[str, ...]:
        """The free dimensions that the mapping feeds."""
        named = (name for name in self.rule.fields if name.startswith("attributes."))
        return tuple(name for name in named if self.changed(name) or not only_new)

    def holds(self, conditions: Mapping[str, Condition]) -> bool:
        """Whether conditions on their fields hold."""
        return hold(conditions, lambda name: text(find(self.change.values, name)))

    def held_before(self, conditions: Mapping[str, Condition]) -> bool:
        """Whether they held before, as far as the system says what was before."""
        if not self.change.previous:
            return False
        was = {**self.change.values, **self.change.previous}
        return hold(conditions, lambda name: text(find(was, name)))

    def may_have_moved(self, *conditions: Mapping[str, Condition]) -> bool:
        """Whether something that these conditions look at is new."""
        return any(self._any_changed(each) for each in conditions)

    @property
    def is_whole(self) -> bool:
        """Whether it is the whole record, and nobody says what is new."""
        return self.change.changed is None

    def _any_changed(self, theirs: Iterable[str]) -> bool:
        new = self.change.changed
        return new is None or any(name in new or name.partition(".")[0] in new for name in theirs)

    def _data(self, names: Iterable[str]) -> dict[str, Any]:
        data: dict[str, Any] = {}
        for name in names:
            if (value := self.value(name)) is None:
                continue
            outer, point, inner = name.partition(".")
            if point:
                data.setdefault(outer, {})[inner] = value
            else:
                data[name] = value
        return data

    def _read(self, field: str, values: Mapping[str, Any]) -> Any:
        for path in self.rule.fields.get(field, ()):
            if told := text(raw := find(values, path)):
                return self._ours(field, told, raw)
        return None

    def _ours(self, field: str, told: str, raw: Any) -> Any:
        if field in ("closed_at", "time"):
            return moment_ms(raw, self._mapping.timezone)
        told = self.rule.ours(field, told)
        if field in _MONEY:
            return self._money(told)
        match _example(self.rule.tells, field):
            case bool():
                return _TRUTHS.get(told.lower(), told)
            case int():
                return int(told) if told.isascii() and told.isdecimal() and len(told) < 20 else told
            case str(example) if _is_day(example):
                return day(told, self._mapping.timezone) or told
        return told

    def _money(self, told: str) -> str:
        """An amount as plain decimal text, rounded where the mapping says so."""
        try:
            amount = Decimal(told)
        except InvalidOperation:
            return told
        if not amount.is_finite() or abs(amount.adjusted()) > 30:
            return told
        if self._mapping.round:
            amount = rounded(amount, EXPONENTS.get(self.currency or self._currency, 2))
        return format(amount, "f")

    @property
    def currency(self) -> str | None:
        """That of its amounts, as far as the record or the mapping names one."""
        return (
            self.value("currency") or self._mapping.currency
            if "currency" in self.rule.fields
            else (self._mapping.currency)
        )


def _is_day(example: str) -> bool:
    return len(example) == 10 and example[4] == example[7] == "-"


@cache
def _fields(tells: str) -> dict[str, EventField]:
    types = ENTITIES.get(tells, (tells,))
    return {each.name: each for type_ in types for each in fields_of(BY_TYPE[type_])}


def _example(tells: str, field: str) -> Any:
    known = _fields(tells).get(field)
    return known.example if known else None
