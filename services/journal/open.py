"""Opens the journal that a URL names."""

from pathlib import Path

from services.journal.port import JournalError
from services.journal.sqlite import SqliteJournal
from services.settings import Settings


def open_journal(settings: Settings) -> SqliteJournal:
    """The journal of the settings, to be written; one on Kafka with its mirror in the data folder.

    Raises JournalError.
    """
    if settings.on_kafka:
        return open_kafka(settings, settings.journal, settings.journal_path)
    return SqliteJournal(settings.journal_path)


def open_kafka(settings: Settings, url: str, mirror: Path) -> SqliteJournal:
    """The journal in the topics of a cluster. Raises JournalError, also where the settings do not fit together."""
    # Kafka's client takes a while to import, and most journals are files.
    from services.journal.kafka import KafkaJournal
    from services.kafka.clients import cluster_of
    from services.kafka.topics import Names

    try:
        cluster = cluster_of(settings, url)
    except ValueError as error:
        raise JournalError(f"the journal cannot be opened: {error}") from error
    return KafkaJournal(mirror, cluster, Names(settings.kafka_prefix))
