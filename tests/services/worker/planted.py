"""A worker with a mistake in it: ``python -m tests.services.worker.planted MISTAKE``.

The tests must see each: with ``PLANTED=turn_around`` in the environment all of their workers have that mistake.
"""

import sys
from collections.abc import Callable, Sequence
from typing import Any

from services.cli.app import main
from services.journal.port import Cut
from services.kafka.records import Record
from services.store.server import ServerStore
from services.worker.inbox import Inbox, Judged
from services.worker.ledgers import Ledgers
from services.worker.steady import Steady


def _patch(of: type, name: str, method: Any) -> None:
    setattr(of, name, method)


def crash() -> None:
    """A mistake of ours that no event could cause."""

    def post(ledgers: Ledgers) -> None:
        raise ZeroDivisionError("what an event told")

    _patch(Ledgers, "post", post)


def acknowledge_failures() -> None:
    """What fails is acknowledged, as ``stream.take`` does."""

    async def do(steady: Steady, work: Callable[[], None]) -> bool:
        async with steady._turn:
            return await steady._once(work) is not None or True

    _patch(Steady, "do", do)


def trust_the_group() -> None:
    """What the group has committed counts as done."""

    def aim(inbox: Inbox, partition: int, offset: int) -> None:
        inbox._next.setdefault(partition, offset)

    _patch(Inbox, "_aim", aim)
    _patch(Inbox, "begin", lambda inbox, committed: inbox._next.clear())


def turn_around() -> None:
    """What was told last comes first."""
    judged = Inbox._judged

    def turned(inbox: Inbox, records: Sequence[Record]) -> Judged:
        told = judged(inbox, records)
        offsets, said = [offset for offset, _ in told], [each for _, each in told]
        return list(zip(offsets, reversed(said), strict=True))

    _patch(Inbox, "_judged", turned)


def lose() -> None:
    """The lines of one event are left out."""
    write = ServerStore.write_tables

    def losing(store: ServerStore, tenant: str, history: Sequence[Any], postings: Sequence[Any], cut: Cut) -> None:
        write(store, tenant, history, [table.slice(1) for table in postings], cut)

    _patch(ServerStore, "write_tables", losing)


def double() -> None:
    """Everything is written twice, and no token and no key stops the second."""
    put = ServerStore._put

    def putting(store: ServerStore, tenant: str, table: str, rows: Any, part: str) -> None:
        put(store, tenant, table, rows, part)
        if table == "postings":
            again = rows.set_column(
                rows.schema.get_field_index("line"), "line", [[9 + n for n in range(rows.num_rows)]]
            )
            put(store, tenant, table, again.cast(rows.schema), f"{part} again")

    _patch(ServerStore, "_put", putting)


PLANTED = {plant.__name__: plant for plant in (crash, acknowledge_failures, trust_the_group, turn_around, lose, double)}

if __name__ == "__main__":
    PLANTED[sys.argv[1]]()
    sys.exit(main(["worker"]))
