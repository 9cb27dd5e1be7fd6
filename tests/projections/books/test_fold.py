"""What books know: a copy goes its own way, and equal ones go the same."""

from itertools import groupby
from typing import Any

import pytest
from hypothesis import given

from events.deals import DealCreated, DealUpdated, DealWon
from events.samples import sample
from projections.books.deal import DealBook
from projections.books.fold import Fold
from projections.books.purchase import Purchase
from projections.books.shelf import BOOKS, Book, order
from tests.projections.strategies import histories
from tests.projections.telling import facts, journalled


@pytest.mark.parametrize("kind", BOOKS)
def test_a_book_knows_no_more_than_its_slots(kind: str) -> None:
    book = BOOKS[kind]()
    assert isinstance(book, Fold)
    assert not hasattr(book, "__dict__"), "what is not in the slots would not be copied"
    assert book.copied() == book == BOOKS[kind]()
    assert book != Purchase()


@given(histories())
def test_a_copy_stays_as_it_was_and_is_what_folding_anew_gives(events: list[dict[str, Any]]) -> None:
    told = sorted(journalled(events), key=lambda fact: (fact.kind, fact.entity, order(fact)))
    for (kind, _), grouped in groupby(told, key=lambda fact: (fact.kind, fact.entity)):
        history = list(grouped)
        book: Book = BOOKS[kind]()
        copies = []
        for each in history:
            copies.append(book.copied())
            book.post(each)
        copies.append(book)
        for place, copy in enumerate(copies):
            anew = BOOKS[kind]()
            for each in history[:place]:
                anew.post(each)
            assert copy == anew, (kind, place)


def test_a_purchase_is_part_of_what_a_deal_knows() -> None:
    """Taken to nothing and back a win is what it was, but its customer bought later."""
    won = [("2026-03-01", sample(DealCreated)), ("2026-03-02", sample(DealWon, amount="90.00", customer_id="C-1"))]
    back = [(f"2026-03-0{day}", sample(DealUpdated, amount=amount)) for day, amount in ((3, "0"), (4, "90.00"))]
    one, other = DealBook(), DealBook()
    for book, told in ((one, won), (other, won + back)):
        for each in facts(*told):
            book.post(each)
    assert {name for name in DealBook.__slots__ if getattr(one, name) != getattr(other, name)} == {"purchase"}
    assert one != other
