"""Statements over a few lines, computed here: for them that is a hundred times cheaper than the engine, which takes
longer to plan a statement than to run it.

What is computed is the statement itself, as ``projections.plan`` writes it, so no rule stands anywhere twice. The part
of the engine's SQL that is known here is small; a statement beyond it is ``Unknown``, and left to the engine.
"""

from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from operator import add, eq, ge, gt, le, lt, mul, ne, sub
from typing import Any, Final

from projections.ledger import Line
from projections.posting import Dimensions, Posting
from projections.select import Node, Select, Unknown, parsed

Columns = Mapping[str, Any]
"""A line, or a row, by the names of its columns."""
Value = Callable[[Columns], Any]
Rows = Sequence[Columns]
Group = Callable[[Rows], Any]
_OPERATIONS: Final[dict[str, Callable[[Any, Any], Any]]] = {
    "=": eq, "!=": ne, "<": lt, ">": gt, "<=": le, ">=": ge, "+": add, "-": sub, "*": mul,
}  # fmt: skip
_TOGETHER: Final[dict[str, Callable[..., Any]]] = {
    "sum": sum, "max": max, "any": lambda values: values[0], "groupArray": list,
    "argMax": lambda values, by: values[by.index(max(by))],
}  # fmt: skip
"""What is said of a group of rows, by the values of each."""
_OWN: Final = tuple(name for name in Posting.__struct_fields__ if name not in ("dims", "local"))
COLUMNS: Final = ("position", "line", "book", "entity", "local", *_OWN, *Dimensions.__struct_fields__)
"""What a line consists of, beside its tenant."""


def columns(line: Line) -> Columns:
    """A line as statements see it."""
    posting = line.posting
    told = {name: getattr(posting, name) for name in _OWN}
    told |= {name: getattr(posting.dims, name) for name in Dimensions.__struct_fields__}
    told |= {"attributes": dict(posting.dims.attributes), "local": int(posting.local)}
    return told | {"position": line.position, "line": line.number, "book": line.kind, "entity": line.entity}


def computed(sql: str, lines: Rows, parameters: Mapping[str, Any]) -> list[tuple[Any, ...]]:
    """The rows of a statement over these lines, all of them known at its cut, in any order. Raises Unknown."""
    try:
        return [tuple(row.values()) for row in _run(parsed(sql), _Scope(lines, parameters, {}))]
    except KeyError as error:
        raise Unknown(f"the name {error}") from error


def measures_of(sql: str) -> frozenset[str]:
    """The measures that a statement reads. Raises Unknown."""
    return frozenset(_measures(parsed(sql)))


def _measures(select: Select) -> set[str]:
    under = _measures(select.under) if select.under is not None else set()
    nodes = [select.where, *(node for _, node in select.items)]
    return under.union(*(_named_in(node) for node in nodes if node is not None))


def _named_in(node: Node) -> set[str]:
    if node.select is not None:
        return _measures(node.select).union(*(_named_in(each) for each in node.of))
    if node.of and node.of[0] == Node("name", "measure"):
        return {each.word for each in (node.of[1], *node.of[1].of) if each.kind == "text"}
    return set().union(*(_named_in(each) for each in node.of))


@dataclass(frozen=True)
class _Scope:
    """What expressions are computed in."""

    lines: Rows
    parameters: Mapping[str, Any]
    names: Mapping[str, Node]
    """Expressions that a statement gives names."""


def _run(select: Select, scope: _Scope) -> list[dict[str, Any]]:
    scope = replace(scope, names=dict(select.named))
    told: Rows = scope.lines if select.under is None else _run(select.under, scope)
    if select.joined is not None:
        name, joined = select.joined[0], _bound(select.joined[1], scope)
        told = [{**row, name: each} for row in told for each in joined(row)]
    if select.where is not None:
        which = _bound(select.where, scope)
        told = [row for row in told if which(row)]
    found = _grouped(select, told, scope) if select.grouped is not None else _told(select, told, scope)
    for node, falling in reversed(select.order):
        by = _bound(node, scope)
        found.sort(key=lambda row, by=by: by(row[0]), reverse=falling)  # type: ignore[misc]
    if not select.once:
        return [made for _, made in found]
    firsts: dict[tuple[Any, ...], dict[str, Any]] = {}
    for known, made in found:
        firsts.setdefault(tuple(known[name] for name in select.once), made)
    return list(firsts.values())


_Made = list[tuple[dict[str, Any], dict[str, Any]]]
"""Rows, each with all that is known of it, and with what is asked for."""


def _told(select: Select, told: Rows, scope: _Scope) -> _Made:
    """The items for each row; an item may build on those before it."""
    bound = [(name, _bound(node, scope)) for name, node in select.items]
    found = []
    for row in told:
        known, made = dict(row), dict(row) if select.all else {}
        for name, value in bound:
            known[name] = made[name] = value(known)
        found.append((known, made))
    return found


def _grouped(select: Select, told: Rows, scope: _Scope) -> _Made:
    """The items for each group."""
    keys = [node for _, node in select.items if not _adds(node)] if select.grouped == () else select.grouped or ()
    by = [_bound(node, scope) for node in keys]
    groups: dict[tuple[Any, ...], list[Columns]] = {}
    for row in told:
        groups.setdefault(tuple(value(row) for value in by), []).append(row)
    items = [(name, _over(node, scope)) for name, node in select.items]
    holds = _over(select.having, scope) if select.having is not None else None
    kept = [each for each in groups.values() if holds is None or holds(each)]
    made = [{name: value(each) for name, value in items} for each in kept]
    return [(each, each) for each in made]


