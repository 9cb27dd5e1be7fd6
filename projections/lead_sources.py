"""Sources of leads beyond their postings: how they were answered."""

from functools import partial
from typing import Final

from projections.sources import IN_RANGE, KNOWN, LEADS, Columns, Source


def _responses(join: str, wanted: Columns) -> str:
    """Leads with the first time after their coming in that a person on our side got in touch with them."""
    columns = dict.fromkeys(("at_ms", "event", "book", "entity", "count", "basis_ms", "lead", *wanted))
    leads = f"FROM {{postings}} WHERE {KNOWN} AND measure = 'lead_created' AND {IN_RANGE}"
    touched = f"""
        SELECT lead AS of_lead, at_ms AS touched_ms FROM {{postings}}
        WHERE {KNOWN} AND measure = 'touchpoint' AND direction = 'outbound' AND lead IN (SELECT lead {leads})
        GROUP BY lead, at_ms, event HAVING sum(count) > 0"""
    return f"""
        SELECT l.*, t.of_lead != '' AS answered, t.touched_ms - l.at_ms AS answer_ms
        FROM (SELECT {", ".join(columns)} {leads}) AS l
        ASOF {join} JOIN ({touched}) AS t ON l.lead = t.of_lead AND l.at_ms <= t.touched_ms"""


_OF_LEADS: Final = f"""
    SELECT DISTINCT book, entity FROM {{postings}}
    WHERE {KNOWN} AND measure = 'touchpoint' AND lead IN {{entities:Array(String)}}"""
_READ: Final = ("lead_created", "touchpoint")
RESPONSES: Final = Source(
    "responses", "leads, and whether they were answered", LEADS.dims, _READ, partial(_responses, "LEFT"), _OF_LEADS
)
ANSWERED: Final = Source(
    "answered",
    "answered leads, and after how long",
    LEADS.dims,
    _READ,
    partial(_responses, "INNER"),
    _OF_LEADS,
    excluded=(("measure = 'lead_created'", "was never answered"),),
)
