"""Templates: text with ``{columns}`` in it, and the row that fills them."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

Row = Mapping[str, str]
"""The columns that a mapping uses, of one line. A column that says nothing is empty; a joined one has the name of its
join before its own: ``products.sales_price``."""

_COLUMN = re.compile(r"\{([^{}]*)\}")
WORDS = 'text with columns in braces, such as "{Deal Name}"'


class BadRow(Exception):
    """A line of which no event is made. ``field`` is where, ``problem`` is what and what would be allowed."""

    def __init__(self, field: str, problem: str) -> None:
        super().__init__(f"{field} {problem}")
        self.field = field
        self.problem = problem


@dataclass(frozen=True, slots=True)
class Template:
    """Text with columns in it. It says nothing where one of them says nothing."""

    text: str
    columns: tuple[str, ...]
    is_column: bool
    """Whether it is one column and nothing else."""

    def fill(self, row: Row) -> str:
        """The text with the values of the row; empty where a column is empty."""
        if self.is_column:
            return row[self.columns[0]]
        if not all(row[column] for column in self.columns):
            return ""
        return _COLUMN.sub(lambda found: row[found[1].strip()], self.text)


def template(text: str) -> Template:
    """Reads a template. Raises ValueError with what is wrong and what is allowed."""
    columns = tuple(found.strip() for found in _COLUMN.findall(text))
    if not all(columns) or set(_COLUMN.sub("", text)) & set("{}"):
        raise ValueError(f"has a brace without its partner or without a column; allowed: {WORDS}")
    return Template(text.strip(), columns, _COLUMN.fullmatch(text.strip()) is not None)


def first_said(templates: Iterable[Template], row: Row) -> str:
    """The first text that says something; empty if none does."""
    for each in templates:
        if text := each.fill(row):
            return text
    return ""


def named(template: Template) -> str:
    """What a template is called in a refusal: its columns."""
    return ", ".join(template.columns) or template.text
