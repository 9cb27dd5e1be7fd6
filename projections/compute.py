"""Statements over plain lines, computed here: for a few new lines that is a thousand times cheaper than the engine,
which takes longer to plan a statement than to run it.

What is computed is the statement itself, as ``projections.plan`` writes it, so no rule stands anywhere twice. The part
of the engine's SQL that is known here is small; a statement beyond it is ``Unknown``, and left to the engine.
"""

import re
from bisect import bisect_right
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from operator import add, eq, ge, gt, le, lt, mul, ne, sub
from typing import Any, Final

from projections.ledger import Line
from projections.posting import Dimensions, Posting
from projections.sources import KNOWN

Columns = Mapping[str, Any]
"""A line, or a row, by the names of its columns."""
Value = Callable[[Columns], Any]
Parameters = Mapping[str, Any]
_TOKEN: Final = re.compile(
    r"\s*(?:(?P<parameter>\{\w+:[^{}]+\})|(?P<table>\{\w+\})|(?P<number>\d+)|'(?P<text>[^'\\]*)'"
    r"|(?P<name>[A-Za-z_][\w.]*)|(?P<sign><=|>=|!=|[-+*%=<>()\[\],]))"
)
_COMPARED: Final[dict[str, Callable[[Any, Any], Any]]] = {"=": eq, "!=": ne, "<": lt, ">": gt, "<=": le, ">=": ge}
_ADDED: Final[dict[str, Callable[[Any, Any], Any]]] = {"+": add, "-": sub}


class Unknown(Exception):
    """A statement that is not computed here."""


@dataclass(frozen=True)
class Node:
    """A piece of an expression: what it is, its word, and what it is made of."""

    kind: str
    word: str = ""
    of: tuple["Node", ...] = ()


@dataclass(frozen=True)
class Item:
    """A column of a SELECT: its name, and its expression, of which a sum is told apart."""

    name: str
    node: Node
    is_sum: bool


@dataclass(frozen=True)
class Statement:
    """A SELECT with sums over lines, or over another such SELECT."""

    named: tuple[tuple[str, Node], ...]
    items: tuple[Item, ...]
    under: "Statement | None"
    where: Node | None

    def rows(self, lines: Iterable[Columns], parameters: Parameters) -> list[tuple[Any, ...]]:
        """Its rows over these lines: the groups in any order, each with its sums. Raises Unknown."""
        told = lines if self.under is None else self.under.named_rows(lines, parameters)
        names = dict(self.named)
        values = [_bound(item.node, names, parameters) for item in self.items]
        keys = [value for value, item in zip(values, self.items, strict=True) if not item.is_sum]
        sums = [value for value, item in zip(values, self.items, strict=True) if item.is_sum]
        which = None if self.where is None else _bound(self.where, names, parameters)
        found: dict[tuple[Any, ...], list[int]] = {}
        for line in told:
            if which is None or which(line):
                added = [value(line) for value in sums]
                key = tuple(value(line) for value in keys)
                before = found.get(key)
                found[key] = added if before is None else list(map(add, before, added))
        return [self._in_order(key, added) for key, added in found.items()]

    def named_rows(self, lines: Iterable[Columns], parameters: Parameters) -> list[Columns]:
        """The same, by the names of the columns."""
        names = [item.name for item in self.items]
        return [dict(zip(names, row, strict=True)) for row in self.rows(lines, parameters)]

    def _in_order(self, key: tuple[Any, ...], added: Sequence[int]) -> tuple[Any, ...]:
        keys, sums = iter(key), iter(added)
        return tuple(next(sums if item.is_sum else keys) for item in self.items)


@lru_cache(maxsize=512)
def statement(sql: str) -> Statement:
    """A statement of sums over plain lines, all of them known at its cut. Raises Unknown."""
    reader = _Reader(sql.replace(KNOWN, "1"))
    made = reader.select()
    reader.expect("")
    return made


