"""The book of a lead: created, qualified, disqualified.

Measures: ``lead_created``, ``lead_qualified``, ``lead_disqualified`` (counts). A lead exists from its first event.
"""

from msgspec.structs import replace

from events.envelope import Fact
from events.leads import LeadCreated, LeadDisqualified, LeadQualified
from projections.posting import NOWHERE, Posting, merged


class LeadBook:
    """One lead. Each of the three things is counted once, when it first happened."""

    __slots__ = ("dims", "done")

    def __init__(self) -> None:
        self.dims = NOWHERE
        self.done: frozenset[str] = frozenset()

    def post(self, fact: Fact) -> list[Posting]:
        """The lines that this event adds."""
        event = fact.data
        customer = event.customer_id if isinstance(event, LeadCreated) else None
        self.dims = merged(self.dims, event, lead=fact.entity, customer=customer)
        lines = [] if self.done else [self._line(fact, "lead_created")]
        match event:
            case LeadQualified() if "lead_qualified" not in self.done:
                lines.append(self._line(fact, "lead_qualified"))
            case LeadDisqualified() if "lead_disqualified" not in self.done:
                lines.append(self._line(fact, "lead_disqualified", event.reason or ""))
        self.done |= {line.measure for line in lines}
        return lines

    def _line(self, fact: Fact, measure: str, reason: str = "") -> Posting:
        dims = replace(self.dims, reason=reason) if reason else self.dims
        return Posting(measure=measure, at_ms=fact.at_ms, event=fact.position, dims=dims, count=1, basis_ms=fact.at_ms)
