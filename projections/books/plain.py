"""The rule of a kind whose every event posts one line that is made of the event's own fields and nothing else.

It is stated as data and applied in two ways: to one event, which gives a posting, and to many at once, which gives
columns. A property test says that both give the same lines.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from events.base import SalesEvent
from events.envelope import Fact
from events.rows import Row
from projections.posting import Dimensions, Posting

COMMON = ("rep_id", "team_id", "region", "product", "channel", "campaign", "segment")
"""Dimensions that any event may tell, each under its own name."""


class Plain(msgspec.Struct, frozen=True):
    """One line an event: its count is 1, it takes effect when the event occurred, and it has no amount."""

    event: type[SalesEvent]
    flag: str
    """The field, true or false, by which the measure is chosen."""
    measures: tuple[str, str]
    """The measure where the flag is false, and where it is true."""
    dims: Mapping[str, str]
    """Dimension to the field that tells it, beside ``attributes``, which every event may have."""

    def fields(self) -> list[str]:
        """The fields that the line is made of."""
        return [self.flag, "attributes", *self.dims.values()]

    def posting(self, fact: Fact) -> Posting:
        """The line of one event."""
        event = fact.data
        told: dict[str, Any] = {dim: getattr(event, field) or "" for dim, field in self.dims.items()}
        dims = Dimensions(**told, attributes=_pairs(event.attributes))
        measure = self.measures[getattr(event, self.flag)]
        return Posting(measure=measure, at_ms=fact.at_ms, event=fact.position, dims=dims, count=1, basis_ms=fact.at_ms)

    def columns(self, rows: Sequence[Row]) -> dict[str, list[Any]]:
        """What the lines of many events have in ``measure`` and in each dimension that they tell; None: empty.

        Rows are of ``events.rows``, with the fields of this rule. The other columns follow from an event's place.
        """
        columns: dict[str, list[Any]] = {dim: [getattr(row, field) for row in rows] for dim, field in self.dims.items()}
        columns["measure"] = [self.measures[getattr(row, self.flag)] for row in rows]
        columns["attributes"] = [_pairs(row.attributes) for row in rows]
        return columns


def _pairs(attributes: Mapping[str, str] | None) -> tuple[tuple[str, str], ...]:
    return tuple(sorted(attributes.items())) if attributes else ()
