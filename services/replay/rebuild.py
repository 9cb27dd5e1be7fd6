"""Rebuilding: the ledger made anew beside the live one, proved number by number, and put in its place in one step.

The live tables serve questions and take what arrives until the exchange, and are kept after it for the way back.
"""

from collections.abc import Callable, Collection, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any, Final

import msgspec

from projections.catalogue import BY_ID
from projections.question import Question
from services.journal.port import Cut
from services.replay.compare import Mover, movers, questions
from services.replay.differing import differences, statements, to_ask
from services.replay.digest import history_digest, ledger_digest
from services.store.clickhouse import ClickHouseStore
from services.store.port import StoreError
from services.workspace import Workspace, WorkspaceError

CLOSE: Final = 2_000
"""So few events are posted while nothing else is: it takes a moment."""
ALL: Final = "all"
"""Expected where any KPI may move, as when a damaged ledger is mended."""
ROUNDS: Final = 20
"""How often to catch up before that, at most."""


class Step(msgspec.Struct, frozen=True):
    """How far a phase is: ``posting`` counts events, ``comparing`` questions."""

    phase: str
    done: int
    total: int


Progress = Callable[[Step], None]
"""Told every step; whatever it raises ends the work, and the live tables are as they were."""


class NothingBefore(WorkspaceError):
    """There is no ledger to go back to."""


def rebuild(
    workspace: Workspace, progress: Progress = lambda step: None, *, expect: Collection[str] = ()
) -> dict[str, Any]:
    """Fresh tables from the journal, compared with the live ones, then exchanged for them.

    Where a number moves of a KPI that ``expect`` does not name (``all``: any may), the live tables stay. Interrupted at
    any point, they are untouched, or the new ones are in place.
    """
    store, switched = workspace.store, False
    beside = store.beside()
    try:
        events = _post(workspace, beside, progress)
        told = _compared(workspace, beside, progress)
        moved: list[Mover] = told.pop("movers")
        undeclared = [] if ALL in expect else sorted({mover.kpi for mover in moved} - set(expect))
        if not undeclared:
            events += _switch(workspace, beside, progress)
            switched = True
    finally:
        if not switched:
            with suppress(StoreError):  # what is left behind goes before the next rebuild
                store.drop_beside()
    return {
        "events": events,
        "tenants": workspace.journal.tenants(),
        **told,
        "movers": [mover.as_json() for mover in moved],
        "undeclared": undeclared,
        "switched": switched,
    }


def rollback(workspace: Workspace, progress: Progress = lambda step: None) -> dict[str, Any]:
    """Put the tables back that were live before the last switch, with all that was told since. Raises NothingBefore."""
    before = workspace.store.before()
    if before is None:
        raise NothingBefore("no earlier ledger is kept; allowed after a rebuild that has switched")
    events = _post(workspace, before, progress)
    return {"events": events + _switch(workspace, before, progress), "tenants": workspace.journal.tenants()}


def unknown(expect: Iterable[str]) -> str | None:
    """The first of these that is no KPI."""
    return next((name for name in expect if name not in BY_ID and name != ALL), None)


def _post(workspace: Workspace, beside: ClickHouseStore, progress: Progress) -> int:
    """Post until few events are left, for more may arrive meanwhile; the number of events."""
    posted = 0
    for _ in range(ROUNDS):
        workspace.refresh()
        behind = _behind(workspace, beside)
        if not behind or (posted and behind < CLOSE):
            break
        posted += post_beside(workspace, beside, _counted("posting", posted, posted + behind, progress))
    return posted


def _counted(phase: str, done: int, total: int, progress: Progress) -> Callable[[int], None]:
    def more(count: int) -> None:
        nonlocal done
        done += count
        progress(Step(phase, done, max(done, total)))

    return more


def _behind(workspace: Workspace, beside: ClickHouseStore) -> int:
    journal = workspace.journal
    return sum(journal.head(name).position - beside.checkpoint(name).position for name in journal.tenants())


def post_beside(workspace: Workspace, beside: ClickHouseStore, progress: Callable[[int], None] | None) -> int:
    """Post every tenant's journal into another set of tables; the number of events."""
    total = 0
    for tenant in workspace.journal.tenants():
        total += workspace.post(tenant, beside, progress)
    return total


def _compared(workspace: Workspace, beside: ClickHouseStore, progress: Progress) -> dict[str, Any]:
    """The movers at one cut of each tenant. Where events and lines are the same to the bit, no number can move."""
    store = workspace.store
    cuts = {tenant: _cut(store, beside, tenant) for tenant in workspace.journal.tenants()}
    changed = [tenant for tenant, cut in cuts.items() if not _same(store, beside, tenant, cut.position)]
    every = questions()
    asked = {tenant: _to_ask(workspace, beside, tenant, cuts[tenant], every) for tenant in changed}
    count = sum(map(len, asked.values()))
    compared = _counted("comparing", 0, count, progress)
    found: list[Mover] = []
    for tenant in changed:
        old, new = workspace.books(tenant), workspace.books(tenant, beside)
        found += movers(tenant, old, new, cuts[tenant], asked[tenant], lambda: compared(1))
    cut = {tenant: cut.position for tenant, cut in cuts.items()}
    return {"cut": cut, "changed": changed, "compared": len(every) * len(changed), "asked": count, "movers": found}


def _to_ask(
    workspace: Workspace, beside: ClickHouseStore, tenant: str, cut: Cut, every: Sequence[Question]
) -> list[Question]:
    """The questions that what differs can reach; the answers to the others are the same."""
    found = differences(workspace.store.query, beside.query, tenant, cut.position)
    books = workspace.books(tenant)
    return to_ask(every, found, lambda one: statements(books, one, cut))


def _cut(store: ClickHouseStore, beside: ClickHouseStore, tenant: str) -> Cut:
    """The last place that both ledgers have."""
    return min(store.read_checkpoint(tenant), beside.read_checkpoint(tenant), key=lambda cut: cut.position)


def _same(store: ClickHouseStore, beside: ClickHouseStore, tenant: str, position: int) -> bool:
    with ThreadPoolExecutor(1) as aside:
        made_anew = aside.submit(_digests, beside, tenant, position)
        return _digests(store, tenant, position) == made_anew.result()


def _digests(store: ClickHouseStore, tenant: str, position: int) -> tuple[str, str]:
    return ledger_digest(store, tenant, position), history_digest(store, tenant, position)


def _switch(workspace: Workspace, other: ClickHouseStore, progress: Progress) -> int:
    """Post the rest while nobody else posts, and exchange; the number of events."""
    store, tenants = workspace.store, workspace.journal.tenants()
    posted = _post(workspace, other, progress)
    with workspace.posting:
        while True:
            store.hold()
            workspace.refresh()
            posted += post_beside(workspace, other, None)
            if all(store.read_checkpoint(each).position <= other.checkpoint(each).position for each in tenants):
                break
        store.switch(other)
        workspace.forget_posters()
    return posted
