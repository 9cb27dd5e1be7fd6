"""``attest``: signed statements about the books that others can check."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from services.cli.session import BAD_USAGE, FAILED, FINE, Problem, Session, Verbs, shared

if TYPE_CHECKING:
    from services.workspace import Workspace

_FILE = click.Path(dir_okay=False, path_type=Path)


@click.group(
    "attest",
    cls=Verbs,
    invoke_without_command=True,
    short_help="Sign what the books are, for others to check.",
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.option("--key", type=_FILE, metavar="FILE", help="Your private key; see `attest new-key`.")
@click.option("--out", type=_FILE, metavar="FILE", help="Where to write the attestation.")
@click.option("--as-of", metavar="MOMENT|POSITION", help="Up to this recorded time or position.  [default: now]")
@shared
@click.pass_context
def attest(ctx: click.Context, key: Path | None, out: Path | None, as_of: str | None) -> None:
    """Write a signed statement: this journal, under these definitions, gives this ledger and these answers."""
    if ctx.invoked_subcommand is not None:
        return
    if key is None or out is None:
        raise click.UsageError("name your key and the file to write: salestream attest --key FILE --out FILE")
    from services.replay.attest import attest as run
    from services.replay.attest import read_key

    session = ctx.find_object(Session)
    assert session is not None, "main hands a session over"
    private = read_key(key)
    if out.exists():
        raise Problem(f"{out} exists already; name another file", BAD_USAGE)
    with session.workspace() as workspace:
        tenant = workspace.settings.tenant
        session.post(workspace, [tenant])
        _unchanged(workspace, tenant)
        signed = run(workspace, tenant, workspace.books(tenant).cut(as_of).position, private)
    with out.open("x", encoding="utf-8") as file:
        file.write(json.dumps(signed, indent=2, ensure_ascii=False) + "\n")
    if session.json:
        session.tell(signed)
    else:
        told = {"n": f"{signed['statement']['position']:,}", "file": out, "key": signed["public_key"]}
        session.say(session.t("{n} events are attested in {file}, signed by {key}").format(**told))


def _unchanged(workspace: "Workspace", tenant: str) -> None:
    """Nothing is signed whose past was changed. Raises Problem."""
    from services.replay.attest import seals_of
    from services.replay.chain import sealed

    wrong = sealed(workspace.journal, seals_of(workspace), tenant)["tampered"]
    if wrong is not None:
        raise Problem(wrong)


@attest.command("new-key", short_help="Make a private key.")
@click.argument("file", type=_FILE)
@shared
@click.pass_obj
def new_key(session: Session, file: Path) -> None:
    """Make a private key in FILE, and show the public one, by which others know who signed."""
    from services.replay.attest import make_key

    public = make_key(file)
    if session.json:
        session.tell({"public_key": public, "file": str(file)})
    else:
        session.say(session.t("public key: {key}").format(key=public))


@attest.command("check", short_help="Check an attestation, and these books against it.")
@click.argument("file", type=_FILE)
@click.option("--signer", metavar="KEY", help="The public key that must have signed it.")
@click.option("--signature-only", is_flag=True, help="Compare with no books.")
@shared
@click.pass_obj
def check(session: Session, file: Path, signer: str | None, signature_only: bool) -> int:
    """Check who signed FILE and that it was not changed since; then make everything anew here and compare.

    Exit code 1 where these books say something else.
    """
    from services.replay.attest import compared, read_attestation

    told = read_attestation(file)
    if signer is not None and signer != told["public_key"]:
        raise Problem(f"{file} is signed by {told['public_key']} and not by {signer}")
    result: dict[str, Any] = {"signed_by": told["public_key"], "statement": told["statement"]}
    if not signature_only:
        with session.workspace() as workspace:
            session.post(workspace, [told["statement"]["tenant"]])
            result["same"] = compared(workspace, told["statement"])
            session.live_in(workspace, told["statement"]["tenant"])
    if session.json:
        session.tell(result)
    else:
        _checked(session, result, signer)
    return FAILED if False in result.get("same", {}).values() else FINE


def _checked(session: Session, result: dict[str, Any], signer: str | None) -> None:
    t, said = session.t, result["statement"]
    known = "" if signer else t(" (compare this key with the one that you know)")
    session.say(t("signed by {key}{known}").format(key=result["signed_by"], known=known))
    session.say(t("{tenant} up to position {n}, {recorded}").format(
        tenant=said["tenant"], n=f"{said['position']:,}", recorded=said["recorded"] and session.moment(said["recorded"])
    ))  # fmt: skip
    words = {True: t("the same"), False: t("differs"), None: t("other rules here")}
    for name, same in result.get("same", {}).items():
        session.say(f"{t(name)}: {words[same]}")
