"""Rebuilding: the ledger made anew from the journal, beside the live one, and put in its place in one step."""

from collections.abc import Callable
from typing import Any

from services.replay.digest import ledger_digest
from services.store.clickhouse import ClickHouseStore
from services.workspace import Workspace

Progress = Callable[[int], None]


def rebuild(workspace: Workspace, progress: Progress | None = None) -> dict[str, Any]:
    """Fresh tables from the journal, then an atomic exchange. Interrupted at any point, the live ones are untouched."""
    store = workspace.store
    beside = store.beside()
    events = post_beside(workspace, beside, progress)
    tenants = workspace.journal.tenants()
    before = {tenant: ledger_digest(store, tenant, store.checkpoint(tenant).position) for tenant in tenants}
    after = {tenant: ledger_digest(beside, tenant, store.checkpoint(tenant).position) for tenant in tenants}
    store.switch()
    workspace.forget_posters()
    return {"events": events, "tenants": tenants, "changed": [t for t in tenants if before[t] != after[t]]}


def post_beside(workspace: Workspace, beside: ClickHouseStore, progress: Progress | None) -> int:
    """Post every tenant's journal into another set of tables; the number of events."""
    total = 0
    for tenant in workspace.journal.tenants():
        total += workspace.post(tenant, beside, progress)
    return total
