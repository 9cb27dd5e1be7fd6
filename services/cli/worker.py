"""``worker``: takes events from Kafka into the journal and posts them to the ledger, until it is stopped."""

from typing import Any

import click

from services.cli import show
from services.cli.session import BAD_USAGE, FINE, Problem, Session, shared


@click.command(short_help="Take events from Kafka and post them, until stopped.")
@shared
@click.pass_obj
def worker(session: Session) -> int:
    """Take what the inbox topic tells into the journal, and post the journal to the ledger, until SIGTERM or Ctrl-C.

    Start as many as you like: they share the partitions. Needs SALESTREAM_JOURNAL=kafka://… and the topics that
    `salestream setup` makes. The log goes to standard error. A second signal ends it at once.
    """
    settings = session.settings
    if not settings.on_kafka:
        raise Problem(
            "a worker needs a journal on Kafka; set SALESTREAM_JOURNAL=kafka://host:9092. A journal in a file needs "
            "no worker: every command posts it",
            BAD_USAGE,
        )
    import asyncio
    import gc
    import sys

    from services.sealing.open import must_name_keys
    from services.sealing.port import SealingError
    from services.worker import logs
    from services.worker.worker import Worker

    gc.set_threshold(200_000, 20, 100)  # events hold no cycles; looking for some costs a third of the time
    sys.setswitchinterval(0.0005)  # s; threads that wait for the network would else wait for each other's turns
    try:
        must_name_keys(settings)  # which no time mends
        running = Worker(settings, lambda told: _begun(session, told))
    except (ValueError, SealingError) as error:
        raise Problem(f"a setting cannot be used: {error}", BAD_USAGE) from error
    logs.start(settings.worker_log)
    asyncio.run(running.run())
    return FINE


def _begun(session: Session, told: dict[str, Any]) -> None:
    if session.json:
        session.tell(told)
    else:
        for name, value in told.items():
            text = ", ".join(value) if isinstance(value, list) else show.DASH if value is None else str(value)
            session.say(show.printable(f"{session.t(name)}: {text}"))
    click.get_text_stream("stdout").flush()
