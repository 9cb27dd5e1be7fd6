"""Digests: what makes a rebuild provably identical.

The journal's is the SHA-256 of its events in order. The ledger's is the SHA-256 of its lines in order of (position,
line), through a 128-bit hash of each line; it does not depend on batches, on merges, or on the order of writing.
"""

import hashlib
from typing import Any, Final

from projections.catalogue import KPIS
from services.journal.port import Journal
from services.store.port import Store

_CHUNK: Final = 1 << 16


def digest(workspace: Any, tenant: str, position: int | None = None) -> dict[str, Any]:
    """Digests of journal, ledger and definitions at a position; without one, at the ledger's checkpoint."""
    at = workspace.store.checkpoint(tenant).position if position is None else position
    return {
        "tenant": tenant,
        "position": at,
        "journal": journal_digest(workspace.journal, tenant, at),
        "ledger": ledger_digest(workspace.store, tenant, at),
        "definitions": definitions_digest(),
    }


def journal_digest(journal: Journal, tenant: str, position: int) -> str:
    """Of the events up to a position: their places, recorded times and bodies."""
    digest = hashlib.sha256()
    after = 0
    while after < position:
        entries = journal.read(tenant, after, min(_CHUNK, position - after))
        if not entries:
            break
        for entry in entries:
            digest.update(b"%d %d %d " % (entry.position, entry.recorded_ms, len(entry.body)))
            digest.update(entry.body)
        after = entries[-1].position
    return digest.hexdigest()


def ledger_digest(store: Store, tenant: str, position: int) -> str:
    """Of the lines up to a position, in order."""
    rows = store.query(
        """
        SELECT intDiv(position, 65536) AS chunk, hex(SHA256(arrayStringConcat(arraySort(groupArray(
            concat(leftPad(toString(position), 20, '0'), leftPad(toString(line), 10, '0'), hex(hash)))), '\\n')))
        FROM (
            SELECT position, line, sipHash128(
                book, entity, measure, at_ms, event, count, amount, cost, currency, basis_ms, since_ms, until_ms, local,
                rep_id, team_id, region, product, channel, campaign, segment, manager_id, customer, lead, deal,
                pipeline, stage, to_stage, kind, direction, category, reason, competitor, respondent, outcome,
                probability_ppm, toString(attributes)) AS hash
            FROM {postings} WHERE tenant = {tenant:String} AND position <= {position:UInt64})
        GROUP BY chunk ORDER BY chunk""",
        {"tenant": tenant, "position": position},
    )
    return hashlib.sha256("\n".join(f"{chunk} {value}" for chunk, value in rows).encode()).hexdigest()


def definitions_digest() -> str:
    """Of all KPI definitions."""
    return hashlib.sha256("\n".join(f"{kpi.id} {kpi.hash}" for kpi in KPIS).encode()).hexdigest()
