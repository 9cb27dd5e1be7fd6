"""The book of a deal: created, in the pipeline, won or lost, and taken back.

Measures: ``created`` (count), ``pipeline`` (count and amount of what is open, by stage), ``won`` (count, amount
and cost) and ``lost`` (count and amount).
"""

from typing import Final

from msgspec.structs import replace

from events.base import SalesEvent
from events.deals import DealCreated, DealLost, DealReopened, DealStageMoved, DealUpdated, DealWon
from events.envelope import Fact
from events.words import minor
from projections.posting import NOWHERE, Dimensions, Posting, merged

LEFT: Final = ("moved", "won", "lost")
"""Outcomes of a pipeline line that ends a visit to a stage."""


class DealBook:
    """One deal, folded over its events in the order they occurred."""

    __slots__ = ("amount", "closed", "cost", "created_ms", "currency", "dims", "entered_ms", "open_line", "status")

    def __init__(self) -> None:
        self.status = ""
        """Empty before the first event, then ``open``, ``won`` or ``lost``."""
        self.dims = NOWHERE
        self.amount = 0
        self.cost = 0
        self.currency = ""
        self.created_ms = 0
        self.entered_ms = 0
        self.open_line: Posting | None = None
        """The line that holds the deal in the pipeline now."""
        self.closed: Posting | None = None
        """The line that closed the deal."""

    def post(self, fact: Fact) -> list[Posting]:
        """The lines that this event adds."""
        event = fact.data
        lines: list[Posting] = []
        before = self.dims
        self._take_in(event, fact)
        if not self.status:
            self._create(fact, lines)
        match event:
            case DealWon():
                self._win(fact, lines)
            case DealLost():
                self._lose(fact, event, lines)
            case DealReopened() if self.status != "open":
                self._reopen(fact, lines)
            case _:
                self._change(fact, lines, before)
        return lines

    def _take_in(self, event: SalesEvent, fact: Fact) -> None:
        """What the event says about the deal itself."""
        also: dict[str, str | None] = {"deal": fact.entity}
        match event:
            case DealCreated() | DealUpdated():
                also |= {"customer": event.customer_id, "lead": event.lead_id, "stage": event.stage}
                also["pipeline"] = event.pipeline
            case DealWon():
                also["customer"] = event.customer_id
                self.cost = minor(event.cost) if event.cost is not None else self.cost
            case DealStageMoved():
                also["stage"] = event.to_stage
            case DealReopened():
                also["stage"] = event.stage
        if isinstance(event, DealCreated | DealUpdated | DealWon) and event.amount is not None:
            assert event.currency is not None, "the codec names the currency of every amount"
            self.amount, self.currency = minor(event.amount), event.currency
        self.dims = merged(self.dims, event, **also)
        if not self.dims.pipeline:
            self.dims = replace(self.dims, pipeline="default")
        if isinstance(event, DealUpdated) and event.probability is not None:
            self.dims = replace(self.dims, probability_ppm=_millionths(event.probability))

    def _create(self, fact: Fact, lines: list[Posting]) -> None:
        self.status, self.created_ms = "open", fact.at_ms
        lines.append(replace(self._line(fact, "created", self.dims), count=1))
        if isinstance(fact.data, DealWon | DealLost):
            return
        self._enter(fact, lines)

    def _change(self, fact: Fact, lines: list[Posting], before: Dimensions) -> None:
        """A stage move, a new amount, another owner: what is open moves; what is won is corrected."""
        if self.status == "won":
            self._correct_win(fact, lines)
        line = self.open_line
        if self.status != "open" or line is None or line.event == fact.position:
            return
        if (before.pipeline, before.stage) != (self.dims.pipeline, self.dims.stage):
            self._leave(fact, lines, "moved")
            self._enter(fact, lines)
        elif before != self.dims or (line.amount, line.currency) != (self.amount, self.currency):
            self._leave(fact, lines, "changed")
            self._enter(fact, lines, "changed")

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
        self._enter(fact, lines)

    def _enter(self, fact: Fact, lines: list[Posting], outcome: str = "entered") -> None:
        if outcome == "entered":
            self.entered_ms = fact.at_ms
        dims = replace(self.dims, outcome=outcome)
        line = self._line(fact, "pipeline", dims)
        self.open_line = replace(line, count=1, amount=self.amount, currency=self.currency, since_ms=self.entered_ms)
        lines.append(self.open_line)

    def _leave(self, fact: Fact, lines: list[Posting], outcome: str) -> None:
        line, self.open_line = self.open_line, None
        if line is None:
            return
        to_stage = self.dims.stage if outcome == "moved" else ""
        dims = replace(line.dims, outcome=outcome, to_stage=to_stage)
        lines.append(replace(line, at_ms=fact.at_ms, event=fact.position, dims=dims, count=-1, amount=-line.amount))

    def _close(self, status: str, fact: Fact, lines: list[Posting], dims: Dimensions) -> None:
        self.status = status
        line = self._line(fact, status, dims)
        cost = self.cost if status == "won" else 0
        self.closed = replace(
            line,
            count=1,
            amount=self.amount,
            cost=cost,
            currency=self.currency,
            since_ms=self.created_ms,
            until_ms=fact.at_ms,
        )
        lines.append(self.closed)

    def _take_back(self, fact: Fact, lines: list[Posting]) -> None:
        """A credit note: the win or loss is reversed now, the earlier period stands."""
        closed, self.closed = self.closed, None
        if closed is None:
            return
        dims = replace(self.dims, outcome="taken_back", reason=closed.dims.reason, competitor=closed.dims.competitor)
        lines.append(
            replace(closed, at_ms=fact.at_ms, basis_ms=fact.at_ms, event=fact.position, dims=dims, count=-1,
                    amount=-closed.amount, cost=-closed.cost)
        )  # fmt: skip

    def _correct_win(self, fact: Fact, lines: list[Posting]) -> None:
        """An amount or cost told after the win: the difference is posted now."""
        closed = self.closed
        assert closed is not None, "a won deal has the line that won it"
        if (closed.amount, closed.cost, closed.currency) == (self.amount, self.cost, self.currency):
            return
        dims = replace(self.dims, outcome="corrected")
        line = self._line(fact, "won", dims)
        line = replace(line, currency=closed.currency, since_ms=self.created_ms, until_ms=closed.until_ms)
        if closed.currency == self.currency:
            changed = replace(line, amount=self.amount - closed.amount, cost=self.cost - closed.cost)
            lines.append(changed)
        else:
            lines.append(replace(line, amount=-closed.amount, cost=-closed.cost))
            lines.append(replace(line, amount=self.amount, cost=self.cost, currency=self.currency))
        self.closed = replace(closed, amount=self.amount, cost=self.cost, currency=self.currency)

    def _line(self, fact: Fact, measure: str, dims: Dimensions) -> Posting:
        return Posting(measure=measure, at_ms=fact.at_ms, event=fact.position, dims=dims, basis_ms=fact.at_ms)


def _millionths(probability: str) -> int:
    whole, _, part = probability.partition(".")
    return int(whole) * 1_000_000 + int(part.ljust(6, "0") or 0)
