"""Status: how far journal and ledger are, whether what was told is counted, and how large it all is."""

from collections.abc import Mapping
from typing import Any

from events.envelope import to_text
from projections.laws import LAWS
from services.journal.port import Cut, Journal
from services.replay.verify import Queried, broken_laws
from services.workspace import Workspace

Standing = dict[str, Any]


def status(workspace: Workspace) -> dict[str, Any]:
    """Positions, lag, identities, laws and sizes, by tenant.

    Where the journal is on Kafka, also how far workers are, and how many records of its topics are nobody's: dead
    letters that name no tenant, and what Salestream did not write.
    """
    return _partitions(workspace) | {
        "data": str(workspace.folder),
        "bytes": {"journal": workspace.settings.journal_path.stat().st_size} | workspace.store.sizes(),
        "tenants": [_tenant(workspace, tenant) for tenant in workspace.journal.tenants()],
    }


def _partitions(workspace: Workspace) -> dict[str, Any]:
    if not workspace.settings.on_kafka:
        return {}
    # Kafka's client takes a while to import, and most journals are files.
    from services.journal.kafka import KafkaJournal
    from services.kafka.lag import partitions

    assert isinstance(workspace.journal, KafkaJournal), "the settings name a journal on Kafka"
    journal = workspace.journal
    return {
        "partitions": partitions(workspace.settings, journal, workspace.store),
        "strangers": {"inbox": journal.unnamed(), "journal": len(journal.strangers())},
    }


def _tenant(workspace: Workspace, tenant: str) -> Standing:
    return of_tenant(workspace.journal, workspace.store, tenant, workspace.store.checkpoint(tenant))


def of_tenant(
    journal: Journal, store: Queried, tenant: str, cut: Cut, broken: Mapping[str, str] | None = None
) -> Standing:
    """How far one tenant's journal is, and its ledger, which is read from ``store`` at a cut; identities and laws.

    ``broken``: the laws that are known not to hold, each with its first offence; without it they are looked at, which
    means reading the whole ledger.
    """
    before, tally, head = journal.head(tenant), journal.tally(tenant), journal.head(tenant)
    parked = _parked(store, tenant, cut.position)
    found = broken_laws(store, tenant, cut) if broken is None else broken
    return {
        "tenant": tenant,
        "journal": {"position": head.position, "recorded": to_text(head.recorded_ms) if head.position else None},
        "ledger": {"position": cut.position, "recorded": to_text(cut.recorded_ms) if cut.position else None},
        "lag": max(head.position - cut.position, 0),
        "told": tally.told,
        "accepted": tally.accepted,
        "duplicates": tally.duplicates,
        "refused": tally.refused,
        "applied": cut.position - parked,
        "parked": parked,
        "identity_holds": tally.told == tally.accepted + tally.duplicates + tally.refused
        and before.position <= tally.accepted <= head.position,
        "laws_hold": not found,
        "laws": {law.name: "broken: " + found[law.name] if law.name in found else "holds" for law in LAWS},
    }


def _parked(store: Queried, tenant: str, position: int) -> int:
    rows = store.query(
        "SELECT count() FROM {history} WHERE tenant = {tenant:String} AND position <= {cut:UInt64} AND parked != ''",
        {"tenant": tenant, "cut": position},
    )
    return int(rows[0][0])
