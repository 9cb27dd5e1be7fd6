"""Taking one figure: in a process of its own, with its rate, processor time and peak memory."""

import multiprocessing
import os
import resource
import subprocess
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks.memory import Watched


@dataclass(frozen=True)
class Figure:
    """How long something took and how much memory it needed, in one process and its helpers."""

    seconds: float
    cpu_seconds: float
    peak_mib: float
    """As ``Watched`` has it."""
    result: Any


def taken(work: Callable[..., Any], *arguments: Any) -> Figure:
    """Run ``work`` in a fresh process and measure it. Raises RuntimeError where it fails."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=_run, args=(theirs, work, arguments))
    process.start()
    theirs.close()
    assert process.pid is not None, "it was started"
    try:
        with Watched(process.pid) as memory:
            seconds, cpu_seconds, result = ours.recv()
    except EOFError:
        process.join()
        raise RuntimeError(f"{work.__name__} failed; its error stands above") from None
    process.join()
    return Figure(seconds, cpu_seconds, memory.peak_mib, result)


def commanded(command: Sequence[str], allowed: Collection[int] = (0,)) -> Figure:
    """Run a command and measure it; the result is its exit code. Raises RuntimeError where that is not allowed."""
    start = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    with Watched(process.pid) as memory:
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode not in allowed:
        raise RuntimeError(f"{' '.join(command)} ended with {process.returncode}")
    return Figure(seconds, usage.ru_utime + usage.ru_stime, memory.peak_mib, process.returncode)


def _run(pipe: Any, work: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
    before, start = _cpu(), time.perf_counter()
    result = work(*arguments)
    seconds = time.perf_counter() - start
    pipe.send((seconds, _cpu() - before, result))


def _cpu() -> float:
    usages = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)
