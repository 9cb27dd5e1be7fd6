"""Writers of a store on a server who are interrupted, and what their tests look at."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from services.replay.verify import broken_laws
from services.store.server import ServerStore
from tests.services.store.contract import events, ledger
from tests.services.store.telling import applied, line

POINTS = ("history", "postings", "checkpoints")
"""The tables, in the order in which a write fills them."""


def write(store: ServerStore, tenant: str, *positions: int) -> None:
    """Events of these positions with two lines each, in one batch."""
    lines = [line(position, number) for position in positions for number in (0, 1)]
    store.write(tenant, [applied(position, tenant=tenant) for position in positions], lines)


def wrong(store: ServerStore, tenant: str, last: int) -> list[str]:
    """What is wrong with a ledger that should hold the events up to ``last``, each once, with its lines."""
    cut = store.checkpoint(tenant)
    laws = broken_laws(store, tenant, cut)
    found: list[str] = [
        name for name in ("lines_are_single", "lines_are_all_there", "events_are_single") if name in laws
    ]
    positions = range(1, last + 1)
    whole = (
        cut.position == last
        and events(store, tenant) == [(position, "") for position in positions]
        and ledger(store, tenant, "position, line")
        == [(position, number) for position in positions for number in (0, 1)]
    )
    return found if whole else [*found, "not what was written"]


@contextmanager
def before_sending(
    monkeypatch: pytest.MonkeyPatch, store: ServerStore, table: str, act: Callable[[], object]
) -> Iterator[None]:
    """Something happens just before this store sends its next INSERT into a table."""
    send = store._send
    acted: list[str] = []

    def sending(sql: str, data: bytes, settings: Any) -> None:
        if sql.startswith(f"INSERT INTO {{{table}}}") and not acted:
            acted.append(sql)
            act()
        send(sql, data, settings)

    with monkeypatch.context() as patch:
        patch.setattr(store, "_send", sending)
        yield
    assert acted, f"nothing was written into {table}"
