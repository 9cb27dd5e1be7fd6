"""Reading statements: the part of the engine's SQL in which questions about lines are written."""

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from projections.sources import KNOWN

_TOKEN: Final = re.compile(
    r"\s*(?:\{(?P<parameter>\w+):[^{}]+\}|(?P<table>\{\w+\})|(?P<number>\d+)|'(?P<text>[^'\\]*)'"
    r"|(?P<name>[A-Za-z_][\w.]*)|(?P<sign>->|<=|>=|!=|[-+*%=<>()\[\],]))"
)
_COMPARED: Final = ("=", "!=", "<", ">", "<=", ">=")


class Unknown(Exception):
    """A statement of another kind than those that are read here."""


@dataclass(frozen=True)
class Node:
    """A piece of an expression: what it is, its word, and what it is made of."""

    kind: str
    word: str = ""
    of: tuple["Node", ...] = ()
    select: "Select | None" = None
    """Among whose rows something is looked for."""


@dataclass(frozen=True)
class Select:
    """A SELECT over lines, or over another one."""

    named: tuple[tuple[str, Node], ...]
    items: tuple[tuple[str, Node], ...]
    all: bool
    """Whether all columns are among the items."""
    under: "Select | None"
    joined: tuple[str, Node] | None
    """An array whose elements each make a row, and how they are called."""
    where: Node | None
    grouped: tuple[Node, ...] | None
    """By what it is grouped; by nothing in particular: by all items that are no sums; None: not at all."""
    having: Node | None
    order: tuple[tuple[Node, bool], ...]
    """Each with whether it falls."""
    once: tuple[str, ...]
    """Of all rows that are alike in these columns, the first."""


@lru_cache(maxsize=512)
def parsed(sql: str) -> Select:
    """A statement about lines that are all known at its cut. Raises Unknown."""
    reader = _Reader(sql.replace(KNOWN, "1"))
    made = reader.select()
    reader.expect("")
    return made


