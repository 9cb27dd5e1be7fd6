"""What holds for a key from a moment on, as sorted whole numbers: the engine searches them, which no join can match.

Every key has a stretch of the number line of its own, on which the moments lie from which something holds. A key and
a moment make a number; the step at or below it says what holds, in its remainder. To plan a join costs more than to
search for a hundred thousand rows.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from projections.periods import FOREVER


@dataclass(frozen=True)
class Steps:
    """A table of (key, in force from, value), laid out as numbers."""

    keys: list[str]
    offsets: list[int]
    absent: int
    """The offset of any other key."""
    first: int
    last: int
    """Before the one and after the other nothing changes."""
    steps: list[int]
    values: list[Any]
    """Each once; ahead of them what holds where nothing does."""

    def parameters(self, name: str) -> dict[str, Any]:
        """What ``held`` needs."""
        told = {"keys": self.keys, "offsets": self.offsets, "absent": self.absent, "size": len(self.values)}
        told |= {"first": self.first, "last": self.last, "steps": self.steps}
        return {f"{name}_{each}": value for each, value in told.items()}


def steps(told: Mapping[str, Iterable[tuple[int, Any]]], nothing: Any) -> Steps:
    """By key: (in force from, value), in any order; from ``FOREVER`` on: always. ``nothing`` holds before the first."""
    rows = {key: sorted(each, key=lambda row: row[0]) for key, each in sorted(told.items())}
    moments = [at_ms for each in rows.values() for at_ms, _ in each if at_ms > FOREVER[0]]
    first, last = min(moments, default=1) - 1, max(moments, default=0)
    width = last - first + 1
    numbers: dict[Any, int] = {nothing: 0}
    places = [(0, 0)]
    for key, each in enumerate(rows.values(), 1):
        for at_ms, value in _changes([(first, nothing), *((max(at_ms, first), value) for at_ms, value in each)]):
            places.append((key * width + at_ms - first, numbers.setdefault(value, len(numbers))))
    size = len(numbers)
    offsets = [(key * width - first + 1) * size - 1 for key in range(1, len(rows) + 1)]
    return Steps(
        keys=list(rows) or [""],
        offsets=offsets or [-last * size],
        absent=-last * size,
        first=first,
        last=last,
        steps=[place * size + number for place, number in places],
        values=list(numbers),
    )


def _changes(told: Sequence[tuple[int, Any]]) -> list[tuple[int, Any]]:
    """Only where something else begins to hold; of one moment the last."""
    found: list[tuple[int, Any]] = []
    for at_ms, value in dict(told).items():
        if not found or found[-1][1] != value:
            found.append((at_ms, value))
    return found


def held(name: str, key: str, moment: str) -> str:
    """The number of the value that holds for a key at a moment, both expressions; 0: none does."""
    known = f"{{{name}_keys:Array(String)}}, {{{name}_offsets:Array(Int64)}}, {{{name}_absent:Int64}}"
    within = f"least(greatest({moment}, {{{name}_first:Int64}}), {{{name}_last:Int64}}) * {{{name}_size:Int64}}"
    return f"roundDown(transform({key}, {known}) + {within}, {{{name}_steps:Array(Int64)}}) % {{{name}_size:Int64}}"


def text_of(values: str, number: str) -> str:
    """The text with this number, of the parameter ``values``."""
    return f"{{{values}:Array(String)}}[{number} + 1]"
