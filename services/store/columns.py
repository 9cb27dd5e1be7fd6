"""Rows to Arrow columns: the shape in which the engine takes them fastest."""

import sys
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.abc import MetaPathFinder
from types import ModuleType
from typing import Any, Final

import msgspec
import pyarrow as pa
from msgspec.structs import astuple

from events.envelope import Place
from events.rows import Row
from projections.books.plain import Plain
from projections.ledger import Line
from projections.posting import NOWHERE, Dimensions, Posting
from services.journal.port import Cut

_TYPES: Final = {
    "position": pa.uint64(),
    "line": pa.uint32(),
    "book": pa.string(),
    "entity": pa.string(),
    "measure": pa.string(),
    "event": pa.uint64(),
    "currency": pa.string(),
    "local": pa.uint8(),
    **dict.fromkeys(("at_ms", "count", "amount", "cost", "basis_ms", "since_ms", "until_ms"), pa.int64()),
    **dict.fromkeys(Dimensions.__struct_fields__, pa.string()),
    "probability_ppm": pa.int32(),
    "attributes": pa.map_(pa.string(), pa.string()),
}
"""The columns of ``postings`` beside the tenant."""
_FEW: Final = ("book", "measure", "currency")
"""Columns in which a few words come again and again."""
_EMPTY: Final = {"probability_ppm": NOWHERE.probability_ppm, "attributes": ()}
"""What stands where nothing is told; elsewhere 0, or empty text."""

_Part = tuple[int, dict[str, Any]]
"""Some rows: how many, and their columns but for those in which nothing is told. Those of a few words are no arrays."""


class PlainLines(msgspec.Struct, frozen=True):
    """The lines of events that are posted as columns: each event has one, made by the rule from what it told."""

    rule: Plain
    places: Sequence[Place]
    told: Sequence[Row]


def postings_table(tenant: str, lines: Sequence[Line], plain: Sequence[PlainLines] = ()) -> pa.Table:
    """The ``postings`` rows of these lines, and of those that are posted as columns."""
    _look_for_no_pandas()
    parts = [_of_lines(lines), *map(_of_plain, plain)]
    parts = [part for part in parts if part[0]] or parts[:1]
    columns: dict[str, Any] = {"tenant": _constant(tenant, sum(length for length, _ in parts))}
    for name in _TYPES:
        if name in _FEW:
            columns[name] = _words([word for length, told in parts for word in told.get(name) or [""] * length])
        else:
            arrays = [told[name] if name in told else _nothing(name, length) for length, told in parts]
            columns[name] = pa.concat_arrays(arrays)
    return pa.table(columns)


def _of_lines(lines: Sequence[Line]) -> _Part:
    whole = _fields(lines, Line)
    postings = _fields(whole["posting"], Posting)
    dims = _fields(postings["dims"], Dimensions)
    told = {"position": whole["position"], "line": whole["number"], "book": whole["kind"], "entity": whole["entity"]}
    told |= {name: values for name, values in postings.items() if name in _TYPES}
    # Most dimensions are empty in most batches; those cost nothing.
    told |= {name: values for name, values in dims.items() if name in _EMPTY or any(values)}
    return len(lines), {name: _array(name, values) for name, values in told.items()}


def _fields(rows: Sequence[Any], shape: type[msgspec.Struct]) -> dict[str, Sequence[Any]]:
    """The fields of all rows, as columns."""
    columns = zip(*map(astuple, rows), strict=True) if rows else ((),) * len(shape.__struct_fields__)
    return dict(zip(shape.__struct_fields__, columns, strict=True))


def _of_plain(plain: PlainLines) -> _Part:
    positions, _, _, _, _, at_ms, entities, _ = zip(*plain.places, strict=True)
    length = len(positions)
    told = _fields(plain.told, type(plain.told[0])) | {"entity": entities, "at_ms": at_ms}
    position, at = pa.array(positions, pa.uint64()), pa.array(at_ms, pa.int64())
    columns: dict[str, Any] = {
        "position": position,
        "book": [plain.rule.event.KIND] * length,
        "entity": pa.array(entities, pa.string()),
        "at_ms": at,
        "event": position,
        "count": pa.repeat(pa.scalar(1, pa.int64()), length),
        "basis_ms": at,
    }
    for name, values in plain.rule.columns(told, length).items():
        if any(values):
            columns[name] = _array(name, values)
    return length, columns


def _array(name: str, values: Sequence[Any]) -> Any:
    if name in _FEW:
        return values
    if name == "local":
        return pa.array(list(map(int, values)), pa.uint8())
    return pa.array(values, _TYPES[name])


def _nothing(name: str, length: int) -> Any:
    """A column in which nothing is told."""
    return _blank(name, 1 << length.bit_length()).slice(0, length)


@cache
def _blank(name: str, length: int) -> Any:
    type_ = _TYPES[name]
    return pa.repeat(pa.scalar(_EMPTY.get(name, "" if pa.types.is_string(type_) else 0), type_), length)


def history_table(tenant: str, places: Sequence[Place], books: Sequence[str], parked: Mapping[int, str]) -> pa.Table:
    """The ``history`` rows of these events, each with its book; ``parked`` are the reasons, by position."""
    _look_for_no_pandas()
    positions, recorded_ms, sources, ids, types, at_ms, subjects, bodies = zip(*places, strict=True)
    return pa.table(
        {
            "tenant": _constant(tenant, len(positions)),
            "book": _words(books),
            "entity": pa.array(subjects, pa.string()),
            "position": pa.array(positions, pa.uint64()),
            "recorded_ms": pa.array(recorded_ms, pa.int64()),
            "at_ms": pa.array(at_ms, pa.int64()),
            "source": _words(sources),
            "id": pa.array(ids, pa.string()),
            "type": _words(types),
            "parked": _words([parked.get(each, "") for each in positions]) if parked else _constant("", len(positions)),
            "body": pa.array(bodies, pa.binary()),
        }
    )


def checkpoint_table(tenant: str, cut: Cut, lines: int) -> pa.Table:
    """The ``checkpoints`` row that says how far a ledger goes, and how many lines it has."""
    told = {"position": pa.uint64(), "recorded_ms": pa.int64(), "lines": pa.uint64()}
    values = zip(told.items(), (cut.position, cut.recorded_ms, lines), strict=True)
    return pa.table(
        {"tenant": _constant(tenant, 1)} | {name: pa.array([value], type_) for (name, type_), value in values}
    )


@cache
def _look_for_no_pandas() -> None:
    """pyarrow imports pandas, where it is installed, before it makes its first array: a second in which nobody else
    has a turn, for something that is not used here. It looks again where somebody asks it for pandas."""
    if "pandas" not in sys.modules:
        nowhere = _NoPandas()
        sys.meta_path.insert(0, nowhere)
        try:
            pa.array([0])
        finally:
            sys.meta_path.remove(nowhere)


class _NoPandas(MetaPathFinder):
    """Finds that there is none."""

    def find_spec(self, name: str, path: Sequence[str] | None, target: ModuleType | None = None) -> None:
        if name == "pandas":
            raise ModuleNotFoundError(name)


def _constant(text: str, length: int) -> Any:
    return pa.DictionaryArray.from_arrays(pa.repeat(pa.scalar(0, pa.int32()), length), pa.array([text]))


def _words(values: Sequence[str]) -> Any:
    """A column in which a few words come again and again."""
    index = {word: number for number, word in enumerate(dict.fromkeys(values))}
    numbers = pa.array(list(map(index.__getitem__, values)), pa.int32())
    return pa.DictionaryArray.from_arrays(numbers, pa.array(list(index), pa.string()))
