"""The same door in Quix Streams: ``python -m benchmarks.peers.quix SERVERS INBOX JOURNAL GROUP EVENTS FOLDER``.

It runs in a virtual environment of its own, made from ``quix.lock``. Each event is validated by the same code, its
identity is looked for in the state of its tenant, and it is written to a topic. There is no ledger: it does less.
"""

import json
import sys
import time
from typing import Any

from quixstreams import Application, State  # type: ignore[import-not-found,unused-ignore]

from events import codec
from events.envelope import Told


def main(servers: str, inbox: str, journal: str, group: str, events: str, folder: str) -> None:
    """Read so many events and print the seconds and processor seconds from the first to the last."""
    app = Application(
        broker_address=servers,
        consumer_group=group,
        auto_offset_reset="earliest",
        auto_create_topics=True,
        state_dir=folder,
        loglevel="ERROR",
    )
    seen = 0
    began: tuple[float, float] = (0.0, 0.0)

    def judged(raw: bytes, key: Any, timestamp: int, headers: Any) -> Told | None:
        nonlocal seen, began
        began = began if seen else (time.perf_counter(), time.process_time())
        seen += 1
        if seen == int(events):
            app.stop()
        try:
            return codec.decode(codec.parse(raw), now_ms=timestamp, currency="CNY")
        except codec.InvalidEvent:
            return None

    def is_new(told: Told, state: State) -> bool:
        identity = f"{told.source} {told.id}"
        if state.get(identity) is not None:
            return False
        state.set(identity, told.digest.hex())
        return True

    read = app.dataframe(app.topic(inbox, value_deserializer="bytes", key_deserializer="bytes"))
    valid = read.apply(judged, metadata=True).filter(lambda told: told is not None)
    new = valid.filter(is_new, stateful=True)
    new.apply(lambda told: told.body).to_topic(app.topic(journal, value_serializer="bytes", key_serializer="bytes"))
    app.run(timeout=60, collect=False)
    print(json.dumps([time.perf_counter() - began[0], time.process_time() - began[1], seen]))


if __name__ == "__main__":
    main(*sys.argv[1:])
