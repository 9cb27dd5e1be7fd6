"""When a customer bought something that it kept: the lines by which a customer counts as active.

Measure ``bought``: count 1 at a purchase above nothing; an order's own line says the same of it. Once nothing of it is
left, the line is taken back and posted anew with that moment in ``until_ms``, as the same event's, placed as it was.
"""

from msgspec.structs import replace

from events.envelope import Fact
from projections.books.fold import Fold
from projections.posting import Dimensions, Posting


class Purchase(Fold):
    """What one deal or order means for its customer."""

    __slots__ = ("buys", "kept")

    def __init__(self) -> None:
        self.buys = False
        """Whether it stands as a purchase now, whoever bought."""
        self.kept: Posting | None = None
        """The line of the purchase that stands."""

    def follow(self, buys: bool, fact: Fact, dims: Dimensions, lines: list[Posting]) -> None:
        """Add the lines by which this event makes or ends a purchase. One that names no customer has none."""
        if buys == self.buys:
            return
        self.buys = buys
        if buys and dims.customer:
            place = Dimensions(customer=dims.customer, rep_id=dims.rep_id, region=dims.region, segment=dims.segment)
            self.kept = Posting(
                measure="bought", at_ms=fact.at_ms, event=fact.position, dims=place, count=1, basis_ms=fact.at_ms
            )
            lines.append(self.kept)
        elif self.kept is not None:
            line, self.kept = self.kept, None
            back = replace(line, count=-line.count, amount=-line.amount, cost=-line.cost)
            lines += [back, replace(line, until_ms=fact.at_ms)]

    def stands(self, line: Posting) -> None:
        """A line that is posted for another reason is that of the purchase."""
        self.buys, self.kept = True, line if line.dims.customer else None
