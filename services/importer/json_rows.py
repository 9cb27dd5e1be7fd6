"""JSON lines: one object a line; its keys are the columns, those of objects inside it as ``owner.id``."""

import json
from collections.abc import Callable, Iterator
from decimal import Decimal, InvalidOperation
from itertools import islice
from pathlib import Path
from typing import Any, Final, NoReturn

from services.importer.csv_rows import encoding_of
from services.importer.line import Line, as_text, empty
from services.importer.mapping import Format

_LOOKED_AT: Final = 1000
"""So many lines say which columns there are; what first comes later is not seen, unless the mapping uses it."""


def is_json_lines(path: Path) -> bool:
    """Whether a file holds JSON lines, by its name."""
    return path.suffix.lower() in (".jsonl", ".ndjson")


class JsonRows:
    """The lines of a file of JSON objects. A key that is missing or null is an empty cell."""

    def __init__(self, path: Path, format_: Format, columns: tuple[str, ...]) -> None:
        """``columns`` are those that may first come late in the file. Raises MappingError."""
        self._path: Final = path
        self._point: Final = format_.point
        self._encoding: Final = encoding_of(path, ("utf-8",))
        self._columns: Final = columns
        self._names: tuple[str, ...] = ()

    def header(self) -> tuple[str, ...]:
        """The columns, in the order in which they are first told. Raises MappingError."""
        with self._path.open(encoding=self._encoding) as text:
            objects = (self._object(line)[0] for line in islice(filter(str.strip, text), _LOOKED_AT))
            names = dict.fromkeys(name for each in objects for name in each)
        if not names:
            raise empty(self._path)
        self._names = tuple(dict.fromkeys([*names, *self._columns]))
        return self._names

    def lines(self, width: int, watch: Callable[[int], None]) -> Iterator[Line]:
        """The lines that are not blank. ``watch`` hears how far in the file it is, in bytes."""
        names = self._names or self.header()
        done = 0
        with self._path.open("rb") as raw:
            for number, line in enumerate(raw, 1):
                done += len(line)
                watch(done)
                text = line.decode(self._encoding if number == 1 else "utf-8")
                if text.strip():
                    found, problem = self._object(text)
                    yield Line(number, [found.get(name, "") for name in names], problem)

    def hint(self, header: tuple[str, ...]) -> str:
        """Nothing: there is no delimiter that could be wrong."""
        return ""

    def _object(self, text: str) -> tuple[dict[str, str], str]:
        """The columns of a line, and what is wrong with it."""
        try:
            told = _decode(text)
        except (ValueError, RecursionError, InvalidOperation) as error:
            return {}, f"is not JSON ({error}); allowed: one JSON object a line"
        if not isinstance(told, dict):
            return {}, "is no JSON object; allowed: one a line"
        found: dict[str, str] = {}
        self._spread(told, "", found)
        return found, ""

    def _spread(self, told: dict[str, Any], prefix: str, found: dict[str, str]) -> None:
        for name, value in told.items():
            if isinstance(value, dict):
                self._spread(value, f"{prefix}{name}.", found)
            elif isinstance(value, list):
                found[prefix + name] = json.dumps(value, ensure_ascii=False, default=str)
            else:
                found[prefix + name] = as_text(value, self._point)


def _no_number(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number")


def _exact(text: str) -> Decimal:
    """A number as it is written; one that would be spelled out with a thousand zeros is none."""
    number = Decimal(text)
    if abs(number.adjusted()) > 40:
        raise ValueError("a number is out of range")
    return number


_decode: Final = json.JSONDecoder(parse_float=_exact, parse_constant=_no_number).decode
