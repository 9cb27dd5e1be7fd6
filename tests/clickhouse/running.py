"""Starting, killing and disturbing the test server."""

import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Final

import msgspec
import urllib3

from services.closing import Closing
from tests.clickhouse.server import Fault

ROOT = Path(__file__).parents[2]


class RunningServer(Closing):
    """The test server in a process of its own. A context manager."""

    def __init__(self, folder: Path, user: str = "", password: str = "") -> None:
        self._command: Final = [sys.executable, "-m", "tests.clickhouse.server", str(folder)]
        self._credentials: Final = [user, password] if user else []
        self.port: Final = _free_port()
        self._pool: Final = urllib3.PoolManager()
        self.start()

    @property
    def url(self) -> str:
        """The setting that names it, with a database of its own."""
        return f"clickhouse://127.0.0.1:{self.port}/salestream"

    def start(self) -> None:
        """Start it, as after a kill, on the same folder and port."""
        command = [*self._command, str(self.port), *self._credentials]
        self._process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == "ready\n"

    def kill(self) -> None:
        """As if the power went."""
        self._process.send_signal(signal.SIGKILL)
        self._process.communicate()

    def fault(self, fault: Fault) -> None:
        """Something goes wrong from now on."""
        answer = self._pool.request("POST", f"http://127.0.0.1:{self.port}/fault", body=msgspec.json.encode(fault))
        assert answer.status == 200

    def told(self, containing: str) -> list[str]:
        """The statements that came and hold this."""
        answer = self._pool.request("GET", f"http://127.0.0.1:{self.port}/told")
        return [sql for sql in msgspec.json.decode(answer.data, type=list[str]) if containing in sql]

    def close(self) -> None:
        """End it."""
        self._pool.clear()
        self.kill()


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])
