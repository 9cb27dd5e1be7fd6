"""The ledger: each event posts what its entity's history is worth now, less what it was worth before.

Late, repeated, amended and voided events need no code of their own. A book is a fold, so an event that comes last in
its history posts just the lines it adds; any other one posts the difference of two folds. Both are the same thing.

Two folds differ from the late event on only, and until both know the same again. Copies of the book on the way through
a long history say where it stood, so that a late event costs no more there than in a short one, mostly.
"""

from bisect import bisect_left, bisect_right
from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence, Set
from operator import itemgetter
from typing import Final

import msgspec
from msgspec.structs import replace

from events.corrections import EventVoided
from events.envelope import Fact
from projections.books.shelf import ALONE, BOOKS, Book, order
from projections.posting import Posting

Key = tuple[str, str]
"""An entity: its kind and id."""
Identity = tuple[str, str]
"""An event: its source and id."""
STEP: Final = 64
"""So many events of an entity lie between two copies of its book, about."""
_moment: Final = itemgetter(0)


class Line(msgspec.Struct, frozen=True, gc=False):
    """A posting in its place: the event that caused it, the entity it belongs to, its number among that event's."""

    position: int
    number: int
    kind: str
    entity: str
    posting: Posting


class Unpostable(Exception):
    """An event that its book cannot post. It is parked, with its entity's later events, in order."""


class _Account:
    """An entity in memory: its history in order, its book after the last of it, and copies of the book on the way."""

    __slots__ = ("_book", "_copies", "_kind", "_step", "history")

    def __init__(self, kind: str, history: Iterable[Fact], step: int) -> None:
        self.history = sorted(history, key=order)
        self._kind = kind
        self._step = step
        self._book: Book | None = None
        """Folded once it is needed."""
        self._copies: list[tuple[tuple[int, int], Book]] = []
        """The book as it was after an event, by the order of that event."""

    def ends_before(self, fact: Fact) -> bool:
        """Whether the event comes last in the history."""
        if not self.history:
            return True
        last = self.history[-1]
        return last.at_ms < fact.at_ms or (last.at_ms == fact.at_ms and last.position <= fact.position)

    def post(self, fact: Fact) -> list[Posting]:
        """The lines of an event that comes last. Raises Unpostable, and then the account is of no more use."""
        if self._book is None:
            self._book = self._book_before(len(self.history))
        posted = _posted(self._book, fact)
        self.history.append(fact)
        if len(self.history) % self._step == 0:
            self._copies.append((order(fact), self._book.copied()))
        return posted

    def insert(self, fact: Fact) -> list[Posting]:
        """The lines of an event that comes late. Raises Unpostable, and nothing has changed."""
        place = bisect_right(self.history, order(fact), key=order)
        before = self._book_before(place)
        after = before.copied()
        posted = _posted(after, fact)
        lines = self._restate(place, place, before, after, [], posted)
        self.history.insert(place, fact)
        return lines

    def remove(self, fact: Fact) -> list[Posting]:
        """The lines by which an event is taken out, if it is there. Raises Unpostable, and nothing has changed."""
        place = bisect_left(self.history, order(fact), key=order)
        if place == len(self.history) or self.history[place].position != fact.position:
            return []
        before = self._book_before(place)
        after = before.copied()
        posted = _posted(before, fact)
        lines = self._restate(place, place + 1, before, after, posted, [])
        del self.history[place]
        return lines

    def _restate(
        self, place: int, rest: int, before: Book, after: Book, old: list[Posting], new: list[Posting]
    ) -> list[Posting]:
        """The difference that a change at a place makes, up to the event after which both books know the same. What
        they posted there is given, and the place of the rest."""
        copies = []
        while rest < len(self.history) and before != after:
            known = self.history[rest]
            old += _posted(before, known)
            new += _posted(after, known)
            rest += 1
            if (rest - place) % self._step == 0:
                copies.append((order(known), after.copied()))
        if rest == len(self.history):
            self._book = after
        if rest > place:
            low = bisect_left(self._copies, order(self.history[place]), key=_moment)
            high = bisect_right(self._copies, order(self.history[rest - 1]), key=_moment)
            self._copies[low:high] = copies
        return difference(old, new)

    def _book_before(self, place: int) -> Book:
        """A book that has taken in the history up to a place. Raises Unpostable."""
        at = len(self._copies)
        if place < len(self.history):
            at = bisect_left(self._copies, order(self.history[place]), key=_moment)
        book, start = BOOKS[self._kind](), 0
        if at:
            moment, copy = self._copies[at - 1]
            book, start = copy.copied(), bisect_right(self.history, moment, key=order)
        copies = []
        for number in range(start, place):
            _posted(book, self.history[number])
            if (number + 1 - start) % self._step == 0:
                copies.append((order(self.history[number]), book.copied()))
        self._copies[at:at] = copies
        return book


