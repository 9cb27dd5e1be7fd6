"""Deals, replayed one event at a time."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction

from events.activities import TouchpointLogged
from events.base import SalesEvent
from events.deals import DealCreated, DealLost, DealReopened, DealStageMoved, DealUpdated, DealWon
from events.envelope import Fact
from events.leads import LeadCreated, LeadDisqualified, LeadQualified
from tests.oracle.past import Dims, Line, Past, learned

Money = tuple[Fraction, str]
Stage = tuple[str | None, str | None]
"""Pipeline and stage; None where it was never told."""

NOTHING: Money = (Fraction(0), "")


@dataclass(frozen=True)
class Span:
    """An open deal with the same dimensions, amount and probability, from one event up to another."""

    deal: str
    since: int
    until: int | None
    dims: Dims
    amount: Money
    probability: Fraction | None


@dataclass(frozen=True)
class Entry:
    """A deal that entered a stage, and the stages it entered after that, in order."""

    deal: str
    at: int
    stage: Stage
    dims: Dims
    after: list[Stage]


@dataclass(frozen=True)
class Exit:
    """A finished visit to a stage: where to (a stage, ``won`` or ``lost``) and after how many milliseconds.

    Its dimensions are those the deal stood there with.
    """

    at: int
    stage: Stage
    to: Stage | str
    dims: Dims
    lasted: int


@dataclass
class Purchase:
    """A win or an order that counts as activity of its customer, from one event up to another."""

    customer: str
    since: tuple[int, int]
    dims: Dims
    until: tuple[int, int] | None = None


@dataclass(frozen=True)
class First:
    """A win or an order that may be the first purchase of its customer."""

    customer: str
    at: int
    position: int
    dims: Dims


@dataclass
class Deal:
    """One deal's story; ``replay`` writes it."""

    id: str
    past: Past
    told: dict[str, str] = field(default_factory=dict)
    status: str = ""
    amount: Money = NOTHING
    cost: Money = NOTHING
    probability: Fraction | None = None
    created: int | None = None
    created_dims: Dims = field(default_factory=dict)
    visit: tuple[Stage, int] | None = None
    won: tuple[Money, Money] = (NOTHING, NOTHING)
    """Bookings and cost that the standing win has posted."""
    cycles: tuple[int, int, int] = (0, 0, 0)
    """First contact, creation and the moment of the standing win."""
    lost: tuple[Money, dict[str, str]] = (NOTHING, {})
    """Value, reason and competitor of the standing loss."""
    lines: list[Line] = field(default_factory=list)
    spans: list[Span] = field(default_factory=list)
    entries: list[Entry] = field(default_factory=list)
    exits: list[Exit] = field(default_factory=list)
    seen: object = None
    """What the pipeline shows of the deal."""
    buying: bool = False
    purchases: list[Purchase] = field(default_factory=list)
    firsts: list[First] = field(default_factory=list)

    def replay(self, facts: Sequence[Fact]) -> "Deal":
        """The whole story."""
        for fact in facts:
            at, event = fact.at_ms, fact.data
            self._learn(event)
            if self.created is None:
                self.created, self.created_dims, self.status = at, self._dims(at), "open"
                self._line("deals_created", at)
            if isinstance(event, DealWon):
                self._win(fact)
            elif isinstance(event, DealLost):
                self._lose(at, event)
            elif isinstance(event, DealReopened):
                self._take_back(at)
                self.status = "open"
            self._correct(at)
            self._look(at)
            self._buy(fact)
        return self

    def _dims(self, at: int) -> Dims:
        return self.past.placed({**self.told, "deal": self.id}, at)

    def _line(
        self, what: str, at: int, number: int | Fraction = 1, currency: str = "", who: str = "", **dims: str
    ) -> None:
        self.lines.append(Line(what, at, {**self._dims(at), **dims}, Fraction(number), currency, who))

    def _learn(self, event: SalesEvent) -> None:
        self.told = learned(self.told, event)
        if isinstance(event, DealStageMoved):
            self.told["stage"] = event.to_stage
        if isinstance(event, DealReopened):
            self.told["stage"] = event.stage
        if isinstance(event, DealCreated | DealUpdated):
            told = {"stage": event.stage, "pipeline": event.pipeline, "lead": event.lead_id}
            self.told |= {name: value for name, value in told.items() if value is not None}
        if isinstance(event, DealCreated | DealUpdated | DealWon):
            if event.customer_id is not None:
                self.told["customer"] = event.customer_id
            amount = self.amount[0] if event.amount is None else Fraction(event.amount)
            self.amount = amount, event.currency or self.amount[1]
        if isinstance(event, DealWon) and event.cost is not None:
            self.cost = Fraction(event.cost), self.amount[1]
        if isinstance(event, DealUpdated) and event.probability is not None:
            self.probability = Fraction(event.probability)

    def _win(self, fact: Fact) -> None:
        at = fact.at_ms
        if self.status == "won":
            return
        self._take_back(at)
        self.status = "won"
        self._line("deals_won", at)
        assert self.created is not None
        self.cycles = self._first_contact(), self.created, at
        self._cycle(at, 1)
        if customer := self.told.get("customer"):
            self.firsts.append(First(customer, at, fact.position, self._dims(at)))

    def _lose(self, at: int, event: DealLost) -> None:
        if self.status == "lost":
            return
        self._take_back(at)
        self.status = "lost"
        why = {"reason": event.reason, "competitor": event.competitor}
        self.lost = self.amount, {name: value for name, value in why.items() if value is not None}
        self._loss(at, 1)

    def _take_back(self, at: int) -> None:
        """The win or loss that stands is taken back at this moment."""
        if self.status == "won":
            self._line("deals_won", at, -1)
            self._cycle(at, -1)
        elif self.status == "lost":
            self._loss(at, -1)
        self.status = ""

    def _cycle(self, at: int, sign: int) -> None:
        first, created, won = self.cycles
        who = f"{self.id}@{won}"
        self._line("cycle", at, sign * (won - first), who=who)
        self._line("cycle_from_deal", at, sign * (won - created), who=who)
        self._line("cycle_n", at, sign, who=who)

    def _loss(self, at: int, sign: int) -> None:
        (amount, currency), why = self.lost
        self._line("deals_lost", at, sign, **why)
        self._line("lost_value", at, sign * amount, currency, **why)

    def _correct(self, at: int) -> None:
        """Bookings and cost follow what the win is worth; the difference takes effect now."""
        worth = (self.amount, self.cost) if self.status == "won" else (NOTHING, NOTHING)
        for what, before, after in zip(("bookings", "cost"), self.won, worth, strict=True):
            if before != after:
                self._line(what, at, -before[0], before[1])
                self._line(what, at, after[0], after[1])
        self.won = worth

    def _look(self, at: int) -> None:
        """Follow the deal through stages and pipeline."""
        now = (self.told.get("pipeline"), self.told.get("stage")) if self.status == "open" else None
        if self.visit and self.visit[0] != now:
            left, since = self.visit
            self.exits.append(Exit(at, left, now or self.status, self.spans[-1].dims, at - since))
            self.visit = None
        if now and not self.visit:
            self.visit = now, at
            for entry in self.entries:
                entry.after.append(now)
            self.entries.append(Entry(self.id, at, now, self._dims(at), []))
        self._hold(at)

    def _hold(self, at: int) -> None:
        last = self.spans[-1] if self.spans and self.spans[-1].until is None else None
        seen = ({**self.told, "deal": self.id}, self.amount, self.probability)
        if self.status == "open" and last and seen == self.seen:
            return
        if last:
            self.spans[-1] = Span(self.id, last.since, at, last.dims, last.amount, last.probability)
        if self.status == "open":
            self.seen = seen
            self.spans.append(Span(self.id, at, None, self._dims(at), self.amount, self.probability))

    def _buy(self, fact: Fact) -> None:
        """A win above nothing is a purchase of its customer until it is taken back."""
        buys = self.status == "won" and self.amount[0] > 0
        place = fact.at_ms, fact.position
        if self.buying and not buys and self.purchases:
            self.purchases[-1].until = self.purchases[-1].until or place
        if buys and not self.buying and "customer" in self.told:
            self.purchases.append(Purchase(self.told["customer"], place, self._dims(fact.at_ms)))
        self.buying = buys

    def _first_contact(self) -> int:
        lead = self.told.get("lead")
        assert self.created is not None
        moments = [self.created]
        for fact, _ in self.past.of(LeadCreated, LeadQualified, LeadDisqualified):
            if fact.entity == lead:
                moments.append(fact.at_ms)
        for fact, touch in self.past.of(TouchpointLogged):
            if touch.deal_id == self.id or (lead is not None and touch.lead_id == lead):
                moments.append(fact.at_ms)
        return min(moments)


def deals(past: Past) -> list[Deal]:
    """The story of every deal."""
    kinds = DealCreated, DealStageMoved, DealUpdated, DealWon, DealLost, DealReopened
    return [Deal(deal, past).replay(facts) for deal, facts in past.by_entity(*kinds).items()]
