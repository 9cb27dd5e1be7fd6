"""Sources of customers: who bought and kept it, who bought again, and who is active, at any moment.

All are made of its wins' and orders' purchases and of what was told of the customer itself, in one pass: its lines are
laid side by side as arrays and turned into stretches, ``after`` a moment and up to (``until``) another, in which it
belongs. Those of all customers between the same edges of the windows are counted before they are put into windows.

A row has ``n`` customers. ``its_number`` tells a customer apart that may have several rows in a window, else it is 0.
Dimensions are asked for as ``expression AS name``; what was told of the customer itself goes before that.
"""

from collections.abc import Callable
from typing import Final, Literal

from projections.sources import CUSTOMER, KNOWN, Columns, Source

_NEVER: Final = "toInt64(9000000000000000)"
_ALWAYS: Final = "toInt64(-9000000000000000)"
_SPREAD: Final = "toInt128('18446744073709551616')"
_INSTANT: Final = f"toInt128(at_ms) * {_SPREAD} + event"
"""Moment and event as one number that orders like the pair."""


def _at(instant: str) -> str:
    return f"toInt64(bitShiftRight({instant}, 64))"


def _event(instant: str) -> str:
    return f"toUInt64({instant})"


def _by_customer(measures: tuple[str, ...], wanted: Columns, plain: str, stretches: str) -> str:
    """A row for each customer, with its ``stretches`` and whether it is ``plain``, which has only one at a time.

    They are made of its purchases and returns in order (``begun``), with each up to when it was kept (``untils``; 0: it
    still is) and what was ``told``; of when it left (``churns``), and whether it ever gave something back (``ended``).
    """
    names, each = _names(wanted), ("book", "entity") if "event" in wanted else ()
    told = _tuple((*(name for name, _ in names), *each))
    columns = "".join(f", {expression} AS {name}, p.{name} AS its_{name}" for name, expression in names)
    which = ", ".join(f"'{measure}'" for measure in (*measures, *(["profile"] if names else [])))
    lines = f"""
        SELECT customer, measure IN ('bought', 'order', 'returned') AS begins, measure, at_ms, until_ms, event, count
            {columns}{"".join(f", {name}" for name in each)}
        FROM {{postings}} AS p WHERE {KNOWN} AND count != 0 AND measure IN ({which})
            AND (measure != 'order' OR (customer != '' AND amount != 0))
        ORDER BY position DESC, count DESC LIMIT 1 BY event"""
    begun = f"groupArrayIf({_INSTANT}, begins)"
    found = [f"arraySort({begun}) AS begun", "max(until_ms) != 0 AS ended"]
    found += [f"arraySort((u, i) -> i, groupArrayIf(until_ms, begins), {begun}) AS untils"]
    found += [f"arraySort((t, i) -> i, groupArrayIf({told}, begins), {begun}) AS told"] if told else []
    if "churned" in measures:
        found += [f"arraySort(groupArrayIf({_INSTANT}, measure = 'churned')) AS churns"]
    if names:
        own = "".join(f", its_{name}" for name, _ in names)
        found += [f"arraySort(groupArrayIf((at_ms, event{own}), measure = 'profile')) AS profiles"]
    customers = f"SELECT customer, {', '.join(found)} FROM ({lines}) WHERE count > 0 GROUP BY customer"
    if not told:
        stretches = stretches.replace("told", "arrayResize([0], length(begun))")
    own = ", profiles" if names else ""
    return f"""
        SELECT customer{own}, {plain} AS plain, {_event("begun[1]")} AS number, {stretches}
        FROM ({customers}) WHERE notEmpty(begun)"""


def _placed(customers: str, wanted: Columns, *also: str) -> str:
    """Rows of ``stretches``, each (begun, (to, mark, churn event), told), cut where the customer itself changes.

    Moments are rounded down to the edges of the windows, which changes nothing about any window. Stretches of one
    customer up to the same moment are one.
    """
    each, names = "event" in wanted, [name for name, _ in _names(wanted)]
    told = [f"told_{name}" for name in names] + (["book", "entity"] if each else [])
    told = [f"stretch.3{f'.{place}' if len(told) > 1 else ''} AS {name}" for place, name in enumerate(told, 1)]
    cells = [*also, *(["customer"] if each or "customer" in wanted else [])]
    after, until = _at("stretch.1"), "stretch.2.1"
    if names:
        empty = ", ''" * len(names)
        nothing = f"({_ALWAYS}, toUInt64(0){empty})"
        told += [
            f"arrayJoin(arrayZip(arrayPushFront(profiles, {nothing}), arrayPushBack(profiles.1, {_NEVER}))) AS known"
        ]
        after, until = f"greatest({after}, known.1.1)", f"least({until}, known.2)"
        cells += [f"if(known.1.{n} != '', known.1.{n}, told_{name}) AS {name}" for n, name in enumerate(names, 3)]
    if each:
        rows = [f"{after} AS after", f"{until} AS until", "stretch.2.2 AS mark", *told, *cells, "1 AS count"]
        rows += [f"{_event('stretch.1')} AS event", "stretch.2.3 AS churn_event"]
        return f"SELECT {', '.join(rows)} FROM ({customers}) ARRAY JOIN stretches AS stretch"
    edges = f"arrayPushFront({{edges:Array(Int64)}}, {_ALWAYS})"
    moments = {"began": after, "until": until, "mark": "stretch.2.2"}
    rows = [f"roundDown({moment}, {edges}) AS {name}" for name, moment in moments.items()]
    rows += ["if(plain, 0, number) AS its_number", *told, *cells]
    keys = ["until", "mark", "its_number", *(each.rpartition(" AS ")[2] for each in cells)]
    return f"""
        SELECT {", ".join(keys)}, min(began) AS after, count() AS n
        FROM (SELECT {", ".join(rows)} FROM ({customers}) ARRAY JOIN stretches AS stretch)
        GROUP BY {", ".join(keys)}, if(its_number = 0, began, 0)"""


