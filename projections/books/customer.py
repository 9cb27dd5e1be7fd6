"""The book of a customer: who it is, churned, returned.

Measures: ``profile`` (the region and segment in force from then on), ``churned`` and ``returned`` (counts).
Whether a customer is active follows from these and its purchases, at question time.
"""

from msgspec.structs import replace

from events.customers import CustomerChurned, CustomerReturned, CustomerUpdated
from events.envelope import Fact
from projections.books.fold import Fold
from projections.posting import NOWHERE, Posting, merged


class CustomerBook(Fold):
    """One customer."""

    __slots__ = ("dims",)

    def __init__(self) -> None:
        self.dims = NOWHERE

    def post(self, fact: Fact) -> list[Posting]:
        """The line that this event adds."""
        event = fact.data
        match event:
            case CustomerUpdated():
                self.dims = merged(self.dims, event, customer=fact.entity, region=event.region, segment=event.segment)
                measure, dims = "profile", self.dims
            case CustomerChurned() | CustomerReturned():
                self.dims = merged(self.dims, event, customer=fact.entity)
                measure = "churned" if isinstance(event, CustomerChurned) else "returned"
                dims = replace(self.dims, reason=event.reason or "")
            case _:
                raise AssertionError(f"{event.TYPE} is no event of a customer")
        return [
            Posting(measure=measure, at_ms=fact.at_ms, event=fact.position, dims=dims, count=1, basis_ms=fact.at_ms)
        ]
