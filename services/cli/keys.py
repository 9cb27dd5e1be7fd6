"""``keys``: who may tell and ask over HTTP."""

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from services.cli import show
from services.cli.session import BAD_USAGE, FINE, Problem, Session, Verbs, shared

if TYPE_CHECKING:
    from services.keys.port import Key
    from services.keys.sqlite import SqliteKeys

_SPAN: Final = re.compile(r"(\d{1,5})(m|h|d)", re.ASCII)
_UNITS_MS: Final = {"m": 60_000, "h": 3_600_000, "d": 86_400_000}
_SCOPES: Final = ("ingest", "read", "admin", "erase", "wall")


class Span(click.ParamType):
    """A length of time, as milliseconds: 90m, 24h or 30d."""

    name = "span"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        if isinstance(value, int):
            return value
        found = _SPAN.fullmatch(value)
        if found is None:
            self.fail(f"{value!r} is no length of time; allowed: minutes, hours or days, such as 90m, 24h or 30d")
        return int(found[1]) * _UNITS_MS[found[2]]


@click.group(cls=Verbs, short_help="Who may tell and ask over HTTP.")
def keys() -> None:
    """API keys. A key belongs to a tenant (--tenant), and opens what its scopes say.

    They may be changed while `salestream serve` runs, which takes note at once.
    """


@keys.command(short_help="Make a key; it is shown once.")
@click.option("--name", default="", help="What it is for, in your words.")
@click.option(
    "--scope", "scopes", multiple=True, type=click.Choice(_SCOPES), default=("ingest",), show_default=True,
    help="What it opens; may be given several times.",
)  # fmt: skip
@click.option("--expires", type=Span(), metavar="TIME", help="When it ends: in 90m, 24h, 30d …  [default: never]")
@click.option(
    "--first", "file", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE",
    help="Make it only where there is none yet, and write it into this file, which only you may read.",
)  # fmt: skip
@shared
@click.pass_obj
def create(session: Session, name: str, scopes: tuple[str, ...], expires: int | None, file: Path | None) -> int:
    """Make a key. It is shown once and is kept nowhere: only who knows it can use it."""
    from services.clock import now_ms
    from services.keys.tokens import create as make

    now = now_ms()
    with _opened(session) as store:
        if file is not None and any(key.state(now) == "active" for key in store.listed()):
            _noted(session, "There is a key already.", {"created": False})
            return FINE
        key, token = make(
            store,
            tenant=session.settings.tenant,
            name=name,
            scopes=[scope for scope in _SCOPES if scope in scopes],
            now_ms=now,
            expires_ms=None if expires is None else now + expires,
        )
    _note(session, "key.created", key)
    if file is None:
        _once(session, key, token, now)
        return FINE
    _written(file, token)
    _noted(session, "The key is in {file}.", {"created": True, "file": str(file)} | _described(key, now))
    return FINE


@keys.command("list", short_help="Every key, without its secret.")
@click.option("--all", "every", is_flag=True, help="Of all tenants.")
@shared
@click.pass_obj
def list_(session: Session, every: bool) -> int:
    """Every key of the tenant: what it opens, and whether it is still good."""
    from services.clock import now_ms

    now = now_ms()
    with _opened(session) as store:
        found = [key for key in store.listed() if every or key.tenant == session.settings.tenant]
    if session.json:
        session.tell([_described(key, now) for key in found])
        return FINE
    t = session.t
    if not found:
        session.say(t("There are no keys."))
        return FINE
    session.live_beside()
    rows = [[*row, t(state)] for *row, state in (_row(session, key, now) for key in found)]
    names = [t(name) for name in ("prefix", "tenant", "name", "scopes", "since", "expires", "state")]
    session.say(show.table(names, rows))
    return FINE


@keys.command(short_help="End a key for good.")
@click.argument("prefix")
@shared
@click.pass_obj
def revoke(session: Session, prefix: str) -> int:
    """End a key for good, at once. PREFIX is what `keys list` shows."""
    from services.clock import now_ms

    now = now_ms()
    with _opened(session) as store:
        key = store.revoke(_prefix(prefix), now)
    _note(session, "key.revoked", key)
    if session.json:
        session.tell(_described(key, now))
    else:
        session.say(session.t("The key {prefix} opens nothing any more.").format(prefix=key.prefix))
    return FINE


@keys.command(short_help="Give a key a new secret.")
@click.argument("prefix")
@click.option(
    "--keep", type=Span(), default="24h", show_default=True, metavar="TIME", help="How long the old one stays good."
)
@shared
@click.pass_obj
def rotate(session: Session, prefix: str, keep: int) -> int:
    """Give a key a new secret, which is shown once. The old one stays good for a while, so that nobody stands outside.

    PREFIX is what `keys list` shows.
    """
    from services.clock import now_ms
    from services.keys.tokens import rotate as renew

    now = now_ms()
    with _opened(session) as store:
        key, token = renew(store, _prefix(prefix), now_ms=now, old_until_ms=now + keep)
    _note(session, "key.rotated", key)
    _once(session, key, token, now)
    return FINE


def _note(session: Session, what: str, key: "Key") -> None:
    """In the audit journal of the key's tenant."""
    from services.trail import Change, audited, local_user

    with audited(session.settings) as audit:
        audit.changed(Change(what, key.tenant, local_user(), {"prefix": key.prefix, "scopes": list(key.scopes)}))


def _opened(session: Session) -> "SqliteKeys":
    from services.keys.sqlite import SqliteKeys

    return SqliteKeys(session.settings.keys_path)


def _prefix(told: str) -> str:
    """The prefix, also where it was copied with what stands before it. A whole key is no prefix: it is secret."""
    prefix = told.removeprefix("ss_")
    if "_" in prefix:
        raise Problem(
            "that is a whole key, which nobody else may see; allowed: its prefix, the part in the middle", BAD_USAGE
        )
    return prefix


def _once(session: Session, key: "Key", token: str, now: int) -> None:
    if session.json:
        session.tell({"key": token} | _described(key, now))
        return
    session.say(token)
    sentence = session.t("Keep it well, it is not shown again. It is sent as: Authorization: Bearer {prefix}…")
    click.echo(sentence.format(prefix=f"ss_{key.prefix}_"), err=True)


def _written(file: Path, token: str) -> None:
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as out:
        os.fchmod(out.fileno(), 0o600)  # also where the file was there before
        out.write(f"{token}\n")


def _noted(session: Session, sentence: str, told: dict[str, Any]) -> None:
    if session.json:
        session.tell(told)
    else:
        session.say(session.t(sentence).format(**told))


def _described(key: "Key", now: int) -> dict[str, Any]:
    from events.envelope import to_text

    return {
        "prefix": key.prefix,
        "tenant": key.tenant,
        "name": key.name,
        "scopes": list(key.scopes),
        "created": to_text(key.created_ms),
        "expires": None if key.expires_ms is None else to_text(key.expires_ms),
        "state": key.state(now),
        "secrets": sum(each.until_ms is None or each.until_ms > now for each in key.secrets),
    }


def _row(session: Session, key: "Key", now: int) -> list[str]:
    """The cells of a key in the table, the state last."""
    told = _described(key, now) | {"scopes": " ".join(key.scopes)}
    told |= {name: session.moment(told[name]) for name in ("created", "expires") if told[name]}
    return [told[name] or show.DASH for name in ("prefix", "tenant", "name", "scopes", "created", "expires", "state")]