class Ledger:
    """Posts the events of one tenant, in the order of their positions.

    ``load`` gives the histories of entities as far as they were applied and not voided; ``locate`` finds an applied
    event by its identity; ``voided`` are the identities voided so far. At most ``keep`` events are held in memory, with
    a copy of their book each ``step`` events of an entity.
    """

    def __init__(
        self,
        *,
        load: Callable[[Sequence[Key]], dict[Key, list[Fact]]],
        locate: Callable[[Identity, int], Fact | None],
        voided: Iterable[Identity] = (),
        keep: int = 100_000,
        step: int = STEP,
    ) -> None:
        self._load = load
        self._locate = locate
        self._voided = set(voided)
        self._accounts: OrderedDict[Key, _Account] = OrderedDict()
        self._held = 0
        self._keep: Final = keep
        self._step: Final = step

    def prefetch(self, keys: Iterable[Key]) -> None:
        """Load the histories of these entities in one go, where they are not in memory."""
        known = self._accounts
        wanted = list({key: None for key in keys if key[0] not in ALONE and key not in known})
        found = self._load(wanted) if wanted else {}
        for key in wanted:
            self._put(key, found.get(key, []))

    def about(self, fact: Fact) -> Key:
        """The entity whose lines an event changes: of a voiding, that of the voided event."""
        if isinstance(fact.data, EventVoided):
            voided = self._locate((fact.data.source, fact.data.id), fact.position)
            if voided is not None:
                return voided.kind, voided.entity
        return fact.kind, fact.entity

    def post(self, fact: Fact) -> list[Line]:
        """The lines of this event. Raises Unpostable, and then nothing of it is applied."""
        if type(fact.data) is EventVoided:
            return self._void(fact, (fact.data.source, fact.data.id))
        if self._voided and (fact.source, fact.id) in self._voided:
            return []
        if fact.kind in ALONE:
            return _lines(fact, fact, _posted(BOOKS[fact.kind](), fact))
        return _lines(fact, fact, self._apply(fact))

    def void_ahead(self, identity: Identity) -> None:
        """This event is voided although it was not told yet."""
        self._voided.add(identity)

    @property
    def voided(self) -> Set[Identity]:
        """The events that were voided, or are voided ahead."""
        return self._voided

    def holds(self, key: Key) -> bool:
        """Whether the history of this entity is in memory."""
        return key in self._accounts

    def trim(self) -> dict[Key, list[int]]:
        """Let go of the entities longest untouched, down to the bound; the positions of each. Call between batches."""
        gone = {}
        while self._held > self._keep and self._accounts:
            key, account = self._accounts.popitem(last=False)
            self._held -= len(account.history)
            gone[key] = [fact.position for fact in account.history]
        return gone

    def forget(self, key: Key) -> None:
        """Drop an entity from memory; it is loaded anew when needed."""
        account = self._accounts.pop(key, None)
        self._held -= len(account.history) if account else 0

    def _apply(self, fact: Fact) -> list[Posting]:
        key = fact.kind, fact.entity
        account = self._account(key)
        try:
            posted = account.post(fact) if account.ends_before(fact) else account.insert(fact)
        except Unpostable:
            self.forget(key)
            raise
        self._held += 1
        return posted

    def _void(self, fact: Fact, target: Identity) -> list[Line]:
        if target in self._voided:
            return []
        voided = self._locate(target, fact.position)
        if voided is None or isinstance(voided.data, EventVoided):
            self._voided.add(target)
            return []
        if voided.kind in ALONE:
            posted = difference(_posted(BOOKS[voided.kind](), voided), [])
        else:
            account = self._account((voided.kind, voided.entity))
            held = len(account.history)
            posted = account.remove(voided)
            self._held += len(account.history) - held
        self._voided.add(target)
        return _lines(fact, voided, posted)

    def _account(self, key: Key) -> _Account:
        if key not in self._accounts:
            self.prefetch([key])
        account = self._accounts[key]
        self._accounts.move_to_end(key)
        return account

    def _put(self, key: Key, history: list[Fact]) -> None:
        kept = [fact for fact in history if (fact.source, fact.id) not in self._voided] if history else []
        self._accounts[key] = _Account(key[0], kept, self._step)
        self._held += len(kept)


def _lines(cause: Fact, about: Fact, posted: list[Posting]) -> list[Line]:
    position, kind, entity = cause.position, about.kind, about.entity
    return [Line(position, number, kind, entity, posting) for number, posting in enumerate(posted)]


_FAILURES: Final = (ArithmeticError, AssertionError, LookupError, TypeError, ValueError)
"""What a book raises over an event it cannot post."""


def _posted(book: Book, fact: Fact) -> list[Posting]:
    try:
        return book.post(fact)
    except _FAILURES as error:
        raise Unpostable(f"{type(error).__name__}: {error}") from error


def difference(before: Iterable[Posting], after: Iterable[Posting]) -> list[Posting]:
    """``after`` less ``before``: the lines to add so that what was posted becomes what should be."""
    sums: dict[Posting, list[int]] = {}
    for sign, lines in ((-1, before), (1, after)):
        for line in lines:
            total = sums.setdefault(replace(line, count=0, amount=0, cost=0), [0, 0, 0])
            total[0] += sign * line.count
            total[1] += sign * line.amount
            total[2] += sign * line.cost
    return [
        replace(line, count=count, amount=amount, cost=cost)
        for line, (count, amount, cost) in sums.items()
        if count or amount or cost
    ]
