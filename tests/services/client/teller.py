"""A process that tells until it is killed: ``python -m tests.services.client.teller URL SPOOL``.

It writes the id of each event to its standard output as soon as ``tell`` has returned, and not before.
"""

import os
import sys
from datetime import UTC, datetime
from itertools import count

from events.deals import DealWon
from services.client.client import Client

AT = datetime(2026, 9, 21, 9, tzinfo=UTC)


def main(url: str, spool: str) -> None:
    """Tells for ever."""
    with Client(url, source="/shop", spool=spool, linger_s=0.02, batch_events=20) as client:
        for number in count():
            id_ = client.tell(DealWon(deal_id=f"D-{number}", amount="1.00"), time=AT)
            os.write(sys.stdout.fileno(), f"{id_}\n".encode())


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
