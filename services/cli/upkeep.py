"""Keeping the books: ``verify``, ``digest`` and ``status``."""

from typing import TYPE_CHECKING, Any

import click

from services.cli import show
from services.cli.session import FAILED, FINE, Session, shared

if TYPE_CHECKING:
    from services.workspace import Workspace


@click.command(short_help="Prove the ledger: rebuild, compare, check its laws.")
@click.option("--digests", is_flag=True, help="Show the digests of journal, definitions, ledger and answers too.")
@shared
@click.pass_obj
def verify(session: Session, digests: bool) -> int:
    """Rebuild into scratch tables and compare to the bit; check the laws of the ledger and the seals of the journal.

    A seal is what the journal was at the end of an earlier verify; a past that was changed since shows. Exit code 1 on
    a difference.
    """
    from services.replay.verify import verify as run

    with session.workspace() as workspace, session.progress("verifying", _events(workspace)) as advance:
        result = run(workspace, advance, answers=digests)
    if session.json:
        session.tell(result)
    else:
        _verified(session, result, digests)
    return FINE if result["ok"] else FAILED


def _verified(session: Session, result: dict[str, Any], digests: bool) -> None:
    t = session.t
    if not result["tenants"]:
        session.say(t("Nothing was told yet."))
        return
    rows = [
        [
            each["tenant"],
            f"{each['position']:,}",
            t("the same") if each["ledger"] == each["rebuilt"] else t("differs"),
            t("hold") if set(each["laws"].values()) == {"holds"} else _broken(each["laws"]),
            t("holds") if each["told_is_counted"] else t("broken"),
        ]
        for each in result["tenants"]
    ]
    headings = [t(name) for name in ("tenant", "position", "rebuilt ledger", "laws", "told = counted")]
    session.say(show.table(headings, rows, numbers=[1]))
    session.say()
    for each in result["tenants"]:
        for name in ("chain", "journal", "definitions", "ledger", "answers") if digests else ():
            session.say(f"{each['tenant']} {t(name)}: {each[name]}")
        if each["tampered"]:
            session.say(session.sentence(each["tampered"]))
    session.say(t("The books are right.") if result["ok"] else t("The books are not right."))


def _broken(laws: dict[str, str]) -> str:
    return "; ".join(f"{name} {found}" for name, found in laws.items() if found != "holds")


@click.command(short_help="Digests of journal, ledger and definitions.")
@click.option("--as-of", metavar="MOMENT|POSITION", help="Up to this recorded time or position.  [default: now]")
@shared
@click.pass_obj
def digest(session: Session, as_of: str | None) -> None:
    """Digests of journal, ledger and definitions: the same history gives the same, on every machine."""
    from services.replay.digest import digest as run

    with session.workspace() as workspace:
        tenant = workspace.settings.tenant
        session.post(workspace, [tenant])
        result = run(workspace, tenant, workspace.books(tenant).cut(as_of).position)
    if session.json:
        session.tell(result)
    else:
        for name, value in result.items():
            session.say(f"{session.t(name)}: {value}")


@click.command(short_help="How far, how large, and whether all is counted.")
@shared
@click.pass_obj
def status(session: Session) -> None:
    """How far journal and ledger are, whether everything told is counted, and how large it is."""
    from services.status import status as run

    with session.workspace() as workspace:
        result = run(workspace)
        recorded = [_recorded(session, workspace, each) for each in result["tenants"]]
    if session.json:
        session.tell(result)
    else:
        _status(session, result, recorded)


def _recorded(session: Session, workspace: "Workspace", tenant: dict[str, Any]) -> str:
    """When the journal of a tenant learned its latest event, by that tenant's clocks."""
    told = tenant["journal"]["recorded"]
    if not told or session.json:
        return show.DASH
    session.live_in(workspace, tenant["tenant"])
    return session.moment(told)


def _status(session: Session, result: dict[str, Any], recorded: list[str]) -> None:
    t = session.t
    sizes = ", ".join(f"{name} {size / 1024:,.0f} KiB" for name, size in result["bytes"].items())
    session.say(show.printable(f"{result['data']}: {sizes}"))
    session.say()
    if not result["tenants"]:
        session.say(t("Nothing was told yet."))
        return
    names = ["told", "accepted", "duplicates", "refused", "applied", "parked", "lag"]
    rows = [
        [
            each["tenant"],
            moment,
            *(f"{each[name]:,}" for name in names),
            t("hold") if each["identity_holds"] and each["laws_hold"] else t("broken"),
        ]
        for each, moment in zip(result["tenants"], recorded, strict=True)
    ]
    headings = [t(name) for name in ("tenant", "recorded", *names, "laws")]
    session.say(show.table(headings, rows, numbers=range(2, 2 + len(names))))
    if not all(each["laws_hold"] for each in result["tenants"]):
        session.say()
        session.say(t("A law is broken: salestream verify says which, and salestream rebuild makes the ledger anew."))
    if "partitions" in result:
        session.say()
        _partitions(session, result["partitions"])
        _strangers(session, result["strangers"])


def _partitions(session: Session, partitions: list[dict[str, Any]]) -> None:
    t, names = session.t, ["inbox", "inbox_lag", "journal", "ledger_lag"]
    rows = [
        [str(each["partition"]), *(f"{each[name]:,}" for name in names), f"{each['ledger_lag_s']:,.1f} s"]
        for each in partitions
    ]
    headings = ["partition", "inbox", "not in the journal", "journal", "not in the ledger", "waits for"]
    session.say(show.table([t(name) for name in headings], rows, numbers=range(6)))


def _strangers(session: Session, found: dict[str, int]) -> None:
    t = session.t
    if found["inbox"]:
        told = "Records of the inbox without a valid tenant: {count}; see salestream dead-letters list --tenant default"
        session.say(t(told).format(count=f"{found['inbox']:,}"))
    if found["journal"]:
        passed = "Records of the journal topic that Salestream did not write and passed over: {count}"
        session.say(t(passed).format(count=f"{found['journal']:,}"))


def _events(workspace: "Workspace") -> int:
    journal = workspace.journal
    return sum(journal.head(tenant).position for tenant in journal.tenants())
