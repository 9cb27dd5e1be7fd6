"""The books in a notebook: questions in Python, answers as rows, Arrow or pandas.

    from services.notebook import Notebook

    books = Notebook("salestream-data")
    books.kpi("revenue", by="region", grain="month", from_="2026-Q3", to="2026-Q4").pandas()

Of a data folder, which this process then owns, or of a running ``salestream serve``, at its address and with a key.
"""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import replace
from datetime import date
from html import escape
from inspect import signature
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol, cast
from urllib.error import HTTPError, URLError
from urllib.parse import quote, urlencode
from urllib.request import Request, urlopen

import msgspec

from events.vocabulary import EVENTS
from projections.question import BadQuestion, Question, question
from services.changes import changes
from services.closing import Closing
from services.export.formats import arrow_table
from services.export.tabular import Tabular, answer_table, receipt_table
from services.laws import Laws
from services.receipt import PAGE, explain, history
from services.settings import Settings
from services.workspace import Workspace

if TYPE_CHECKING:
    import pandas
    import pyarrow

_SHOWN: Final = 100
"""Rows that a notebook shows of itself."""


class NotebookError(Exception):
    """The books cannot be read. One sentence says why and what to do."""


class Answer:
    """What was answered, as rows of typed values: money is ``Decimal``, counts are ``int``, ratios ``float``."""

    def __init__(self, table: Tabular, told: dict[str, Any]) -> None:
        self.told: Final = told
        """The whole answer as JSON has it: question, definition, cut, laws and rows."""
        self._table: Final = table

    @property
    def rows(self) -> list[dict[str, Any]]:
        """One dict a row: period, dimensions, value, parts, reason."""
        names = [column.name for column in self._table.columns]
        return [dict(zip(names, row, strict=True)) for row in self._table.rows]

    @property
    def value(self) -> Any:
        """The value, where there is one row. Raises ValueError where there are more or less."""
        if len(self._table.rows) != 1:
            raise ValueError(f"the answer has {len(self._table.rows)} rows; allowed: one, or .rows for all of them")
        return self.rows[0]["value"]

    def arrow(self) -> "pyarrow.Table":
        """The rows as an Arrow table: money is decimal128, exact."""
        return arrow_table(self._table)

    def pandas(self) -> "pandas.DataFrame":
        """The rows as a pandas data frame; money is ``Decimal`` there. Needs pandas, which does not come with us."""
        return _as_pandas(self.arrow())

    def __len__(self) -> int:
        return len(self._table.rows)

    def __repr__(self) -> str:
        cut, broken = self.told["cut"], ", ".join(self.told["laws"]["broken"])
        doubt = f"; the laws of the ledger do not hold ({broken}): trust no number before salestream verify"
        known = f"as known at position {cut['position']}{doubt if broken else ''}"
        return f"<{self._table.title}: {len(self)} rows, {known}>"

    def _repr_html_(self) -> str:
        """How a notebook shows it."""
        heads = "".join(f"<th>{escape(column.name)}</th>" for column in self._table.columns)
        rows = (
            "<tr>" + "".join(f"<td>{'' if cell is None else escape(str(cell))}</td>" for cell in row) + "</tr>"
            for row in islice(self._table.rows, _SHOWN)
        )
        more = f", of which {_SHOWN} are shown" if len(self) > _SHOWN else ""
        caption = f"<caption>{escape(repr(self)[1:-1])}{more}</caption>"
        return f"<table>{caption}<thead><tr>{heads}</tr></thead><tbody>{''.join(rows)}</tbody></table>"


class Frame:
    """Rows of SQL."""

    def __init__(self, table: "pyarrow.Table") -> None:
        self._table: Final = table

    @property
    def rows(self) -> list[dict[str, Any]]:
        """One dict a row."""
        return list(self._table.to_pylist())

    def arrow(self) -> "pyarrow.Table":
        """The rows as an Arrow table."""
        return self._table

    def pandas(self) -> "pandas.DataFrame":
        """The rows as a pandas data frame. Needs pandas, which does not come with us."""
        return _as_pandas(self._table)


