"""Verifying: the ledger rebuilt into scratch tables is the same to the bit, and the laws hold."""

from collections.abc import Callable
from typing import Any

from projections.laws import LAWS
from services.journal.port import Cut
from services.replay.digest import ledger_digest
from services.replay.rebuild import post_beside
from services.store.port import Store
from services.workspace import Workspace


def verify(workspace: Workspace, progress: Callable[[int], None] | None = None) -> dict[str, Any]:
    """Rebuild beside, compare digests, check the laws and the identity of told and counted. Changes nothing."""
    workspace.post_all()
    beside = workspace.store.beside()
    try:
        post_beside(workspace, beside, progress)
        tenants = [_tenant(workspace, beside, tenant) for tenant in workspace.journal.tenants()]
    finally:
        workspace.store.drop_beside()
    return {"ok": all(each["ok"] for each in tenants), "tenants": tenants}


def _tenant(workspace: Workspace, beside: Store, tenant: str) -> dict[str, Any]:
    cut = workspace.store.checkpoint(tenant)
    live, rebuilt = (ledger_digest(store, tenant, cut.position) for store in (workspace.store, beside))
    broken = broken_laws(workspace.store, tenant, cut)
    tally = workspace.journal.tally(tenant)
    told = tally.told == tally.accepted + tally.duplicates + tally.refused
    accepted = tally.accepted == workspace.journal.head(tenant).position
    return {
        "tenant": tenant,
        "position": cut.position,
        "ok": live == rebuilt and not broken and told and accepted,
        "ledger": live,
        "rebuilt": rebuilt,
        "laws": {law.name: "broken: " + broken[law.name] if law.name in broken else "holds" for law in LAWS},
        "told_is_counted": told and accepted,
    }


def broken_laws(store: Store, tenant: str, cut: Cut) -> dict[str, str]:
    """The laws that do not hold at a cut, each with its first offence."""
    found = {}
    for law in LAWS:
        rows = store.query(law.sql + " LIMIT 1", {"tenant": tenant, "cut": cut.position})
        if rows:
            found[law.name] = ", ".join(map(str, rows[0]))
    return found
