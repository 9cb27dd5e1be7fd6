"""Status: how far journal and ledger are, whether what was told is counted, and how large it all is."""

from typing import Any

from events.envelope import to_text
from projections.laws import LAWS
from services.replay.verify import broken_laws
from services.workspace import Workspace


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


def _tenant(workspace: Workspace, tenant: str) -> dict[str, Any]:
    head, cut = workspace.journal.head(tenant), workspace.store.checkpoint(tenant)
    tally = workspace.journal.tally(tenant)
    parked = len(workspace.store.parked(tenant))
    broken = broken_laws(workspace.store, tenant, cut)
    return {
        "tenant": tenant,
        "journal": {"position": head.position, "recorded": to_text(head.recorded_ms) if head.position else None},
        "ledger": {"position": cut.position, "recorded": to_text(cut.recorded_ms) if cut.position else None},
        "lag": head.position - cut.position,
        "told": tally.told,
        "accepted": tally.accepted,
        "duplicates": tally.duplicates,
        "refused": tally.refused,
        "applied": cut.position - parked,
        "parked": parked,
        "identity_holds": tally.told == tally.accepted + tally.duplicates + tally.refused
        and tally.accepted == head.position,
        "laws_hold": not broken,
        "laws": {law.name: "broken: " + broken[law.name] if law.name in broken else "holds" for law in LAWS},
    }
