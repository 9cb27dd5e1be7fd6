"""Excel workbooks: the rows of one sheet as cells, read one after another however large the file is."""

import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import repeat
from pathlib import Path
from typing import Any, Final
from xml.etree.ElementTree import ParseError
from zipfile import BadZipFile, is_zipfile

from openpyxl import load_workbook
from openpyxl.utils.exceptions import InvalidFileException
from openpyxl.workbook.workbook import Workbook

from services.importer.line import Line, as_text, empty
from services.importer.mapping import Format, MappingError

_BLOCK: Final = 1 << 20
_Row = Sequence[Any]


def is_workbook(path: Path) -> bool:
    """Whether a file is an ``.xlsx`` or ``.xlsm`` workbook, by its name and its content."""
    return path.suffix.lower() in (".xlsx", ".xlsm") and path.is_file() and is_zipfile(path)


class SheetRows:
    """The rows of one sheet: that which the format names, or the only visible one.

    Numbers, truths and dates are written as ``as_text`` says; of a formula the value counts that was saved with it.
    """

    def __init__(self, path: Path, format_: Format, headed: bool) -> None:
        """Raises MappingError."""
        self._path: Final = path
        self._point: Final = format_.point
        self._headed: Final = headed
        with self._opened(values=True) as book:
            self._sheet: Final = _sheet(path, book, format_.sheet)
            self._has_formulas: Final = self._finds_formulas(book)

    def header(self) -> tuple[str, ...]:
        """The first row that is not blank. Raises MappingError."""
        for _, cells, _ in self._rows():
            if texts := self._texts(cells):
                return tuple(texts)
        raise empty(self._path)

    def lines(self, width: int, watch: Callable[[int], None]) -> Iterator[Line]:
        """The rows below the header; blank ones have no cells. ``watch`` hears about how many bytes were read."""
        size = self._path.stat().st_size
        header_is_read = not self._headed
        for number, cells, rows in self._rows():
            watch(size * number // max(rows, number + 1))
            texts = self._texts(cells)
            if header_is_read:
                yield self._line(number, cells, texts, width)
            header_is_read = header_is_read or bool(texts)
        watch(size)

    def hint(self, header: tuple[str, ...]) -> str:
        """Nothing: a sheet has no delimiter that could be wrong."""
        return ""

    def _line(self, number: int, cells: list[tuple[Any, str]], texts: list[str], width: int) -> Line:
        problem = next((kind for _, kind in cells if kind), "")
        if not problem and len(texts) > width:
            problem = f"has {len(texts)} cells; allowed: {width}, one for each column"
        missing = [""] * (width - len(texts)) if texts or problem else []
        return Line(number, texts + missing, problem)

    def _texts(self, cells: list[tuple[Any, str]]) -> list[str]:
        """The row as text, without the empty cells behind the last one that is not."""
        texts = [as_text(value, self._point) for value, _ in cells]
        while texts and not texts[-1]:
            texts.pop()
        return texts

    def _rows(self) -> Iterator[tuple[int, list[tuple[Any, str]], int]]:
        """Number, cells with what is wrong with each, and about how many rows there are."""
        with self._opened(values=True) as book, self._opened(values=False) as formulas:
            sheet = book[self._sheet]
            rows = sheet.max_row or 0
            told: Iterator[Any] = iter(formulas[self._sheet].iter_rows()) if self._has_formulas else repeat(())
            for number, row in enumerate(sheet.iter_rows(), 1):
                yield number, _cells(row, next(told, ())), rows

    def _finds_formulas(self, book: Workbook) -> bool:
        """Whether the sheet may hold formulas: then their saved values are looked for one by one."""
        path = getattr(book[self._sheet], "_worksheet_path")  # noqa: B009 - of read-only sheets, without a public name
        archive = getattr(book, "_archive")  # noqa: B009
        with archive.open(path) as xml:
            end = b""
            while block := xml.read(_BLOCK):
                if b"<f>" in end + block or b"<f " in end + block:
                    return True
                end = block[-2:]
        return False

    @contextmanager
    def _opened(self, *, values: bool) -> Iterator[Workbook]:
        """The workbook, to be read row by row. Raises MappingError where it is damaged, also while it is read."""
        with warnings.catch_warnings():
            # What a workbook has beside its cells, such as drop-down lists, is passed over with a warning.
            warnings.simplefilter("ignore", UserWarning)
            try:
                book = load_workbook(self._path, read_only=True, data_only=values, keep_links=False)
                try:
                    yield book
                finally:
                    book.close()
            except (BadZipFile, InvalidFileException, KeyError, ValueError, IndexError, ParseError, OSError) as error:
                problem = str(error).strip().partition("\n")[0][:200] or type(error).__name__
                raise MappingError(
                    f"{self._path.name} is a damaged Excel workbook ({problem}); allowed: one that opens in a "
                    "spreadsheet program, or the sheet saved as CSV"
                ) from error


def _sheet(path: Path, book: Workbook, wanted: str) -> str:
    """The name of the sheet that is read. Raises MappingError."""
    names = [sheet.title for sheet in book.worksheets]
    visible = [sheet.title for sheet in book.worksheets if sheet.sheet_state == "visible"]
    if wanted in names:
        return wanted
    listed = ", ".join(names) or "none"
    if wanted:
        raise MappingError(f"{path.name} has no sheet {wanted}; it has: {listed}")
    if len(visible) == 1:
        return visible[0]
    first = visible[0] if visible else "…"
    raise MappingError(
        f"{path.name} has the sheets {listed}; allowed: a mapping that names one, as in format: {{sheet: {first}}}"
    )


def _cells(values: _Row, formulas: _Row) -> list[tuple[Any, str]]:
    """Each cell's value, and what is wrong with it."""
    found = []
    for place, cell in enumerate(values):
        problem = ""
        if cell.data_type == "e":
            problem = f"has the error {cell.value} in cell {cell.coordinate}; allowed: a value"
        elif cell.value is None and cell.data_type == "n" and place < len(formulas) and _is_formula(formulas[place]):
            problem = (
                f"has a formula without its value in cell {formulas[place].coordinate}; allowed: the workbook saved "
                "by a spreadsheet program, which computes it"
            )
        found.append((None if problem else cell.value, problem))
    return found


def _is_formula(cell: Any) -> bool:
    return bool(cell.data_type == "f")
