"""The laws of the ledger: identities that always hold. One broken row, lost or doubled, trips at least one of them."""

from dataclasses import dataclass
from typing import Final

from projections.sources import KNOWN

SPILL: Final = 200 << 20
"""Bytes of groups that are held in memory. A ledger has millions of events, and some laws look at each."""


@dataclass(frozen=True)
class Law:
    """An identity. ``sql`` gives the rows that break it, as (what, left, right); none: it holds."""

    name: str
    words: str
    sql: str

    @property
    def first_offence(self) -> str:
        """The statement for the first row that breaks it. What it groups goes to a file where it is large."""
        return f"{self.sql} LIMIT 1 SETTINGS max_bytes_before_external_group_by = {SPILL}"


LAWS: Final[tuple[Law, ...]] = (
    Law(
        "deals_are_somewhere",
        "Every deal was created once, and is open, won or lost: created = open + won + lost = 1.",
        f"""
        SELECT entity, sumIf(count, measure = 'created') AS created,
            sumIf(count, measure IN ('pipeline', 'won', 'lost')) AS somewhere
        FROM {{postings}} WHERE {KNOWN} AND book = 'deal' GROUP BY entity
        HAVING created != somewhere OR created NOT IN (0, 1)""",
    ),
    Law(
        "closed_deals_are_out",
        "A deal that is not open has nothing in the pipeline, in any currency or stage.",
        f"""
        SELECT entity, sum(count) AS deals, sum(toInt128(amount)) AS amount
        FROM {{postings}} WHERE {KNOWN} AND measure = 'pipeline' GROUP BY entity, currency, pipeline, stage
        HAVING deals = 0 AND amount != 0 OR deals NOT IN (0, 1)""",
    ),
    Law(
        "bridge_closes",
        "What leaves the pipeline for another line of its deal comes in again: what is transferred adds up to 0.",
        f"""
        SELECT entity, currency, sum(toInt128(multiIf(kind IN ('same', 'raised', 'lowered'), cost,
            kind = '' AND outcome IN ('moved', 'changed'), amount, 0))) AS transferred
        FROM {{postings}} WHERE {KNOWN} AND measure = 'pipeline' GROUP BY entity, currency HAVING transferred != 0""",
    ),
    Law(
        "visits_balance",
        "Entries of a stage = moved on or back + won + lost + still there.",
        f"""
        SELECT entity, sumIf(count, outcome = 'entered') AS entered, -sumIf(count, outcome IN ('moved', 'won', 'lost'))
        FROM {{postings}} WHERE {KNOWN} AND measure = 'pipeline' GROUP BY entity, pipeline, stage
        HAVING entered + sumIf(count, outcome IN ('moved', 'won', 'lost')) NOT IN (0, 1)
            OR sumIf(count, outcome = 'changed') != 0""",
    ),
    Law(
        "taken_back_is_nothing",
        "A deal that is not won has no bookings and no cost, in any currency.",
        f"""
        SELECT entity, sum(count) OVER (PARTITION BY entity) AS wins, value FROM (
            SELECT entity, currency, sum(count) AS count, sum(toInt128(amount)) AS value
            FROM {{postings}} WHERE {KNOWN} AND measure = 'won' GROUP BY entity, currency)
        QUALIFY wins = 0 AND value != 0 OR wins NOT IN (0, 1)""",
    ),
    Law(
        "wins_are_purchases",
        "A customer that won something above nothing keeps one purchase of it, and no other.",
        f"""
        SELECT entity, sumIf(count, measure = 'won') AS wins, sumIf(count, measure = 'bought' AND until_ms = 0) AS kept
        FROM {{postings}} WHERE {KNOWN} AND book = 'deal' AND measure IN ('won', 'bought') GROUP BY entity
        HAVING kept != 0 AND (kept != 1 OR wins != 1 OR sumIf(toInt128(amount), measure = 'won') <= 0)
            OR kept = 0 AND sumIf(count, measure = 'won' AND customer != '') > 0
                AND sumIf(toInt128(amount), measure = 'won') > 0""",
    ),
    Law(
        "told_once",
        "Every event that stands alone or happened once counts 0 or 1 times.",
        f"""
        SELECT entity, toString(event), sum(count) AS times
        FROM {{postings}} WHERE {KNOWN} AND measure NOT IN ('pipeline', 'won', 'lost') AND count != 0
        GROUP BY entity, measure, event HAVING times NOT IN (0, 1)""",
    ),
    Law(
        "lines_are_single",
        "A line of the ledger stands once, and speaks of an event at or before its own position.",
        f"""
        SELECT toString(position), count() AS lines, max(event)
        FROM {{postings}} WHERE {KNOWN} GROUP BY position
        HAVING lines != uniqExact(line) OR lines != max(line) + 1 OR max(event) > position""",
    ),
    Law(
        "lines_are_all_there",
        "The ledger has as many lines as were ever written to it.",
        f"""
        SELECT 'lines', count() AS there, (SELECT max(lines) FROM {{checkpoints}} WHERE {KNOWN}) AS written
        FROM {{postings}} WHERE {KNOWN} HAVING there != written""",
    ),
    Law(
        "events_are_single",
        "Every event of the journal up to the cut is in the histories, once: accepted = applied + parked.",
        f"""
        SELECT 'events', sum(times) AS events, count() AS positions
        FROM (SELECT count() AS times FROM {{history}} WHERE {KNOWN} GROUP BY position)
        HAVING events != positions OR events != {{cut:UInt64}}""",
    ),
)
