"""Sources of leads beyond their postings: how they were answered."""

from typing import Final

from projections.sources import IN_RANGE, KNOWN, LEADS, STOOD, Columns, Source, stood_moments


def _responses(wanted: Columns) -> str:
    """Leads with the first time after their coming in that a person on our side got in touch with them."""
    columns = dict.fromkeys(("at_ms", "event", "book", "entity", "count", "basis_ms", "lead", *wanted))
    touches = "measure = 'touchpoint' AND direction = 'outbound' AND lead != '' AND at_ms >= {lo:Int64}"
    return f"""
        SELECT l.*, arrayFilter(t -> t >= at_ms, stood) AS later, notEmpty(later) AS answered,
            arrayMin(later) - at_ms AS answer_ms
        FROM (
            SELECT {", ".join(columns)} FROM {{postings}} WHERE {KNOWN} AND measure = 'lead_created' AND {IN_RANGE}
        ) AS l LEFT ANY JOIN (SELECT lead AS of_lead, {STOOD} AS stood FROM ({stood_moments(touches, "lead")})) AS t
        ON l.lead = t.of_lead"""


def _answered(wanted: Columns) -> str:
    return f"SELECT * FROM ({_responses(wanted)}) WHERE answered"


_OF_LEADS: Final = f"""
    SELECT DISTINCT book, entity FROM {{postings}}
    WHERE {KNOWN} AND measure = 'touchpoint' AND lead IN {{entities:Array(String)}}"""
_READ: Final = ("lead_created", "touchpoint")
RESPONSES: Final = Source(
    "responses", "leads, and whether they were answered", LEADS.dims, _READ, _responses, _OF_LEADS
)
ANSWERED: Final = Source(
    "answered",
    "answered leads, and after how long",
    LEADS.dims,
    _READ,
    _answered,
    _OF_LEADS,
    excluded=(("measure = 'lead_created'", "was never answered"),),
)
