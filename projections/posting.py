"""A posting: one signed line of the ledger."""

from functools import cache
from typing import Final, cast

import msgspec
from msgspec.structs import replace

from events.base import Dimensioned, SalesEvent


class Dimensions(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Where a posting belongs. Empty text: not known, or not of this kind."""

    rep_id: str = ""
    team_id: str = ""
    region: str = ""
    product: str = ""
    channel: str = ""
    campaign: str = ""
    segment: str = ""
    manager_id: str = ""
    customer: str = ""
    lead: str = ""
    deal: str = ""
    pipeline: str = ""
    stage: str = ""
    to_stage: str = ""
    kind: str = ""
    direction: str = ""
    category: str = ""
    reason: str = ""
    competitor: str = ""
    respondent: str = ""
    outcome: str = ""
    """What the line stands for within its measure: ``entered``, ``won``, ``promoter`` …"""
    probability_ppm: int = -1
    """A deal's own probability in millionths; -1: the stage's."""
    attributes: tuple[tuple[str, str], ...] = ()


NOWHERE: Final = Dimensions()


class Posting(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One signed line: what (measure), how much, when it takes effect, where it belongs, which event says so."""

    measure: str
    at_ms: int
    """When it takes effect, on the occurred clock."""
    event: int
    """The position of the event that it comes from."""
    dims: Dimensions
    count: int = 0
    amount: int = 0
    """Minor units of ``currency``; for survey and training answers millionths of the scale."""
    cost: int = 0
    currency: str = ""
    basis_ms: int = 0
    """The moment whose organisation and exchange rate apply: its own, or that of the line it takes back."""
    since_ms: int = 0
    until_ms: int = 0
    """The span it closes, for durations: a deal's life, a visit to a stage."""
    local: bool = False
    """``at_ms`` is a calendar day (its midnight as if UTC), whatever the tenant's zone."""


def merged(dims: Dimensions, event: SalesEvent, **also: str | None) -> Dimensions:
    """The dimensions in force after ``event``: what it tells replaces what was, the rest stays."""
    changes: dict[str, object] = {}
    for name, value in also.items():
        if value is not None:
            changes[name] = value
    if _is_dimensioned(type(event)):
        _take_told(cast(Dimensioned, event), changes)
    if event.attributes:
        changes["attributes"] = tuple(sorted((dict(dims.attributes) | event.attributes).items()))
    return replace(dims, **changes) if changes else dims


@cache
def _is_dimensioned(event: type[SalesEvent]) -> bool:
    """Kept, for to ask whether something is a struct of some class takes as long as all else here."""
    return issubclass(event, Dimensioned)


def _take_told(event: Dimensioned, changes: dict[str, object]) -> None:
    """Spelled out, for it runs for nearly every event."""
    if event.rep_id is not None:
        changes["rep_id"] = event.rep_id
    if event.team_id is not None:
        changes["team_id"] = event.team_id
    if event.region is not None:
        changes["region"] = event.region
    if event.product is not None:
        changes["product"] = event.product
    if event.channel is not None:
        changes["channel"] = event.channel
    if event.campaign is not None:
        changes["campaign"] = event.campaign
    if event.segment is not None:
        changes["segment"] = event.segment


def replace_dims(dims: Dimensions, **changes: str) -> Dimensions:
    """The same dimensions with these instead."""
    return replace(dims, **changes)