class _Reader:
    """Reads a statement from the left to the right."""

    def __init__(self, sql: str) -> None:
        self._tokens: list[tuple[str, str]] = []
        place, sql = 0, sql.strip()
        while place < len(sql):
            found = _TOKEN.match(sql, place)
            if found is None:
                raise Unknown(sql[place : place + 20])
            kind = found.lastgroup or ""
            self._tokens.append((kind, found[kind]))
            place = found.end()
        self._tokens.append(("sign", ""))
        self._place = 0

    def _next(self) -> tuple[str, str]:
        self._place += 1
        return self._tokens[self._place - 1]

    def _is(self, *words: str) -> bool:
        """Whether these words are next; then they are passed."""
        ahead = self._tokens[self._place : self._place + len(words)]
        if [word for _, word in ahead] != list(words) or any(kind in ("text", "parameter") for kind, _ in ahead):
            return False
        self._place += len(words)
        return True

    def expect(self, *words: str) -> None:
        """These words have to be next. Raises Unknown."""
        if not self._is(*words):
            raise Unknown(f"{self._tokens[self._place][1]!r} where {' '.join(words)!r} should be")

    def select(self) -> Select:
        """``[WITH …] SELECT … FROM …`` and what may follow."""
        named = []
        if self._is("WITH"):
            named.append(self._named())
            while self._is(","):
                named.append(self._named())
        self.expect("SELECT")
        whole = False
        items: list[tuple[str, Node]] = []
        while not items or self._is(","):
            if not items and self._is("*"):
                whole = True
                self.expect(",")
            items.append(self._item(len(items)))
        self.expect("FROM")
        under = self._under()
        joined = self._named() if self._is("ARRAY", "JOIN") else None
        where = self._any() if self._is("WHERE") else None
        grouped = self._grouped() if self._is("GROUP", "BY") else None
        having = self._any() if self._is("HAVING") else None
        order = self._order() if self._is("ORDER", "BY") else ()
        once = tuple(node.word for node in self._several()) if self._is("LIMIT", "1", "BY") else ()
        return Select(tuple(named), tuple(items), whole, under, joined, where, grouped, having, order, once)

    def _under(self) -> Select | None:
        under = None
        if self._is("("):
            under = self.select()
            self.expect(")")
        else:
            self.expect("{postings}")
        if self._is("AS"):
            self.expect("p")
        return under

    def _grouped(self) -> tuple[Node, ...]:
        return () if self._is("ALL") else self._several()

    def _several(self) -> tuple[Node, ...]:
        found = [self._any()]
        while self._is(","):
            found.append(self._any())
        return tuple(found)

    def _order(self) -> tuple[tuple[Node, bool], ...]:
        found = [(self._any(), self._is("DESC"))]
        while self._is(","):
            found.append((self._any(), self._is("DESC")))
        return tuple(found)

    def _named(self) -> tuple[str, Node]:
        node = self._any()
        self.expect("AS")
        return self._next()[1], node

    def _item(self, place: int) -> tuple[str, Node]:
        node = self._any()
        if self._is("AS"):
            return self._next()[1], node
        return (node.word.removeprefix("p.") if node.kind == "name" else f"column{place}"), node

    def _any(self) -> Node:
        found = [self._all()]
        while self._is("OR"):
            found.append(self._all())
        return found[0] if len(found) == 1 else Node("or", of=tuple(found))

    def _all(self) -> Node:
        found = [self._denied()]
        while self._is("AND"):
            found.append(self._denied())
        return found[0] if len(found) == 1 else Node("and", of=tuple(found))

    def _denied(self) -> Node:
        return Node("not", of=(self._denied(),)) if self._is("NOT") else self._compared()

    def _compared(self) -> Node:
        left = self._added()
        if self._is("NOT", "IN"):
            return Node("not", of=(self._within(left),))
        if self._is("IN"):
            return self._within(left)
        kind, word = self._tokens[self._place]
        if kind == "sign" and word in _COMPARED:
            self._place += 1
            return Node("operation", word, (left, self._added()))
        return left

    def _within(self, left: Node) -> Node:
        if not self._is("("):
            return Node("in", of=(left, self._one()))
        if self._tokens[self._place] == ("name", "SELECT"):
            select = self.select()
            self.expect(")")
            return Node("in", of=(left,), select=select)
        return Node("in", of=(left, Node("list", of=self._arguments())))

    def _arguments(self) -> tuple[Node, ...]:
        """Up to and with the closing parenthesis."""
        found: list[Node] = []
        while not self._is(")"):
            if self._tokens[self._place + 1] == ("sign", "->"):
                name = self._next()[1]
                self.expect("->")
                found.append(Node("lambda", name, (self._any(),)))
            else:
                found.append(self._any())
            self._is(",")
        return tuple(found)

    def _added(self) -> Node:
        left = self._multiplied()
        while self._tokens[self._place] in (("sign", "+"), ("sign", "-")):
            left = Node("operation", self._next()[1], (left, self._multiplied()))
        return left

    def _multiplied(self) -> Node:
        left = self._signed()
        while self._tokens[self._place] in (("sign", "*"), ("sign", "%")):
            left = Node("operation", self._next()[1], (left, self._signed()))
        return left

    def _signed(self) -> Node:
        if self._is("-"):
            return Node("operation", "-", (Node("number", "0"), self._signed()))
        node = self._one()
        while self._is("["):
            node = Node("at", of=(node, self._any()))
            self.expect("]")
        return node

    def _one(self) -> Node:
        if self._is("("):
            found = self._arguments()
            return found[0] if len(found) == 1 else Node("tuple", of=found)
        kind, word = self._next()
        if kind == "name" and self._is("("):
            return Node("call", word, self._arguments())
        if kind not in ("parameter", "number", "text", "name"):
            raise Unknown(word)
        return Node(kind, word)
