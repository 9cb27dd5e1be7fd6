"""Digests: what makes a rebuild provably identical.

The journal's is the SHA-256 of its events in order. The ledger's is the SHA-256 of sums of two 64-bit hashes of its
lines, each with its place, and of their number: a line that is missing, changed or there twice changes it; batches,
merges and the order of writing do not. It finds mistakes, not forgers: for those, compare the journal's.
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
    """Of the lines up to a position, by stretches of positions: how many, and what two hashes of each add up to."""
    rows = store.query(
        f"""
        SELECT intDiv(position, 65536) AS chunk, count(), sum(cityHash64({_LINE})), sum(xxh3({_LINE}))
        FROM {{postings}} WHERE tenant = {{tenant:String}} AND position <= {{position:UInt64}}
        GROUP BY chunk ORDER BY chunk""",
        {"tenant": tenant, "position": position},
    )
    return hashlib.sha256("\n".join(" ".join(map(str, row)) for row in rows).encode()).hexdigest()


_LINE: Final = """
    position, line, book, entity, measure, at_ms, event, count, amount, cost, currency, basis_ms, since_ms, until_ms,
    local, rep_id, team_id, region, product, channel, campaign, segment, manager_id, customer, lead, deal, pipeline,
    stage, to_stage, kind, direction, category, reason, competitor, respondent, outcome, probability_ppm, attributes"""
"""All columns of a line."""


def definitions_digest() -> str:
    """Of all KPI definitions."""
    return hashlib.sha256("\n".join(f"{kpi.id} {kpi.hash}" for kpi in KPIS).encode()).hexdigest()
