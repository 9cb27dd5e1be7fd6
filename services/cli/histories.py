"""What is known of one entity, for people: its events, what they told and what was posted for them."""

from typing import Any

from services.cli import show
from services.cli.session import Session


def say_history(session: Session, found: dict[str, Any]) -> None:
    """The history, as tables."""
    t = session.t
    session.say(show.printable(f"{t(found['entity'])} {found['id']}"))
    session.say()
    if not found["events"]:
        session.say(t("Nothing is known of it."))
        return
    headings = [t(name) for name in ("position", "occurred", "recorded", "event", "what was told", "")]
    rows = [
        [str(each["position"]), session.moment(each["time"]), session.moment(each["recorded"]), each["type"],
         _told(session, each), _fate(session, each)]
        for each in found["events"]
    ]  # fmt: skip
    session.say(show.table(headings, rows, numbers=[0]))
    if found["postings"]:
        session.say()
        names = list(dict.fromkeys(name for line in found["postings"] for name in line))
        posted = [line | {"time": session.moment(line["time"])} for line in found["postings"]]
        lines = [[str(line.get(name, "")) for name in names] for line in posted]
        session.say(t("Posted to the ledger"))
        session.say(show.table([t(name) for name in names], lines))


def _told(session: Session, event: dict[str, Any]) -> str:
    from events.personal import PERSONAL

    told = dict(event["data"])
    if (state := event.get("personal", "open")) != "open":
        told |= {name: f"({session.t(state)})" for name in PERSONAL[event["type"]]}
    return ", ".join(f"{name} {value}" for name, value in told.items())


def _fate(session: Session, event: dict[str, Any]) -> str:
    return session.t("voided") if event["voided"] else event.get("parked", "")