def columns(line: Line) -> Columns:
    """A line as statements see it."""
    posting = line.posting
    told = {name: getattr(posting, name) for name in _OWN}
    told |= {name: getattr(posting.dims, name) for name in Dimensions.__struct_fields__}
    told |= {"attributes": dict(posting.dims.attributes), "local": int(posting.local)}
    return told | {"position": line.position, "line": line.number, "book": line.kind, "entity": line.entity}


_OWN: Final = tuple(name for name in Posting.__struct_fields__ if name not in ("dims", "local"))
COLUMNS: Final = ("position", "line", "book", "entity", "local", *_OWN, *Dimensions.__struct_fields__)
"""What a line consists of, beside its tenant."""


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
        if [word for _, word in ahead] != list(words) or any(kind == "text" for kind, _ in ahead):
            return False
        self._place += len(words)
        return True

    def expect(self, *words: str) -> None:
        """These words have to be next. Raises Unknown."""
        if not self._is(*words):
            raise Unknown(f"{self._tokens[self._place][1]} where {' '.join(words)} should be")

    def select(self) -> Statement:
        """``[WITH …] SELECT … FROM {postings} AS p WHERE …`` or ``FROM (SELECT …)``, then ``GROUP BY ALL``."""
        named: list[tuple[str, Node]] = []
        if self._is("WITH"):
            named.append(self._as())
            while self._is(","):
                named.append(self._as())
        self.expect("SELECT")
        items = [self._item(0)]
        while self._is(","):
            items.append(self._item(len(items)))
        under, where = None, None
        self.expect("FROM")
        if self._is("("):
            under = self.select()
            self.expect(")")
        else:
            self.expect("{postings}", "AS", "p", "WHERE")
            where = self._any()
        self.expect("GROUP", "BY", "ALL")
        return Statement(tuple(named), tuple(items), under, where)

    def _as(self) -> tuple[str, Node]:
        node = self._any()
        self.expect("AS")
        return self._next()[1], node

    def _item(self, place: int) -> Item:
        node = self._any()
        is_sum = node.kind == "call" and node.word == "sum"
        name = self._next()[1] if self._is("AS") else f"column{place}"
        return Item(name, node.of[0] if is_sum else node, is_sum)

    def _any(self) -> Node:
        found = [self._all()]
        while self._is("OR"):
            found.append(self._all())
        return found[0] if len(found) == 1 else Node("or", of=tuple(found))

    def _all(self) -> Node:
        found = [self._compared()]
        while self._is("AND"):
            found.append(self._compared())
        return found[0] if len(found) == 1 else Node("and", of=tuple(found))

    def _compared(self) -> Node:
        left = self._added()
        if self._is("IN"):
            return Node("in", of=(left, self._list()))
        kind, word = self._tokens[self._place]
        if kind == "sign" and word in _COMPARED:
            self._place += 1
            return Node("compared", word, (left, self._added()))
        return left

    def _list(self) -> Node:
        if not self._is("("):
            return self._one()
        return Node("list", of=self._arguments())

    def _arguments(self) -> tuple[Node, ...]:
        """Up to and with the closing parenthesis."""
        found: list[Node] = []
        while not self._is(")"):
            found.append(self._any())
            self._is(",")
        return tuple(found)

    def _added(self) -> Node:
        left = self._multiplied()
        while self._tokens[self._place][1] in _ADDED and self._tokens[self._place][0] == "sign":
            left = Node("added", self._next()[1], (left, self._multiplied()))
        return left

    def _multiplied(self) -> Node:
        left = self._signed()
        while self._tokens[self._place] in (("sign", "*"), ("sign", "%")):
            left = Node("multiplied", self._next()[1], (left, self._signed()))
        return left

    def _signed(self) -> Node:
        if self._is("-"):
            return Node("added", "-", (Node("number", "0"), self._signed()))
        node = self._one()
        while self._is("["):
            node = Node("at", of=(node, self._any()))
            self.expect("]")
        return node

    def _one(self) -> Node:
        if self._is("("):
            node = self._any()
            self.expect(")")
            return node
        kind, word = self._next()
        if kind == "name" and self._is("("):
            return Node("call", word, self._arguments())
        if kind not in ("parameter", "number", "text", "name"):
            raise Unknown(word)
        return Node(kind, word)


