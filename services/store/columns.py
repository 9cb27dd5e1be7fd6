"""Rows to Arrow columns: the shape in which the engine takes them fastest."""

from collections.abc import Sequence
from operator import attrgetter
from typing import Any, Final

import pyarrow as pa

from projections.ledger import Line
from projections.posting import Dimensions
from services.store.port import Applied

_NUMBERS: Final = ("at_ms", "count", "amount", "cost", "basis_ms", "since_ms", "until_ms")
_KINDS: Final = {"probability_ppm": pa.int32(), "attributes": pa.map_(pa.string(), pa.string())}


def postings_table(tenant: str, lines: Sequence[Line]) -> pa.Table:
    """The ``postings`` rows of these lines."""
    postings = _column(lines, "posting")
    columns: dict[str, Any] = {
        "tenant": _constant(tenant, len(lines)),
        "position": pa.array(_column(lines, "position"), pa.uint64()),
        "line": pa.array(_column(lines, "number"), pa.uint32()),
        "book": _words(_column(lines, "kind")),
        "entity": pa.array(_column(lines, "entity"), pa.string()),
        "measure": _words(_column(postings, "measure")),
        "event": pa.array(_column(postings, "event"), pa.uint64()),
        "currency": _words(_column(postings, "currency")),
        "local": pa.array(_column(postings, "local"), pa.bool_()).cast(pa.uint8()),
    }
    columns |= {name: pa.array(_column(postings, name), pa.int64()) for name in _NUMBERS}
    return pa.table(columns | _dimension_columns(_column(postings, "dims")))


def _dimension_columns(dims: Sequence[Dimensions]) -> dict[str, Any]:
    """One column a dimension. Most are empty in most batches; those cost nothing."""
    columns: dict[str, Any] = {}
    nothing = _constant("", len(dims))
    for name in Dimensions.__struct_fields__:
        values = _column(dims, name)
        empty = name not in _KINDS and not any(values)
        columns[name] = nothing if empty else pa.array(values, _KINDS.get(name, pa.string()))
    return columns


def _column(rows: Sequence[Any], name: str) -> list[Any]:
    return list(map(attrgetter(name), rows))


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


def _words(values: Sequence[str]) -> Any:
    return pa.array(values, pa.string()).dictionary_encode()
