"""Verifying: the ledger rebuilt into scratch tables is the same to the bit, and the laws hold."""

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from projections.laws import LAWS
from services.journal.port import Cut
from services.replay.attest import seals_of
from services.replay.chain import sealed
from services.replay.digest import answers_digest, definitions_digest, journal_digest, ledger_digest
from services.replay.rebuild import post_beside
from services.store.port import Store
from services.workspace import Workspace


class Queried(Protocol):
    """What can be asked for rows: a store, or the books of somebody who reads one."""

    def query(self, sql: str, parameters: Mapping[str, Any]) -> list[tuple[Any, ...]]: ...


def verify(
    workspace: Workspace, progress: Callable[[int], None] | None = None, *, answers: bool = False
) -> dict[str, Any]:
    """Rebuild beside, compare digests, check the laws, the identity of told and counted, and the seals of the journal.

    The books stay as they are; where the journal is what it was, what it is now is sealed. ``answers``: with the digest
    of what every KPI answers, which takes seconds.
    """
    workspace.post_all()
    beside = workspace.store.scratch()
    try:
        post_beside(workspace, beside, progress)
        tenants = [_tenant(workspace, beside, tenant, answers) for tenant in workspace.journal.tenants()]
    finally:
        workspace.store.drop_scratch()
    return {"ok": all(each["ok"] for each in tenants), "tenants": tenants}


def _tenant(workspace: Workspace, beside: Store, tenant: str, answers: bool) -> dict[str, Any]:
    cut = workspace.store.checkpoint(tenant)
    live, rebuilt = (ledger_digest(store, tenant, cut.position) for store in (workspace.store, beside))
    broken = broken_laws(workspace.store, tenant, cut)
    tally = workspace.journal.tally(tenant)
    kept = sealed(workspace.journal, seals_of(workspace), tenant)
    told = tally.told == tally.accepted + tally.duplicates + tally.refused
    accepted = tally.accepted == workspace.journal.head(tenant).position
    return {
        "tenant": tenant,
        "position": cut.position,
        "ok": live == rebuilt and not broken and told and accepted and kept["tampered"] is None,
        "journal": journal_digest(workspace.journal, tenant, cut.position),
        "definitions": definitions_digest(),
        "ledger": live,
        "rebuilt": rebuilt,
        **kept,
        **({"answers": answers_digest(workspace.books(tenant), cut)} if answers else {}),
        "laws": {law.name: "broken: " + broken[law.name] if law.name in broken else "holds" for law in LAWS},
        "told_is_counted": told and accepted,
    }


def broken_laws(store: Queried, tenant: str, cut: Cut) -> dict[str, str]:
    """The laws that do not hold at a cut, each with its first offence."""
    found = {}
    for law in LAWS:
        rows = store.query(law.first_offence, {"tenant": tenant, "cut": cut.position})
        if rows:
            found[law.name] = ", ".join(map(str, rows[0]))
    return found
