"""Pages of receipts: together they are the whole receipt, each event on one of them."""

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from projections.catalogue import BY_ID
from projections.question import BadQuestion, Question, question
from services.books import Books
from services.receipt import explain, pages
from tests.oracle.real_path import Backends, Company
from tests.oracle.receipt import together, whole
from tests.oracle.window import Query
from tests.projections.strategies import THEME_OF, CloudEvent, histories, queries
from tests.projections.test_against_oracle import shared
from tests.services.test_receipt import CELLS, STORY, cell

New = Callable[..., Company]


@pytest.fixture(scope="module")
def february(backends: Backends) -> Company:
    return backends.company(STORY)


def walked(books: Books, asked: Question, size: int) -> list[dict[str, Any]]:
    """The pages, each as large as it may be and none empty but the only one."""
    found = list(pages(books, asked, size))
    sizes = [len(page["events"]) + len(page["excluded"]) for page in found]
    assert sizes[:-1] == [size] * (len(sizes) - 1)
    assert 0 < sizes[-1] <= size or len(sizes) == 1
    for page, following in list(pairwise(found))[-2:]:
        assert explain(books, asked, size, page["next"]) == following, "asked for by itself it is the same"
    return found


def agreeing(books: Books, asked: Question, size: int) -> None:
    """The pages are the whole receipt, cut and all; those that count come first."""
    found = walked(books, asked, size)
    every = together(found)
    known = whole(books, asked)
    pinned = every["question"].pop("as_of", None), known["question"].pop("as_of", None)
    assert every == known, pinned
    roles = [[each["role"] for each in page["events"]] for page in found]
    counted = sum(role == "counted" for page in roles for role in page)
    assert {page["counted"] for page in found} == {counted}
    full = counted // size
    assert all(page == ["counted"] * size for page in roles[:full]), "first those that count"


@pytest.mark.parametrize(("kpi", "where"), CELLS, ids=[" ".join([kpi, *where]) for kpi, where in CELLS])
def test_of_a_rich_history_the_pages_are_the_receipt(kpi: str, where: tuple[str, ...], february: Company) -> None:
    agreeing(february.books, cell(kpi, where), 9 if where == () else 1000)


@pytest.mark.parametrize("kpi", [kpi for kpi in BY_ID if not BY_ID[kpi].scoped])
def test_what_was_recorded_after_the_cut_is_on_the_pages(kpi: str, february: Company) -> None:
    agreeing(february.books, cell(kpi, as_of=str(len(STORY) // 2)), 20)


def test_a_page_holds_no_more_than_it_says(february: Company) -> None:
    page = explain(february.books, cell("pipeline_value"), 2)
    assert [each["role"] for each in page["events"]] == ["counted"] * 2
    assert (page["excluded"], page["next"]) == ([], str(page["events"][-1]["position"]))
    assert page["counted"] > 2


def test_a_page_after_the_last_is_empty_and_knows_how_many_count(february: Company) -> None:
    last = explain(february.books, cell("bookings"), 5, "others:999999")
    assert (last["events"], last["excluded"], last["next"]) == ([], [], None)
    assert last["counted"] == explain(february.books, cell("bookings"))["counted"]
    beyond = explain(february.books, cell("bookings"), 1000, "999999")
    assert {each["role"] for each in beyond["events"]} == {"context"}
    assert beyond["counted"] == last["counted"]


NO_PAGES = [
    (0, None, "page_size"),
    (100_001, None, "page_size"),
    (1, "", "after"),
    (1, "-1", "after"),
    (1, "x", "after"),
]


@pytest.mark.parametrize(("size", "after", "field"), NO_PAGES)
def test_a_page_that_is_none_is_refused(size: int, after: str | None, field: str, february: Company) -> None:
    with pytest.raises(BadQuestion, match=f"^{field} .*; allowed: ") as refused:
        explain(february.books, cell("bookings"), size, after)
    assert refused.value.field == field


@st.composite
def asked_histories(draw: st.DrawFn) -> tuple[list[CloudEvent], list[Query]]:
    """A history and two questions, mostly about what its events have to do with."""
    first = draw(queries())
    theme = THEME_OF.get(first.kpi, "deals")
    kin = tuple(kpi for kpi in BY_ID if THEME_OF.get(kpi, "deals") == theme)
    return draw(histories(("everything", theme, theme, theme))), [first, draw(queries(kin))]


def one(company: Company, query: Query, choice: int) -> Question | None:
    """The question about one cell of the answer to another; None where it has none."""
    where = [f"{name}={value}" for name, values in query.where for value in values]
    asked: dict[str, Any] = {
        "as_of": query.as_of, "currency": query.currency, "org": query.org, "fx": query.fx,
        "from_": query.from_, "to": query.to,
    }  # fmt: skip
    rows = company.books.ask(question(query.kpi, by=query.by, where=where, grain=query.grain, **asked))["rows"]
    if not rows:
        return None
    row = rows[choice % len(rows)]
    by = question(query.kpi, by=query.by, where=where, **asked).by
    named = [f"{name}={row[name]}" for name in by if row[name] is not None]
    kept = [told for told in where if told.partition("=")[0] not in by]
    return question(query.kpi, by=by, where=[*kept, *named], **asked)


@shared(of=2)
@given(asked=asked_histories(), size=st.integers(1, 12), choice=st.integers(0, 20))
def test_of_any_history_the_pages_are_the_receipt(
    backends: Backends, asked: tuple[list[CloudEvent], list[Query]], size: int, choice: int
) -> None:
    events, questions = asked
    company = backends.company(events)
    for query in questions:
        try:
            about = one(company, query, choice)
            assume(about is not None)
            assert about is not None
            explain(company.books, about)
        except BadQuestion as refused:
            assume(refused.field not in ("from", "to", "as_of", "question"))
            raise
        agreeing(company.books, about, size)
