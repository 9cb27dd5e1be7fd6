"""A process that feeds an inbox until it is killed: ``python -m tests.services.journal.feeding URL PREFIX MIRROR``.

The inbox holds at offset n the event of id n. It begins behind what the journal has, feeds again what fails, and
writes to its standard output how far it is as soon as the journal has taken it.
"""

import os
import sys
from pathlib import Path

from services.journal.kafka import KafkaJournal
from services.journal.port import JournalError
from services.kafka.clients import cluster_of
from services.kafka.feeder import Feeder
from services.kafka.topics import Names
from services.settings import Settings
from tests.services.journal.telling import told

CHUNK = 40


def main(url: str, prefix: str, mirror: Path) -> None:
    """Feeds for ever."""
    with KafkaJournal(mirror, cluster_of(Settings(journal=url, kafka_timeout_s=8)), Names(prefix)) as journal:
        feeder = Feeder(journal)
        fed = journal.watermark(0) + 1
        while True:
            batch = [(offset, told(f"{offset}")) for offset in range(fed, fed + CHUNK)]
            try:
                feeder.feed({0: batch}, now_ms=0)
            except JournalError as error:
                os.write(sys.stderr.fileno(), f"{error}\n".encode())
                continue
            fed += CHUNK
            os.write(sys.stdout.fileno(), b"%d\n" % fed)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], Path(sys.argv[3]))
