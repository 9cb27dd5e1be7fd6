"""The ledger: each event posts what its entity's history is worth now, less what it was worth before.

Late, repeated, amended and voided events need no code of their own. A book is a fold, so an event that comes last in
its history posts just the lines it adds; any other one posts the difference of two folds. Both are the same thing.
"""

from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence, Set
from typing import Final

import msgspec
from msgspec.structs import replace

from events.corrections import EventVoided
from events.envelope import Fact
from projections.books.shelf import ALONE, BOOKS, Book, order, postings
from projections.posting import Posting

Key = tuple[str, str]
"""An entity: its kind and id."""
Identity = tuple[str, str]
"""An event: its source and id."""


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
    """An entity in memory: its history in order, and its book after the last of it, folded once it is needed."""

    __slots__ = ("_book", "_kind", "history")

    def __init__(self, kind: str, history: Iterable[Fact]) -> None:
        self.history = sorted(history, key=order)
        self._kind = kind
        self._book: Book | None = None

    def ends_before(self, fact: Fact) -> bool:
        """Whether the event comes last in the history."""
        if not self.history:
            return True
        last = self.history[-1]
        return last.at_ms < fact.at_ms or (last.at_ms == fact.at_ms and last.position <= fact.position)

    def post(self, fact: Fact) -> list[Posting]:
        """The lines of an event that comes last. Raises Unpostable, and then the account is of no more use."""
        if self._book is None:
            self._book = BOOKS[self._kind]()
            for known in self.history:
                _posted(self._book, known)
        posted = _posted(self._book, fact)
        self.history.append(fact)
        return posted


class Ledger:
    """Posts the events of one tenant, in the order of their positions.

    ``load`` gives the histories of entities as far as they were applied and not voided; ``locate`` finds an applied
    event by its identity; ``voided`` are the identities voided so far. At most ``keep`` events are held in memory.
    """

    def __init__(
        self,
        *,
        load: Callable[[Sequence[Key]], dict[Key, list[Fact]]],
        locate: Callable[[Identity, int], Fact | None],
        voided: Iterable[Identity] = (),
        keep: int = 100_000,
    ) -> None:
        self._load = load
        self._locate = locate
        self._voided = set(voided)
        self._accounts: OrderedDict[Key, _Account] = OrderedDict()
        self._held = 0
        self._keep: Final = keep

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
            if account.ends_before(fact):
                posted = account.post(fact)
                self._held += 1
                return posted
            return self._restate(key, account, [*account.history, fact])
        except Unpostable:
            self.forget(key)
            raise

    def _restate(self, key: Key, account: _Account, history: list[Fact]) -> list[Posting]:
        before, after = _folded(key[0], account.history), _folded(key[0], history)
        self.forget(key)
        self._put(key, history)
        return difference(before, after)

    def _void(self, fact: Fact, target: Identity) -> list[Line]:
        if target in self._voided:
            return []
        voided = self._locate(target, fact.position)
        if voided is None or isinstance(voided.data, EventVoided):
            self._voided.add(target)
            return []
        if voided.kind in ALONE:
            posted = difference(_folded(voided.kind, [voided]), [])
        else:
            key = voided.kind, voided.entity
            account = self._account(key)
            rest = [known for known in account.history if known.position != voided.position]
            posted = self._restate(key, account, rest)
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
        self._accounts[key] = _Account(key[0], kept)
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


def _folded(kind: str, history: Sequence[Fact]) -> list[Posting]:
    try:
        return postings(kind, history)
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
