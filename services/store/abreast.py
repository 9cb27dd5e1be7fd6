"""Statements that run at the same time, on connections each of which does one thing after the other."""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from queue import SimpleQueue
from typing import Any

Rows = list[tuple[Any, ...]]
Query = Callable[[str, Mapping[str, Any]], Rows]
"""Runs a SELECT with bound parameters on one connection."""


def abreast(connections: Sequence[Query], asked: Sequence[tuple[str, Mapping[str, Any]]]) -> list[Rows]:
    """The rows of each statement, in their order; whichever connection is free runs the next one.

    The one with the longest text goes first, for it is likely to take longest. Where one fails, so does this.
    """
    free: SimpleQueue[Query] = SimpleQueue()
    for each in connections:
        free.put(each)

    def run(number: int) -> Rows:
        query = free.get()
        try:
            return query(*asked[number])
        finally:
            free.put(query)

    order = sorted(range(len(asked)), key=lambda number: -len(asked[number][0]))
    with ThreadPoolExecutor(len(connections)) as hands:
        found = dict(zip(order, hands.map(run, order), strict=True))
    return [found[number] for number in range(len(asked))]
