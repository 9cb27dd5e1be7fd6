"""CSV files: their lines as cells, with the line they begin on."""

import codecs
import csv
import io
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import Final

from services.importer.line import Line, empty
from services.importer.mapping import Format, MappingError

_BLOCK: Final = 1 << 20
_NO_TEXT: Final = {
    b"PK\x03\x04": "an archive, and no Excel workbook",
    b"\xd0\xcf\x11\xe0": "an old Excel workbook, or one with a password",
    b"\xff\xfe": "UTF-16 text",
    b"\xfe\xff": "UTF-16 text",
    b"\x1f\x8b": "a compressed file",
    b"%PDF": "a PDF",
}


class CsvRows:
    """The lines of a CSV file that is known to be in one encoding. ``headed``: the first one names the columns."""

    def __init__(self, path: Path, format_: Format, headed: bool) -> None:
        """Raises MappingError."""
        self._path: Final = path
        self._format: Final = format_
        self._headed: Final = headed
        self._encoding: Final = encoding_of(path, format_.encoding)

    def header(self) -> tuple[str, ...]:
        """The first line that is not blank. Raises MappingError."""
        with self._path.open("rb") as raw, io.TextIOWrapper(raw, self._encoding, newline="") as text:
            try:
                first = next(filter(None, csv.reader(text, delimiter=self._format.delimiter, strict=True)), None)
            except csv.Error as error:
                raise MappingError(
                    f"{self._path.name} has a header line that is not well-formed CSV ({error})"
                ) from None
        if first is None:
            raise empty(self._path)
        return tuple(cell.strip() for cell in first)

    def lines(self, width: int, watch: Callable[[int], None]) -> Iterator[Line]:
        """The lines below the header; blank ones have no cells. ``watch`` hears how far in the file it is, in bytes."""
        with self._path.open("rb") as raw, io.TextIOWrapper(raw, self._encoding, newline="") as text:
            for line in self._parsed(text):
                watch(raw.tell())
                if line.cells and len(line.cells) != width:
                    problem = f"has {len(line.cells)} cells; allowed: {width}, one for each column"
                    line = Line(line.number, line.cells, problem)
                yield line
            watch(raw.tell())

    def _parsed(self, text: io.TextIOWrapper) -> Iterator[Line]:
        reader = csv.reader(text, delimiter=self._format.delimiter, strict=True)
        header_is_read = not self._headed
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
                yield Line(number, [cell.strip() for cell in cells])
            header_is_read = header_is_read or bool(cells)

    def hint(self, header: tuple[str, ...]) -> str:
        """A file read with the wrong delimiter has one column with the right one in its name."""
        other = next((sign for sign in ";\t|," if len(header) == 1 and sign in header[0]), None)
        return (
            f"; is the delimiter {'tab' if other == chr(9) else other!r}, not {self._format.delimiter!r}?"
            if other
            else ""
        )


def encoding_of(path: Path, encodings: Collection[str]) -> str:
    """The first encoding that the whole file is in. It is read once for that, so that nothing of a file is told whose
    end cannot be read. Raises MappingError."""
    start = start_of(path)
    if not start.strip(b"\xef\xbb\xbf \t\r\n") and path.stat().st_size <= len(start):
        raise empty(path)
    for sign, kind in _NO_TEXT.items():
        if start.startswith(sign):
            raise MappingError(f"{path.name} is {kind}; allowed: CSV or JSON lines in UTF-8, or an .xlsx workbook")
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


def start_of(path: Path) -> bytes:
    """The first bytes of a file. Raises MappingError where it cannot be read."""
    try:
        with path.open("rb") as file:
            return file.read(4096)
    except OSError as error:
        raise MappingError(f"{path.name} cannot be read: {(error.strerror or str(error)).lower()}") from error


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
