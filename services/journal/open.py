"""Opens the journal that a URL names."""

from contextlib import ExitStack, closing
from pathlib import Path
from typing import TYPE_CHECKING

from services.clock import now_ms
from services.journal.port import JournalError
from services.journal.sqlite import SqliteJournal
from services.sealing.fence import reconcile
from services.sealing.open import open_vault
from services.sealing.vault import Vault
from services.settings import Settings

if TYPE_CHECKING:
    from services.kafka.clients import Cluster


def open_journal(settings: Settings) -> SqliteJournal:
    """The journal of the settings, to be written; one on Kafka with its mirror in the data folder.

    It seals what is personal. Erasures that it, the keys and the register do not agree on, for some of them were
    restored from a backup, are applied before it is open. Raises JournalError.
    """
    with ExitStack() as opened:
        if settings.on_kafka:
            _cluster(settings, settings.journal)
        vault = opened.enter_context(closing(open_vault(settings)))
        if settings.on_kafka:
            journal = opened.enter_context(open_kafka(settings, settings.journal, settings.journal_path, vault))
        else:
            journal = opened.enter_context(SqliteJournal(settings.journal_path, vault=vault))
        reconcile(journal, vault.keys, vault.register, now_ms())
        opened.pop_all()
    return journal


def open_to_read(settings: Settings) -> SqliteJournal:
    """The file of the journal beside the process that writes it. Raises JournalError."""
    path = settings.journal_path
    if not path.exists():
        return SqliteJournal(path, read_only=True)
    with ExitStack() as opened:
        vault = opened.enter_context(closing(open_vault(settings)))
        journal = SqliteJournal(path, read_only=True, vault=vault)
        opened.pop_all()
    return journal


def open_kafka(settings: Settings, url: str, mirror: Path, vault: Vault | None = None) -> SqliteJournal:
    """The journal in the topics of a cluster. Raises JournalError, also where the settings do not fit together."""
    # Kafka's client takes a while to import, and most journals are files.
    from services.journal.kafka import KafkaJournal
    from services.kafka.topics import Names

    return KafkaJournal(mirror, _cluster(settings, url), Names(settings.kafka_prefix), vault)


def _cluster(settings: Settings, url: str) -> "Cluster":
    from services.kafka.clients import cluster_of

    try:
        return cluster_of(settings, url)
    except ValueError as error:
        raise JournalError(f"the journal cannot be opened: {error}") from error
