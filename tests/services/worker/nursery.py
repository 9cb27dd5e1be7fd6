"""A process that has everything loaded, from which workers are forked: ``python -m tests.services.worker.nursery``.

Loading takes longer than a kill test lets a worker live. It is told, one JSON object a line, what a worker is to be
like, and answers with its process number.
"""

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from types import TracebackType
from typing import Any, Final, NoReturn, Self

from tests.clickhouse.running import ROOT


class Nursery:
    """The process, used as a context manager. Who is born dies with a signal of its own, or with the nursery."""

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.services.worker.nursery"],
            cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        self._born: list[Child] = []
        return self

    def born(self, env: dict[str, str], log: Path, planted: str) -> "Child":
        """A worker with this environment, which writes to this file; one with a mistake where one is named."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps({"env": env, "log": str(log), "planted": planted}) + "\n")
        self._process.stdin.flush()
        self._born.append(Child(int(self._process.stdout.readline())))
        return self._born[-1]

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for child in self._born:
            if child.poll() is None:
                child.send_signal(signal.SIGCONT)
                child.kill()
        self._process.kill()
        self._process.communicate()


class Child:
    """A process that is not ours to wait for; as far as needed, what ``subprocess.Popen`` is."""

    def __init__(self, pid: int) -> None:
        self.pid: Final = pid

    def send_signal(self, number: signal.Signals) -> None:
        """A signal, if it lives."""
        with suppress(ProcessLookupError):
            os.kill(self.pid, number)

    def kill(self) -> None:
        """As the power goes."""
        self.send_signal(signal.SIGKILL)

    def poll(self) -> int | None:
        """None while it lives. How it ended is not known here."""
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return 0
        return None

    def wait(self, timeout: float) -> int:
        """Wait for its end. Raises TimeoutExpired."""
        deadline = time.monotonic() + timeout
        while self.poll() is None:
            if time.monotonic() > deadline:
                raise subprocess.TimeoutExpired(f"worker {self.pid}", timeout)
            time.sleep(0.005)
        return 0


def main() -> None:
    """Fork a worker for each line."""
    for module in ("services.cli.worker", "services.store.server", "services.worker.worker"):
        import_module(module)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the dead are nobody's business here
    for line in sys.stdin:
        if pid := os.fork():
            sys.stdout.write(f"{pid}\n")
            sys.stdout.flush()
        else:
            _live(json.loads(line))


def _live(told: dict[str, Any]) -> NoReturn:
    from services.cli.app import main as salestream
    from tests.services.worker.planted import PLANTED

    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    out = os.open(told["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    for stream in (1, 2):
        os.dup2(out, stream)
    os.environ.clear()
    os.environ.update(told["env"])
    if told["planted"]:
        PLANTED[told["planted"]]()
    code = 1
    try:
        code = int(salestream(["worker"]))
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    main()