def _as_pandas(table: "pyarrow.Table") -> "pandas.DataFrame":
    try:
        return table.to_pandas()
    except ImportError as error:
        raise NotebookError("pandas is not installed; allowed: pip install pandas, or .arrow() or .rows") from error


class Source(Protocol):
    """Where the books are read."""

    def ask(self, asked: Question) -> dict[str, Any]: ...

    def explain(self, asked: Question, size: int, after: str | None) -> dict[str, Any]: ...

    def changes(self, asked: Question, known_from: str, known_to: str | None) -> dict[str, Any]: ...

    def history(self, kind: str, entity: str) -> dict[str, Any]: ...

    def close(self) -> None: ...


class Notebook(Closing):
    """The books of one tenant, open for questions, which are those of ``salestream kpi``.

    A question that cannot be asked raises BadQuestion, with what is allowed.
    """

    def __init__(
        self, books: str | Path = "salestream-data", *, tenant: str | None = None, key: str | None = None,
        as_of: str | int | None = None,
    ) -> None:  # fmt: skip
        """``books`` is a data folder, or ``http://host:port``; there ``key`` is an API key with the scope ``read``.

        With ``as_of``, a recorded time or a position, everything but ``sql`` is as it was known then; of a data folder
        only, for ``salestream serve --as-of`` serves the past. Raises WorkspaceError where another process owns the
        folder: then ask that one over HTTP; and BadQuestion where ``as_of`` is no moment of the past.
        """
        if str(books).startswith(("http://", "https://")):
            if as_of is not None:
                raise NotebookError("as_of is for a data folder; allowed: the address of a `salestream serve --as-of`")
            self._source: Source = _Served(str(books), key)
        else:
            self._source = _Folder(Path(books), tenant, None if as_of is None else str(as_of))

    def kpi(
        self, id: str, *, by: str | Iterable[str] = (), where: str | Iterable[str] = (), **more: Any
    ) -> Answer:  # fmt: skip
        """Ask a KPI. ``by`` and ``where`` are one or several; ``more`` are grain, from_, to, as_of, currency, org,
        fx, compare, limit, rest and order."""
        asked = _question(id, by, where, more)
        told = self._source.ask(asked)
        return Answer(answer_table(asked, told), told)

    def explain(
        self, id: str, *, by: str | Iterable[str] = (), where: str | Iterable[str] = (), page_size: int = PAGE,
        after: str | None = None, **more: Any,
    ) -> Answer:  # fmt: skip
        """The events that make one number, what each adds, and those left out and why: a page of at most ``page_size``
        events, which count first. ``after`` is what the page before says in ``told["next"]``; ``pages`` walks them."""
        asked = _question(id, by, where, more)
        told = self._source.explain(asked, page_size, after)
        return Answer(receipt_table(asked, told), told)

    def pages(
        self, id: str, *, by: str | Iterable[str] = (), where: str | Iterable[str] = (), page_size: int = PAGE,
        **more: Any,
    ) -> Iterator[Answer]:  # fmt: skip
        """All pages of a receipt, one after the other, as known at the cut of the first."""
        asked, after = _question(id, by, where, more), None
        while True:
            told = self._source.explain(asked, page_size, after)
            yield Answer(receipt_table(asked, told), told)
            after, asked = told["next"], replace(asked, as_of=str(told["cut"]["position"]))
            if after is None:
                return

    def changes(
        self, id: str, *, known_from: str | int, known_to: str | int | None = None, where: str | Iterable[str] = (),
        **more: Any,
    ) -> dict[str, Any]:  # fmt: skip
        """Why one number changed between two moments of knowing, recorded times or positions: causes whose effects
        add up to the difference."""
        later = None if known_to is None else str(known_to)
        return self._source.changes(_question(id, (), where, more), str(known_from), later)

    def history(self, entity: str, id: str) -> dict[str, Any]:
        """Everything known about one deal, lead, customer, order or rep, on both clocks."""
        return self._source.history(entity, id)

    def sql(self, query: str) -> "Frame":
        """The rows of a SELECT over the views of ``docs/marts.md``; of a data folder only.

        Raises NotebookError where the books are asked over HTTP, StoreError where it cannot be answered.
        """
        if isinstance(self._source, _Served):
            raise NotebookError("SQL is for those who have the store; allowed: a data folder, or ClickHouse itself")
        return Frame(cast(_Folder, self._source).select(query))

    def close(self) -> None:
        """Let go of the books, so that another process may open the folder. Whoever asks then gets a NotebookError."""
        self._source.close()
        self._source = _Closed()


