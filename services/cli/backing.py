"""``backup`` and ``restore``."""

from pathlib import Path
from typing import Any

import click

from services.cli import show
from services.cli.session import Session, shared


def _place(context: click.Context, parameter: click.Parameter, told: str) -> Path:
    """Where a backup goes. What ends with a slash is a folder, and made where there is none."""
    path = Path(told)
    if told.endswith("/"):
        try:
            path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise click.UsageError(f"the folder {path} cannot be made: {error.strerror}; name another") from error
    return path


@click.command(short_help="Copy journal and keys, also while they are used.")
@click.argument("target", type=click.Path(), callback=_place, metavar="FILE|DIR")
@shared
@click.pass_obj
def backup(session: Session, target: Path) -> None:
    """Write journal, keys and settings into FILE (.tar or .tar.gz), or into DIR under a dated name.

    Each is copied as it is at one moment, whoever uses it. The ledger is not copied: it is made anew from the journal.
    Passwords of the environment are not copied either.
    """
    from services.backup import PIECES
    from services.backup import backup as run

    settings = session.settings
    paths = [path for piece in PIECES if (path := piece.path(settings)) is not None and path.exists()]
    with session.progress("copying", sum(path.stat().st_size for path in paths), sized=True) as advance:
        file, made = run(settings, target, advance)
    if session.json:
        session.tell({"file": str(file), "files": made.files, "heads": made.heads})
        return
    events = {"n": f"{sum(made.heads.values()):,}", "file": show.printable(str(file))}
    session.say(session.t("{n} events are safe in {file}").format(**events))
    if settings.on_kafka:
        session.say(session.t("The journal is on Kafka and not in it: see docs/replay.md"))


@click.command(short_help="Put a backup into an empty data folder.")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--erasures", type=click.Path(exists=True, dir_okay=False, path_type=Path), metavar="LIST",
    help="Forget these persons again: a register of erasures, or what `subject erased --json` has printed.",
)  # fmt: skip
@click.option("--check", is_flag=True, help="Prove that it can be restored, and change nothing.")
@shared
@click.pass_obj
def restore(session: Session, file: Path, erasures: Path | None, check: bool) -> None:
    """Put journal and keys of a backup into an empty data folder, and make the ledger anew.

    Every file is checked against its digest before the first is put in place. Who was erased since the backup is
    forgotten again before anything is served, as far as --erasures, SALESTREAM_ERASURES or keys outside of the folder
    know of it.
    """
    from services.backup import checked, differing
    from services.backup import restore as run

    settings = session.settings
    if check:
        made = checked(file)
        told: dict[str, Any] = {"events": sum(made.heads.values()), "restored": False}
    else:
        made, then = run(settings, file, erasures=erasures)
        with session.workspace() as workspace:
            journal = workspace.journal
            again = sum(journal.head(tenant).position - made.heads.get(tenant, 0) for tenant in journal.tenants())
            session.post(workspace, journal.tenants())
        told = {"events": sum(made.heads.values()), "restored": True, "settings": differing(settings, then)}
        told["erased_again"] = again
    if session.json:
        session.tell(told | {"heads": made.heads})
        return
    sentence = "{n} events can be restored from it" if check else "{n} events are back, and the ledger is made"
    session.say(session.t(sentence).format(n=f"{told['events']:,}"))
    if told.get("erased_again"):
        sentence = session.t("{n} persons who were erased since are forgotten again")
        session.say(sentence.format(n=told["erased_again"]))
    for name, each in told.get("settings", {}).items():
        words = {"name": f"SALESTREAM_{name.upper()}", "then": each["then"], "now": each["now"]}
        session.say(show.printable(session.t("{name} was {then} then and is {now} now").format(**words)))