def _bound(node: Node, names: Mapping[str, Node], parameters: Parameters) -> Value:
    """An expression as a function of a line. ``names`` are those that the statement gives. Raises Unknown."""

    def value(each: Node) -> Value:
        return _bound(each, names, parameters)

    match node.kind:
        case "number" | "text" | "parameter":
            constant = _constant(node, parameters)
            return lambda line: constant
        case "name" if node.word in names:
            return value(names[node.word])
        case "name":
            name = node.word.removeprefix("p.")
            if "." in name:
                raise Unknown(node.word)
            return lambda line: line[name]
        case "and" | "or":
            every, each = (all if node.kind == "and" else any), [value(one) for one in node.of]
            return lambda line: every(one(line) for one in each)
        case "in":
            left, among = value(node.of[0]), _among(node.of[1], parameters)
            return lambda line: left(line) in among
        case "call":
            return _called(node, value, parameters)
        case "at":
            return _at(value(node.of[0]), value(node.of[1]))
    operation = {**_COMPARED, **_ADDED, "*": mul, "%": _rest}[node.word]
    first, second = (value(one) for one in node.of)
    return lambda line: operation(first(line), second(line))


def _constant(node: Node, parameters: Parameters) -> Any:
    if node.kind == "parameter":
        return parameters[node.word[1:].partition(":")[0]]
    return int(node.word) if node.kind == "number" else node.word


def _among(node: Node, parameters: Parameters) -> frozenset[Any]:
    if node.kind == "list":
        return frozenset(_constant(each, parameters) for each in node.of)
    if node.kind == "parameter":
        return frozenset(_constant(node, parameters))
    raise Unknown("IN")


def _called(node: Node, value: Callable[[Node], Value], parameters: Parameters) -> Value:
    match node.word, len(node.of):
        case ("if", 3) | ("multiIf", _):
            return _chosen([value(each) for each in node.of])
        case ("toInt64" | "toInt128" | "toInt256" | "toString", 1):
            return value(node.of[0])
        case "toInt256OrZero", 1:
            text = value(node.of[0])
            return lambda line: int(text(line) or 0)
        case "least" | "greatest", 2:
            pick = min if node.word == "least" else max
            left, right = (value(each) for each in node.of)
            return lambda line: pick(left(line), right(line))
        case "roundDown", 2 if node.of[1].kind == "parameter":
            number, steps = value(node.of[0]), sorted(_constant(node.of[1], parameters))
            return lambda line: steps[max(bisect_right(steps, number(line)) - 1, 0)]
        case "transform", 3 | 4 if node.of[1].kind == node.of[2].kind == "parameter":
            keys, values = (_constant(each, parameters) for each in node.of[1:3])
            if len(set(keys)) != len(keys):
                raise Unknown("one key twice")
            table, key, other = dict(zip(keys, values, strict=True)), value(node.of[0]), value(node.of[-1])
            default = key if len(node.of) == 3 else other
            return lambda line: table[one] if (one := key(line)) in table else default(line)
    raise Unknown(node.word)


def _chosen(branches: Sequence[Value]) -> Value:
    """The value behind the first condition that holds, or the last one."""
    if not len(branches) % 2:
        raise Unknown("a condition without a value")
    pairs = list(zip(branches[:-1:2], branches[1::2], strict=True))

    def chosen(line: Columns) -> Any:
        for holds, value in pairs:
            if holds(line):
                return value(line)
        return branches[-1](line)

    return chosen


def _at(whole: Value, place: Value) -> Value:
    """An element, of a list by its number from 1, of texts by their names; nothing where there is none."""

    def element(line: Columns) -> Any:
        told, where = whole(line), place(line)
        if isinstance(told, Mapping):
            return told.get(where, "")
        assert 0 < where <= len(told), "what is looked up in a list is there"
        return told[where - 1]

    return element


def _rest(number: int, by: int) -> int:
    assert number >= 0, "what is left over of numbers below nothing is another matter"
    return number % by