def _question(id: str, by: str | Iterable[str], where: str | Iterable[str], more: dict[str, Any]) -> Question:
    """Raises BadQuestion, also where something is of a kind that cannot be meant."""
    if "by" in more:
        raise BadQuestion("by", "makes several cells; allowed: one, narrowed by where")
    parts = list(signature(question).parameters)[1:]
    told: dict[str, Any] = {}
    for name, value in more.items():
        if name not in parts:
            raise BadQuestion(name, f"is no part of a question; allowed: {', '.join(parts)}")
        told[name] = _told(name, value)
    filters = _filters(where) if isinstance(where, Mapping) else _several("where", where)
    return question(_told("kpi", id), by=_several("by", by), where=filters, **told)


def _told(name: str, value: Any) -> Any:
    """A word of a question. Moments may be dates or years, and positions numbers. Raises BadQuestion."""
    kind, words = _KINDS[name]
    if name in _MOMENTS:
        value = value.isoformat() if isinstance(value, date) else str(value) if type(value) is int else value
    if not isinstance(value, kind) or (name == "limit" and isinstance(value, bool)):
        raise BadQuestion(name, f"{value!r} is of another kind; allowed: {words}")
    return value


def _several(name: str, told: str | Iterable[str]) -> list[str]:
    if not isinstance(told, Iterable):
        raise BadQuestion(name, f"{told!r} is of another kind; allowed: a text, or several")
    return [_told(name, each) for each in ([told] if isinstance(told, str) else told)]


def _filters(where: Mapping[str, Any]) -> list[str]:
    """``{"region": "E"}``, or ``{"region": ["E", "W"]}``, as filters are told."""
    return [f"{name}={value}" for name, values in where.items() for value in _several("where", values)]


_MOMENTS: Final = ("from_", "to", "as_of")
_NO: Final = type(None)
_KINDS: Final[dict[str, tuple[Any, str]]] = {
    "limit": ((int, _NO), "a whole number"),
    "rest": (bool, "True or False"),
    "kpi": (str, "a text"), "by": (str, "a text"), "where": (str, "a text"), "grain": (str, "a text"),
    "org": (str, "a text"), "fx": (str, "a text"),
    **dict.fromkeys(("from_", "to"), ((str, _NO), "a text, a date or a year")),
    "as_of": ((str, _NO), "a text, a date or a position"),
    **dict.fromkeys(("currency", "order", "compare"), ((str, _NO), "a text")),
}  # fmt: skip
"""What each word of a question may be."""


class _Closed:
    """Books that were closed."""

    def close(self) -> None:
        """Closing twice is fine."""

    def __getattr__(self, name: str) -> Any:
        raise NotebookError("these books were closed; open them anew: Notebook(…)")


