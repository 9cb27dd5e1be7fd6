"""``keystore``: the keys of personal data, for several machines and under another master key."""

from contextlib import closing
from pathlib import Path

import click

from services.cli.session import BAD_USAGE, FINE, Problem, Session, Verbs, shared


@click.group(cls=Verbs, short_help="The keys of personal data: serve, rotate.")
def keystore() -> None:
    """The keys that personal data is sealed with. API keys are another thing: see `salestream keys`."""


@keystore.command(short_help="Give them to processes on other machines, until stopped.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", default=8090, show_default=True, type=click.IntRange(0, 65535), help="0: any that is free.")
@click.option("--cert", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE", help="Certificate, for TLS.")
@click.option("--cert-key", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE", help="Its private key.")
@shared
@click.pass_obj
def serve(session: Session, host: str, port: int, cert: Path | None, cert_key: Path | None) -> int:
    """Give the keys over HTTP to processes that know the token of SALESTREAM_KEYSTORE_TOKEN or …_TOKEN_FILE.

    The others name this address with SALESTREAM_SUBJECT_KEYS=https://host:8090, and need no master key. One process
    serves all. The log goes to standard error.
    """
    from services.gateway import logs
    from services.gateway.server import address_of, bound
    from services.gateway.server import serve as run
    from services.sealing.master import token
    from services.sealing.open import open_keys
    from services.sealing.service import app

    if (cert is None) != (cert_key is None):
        raise Problem("--cert and --cert-key belong together; allowed: both, or none", BAD_USAGE)
    settings = session.settings
    logs.start()
    secret = token(settings.keystore_token, settings.keystore_token_file, make=True)
    keys, _ = open_keys(settings)
    with closing(keys):
        try:
            at = bound(host, port)
        except OSError as error:
            what = (error.strerror or str(error)).lower()
            sentence = f"cannot listen on {host} port {port}: {what}; choose another with --host and --port"
            raise Problem(sentence) from error
        tls = None if cert is None or cert_key is None else (cert, cert_key)
        with at:
            address = address_of(at) if tls is None else address_of(at).replace("http:", "https:", 1)
            run(app(keys, secret), at, tls=tls, started=lambda: _started(session, address))
    return FINE


def _started(session: Session, address: str) -> None:
    if session.json:
        session.tell({"address": address})
    else:
        session.say(session.t("The keys of personal data are at {address}").format(address=address))
    click.get_text_stream("stdout").flush()


@keystore.command(short_help="Wrap them by another master key.")
@shared
@click.pass_obj
def rotate(session: Session) -> int:
    """Wrap all keys by another master key; the one before opens nothing any more. Others may use the keys meanwhile.

    A master key in a file is made anew and takes its place. One of SALESTREAM_MASTER_KEY is followed by that of
    SALESTREAM_MASTER_KEY_NEXT, which every process that opens the keys is told first. What was interrupted goes on when
    it is done again. Backups of the keys need the master key that they were made under: make one after this.
    """
    from services.sealing.open import open_keys
    from services.trail import Change, audited, local_user

    settings = session.settings
    keys, masters = open_keys(settings)
    with closing(keys), audited(settings) as audit:
        number = keys.rewrap(masters.next_one())
        masters.promote()
        audit.changed(Change("master.rotated", settings.tenant, local_user(), {"keys": number}))
    if session.json:
        session.tell({"keys": number})
        return FINE
    session.say(session.t("{n} keys are wrapped by the new master key.").format(n=f"{number:,}"))
    if masters.is_told:
        session.say(session.t("Tell it as SALESTREAM_MASTER_KEY now, and SALESTREAM_MASTER_KEY_NEXT no more."))
    return FINE
