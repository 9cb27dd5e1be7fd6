"""``trail``: who asked and changed what."""

from typing import Any, Final

import click

from services.cli import show
from services.cli.session import Session, shared

_TYPES: Final = (
    "question.asked", "key.created", "key.rotated", "key.revoked", "master.rotated", "subject.erased",
    "subject.exported", "letter.retried", "letter.discarded", "mapping.changed", "inbox.retranslated", "command.run",
)  # fmt: skip


@click.command(short_help="Who asked and changed what.")
@click.option("--type", "types", multiple=True, type=click.Choice(_TYPES), help="Only of this type; may be repeated.")
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1, 10_000), help="The latest so many.")
@shared
@click.pass_obj
def trail(session: Session, types: tuple[str, ...], limit: int) -> None:
    """Who asked what, over HTTP and here, and who changed or ran something; oldest first.

    Works while another process owns the data folder. Entries are kept for SALESTREAM_AUDIT_DAYS days.
    """
    from services.trail import audited

    settings = session.settings
    with audited(settings) as kept:
        found = kept.entries(settings.tenant, types=types, limit=limit)
    if session.json:
        session.tell(found)
        return
    if not found:
        session.say(session.t("Nobody has asked or changed anything yet."))
        return
    session.live_beside()
    headings = [session.t(name) for name in ("recorded", "who", "type", "what")]
    rows = [
        [session.moment(each["time"]), each["data"].pop("who"), each["type"], _what(each["data"])] for each in found
    ]
    session.say(show.table(headings, rows))


def _what(data: dict[str, Any]) -> str:
    if "asked" in data:
        times = f" ×{data['count']}" if data["count"] > 1 else ""
        return f"{data['asked']}{times}"
    return ", ".join(f"{name} {value}" for name, value in data.items())