class _Folder:
    """A data folder, owned by this process."""

    def __init__(self, data: Path, tenant: str | None, past: str | None = None) -> None:
        told: dict[str, Any] = {"data": data} | ({"tenant": tenant} if tenant else {})
        settings = Settings(**told)
        if not data.exists() and not settings.on_kafka:
            raise NotebookError(f"there is no folder {data}; allowed: one that salestream ingest has told events to")
        with ExitStack() as opened:
            self._workspace: Final = opened.enter_context(Workspace(settings))
            if not settings.posted_by_workers:
                self._workspace.post(settings.tenant, self._workspace.store)
            self._books: Final = self._workspace.books(past=past)
            self._books.cut(None)
            self._laws: Final = Laws()
            self._opened: Final = opened.pop_all()

    def ask(self, asked: Question) -> dict[str, Any]:
        return self._vouched(self._books.ask(asked))

    def explain(self, asked: Question, size: int, after: str | None) -> dict[str, Any]:
        return self._vouched(explain(self._books, asked, size, after))

    def changes(self, asked: Question, known_from: str, known_to: str | None) -> dict[str, Any]:
        return self._vouched(changes(self._books, asked, known_from, known_to))

    def _vouched(self, told: dict[str, Any]) -> dict[str, Any]:
        """With whether the laws of the ledger hold."""
        return told | {"laws": self._laws.known(self._books).told()}

    def history(self, kind: str, entity: str) -> dict[str, Any]:
        kinds = list(dict.fromkeys(event.KIND for event in EVENTS))
        if kind not in kinds:
            raise BadQuestion("entity", f"{kind!r} is no entity; allowed: {', '.join(kinds)}")
        return history(self._books, kind, entity)

    def select(self, sql: str) -> "pyarrow.Table":
        return self._workspace.store.arrow(sql)

    def close(self) -> None:
        self._opened.close()


class _Served:
    """A running ``salestream serve``."""

    def __init__(self, url: str, key: str | None) -> None:
        self._url: Final = url.rstrip("/")
        self._headers: Final = {"Accept": "application/json"} | ({"Authorization": f"Bearer {key}"} if key else {})

    def ask(self, asked: Question) -> dict[str, Any]:
        return self._get(_path(asked), _parameters(asked))

    def explain(self, asked: Question, size: int, after: str | None) -> dict[str, Any]:
        page = [("page_size", str(size)), *([("after", after)] if after is not None else [])]
        return self._get(f"{_path(asked)}/explain", [*_parameters(asked), *page])

    def changes(self, asked: Question, known_from: str, known_to: str | None) -> dict[str, Any]:
        known = [("known_from", known_from), *([("known_to", known_to)] if known_to else [])]
        return self._get(f"{_path(asked)}/changes", [*_parameters(asked), *known])

    def history(self, kind: str, entity: str) -> dict[str, Any]:
        return self._get(f"/api/history/{quote(kind, safe='')}/{quote(entity, safe='')}", [])

    def close(self) -> None:
        """There is nothing to let go of."""

    def _get(self, path: str, parameters: list[tuple[str, Any]]) -> dict[str, Any]:
        request = Request(f"{self._url}{path}?{urlencode(parameters)}", headers=self._headers)
        try:
            with urlopen(request, timeout=300) as answer:
                return msgspec.json.decode(answer.read(), type=dict[str, Any])
        except HTTPError as error:
            with error:
                raise _refused(error.code, error.read()) from error
        except (URLError, OSError, msgspec.MsgspecError) as error:
            reason = getattr(error, "reason", error)
            raise NotebookError(f"{self._url} cannot be asked: {reason}; is `salestream serve` there?") from error


def _path(asked: Question) -> str:
    return f"/api/kpis/{asked.kpi.id.replace('/', '~')}"


def _parameters(asked: Question) -> list[tuple[str, Any]]:
    """The question as the gateway takes it; what it takes for granted is left out."""
    usual = question(asked.kpi.id).as_told()
    told = {name: value for name, value in asked.as_told().items() if usual.get(name) != value}
    where = told.pop("where", {})
    assert isinstance(where, dict)
    by = told.pop("by", [])
    assert isinstance(by, list)
    filters = [("where", f"{name}={value}") for name, values in where.items() for value in values]
    more = {name: "true" if value is True else value for name, value in told.items()}
    return [*(("by", name) for name in by), *filters, *more.items()]


def _refused(status: int, body: bytes) -> Exception:
    try:
        told = msgspec.json.decode(body, type=dict[str, Any])
    except msgspec.MsgspecError:
        return NotebookError(f"the answer is HTTP {status}, and none of Salestream; allowed: the address of a gateway")
    if status == 400 and told.get("field"):
        field = str(told["field"])
        return BadQuestion(field, str(told.get("detail")).removeprefix(f"{field} "))
    return NotebookError(f"{told.get('detail', 'it was refused')} (HTTP {status})")
