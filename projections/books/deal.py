"""The book of a deal: created, in the pipeline, won or lost, and taken back.

Measures: ``created`` (count), ``cohort`` (count: what became of it, at the moment it was created), ``pipeline`` (count
and amount of what is open, by stage), ``won`` (count, amount and cost), ``lost`` (count and amount), ``linked`` (count:
its lead was told after the win) and ``bought`` (of a win above nothing; see ``purchase``).

A line that enters the pipeline says how in ``kind``: ``created``, ``reopened``, or in place of a line that leaves with
the same event ``same``, ``raised`` or ``lowered``, with the former amount in ``cost``, or where that has another
currency ``replaced``, and the leaving one ``dropped``. Its ``until_ms`` is the day on which the deal should close.
"""

from datetime import date
from typing import Final

from msgspec.structs import replace

from events.base import SalesEvent
from events.deals import DealCreated, DealLost, DealReopened, DealStageMoved, DealUpdated, DealWon
from events.envelope import Fact
from events.words import minor
from projections.books.fold import Fold
from projections.books.purchase import Purchase
from projections.books.worth import Worth, booked, less, worth
from projections.posting import NOWHERE, Dimensions, Posting, merged

_EPOCH: Final = date(1970, 1, 1)
_DAY_MS: Final = 86_400_000
LEFT: Final = ("moved", "won", "lost")
"""Outcomes of a pipeline line that ends a visit to a stage."""


