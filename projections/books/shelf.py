"""All books, by the kind of entity they are about."""

from typing import Final, Protocol, Self

from events.envelope import Fact
from projections.books.activity import SURVEY, TOUCHPOINT, SurveyBook, TouchpointBook, TrainingBook
from projections.books.customer import CustomerBook
from projections.books.deal import DealBook
from projections.books.definition import DefinitionBook
from projections.books.lead import LeadBook
from projections.books.order import ORDER, OrderBook
from projections.books.plain import Plain
from projections.books.rep import RepBook
from projections.books.spend import SpendBook
from projections.posting import Posting


class Book(Protocol):
    """The posting rules of one entity: a fold over its events, in the order they occurred."""

    def post(self, fact: Fact) -> list[Posting]:
        """The lines that the next event adds."""

    def copied(self) -> Self:
        """Another one that knows the same. Books that are equal post the same from then on."""


BOOKS: Final[dict[str, type[Book]]] = {
    "deal": DealBook,
    "lead": LeadBook,
    "customer": CustomerBook,
    "order": OrderBook,
    "touchpoint": TouchpointBook,
    "survey": SurveyBook,
    "training": TrainingBook,
    "spend": SpendBook,
    "rep": RepBook,
    "target": DefinitionBook,
    "rates": DefinitionBook,
    "pipeline": DefinitionBook,
    "calendar": DefinitionBook,
    "voiding": DefinitionBook,
    "erasure": DefinitionBook,
    "wall": DefinitionBook,
}

ALONE: Final = frozenset(
    {"touchpoint", "survey", "training", "spend", "target", "rates", "calendar", "voiding", "erasure", "wall"}
)
"""Kinds whose every event is an entity of its own: a history of one."""

PLAIN: Final[dict[str, Plain]] = {rule.event.TYPE: rule for rule in (TOUCHPOINT, SURVEY, ORDER)}
"""Event types that many can be posted of at once, as columns, with the rules of their books. Where an entity may have
more events, that is so of the first one only."""


def order(fact: Fact) -> tuple[int, int]:
    """Events of one entity are ordered by occurred time, then position."""
    return fact.at_ms, fact.position
