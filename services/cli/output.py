"""Where a verb writes what is no sentence: standard output, or a file that is there only when it is whole."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from services.cli.session import BAD_USAGE, Problem


@contextmanager
def output(into: Path | None) -> Iterator[BinaryIO]:
    """Standard output, or a file, which is there only when it is whole; a pipe is written as it comes."""
    if into is None:
        yield sys.stdout.buffer
        return
    whole = into.is_file() or not into.exists()
    part = into.with_name(f"{into.name}.part") if whole else into
    try:
        out = part.open("wb")
    except OSError as error:
        raise Problem(f"{into} cannot be written: {error.strerror}", BAD_USAGE) from error
    try:
        with out:
            yield out
        if whole:
            part.replace(into)
    finally:
        if whole:
            part.unlink(missing_ok=True)
