"""The book of a lead: created, qualified, disqualified.

Measures: ``lead_created``, ``lead_qualified``, ``lead_disqualified`` (counts). A lead exists from its first event.
"""

from msgspec.structs import replace

from events.envelope import Fact
from events.leads import LeadCreated, LeadDisqualified, LeadQualified
from projections.books.fold import Fold
from projections.posting import NOWHERE, Posting, merged


class LeadBook(Fold):
    """One lead. Each of the three things is counted once, when it first happened."""

    __slots__ = ("dims", "done")

    def __init__(self) -> None:
        self.dims = NOWHERE
        self.done: tuple[str, ...] = ()

    def post(self, fact: Fact) -> list[Posting]:
        """The lines that this event adds."""
        event = fact.data
        customer = event.customer_id if type(event) is LeadCreated else None
        self.dims = merged(self.dims, event, lead=fact.entity, customer=customer)
        lines = [] if self.done else [self._line(fact, "lead_created")]
        if type(event) is LeadQualified and "lead_qualified" not in self.done:
            lines.append(self._line(fact, "lead_qualified"))
        elif type(event) is LeadDisqualified and "lead_disqualified" not in self.done:
            lines.append(self._line(fact, "lead_disqualified", event.reason or ""))
        self.done += tuple(line.measure for line in lines)
        return lines

    def _line(self, fact: Fact, measure: str, reason: str = "") -> Posting:
        dims = replace(self.dims, reason=reason) if reason else self.dims
        return Posting(measure=measure, at_ms=fact.at_ms, event=fact.position, dims=dims, count=1, basis_ms=fact.at_ms)
