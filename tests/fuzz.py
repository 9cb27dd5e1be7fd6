"""``python -m tests.fuzz SECONDS``: bytes that coverage leads to, into the codec and the connectors, with atheris.

Atheris is installed by ``make fuzz`` where it can be; it changes the bytes so that they reach ever more lines. Whatever
is told, the codec refuses in a sentence or takes, and a connector translates or says why not: any other exception is a
mistake, with which this ends, and writes the bytes that make it.
"""

import importlib
import json
import sys
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

SECONDS: Final = 60


def main(seconds: int) -> None:
    """Fuzz for some time, and end the process."""
    try:
        atheris: Any = importlib.import_module("atheris")
    except ImportError:
        sys.exit("atheris is not installed; it is made for Linux with Python 3.11 to 3.13")
    with atheris.instrument_imports(include=["events", "services.connectors"]):
        try_one = _target()
    with TemporaryDirectory(prefix="salestream-fuzz-") as folder:
        _seeds(Path(folder))
        options = [
            f"-max_total_time={seconds}",
            "-max_len=4096",
            "-timeout=20",
            "-rss_limit_mb=2048",
            "-verbosity=0",
            "-print_final_stats=1",
        ]
        atheris.Setup([sys.argv[0], *options, folder], try_one)
        atheris.Fuzz()


def _target() -> Any:
    """Tries some bytes on everything that takes some."""
    from events.codec import InvalidEvent, decode, parse
    from services.connectors.known import Nothing
    from services.connectors.library import mapping_for
    from services.connectors.payload import parse as parse_payload
    from services.connectors.port import Unreadable
    from services.connectors.registry import CONNECTORS
    from services.connectors.translate import Terms, translate

    mappings = {system: mapping_for(system, "default", None) for system in CONNECTORS}

    def try_one(told: bytes) -> None:
        with suppress(InvalidEvent):
            decode(parse(told), now_ms=1_795_000_000_000, currency="CNY")
        for system, connector in CONNECTORS.items():
            try:
                payload = parse_payload(told)
                connector.account_of(payload)
                changes = connector.changes(payload)
                translate(changes, mappings[system], Nothing(), Terms(f"/hooks/{system}/a", "CNY"))
            except Unreadable:
                continue

    return try_one


def _seeds(folder: Path) -> None:
    """What to begin with: an event of each type, and captured deliveries."""
    from events.samples import full_sample, told
    from events.vocabulary import BY_TYPE

    for type_, event in BY_TYPE.items():
        (folder / type_).write_text(json.dumps(told(full_sample(event)), ensure_ascii=False), "utf-8")
    for path in (Path(__file__).parent / "services/connectors/payloads").glob("*.json"):
        (folder / path.name).write_bytes(path.read_bytes())


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else SECONDS)
