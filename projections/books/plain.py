"""The rule of an event that posts one line, made of the event's own fields and nothing else.

It is stated as data and applied in two ways: to one event, which gives a posting, and to many at once, which gives
columns. A property test says that both give the same lines.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import msgspec

from events.base import SalesEvent
from events.envelope import Fact
from projections.posting import Dimensions, Posting

COMMON: Final = ("rep_id", "team_id", "region", "product", "channel", "campaign", "segment")
"""Dimensions that any event may tell, each under its own name."""
ENVELOPE: Final = ("entity", "at_ms")
"""Fields that a rule may use beside those of the data: the id of the entity, and when the event occurred."""
_DIMENSIONS: Final = frozenset(Dimensions.__struct_fields__)

Made = tuple[Callable[..., Any], tuple[str, ...]]
"""A function, and the fields that it is given. Without fields it says what is always the same."""


class Plain(msgspec.Struct, frozen=True):
    """One line an event: its count is 1, and it takes effect when the event occurred."""

    event: type[SalesEvent]
    dims: Mapping[str, str]
    """Dimension to the field that tells it, beside ``attributes``, which every event may have."""
    made: Mapping[str, Made]
    """What else stands in the line, and how it is made: its measure, an amount, other dimensions."""

    def fields(self) -> list[str]:
        """The fields of the event's data that the line is made of."""
        used = [*self.dims.values(), *(name for _, names in self.made.values() for name in names)]
        return ["attributes", *dict.fromkeys(name for name in used if name not in ENVELOPE)]

    def posting(self, fact: Fact) -> Posting:
        """The line of one event."""
        event = fact.data
        line: dict[str, Any] = {name: getattr(event, field) or "" for name, field in self.dims.items()}
        for name, (make, fields) in self.made.items():
            line[name] = make(*[getattr(fact if field in ENVELOPE else event, field) for field in fields])
        dims = {name: line.pop(name) for name in _DIMENSIONS & line.keys()}
        return Posting(
            at_ms=fact.at_ms, event=fact.position, count=1, basis_ms=fact.at_ms, **line,
            dims=Dimensions(**dims, attributes=_pairs(event.attributes)),
        )  # fmt: skip

    def columns(self, told: Mapping[str, Sequence[Any]], length: int) -> dict[str, Sequence[Any]]:
        """What the lines of so many events have in what the rule tells and makes; None: nothing.

        ``told`` has the columns of ``fields`` and of ``ENVELOPE``. The other columns follow from an event's place.
        """
        columns = {name: told[field] for name, field in self.dims.items()}
        for name, (make, fields) in self.made.items():
            columns[name] = list(map(make, *(told[field] for field in fields))) if fields else [make()] * length
        if any(told["attributes"]):
            columns["attributes"] = [_pairs(attributes) for attributes in told["attributes"]]
        return columns


def _pairs(attributes: Mapping[str, str] | None) -> tuple[tuple[str, str], ...]:
    return tuple(sorted(attributes.items())) if attributes else ()
