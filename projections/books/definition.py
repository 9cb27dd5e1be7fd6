"""The book of definitions: targets, exchange rates, pipelines, calendars, voidings, erasures, walls.

They post nothing: they say how postings are read, and are folded at question time by ``projections.definitions``.
"""

from events.envelope import Fact
from projections.books.fold import Fold
from projections.posting import Posting


class DefinitionBook(Fold):
    """Posts nothing."""

    __slots__ = ()

    def post(self, fact: Fact) -> list[Posting]:
        """No line."""
        return []
