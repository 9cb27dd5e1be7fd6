"""Digests: what makes a rebuild provably identical.

The journal's is the SHA-256 of its events in order. The ledger's is the SHA-256 of sums of two 64-bit hashes of its
lines, each with its place, and of their number: a line that is missing, changed or there twice changes it; batches,
merges and the order of writing do not. It finds mistakes, not forgers: for those, compare the journal's.
"""

import hashlib
import json
from typing import Any, Final, Protocol

from events.envelope import Entry
from projections.answer import as_json
from projections.catalogue import KPIS
from projections.question import question
from services.books import Books
from services.journal.port import Cut
from services.store.port import Store

_CHUNK: Final = 1 << 16


class Entries(Protocol):
    """The part of a journal that is digested."""

    def read(self, tenant: str, after: int, limit: int) -> list[Entry]: ...


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


def journal_digest(journal: Entries, tenant: str, position: int) -> str:
    """Of the events up to a position: their places, recorded times and bodies."""
    digest = hashlib.sha256()
    after = 0
    while after < position:
        entries = journal.read(tenant, after, min(_CHUNK, position - after))
        if not entries:
            break
        for entry in entries:
            digest.update(hashed(entry))
        after = entries[-1].position
    return digest.hexdigest()


def hashed(entry: Entry) -> bytes:
    """What of an event goes into a digest: its place, its recorded time and its body."""
    body = entry.body
    if not isinstance(body, bytes):  # somebody has edited the file, and a digest is there to say so
        body = str(body).encode()
    return b"%d %d %d " % (entry.position, entry.recorded_ms, len(body)) + body


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


def history_digest(store: Store, tenant: str, position: int) -> str:
    """Of the events up to a position as the store has them: their places, entities and whether they are parked."""
    rows = store.query(
        f"""
        SELECT intDiv(position, 65536) AS chunk, count(), sum(cityHash64({_EVENT})), sum(xxh3({_EVENT}))
        FROM {{history}} WHERE tenant = {{tenant:String}} AND position <= {{position:UInt64}}
        GROUP BY chunk ORDER BY chunk""",
        {"tenant": tenant, "position": position},
    )
    return hashlib.sha256("\n".join(" ".join(map(str, row)) for row in rows).encode()).hexdigest()


_EVENT: Final = "position, recorded_ms, book, entity, at_ms, source, id, type, parked, body"
"""All columns of an event."""
_LINE: Final = """
    position, line, book, entity, measure, at_ms, event, count, amount, cost, currency, basis_ms, since_ms, until_ms,
    local, rep_id, team_id, region, product, channel, campaign, segment, manager_id, customer, lead, deal, pipeline,
    stage, to_stage, kind, direction, category, reason, competitor, respondent, outcome, probability_ppm, attributes"""
"""All columns of a line."""


def answers_digest(books: Books, cut: Cut) -> str:
    """Of the answers of every KPI at a cut."""
    told = answers_digests(books, cut)
    return hashlib.sha256("\n".join(f"{name} {told[name]}" for name in sorted(told)).encode()).hexdigest()


def answers_digests(books: Books, cut: Cut) -> dict[str, str]:
    """Of the answers of each KPI at a cut, as a whole and month by month, with all their parts."""
    found = {}
    for kpi in KPIS:
        digest = hashlib.sha256()
        for grain in ("total", "month"):
            answered = books.answer(question(kpi.id, grain=grain), cut)
            rows = as_json(answered, cut.position, cut.recorded_ms)["rows"]
            digest.update(json.dumps(rows, sort_keys=True).encode())
        found[kpi.id] = digest.hexdigest()
    return found


def definitions_digest() -> str:
    """Of all KPI definitions."""
    return hashlib.sha256("\n".join(f"{kpi.id} {kpi.hash}" for kpi in KPIS).encode()).hexdigest()
