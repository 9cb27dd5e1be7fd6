"""Deals, replayed one event at a time."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
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
    expected: str | None
    """The date on which it should close."""
    entered: int
    """When it entered its stage."""


@dataclass(frozen=True)
class Flow:
    """What came into the pipeline or went out of it, and why; its amount at the rate of a moment of its own."""

    what: str
    at: int
    dims: Dims
    amount: Money
    rated: int


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
    expected: str | None = None
    created: int | None = None
    created_at: int = 0
    """The position of the event that created it."""
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
    flows: list[Flow] = field(default_factory=list)
    owners: list[tuple[int, str]] = field(default_factory=list)
    """Who had it while it was open or when it was won."""
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
                self.created_at = fact.position
                self._line("deals_created", at)
            if isinstance(event, DealWon):
                self._win(fact)
            elif isinstance(event, DealLost):
                self._lose(at, event)
            elif isinstance(event, DealReopened):
                self._take_back(at)
                self.status = "open"
            self._correct(at)
            self._look(fact)
            self._own(fact)
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
            self.expected = event.expected_close or self.expected
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

    def _look(self, fact: Fact) -> None:
        """Follow the deal through stages and pipeline."""
        at = fact.at_ms
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
        self._hold(fact)

    def _hold(self, fact: Fact) -> None:
        at = fact.at_ms
        last = self.spans[-1] if self.spans and self.spans[-1].until is None else None
        seen = ({**self.told, "deal": self.id}, self.amount, self.probability, self.expected)
        if self.status == "open" and last and seen == self.seen:
            return
        if last:
            self.spans[-1] = replace(last, until=at)
        if self.status == "open":
            assert self.visit is not None
            self.seen = seen
            told = self._dims(at), self.amount, self.probability, self.expected
            self.spans.append(Span(self.id, at, None, *told, self.visit[1]))
        self._flow(fact, last, self.spans[-1] if self.status == "open" else None)

    def _flow(self, fact: Fact, last: Span | None, now: Span | None) -> None:
        """What the pipeline loses with ``last`` and gains with ``now``."""

        def flow(what: str, span: Span, amount: Fraction) -> None:
            self.flows.append(Flow(what, fact.at_ms, span.dims, (amount, span.amount[1]), span.since))

        if last and not now:
            flow(self.status, last, last.amount[0])
        elif now and not last:
            flow("new" if self.created_at == fact.position else "reopened", now, now.amount[0])
        elif now and last and now.amount[1] != last.amount[1]:
            flow("decreased", last, last.amount[0])
            flow("increased", now, now.amount[0])
        elif now and last:
            change = now.amount[0] - last.amount[0]
            flow("transferred", last, -last.amount[0])
            flow("transferred", now, last.amount[0])
            flow("increased" if change > 0 else "decreased", now, abs(change))

    def _own(self, fact: Fact) -> None:
        rep = self.told.get("rep_id")
        won = isinstance(fact.data, DealWon) and self.cycles[2] == fact.at_ms
        if rep and (self.status == "open" or won or self.created_at == fact.position):
            self.owners.append((fact.at_ms, rep))

    def shared(self, won: int) -> bool:
        """Whether two reps or more owned the deal or were in touch about it, until a moment at which it was won."""
        reps = {rep for at, rep in self.owners if at <= won}
        for fact, touch in self.past.of(TouchpointLogged):
            if touch.deal_id == self.id and fact.at_ms <= won and not touch.automated:
                reps.add(touch.rep_id)
        return len(reps) > 1

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
