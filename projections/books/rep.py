"""The book of a rep: where they belong, and that they left.

Measures: ``assigned`` (the team, region and manager in force from then on) and ``left`` (count).
"""

from events.envelope import Fact
from events.people import RepAssigned
from projections.books.fold import Fold
from projections.posting import NOWHERE, Posting, merged


class RepBook(Fold):
    """One rep. Each assignment is a full statement; the latest in force wins."""

    __slots__ = ()

    def post(self, fact: Fact) -> list[Posting]:
        """The line that this event adds."""
        event = fact.data
        dims = merged(NOWHERE, event, rep_id=fact.entity)
        if isinstance(event, RepAssigned):
            dims = merged(dims, event, team_id=event.team_id, region=event.region, manager_id=event.manager_id)
        measure = "assigned" if isinstance(event, RepAssigned) else "left"
        return [
            Posting(measure=measure, at_ms=fact.at_ms, event=fact.position, dims=dims, count=1, basis_ms=fact.at_ms)
        ]
