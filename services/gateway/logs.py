"""The log of a gateway, on standard error: one line for each thing, whatever the message holds."""

import logging
import sys
from typing import Final, TextIO

_NAMES: Final = ("salestream", "services", "uvicorn")


class OneLine(logging.Formatter):
    """A line for each record, in which unseen characters are spelled out; a traceback follows, set in."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(message)s")

    def format(self, record: logging.LogRecord) -> str:
        head, *rest = super().format(record).splitlines() or [""]
        if record.exc_info is None:
            return printable("\\n".join([head, *rest]))
        return "\n".join([printable(head), *(f"  | {printable(line)}" for line in rest)])


def printable(text: str) -> str:
    """The text with unseen characters spelled out, so that nobody's data makes a line of its own."""
    return "".join(each if each.isprintable() else ascii(each)[1:-1] for each in text)


def start(stream: TextIO = sys.stderr) -> None:
    """Log what has to be seen to ``stream``."""
    handler = logging.StreamHandler(stream)
    handler.setFormatter(OneLine())
    for name in _NAMES:
        logger = logging.getLogger(name)
        logger.handlers[:] = [handler]
        logger.setLevel(logging.WARNING)
        logger.propagate = False