class DealBook(Fold):
    """One deal, folded over its events in the order they occurred."""

    __slots__ = (
        "amount", "booked", "closed", "cost", "cost_currency", "created", "created_ms", "currency", "dims",
        "entered_ms", "expected_ms", "open_line", "purchase", "status",
    )  # fmt: skip

    def __init__(self) -> None:
        self.status = ""
        """Empty before the first event, then ``open``, ``won`` or ``lost``."""
        self.dims = NOWHERE
        self.amount = 0
        self.cost = 0
        self.currency = ""
        self.cost_currency = ""
        self.booked: Worth = {}
        """What was posted for the win or loss that stands."""
        self.created_ms = 0
        self.created: Posting | None = None
        self.entered_ms = 0
        self.expected_ms = 0
        """The day it is expected to close, its midnight as if UTC; 0: not known."""
        self.open_line: Posting | None = None
        """The line that holds the deal in the pipeline now."""
        self.closed: Posting | None = None
        """The line that closed the deal."""
        self.purchase = Purchase()

    def post(self, fact: Fact) -> list[Posting]:
        """The lines that this event adds."""
        event = fact.data
        lines: list[Posting] = []
        before = self.dims
        self._take_in(event, fact)
        if not self.status:
            self._create(fact, lines)
        if type(event) is DealWon:
            self._win(fact, lines)
        elif type(event) is DealLost:
            self._lose(fact, event, lines)
        elif type(event) is DealReopened and self.status != "open":
            self._reopen(fact, lines)
        else:
            self._change(fact, lines, before)
        self.purchase.follow(self.status == "won" and self.amount > 0, fact, self.dims, lines)
        return lines

    def _take_in(self, event: SalesEvent, fact: Fact) -> None:
        """What the event says about the deal itself. Its type is compared, which is the fastest, for there are many."""
        if type(event) is DealStageMoved:
            self.dims = merged(self.dims, event, deal=fact.entity, stage=event.to_stage)
        elif type(event) is DealCreated or type(event) is DealUpdated:
            self._take_amount(event)
            if event.expected_close is not None:
                self.expected_ms = (date.fromisoformat(event.expected_close) - _EPOCH).days * _DAY_MS
            self.dims = merged(
                self.dims, event, deal=fact.entity, customer=event.customer_id, lead=event.lead_id,
                stage=event.stage, pipeline=event.pipeline,
            )  # fmt: skip
            if type(event) is DealUpdated and event.probability is not None:
                self.dims = replace(self.dims, probability_ppm=_millionths(event.probability))
        elif type(event) is DealWon:
            self._take_amount(event)
            if event.cost is not None:
                self.cost, self.cost_currency = minor(event.cost), event.currency or ""
            self.dims = merged(self.dims, event, deal=fact.entity, customer=event.customer_id)
        else:
            stage = event.stage if type(event) is DealReopened else None
            self.dims = merged(self.dims, event, deal=fact.entity, stage=stage)

    def _take_amount(self, event: DealCreated | DealUpdated | DealWon) -> None:
        if event.amount is not None:
            assert event.currency is not None, "the codec names the currency of every amount"
            self.amount, self.currency = minor(event.amount), event.currency

    def _create(self, fact: Fact, lines: list[Posting]) -> None:
        self.status, self.created_ms = "open", fact.at_ms
        self.created = self._line(fact, "created", self.dims, count=1)
        lines.append(self.created)
        if type(fact.data) is DealWon or type(fact.data) is DealLost:
            return
        self._enter(fact, lines, kind="created")

    def _change(self, fact: Fact, lines: list[Posting], before: Dimensions) -> None:
        """A stage move, a new amount, another owner: what is open moves; what is won is corrected."""
        if self.status == "won":
            self._correct_win(fact, lines)
            if before.lead != self.dims.lead:
                lines.append(self._line(fact, "linked", self.dims, count=1))
        line = self.open_line
        if self.status != "open" or line is None or line.event == fact.position:
            return
        kind, worth = self._replacing(line), (self.amount, self.currency, self.expected_ms)
        if (before.pipeline, before.stage) != (self.dims.pipeline, self.dims.stage):
            self._leave(fact, lines, "moved", kind)
            self._enter(fact, lines, kind=kind, before=line)
        elif before != self.dims or (line.amount, line.currency, line.until_ms) != worth:
            self._leave(fact, lines, "changed", kind)
            self._enter(fact, lines, "changed", kind, line)

    def _replacing(self, line: Posting) -> str:
        """How the amount in the pipeline becomes another one."""
        if line.currency != self.currency:
            return "replaced"
        return "same" if line.amount == self.amount else "raised" if line.amount < self.amount else "lowered"

    def _win(self, fact: Fact, lines: list[Posting]) -> None:
        if self.status == "won":
            self._correct_win(fact, lines)
            return
        self._leave(fact, lines, "won")
        self._take_back(fact, lines)
        self._close("won", fact, lines, self.dims)

    def _lose(self, fact: Fact, event: DealLost, lines: list[Posting]) -> None:
        if self.status == "lost":
            return
        self._leave(fact, lines, "lost")
        self._take_back(fact, lines)
        self._close(
            "lost", fact, lines, replace(self.dims, reason=event.reason or "", competitor=event.competitor or "")
        )

    def _reopen(self, fact: Fact, lines: list[Posting]) -> None:
        self._take_back(fact, lines)
        self.status = "open"
        self._enter(fact, lines, kind="reopened")

    def _enter(
        self, fact: Fact, lines: list[Posting], outcome: str = "entered", kind: str = "", before: Posting | None = None
    ) -> None:
        """``before`` is the line that this one replaces."""
        if outcome == "entered":
            self.entered_ms = fact.at_ms
        former = 0 if before is None or kind == "replaced" else before.amount
        dims = replace(self.dims, outcome=outcome, kind=kind)
        self.open_line = Posting(
            measure="pipeline", at_ms=fact.at_ms, event=fact.position, dims=dims,
            count=1, amount=self.amount, cost=former, currency=self.currency, basis_ms=fact.at_ms,
            since_ms=self.entered_ms, until_ms=self.expected_ms,
        )  # fmt: skip
        lines.append(self.open_line)

    def _leave(self, fact: Fact, lines: list[Posting], outcome: str, kind: str = "") -> None:
        line, self.open_line = self.open_line, None
        if line is None:
            return
        to_stage = self.dims.stage if outcome == "moved" else ""
        dims = replace(line.dims, outcome=outcome, to_stage=to_stage, kind="dropped" if kind == "replaced" else "")
        lines.append(
            replace(
                line, at_ms=fact.at_ms, event=fact.position, dims=dims, count=-1, amount=-line.amount, cost=-line.cost
            )
        )

    def _close(self, status: str, fact: Fact, lines: list[Posting], dims: Dimensions) -> None:
        self.status = status
        line = replace(self._line(fact, status, dims), since_ms=self.created_ms, until_ms=fact.at_ms)
        self.closed, self.booked = line, self._worth()
        lines += booked(replace(line, count=1), self.booked)
        lines.append(self._cohort(status, 1))

    def _take_back(self, fact: Fact, lines: list[Posting]) -> None:
        """A credit note: the win or loss is reversed now, the earlier period stands."""
        closed, self.closed = self.closed, None
        if closed is None:
            return
        dims = replace(self.dims, outcome="taken_back", reason=closed.dims.reason, competitor=closed.dims.competitor)
        line = replace(closed, at_ms=fact.at_ms, basis_ms=fact.at_ms, event=fact.position, dims=dims, count=-1)
        lines += booked(line, less({}, self.booked))
        lines.append(self._cohort(closed.measure, -1))

    def _correct_win(self, fact: Fact, lines: list[Posting]) -> None:
        """An amount or cost told after the win: the difference is posted now."""
        assert self.closed is not None, "a won deal has the line that won it"
        told = self._worth()
        if told == self.booked:
            return
        line = self._line(fact, "won", replace(self.dims, outcome="corrected"))
        line = replace(line, since_ms=self.created_ms, until_ms=self.closed.until_ms)
        lines += booked(line, less(told, self.booked))
        self.booked = told

    def _cohort(self, outcome: str, count: int) -> Posting:
        created = self.created
        assert created is not None, "a deal that closes was created"
        return replace(created, measure="cohort", dims=replace(created.dims, outcome=outcome), count=count)

    def _worth(self) -> Worth:
        """What the deal brings, and for a win what it costs; each in the currency it was told in."""
        cost = self.cost if self.status == "won" else 0
        return worth(self.amount, self.currency, cost, self.cost_currency)

    def _line(self, fact: Fact, measure: str, dims: Dimensions, count: int = 0) -> Posting:
        at_ms = fact.at_ms
        return Posting(measure=measure, at_ms=at_ms, event=fact.position, dims=dims, count=count, basis_ms=at_ms)


def _millionths(probability: str) -> int:
    whole, _, part = probability.partition(".")
    return int(whole) * 1_000_000 + int(part.ljust(6, "0") or 0)
