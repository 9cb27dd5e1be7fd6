"""The log of a worker: one line for each change of state, for people or as JSON. No events, persons or secrets."""

import json
import logging
import sys
from datetime import UTC, datetime
from typing import Final, TextIO

LOG: Final = logging.getLogger("salestream.worker")

_LIBRARIES: Final = ("faust", "mode", "aiokafka", "kafka", "asyncio")
"""They report what they will try again, over and over, some of it with what records hold; we say what matters."""


class AsJson(logging.Formatter):
    """A line of JSON: time, level, event, and what else was given as ``extra``."""

    def format(self, record: logging.LogRecord) -> str:
        moment = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        line = {"time": moment, "level": record.levelname.lower(), "event": record.getMessage()}
        return json.dumps(line | getattr(record, "facts", {}), ensure_ascii=False)


class AsText(logging.Formatter):
    """A line for people."""

    def format(self, record: logging.LogRecord) -> str:
        clock = datetime.fromtimestamp(record.created, UTC).strftime("%H:%M:%S")
        facts = "".join(f"  {name}={value}" for name, value in getattr(record, "facts", {}).items())
        return f"{clock} {record.levelname.lower():7} {record.getMessage()}{facts}"


def say(level: int, event: str, **facts: object) -> None:
    """One line; ``facts`` are names and numbers, and sentences of our own errors."""
    LOG.log(level, event, extra={"facts": facts})


def start(style: str, stream: TextIO = sys.stderr) -> None:
    """Log to ``stream``. ``style`` is text, json, or auto: text where a person watches."""
    as_text = style == "text" or (style == "auto" and stream.isatty())
    handler = logging.StreamHandler(stream)
    handler.setFormatter(AsText() if as_text else AsJson())
    for name in ("salestream", "services"):
        logger = logging.getLogger(name)
        logger.handlers[:] = [handler]
        logger.setLevel(logging.INFO)
        logger.propagate = False
    for name in _LIBRARIES:
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)
