"""CSV files: their lines as columns, with the line they begin on, and one sentence for whatever is wrong."""

import codecs
import csv
import io
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from services.importer.mapping import Format, MappingError

_BLOCK: Final = 1 << 20
_NO_TEXT: Final = {
    b"PK\x03\x04": "an Excel workbook or another archive",
    b"\xd0\xcf\x11\xe0": "an old Excel workbook",
    b"\xff\xfe": "UTF-16 text",
    b"\xfe\xff": "UTF-16 text",
    b"\x1f\x8b": "a compressed file",
    b"%PDF": "a PDF",
}


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a table, which may stretch over several lines of the file."""

    number: int
    """The line of the file on which it begins, from 1."""
    cells: list[str]
    problem: str = ""
    """Why it cannot be read; empty where it can."""


class Table:
    """A CSV file that is known to be readable: not empty, in one encoding, with the columns that are needed."""

    def __init__(
        self,
        path: Path,
        format_: Format,
        *,
        columns: tuple[str, ...] | None = None,
        needed: Collection[str] = (),
        optional: Collection[str] = (),
    ) -> None:
        """Raises MappingError."""
        self.path: Final = path
        self._format: Final = format_
        self._names: Final = columns
        self._encoding: Final = _encoding(path, format_.encoding)
        self.header: Final = _spelled_as((*needed, *optional), columns or self._header())
        self._check(needed, optional)
        self.watch: Callable[[int], None] | None = None
        """Is given the bytes that were read, as they are."""

    def lines(self) -> Iterator[Line]:
        """The lines below the header. Blank ones are skipped."""
        with self.path.open("rb") as raw, io.TextIOWrapper(raw, self._encoding, newline="") as text:
            done = 0
            for line in self._parsed(text):
                done = self._report(done, raw.tell())
                if not line.cells and not line.problem:
                    continue
                if not line.problem and len(line.cells) != len(self.header):
                    problem = f"has {len(line.cells)} cells; allowed: {len(self.header)}, one for each column"
                    line = Line(line.number, line.cells, problem)
                yield line
            self._report(done, raw.tell())

    def _report(self, done: int, now: int) -> int:
        if self.watch is not None and now > done:
            self.watch(now - done)
        return now

    def places(self, wanted: Collection[str]) -> list[tuple[str, int]]:
        """Where these columns stand; those that are missing are left out."""
        return [(name, self.header.index(name)) for name in sorted(wanted) if name in self.header]

    def _parsed(self, text: io.TextIOWrapper) -> Iterator[Line]:
        reader = csv.reader(text, delimiter=self._format.delimiter, strict=True)
        header_is_read = self._names is not None
        while True:
            number = reader.line_num + 1
            try:
                cells = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                upto = f" up to line {reader.line_num}" if reader.line_num > number else ""
                problem = f"is not well-formed CSV{upto} ({error}); allowed: quotes that close, and are doubled inside"
                yield Line(number, [], problem)
                continue
            if header_is_read:
                yield Line(number, self._said(cells))
            header_is_read = header_is_read or bool(cells)

    def _said(self, cells: list[str]) -> list[str]:
        empty = self._format.empty
        stripped = [cell.strip() for cell in cells]
        return ["" if cell in empty else cell for cell in stripped] if empty else stripped

    def _header(self) -> tuple[str, ...]:
        with self.path.open("rb") as raw, io.TextIOWrapper(raw, self._encoding, newline="") as text:
            try:
                first = next(filter(None, csv.reader(text, delimiter=self._format.delimiter, strict=True)), None)
            except csv.Error as error:
                raise MappingError(
                    f"{self.path.name} has a header line that is not well-formed CSV ({error})"
                ) from None
        if first is None:
            raise _empty(self.path)
        return tuple(cell.strip() for cell in first)

    def _check(self, needed: Collection[str], optional: Collection[str]) -> None:
        missing = sorted(set(needed) - set(self.header) - set(optional))
        there = ", ".join(name or '""' for name in self.header[:60]) + (", …" if len(self.header) > 60 else "")
        if missing:
            lacks = f"the column {missing[0]}" if len(missing) == 1 else f"the columns {', '.join(missing)}"
            raise MappingError(f"{self.path.name} lacks {lacks}; it has: {there}{self._hint()}")
        for name in sorted(needed):
            if self.header.count(name) > 1:
                raise MappingError(f"{self.path.name} has the column {name} twice; allowed: once; it has: {there}")

    def _hint(self) -> str:
        """A file read with the wrong delimiter has one column with the right one in its name."""
        other = next((sign for sign in ";\t|," if len(self.header) == 1 and sign in self.header[0]), None)
        return (
            f"; is the delimiter {'tab' if other == chr(9) else other!r}, not {self._format.delimiter!r}?"
            if other
            else ""
        )


def _spelled_as(wanted: Collection[str], header: Sequence[str]) -> tuple[str, ...]:
    """The header in the spelling that a mapping uses: ``Is Closed Won`` and ``Is closed won`` are one column, as long
    as no other bears the name."""
    names = {name.casefold(): name for name in wanted if name not in header}
    counts = Counter(name.casefold() for name in header)
    return tuple(names.get(name.casefold(), name) if counts[name.casefold()] == 1 else name for name in header)


def _encoding(path: Path, encodings: Collection[str]) -> str:
    """The first encoding that the whole file is in. It is read once for that, so that nothing of a file is told whose
    end cannot be read. Raises MappingError."""
    try:
        with path.open("rb") as file:
            start = file.read(4096)
    except OSError as error:
        raise MappingError(f"{path.name} cannot be read: {(error.strerror or str(error)).lower()}") from error
    if not start.strip(b"\xef\xbb\xbf \t\r\n") and path.stat().st_size <= len(start):
        raise _empty(path)
    for sign, kind in _NO_TEXT.items():
        if start.startswith(sign):
            raise MappingError(f"{path.name} is {kind}; allowed: CSV, saved as UTF-8")
    problems = []
    for encoding in encodings:
        # A byte order mark is no part of the first column's name.
        codec = "utf-8-sig" if encoding == "utf-8" else encoding
        line = _first_undecodable(path, codec)
        if line is None:
            return codec
        problems.append(f"{encoding} (line {line})")
    raise MappingError(
        f"{path.name} is not in {' nor in '.join(problems)}; allowed: the file saved as UTF-8, or a mapping with "
        "format: {encoding: gb18030}"
    )


def _empty(path: Path) -> MappingError:
    return MappingError(f"{path.name} is empty; allowed: a CSV file with a header line")


def _first_undecodable(path: Path, codec: str) -> int | None:
    """The line on which a file stops being in an encoding; None if it is in it throughout."""
    decoder = codecs.getincrementaldecoder(codec)()
    lines = 1
    with path.open("rb") as file:
        block = b" "
        while block:
            block = file.read(_BLOCK)
            try:
                decoder.decode(block, final=not block)
            except UnicodeDecodeError as error:
                return lines + error.object[: error.start].count(b"\n")
            lines += block.count(b"\n")
    return None