def _adds(node: Node) -> bool:
    """Whether an expression is about a group of rows."""
    return (node.kind == "call" and node.word in _TOGETHER) or any(_adds(each) for each in node.of)


def _over(node: Node, scope: _Scope) -> Group:
    """An expression as a function of the rows of a group. Raises Unknown."""
    if not _adds(node):
        one = _bound(node, scope)
        return lambda told: one(told[0])
    if node.kind == "call" and node.word in _TOGETHER:
        together, each = _TOGETHER[node.word], [_bound(of, scope) for of in node.of]
        return lambda told: together(*(list(map(value, told)) for value in each))
    if node.kind != "operation" or node.word not in _OPERATIONS:
        raise Unknown(node.word)
    operation, first, second = _OPERATIONS[node.word], *(_over(each, scope) for each in node.of)
    return lambda told: operation(first(told), second(told))


def _bound(node: Node, scope: _Scope) -> Value:
    """An expression as a function of a row. Raises Unknown."""
    match node.kind:
        case "number" | "text" | "parameter":
            constant = _constant(node, scope)
            return lambda row: constant
        case "name":
            return _bound(scope.names[node.word], scope) if node.word in scope.names else _column(node.word)
        case "in":
            left, among = _bound(node.of[0], scope), _among(node, scope)
            return lambda row: left(row) in among
        case "call":
            return _called(node, scope)
        case "operation" if node.word == "%":
            number, by = (_bound(each, scope) for each in node.of)
            return lambda row: _rest(number(row), by(row))
        case "operation":
            operation, first, second = _OPERATIONS[node.word], *(_bound(each, scope) for each in node.of)
            return lambda row: operation(first(row), second(row))
    return _composed(node.kind, [_bound(each, scope) for each in node.of])


def _composed(kind: str, values: Sequence[Value]) -> Value:
    match kind:
        case "and":
            return lambda row: all(value(row) for value in values)
        case "or":
            return lambda row: any(value(row) for value in values)
        case "not":
            return lambda row: not values[0](row)
        case "tuple":
            return lambda row: tuple(value(row) for value in values)
        case "at":
            return _at(*values)
    raise Unknown(kind)


def _column(word: str) -> Value:
    """``p.x`` and ``x`` are columns; ``x.1`` is the first of a tuple."""
    head, _, name = word.partition(".")
    if name.isdecimal():
        place = int(name) - 1
        return lambda row: row[head][place]
    if name and head != "p":
        raise Unknown(word)
    column = name or head
    return lambda row: row[column]


def _constant(node: Node, scope: _Scope) -> Any:
    if node.kind == "parameter":
        return scope.parameters[node.word]
    return int(node.word) if node.kind == "number" else node.word


def _among(node: Node, scope: _Scope) -> frozenset[Any]:
    if node.select is not None:
        return frozenset(next(iter(row.values())) for row in _run(node.select, scope))
    among = node.of[1]
    return frozenset(
        _constant(among, scope) if among.kind == "parameter" else [_constant(each, scope) for each in among.of]
    )


def _called(node: Node, scope: _Scope) -> Value:
    match node.word, len(node.of):
        case ("if" | "multiIf", _) if len(node.of) % 2:
            return _chosen([_bound(each, scope) for each in node.of])
        case ("toInt64" | "toInt128" | "toInt256" | "toString", 1):
            return _bound(node.of[0], scope)
        case "toInt256OrZero", 1:
            text = _bound(node.of[0], scope)
            return lambda row: int(text(row) or 0)
        case "least" | "greatest", 2:
            pick, (left, right) = min if node.word == "least" else max, (_bound(each, scope) for each in node.of)
            return lambda row: pick(left(row), right(row))
        case "roundDown", 2 if node.of[1].kind == "parameter":
            number, steps = _bound(node.of[0], scope), sorted(_constant(node.of[1], scope))
            return lambda row: steps[max(bisect_right(steps, number(row)) - 1, 0)]
        case "transform", 3 | 4 if node.of[1].kind == node.of[2].kind == "parameter":
            return _transformed(node, scope)
        case "arrayExists", 2 if node.of[0].kind == "lambda":
            name, holds, array = node.of[0].word, _bound(node.of[0].of[0], scope), _bound(node.of[1], scope)
            return lambda row: any(holds({**row, name: each}) for each in array(row))
    raise Unknown(node.word)


def _transformed(node: Node, scope: _Scope) -> Value:
    """What stands beside a key in a table, else the default: the key itself, where none is given."""
    keys, values = (_constant(each, scope) for each in node.of[1:3])
    if len(set(keys)) != len(keys):
        raise Unknown("one key twice")
    table, key = dict(zip(keys, values, strict=True)), _bound(node.of[0], scope)
    if len(node.of) == 3:
        return lambda row: table.get(found := key(row), found)
    default = _bound(node.of[3], scope)
    return lambda row: table[found] if (found := key(row)) in table else default(row)


def _chosen(branches: Sequence[Value]) -> Value:
    """The value behind the first condition that holds, or the last one."""
    pairs = list(zip(branches[:-1:2], branches[1::2], strict=True))

    def chosen(row: Columns) -> Any:
        for holds, value in pairs:
            if holds(row):
                return value(row)
        return branches[-1](row)

    return chosen


def _at(whole: Value, place: Value) -> Value:
    """An element: of a list by its number from 1, of texts by their names, and nothing where there is none."""

    def element(row: Columns) -> Any:
        told, where = whole(row), place(row)
        if isinstance(told, Mapping):
            return told.get(where, "")
        assert 0 < where <= len(told), "what is looked up in a list is there"
        return told[where - 1]

    return element


def _rest(number: int, by: int) -> int:
    assert number >= 0, "what is left over of numbers below nothing is another matter"
    return number % by
