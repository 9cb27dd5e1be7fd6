"""Taking one figure: in a process of its own, with its rate, processor time and peak memory."""

import multiprocessing
import resource
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Figure:
    """How long something took and how much memory it needed, in one process and its helpers."""

    seconds: float
    cpu_seconds: float
    peak_mib: float
    result: Any


def taken(work: Callable[..., Any], *arguments: Any) -> Figure:
    """Run ``work`` in a fresh process and measure it. Raises RuntimeError where it fails."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=_run, args=(theirs, work, arguments))
    process.start()
    theirs.close()
    try:
        figure = ours.recv()
    except EOFError:
        process.join()
        raise RuntimeError(f"{work.__name__} failed; its error stands above") from None
    process.join()
    assert isinstance(figure, Figure)
    return figure


def _run(pipe: Any, work: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
    before, start = _cpu(), time.perf_counter()
    result = work(*arguments)
    seconds = time.perf_counter() - start
    own, helpers = (
        resource.getrusage(who).ru_maxrss / 1024 for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    )
    pipe.send(Figure(seconds, _cpu() - before, own + helpers, result))


def _cpu() -> float:
    usages = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)