def _tuple(told: Columns) -> str:
    """Several expressions as one."""
    return f"({', '.join(told)})" if len(told) > 1 else "".join(told)


def _names(wanted: Columns) -> list[tuple[str, str]]:
    """The dimensions asked for, with their expressions."""
    split = (each.rpartition(" AS ") for each in wanted)
    return [(name, expression) for expression, _, name in split if expression]


def _members(wanted: Columns) -> str:
    """Customers, from the purchase or return that made them active to their leaving or its being taken back."""
    left = f"c != 0 AND (u = 0 OR {_at('c')} <= u)"
    ended = f"if({left}, ({_at('c')}, {_at('c')}, {_event('c')}), (if(u = 0, {_NEVER}, u), {_NEVER}, toUInt64(0)))"
    nexts = "arrayMap(b -> arrayFirst(c -> c > b, churns), if(empty(churns), [], begun))"
    stretches = f"""
        if(plain, 1, length(begun)) AS size, arrayZip(arrayResize(begun, size),
            arrayMap((u, c) -> {ended}, arrayResize(untils, size), arrayResize({nexts}, size)),
            arrayResize(told, size)) AS stretches"""
    plain = "NOT ended AND empty(churns)"
    return _placed(_by_customer(("bought", "order", "returned", "churned"), wanted, plain, stretches), wanted)


def _plain(wanted: Columns) -> str:
    """Whether a customer belongs at one place and gave nothing back, so that its purchases follow from each other."""
    return (
        "0" if "event" in wanted else "NOT ended AND length(arrayDistinct(told)) = 1" if _names(wanted) else "NOT ended"
    )


_KEPT: Final = f"if(u = 0, {_NEVER}, u)"


def _buyers(wanted: Columns) -> str:
    """Customers who bought something that they kept; a plain one by its latest purchase."""
    stretches = f"""
        arrayMap(b -> {_at("b")}, begun) AS ats, arrayZip(begun,
            arrayMap((a, u, next) -> (if(plain, next, {_KEPT}), a, toUInt64(0)),
                ats, untils, arrayPushBack(arrayPopFront(ats), {_NEVER})), told) AS stretches"""
    return _placed(_by_customer(("bought", "order"), wanted, _plain(wanted), stretches), wanted)


def _repeaters(wanted: Columns) -> str:
    """Customers who bought something that they kept; again: after ``mark``, or between two ``turns``."""
    moves = f"""
        arrayConcat(arrayMap(b -> ({_at("b")}, toInt8(1)), begun), arrayMap(u -> ({_KEPT}, toInt8(-1)), untils))"""
    stretches = f"""
        if(plain, 1, length(begun)) AS size, if(plain AND length(begun) > 1, {_at("begun[2]")}, {_NEVER}) AS second,
        arraySort(if(plain, [], {moves})) AS moves, arrayMap(m -> m.1, arrayFilter(
            (m, n) -> m.2 = 1 AND n = 2 OR m.2 = -1 AND n = 1, moves, arrayCumSum(moves.2))) AS turns,
        arrayZip(arrayResize(begun, size),
            arrayMap(u -> ({_KEPT}, second, toUInt64(0)), arrayResize(untils, size)),
            arrayResize(told, size)) AS stretches"""
    return _placed(_by_customer(("bought", "order"), wanted, _plain(wanted), stretches), wanted, "turns")


AGAIN: Final = "mark < e OR arrayCount(x -> x < e, turns) % 2 = 1"
"""Of a row of ``REPEATERS``: whether two purchases or more were kept."""
LEFT: Final = "mark < e"
"""Of a row of ``MEMBERS``: whether the customer left in the window."""
_OF_CUSTOMERS: Final = f"""
    SELECT DISTINCT book, entity FROM {{postings}}
    WHERE {KNOWN} AND measure IN ('bought', 'order', 'churned', 'returned', 'profile')
        AND customer IN {{customers:Array(String)}}"""


def _lasting(
    name: str, words: str, *also: str, sql: Callable[[Columns], str], lasts: Literal["start", "end"], covers: str
) -> Source:
    """Rows of customers' purchases, and of what ``also`` was told of them."""
    return Source(
        name, words, CUSTOMER, ("bought", "order", *also), sql, related=_OF_CUSTOMERS, lasts=lasts, covers=covers,
        profiled=True,
    )  # fmt: skip


BUYERS: Final = _lasting(
    "buyers", "customers who bought in the window",
    sql=_buyers, lasts="end", covers="after < e AND until >= e AND mark >= s",
)  # fmt: skip
REPEATERS: Final = _lasting(
    "repeaters", "customers with the purchases that they kept",
    sql=_repeaters, lasts="end", covers="after < e AND until >= e",
)  # fmt: skip
MEMBERS: Final = _lasting(
    "members", "customers, from joining to leaving", "returned", "churned",
    sql=_members, lasts="start", covers="after < s AND until >= s",
)  # fmt: skip
