"""Rows to Arrow columns: the shape in which the engine takes them fastest."""

from collections.abc import Sequence
from typing import Any, Final

import pyarrow as pa

from projections.ledger import Line
from projections.posting import Dimensions
from services.store.port import Applied

_NUMBERS: Final = ("at_ms", "event", "count", "amount", "cost", "basis_ms", "since_ms", "until_ms")
_DIMENSIONS: Final = tuple(
    name for name in Dimensions.__struct_fields__ if name not in ("probability_ppm", "attributes")
)


def postings_table(tenant: str, lines: Sequence[Line]) -> pa.Table:
    """The ``postings`` rows of these lines."""
    postings = [line.posting for line in lines]
    columns: dict[str, Any] = {
        "tenant": _constant(tenant, len(lines)),
        "position": pa.array([line.position for line in lines], pa.uint64()),
        "line": pa.array([line.number for line in lines], pa.uint32()),
        "book": _words([line.kind for line in lines]),
        "entity": pa.array([line.entity for line in lines], pa.string()),
        "measure": _words([posting.measure for posting in postings]),
        "currency": _words([posting.currency for posting in postings]),
        "local": pa.array([int(posting.local) for posting in postings], pa.uint8()),
    }
    for name in _NUMBERS:
        kind = pa.uint64() if name == "event" else pa.int64()
        columns[name] = pa.array([getattr(posting, name) for posting in postings], kind)
    return pa.table(columns | _dimension_columns([posting.dims for posting in postings]))


def _dimension_columns(dims: list[Dimensions]) -> dict[str, Any]:
    """One column a dimension. Lines share their dimensions, so each set is spelled once and then referred to."""
    places: dict[int, int] = {}
    distinct: list[Dimensions] = []
    for each in dims:
        if places.setdefault(id(each), len(distinct)) == len(distinct):
            distinct.append(each)
    taken = pa.array([places[id(each)] for each in dims], pa.int32())
    columns: dict[str, Any] = {
        name: pa.array([getattr(each, name) for each in distinct], pa.string()).take(taken) for name in _DIMENSIONS
    }
    columns["probability_ppm"] = pa.array([each.probability_ppm for each in distinct], pa.int32()).take(taken)
    kind = pa.map_(pa.string(), pa.string())
    columns["attributes"] = pa.array([each.attributes for each in distinct], kind).take(taken)
    return columns


def history_table(tenant: str, applied: Sequence[Applied]) -> pa.Table:
    """The ``history`` rows of these events."""
    entries = [each.entry for each in applied]
    return pa.table(
        {
            "tenant": _constant(tenant, len(entries)),
            "book": _words([each.book for each in applied]),
            "entity": pa.array([entry.subject for entry in entries], pa.string()),
            "position": pa.array([entry.position for entry in entries], pa.uint64()),
            "recorded_ms": pa.array([entry.recorded_ms for entry in entries], pa.int64()),
            "at_ms": pa.array([entry.at_ms for entry in entries], pa.int64()),
            "source": _words([entry.source for entry in entries]),
            "id": pa.array([entry.id for entry in entries], pa.string()),
            "type": _words([entry.type for entry in entries]),
            "parked": _words([each.parked for each in applied]),
            "body": pa.array([entry.body for entry in entries], pa.binary()),
        }
    )


def _constant(text: str, length: int) -> Any:
    return pa.DictionaryArray.from_arrays(pa.array([0] * length, pa.int8()), pa.array([text]))


def _words(values: list[str]) -> Any:
    return pa.array(values, pa.string()).dictionary_encode()
