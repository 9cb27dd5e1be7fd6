"""How a verb of the command line reaches the process that owns the data folder, such as ``serve``.

That process listens on a port of loopback and writes port and password into ``control.json`` of the folder, which only
its user may read. Who can read it may have the ledger rebuilt, as if nobody owned the folder. Messages are JSON.
"""

import json
import os
import secrets
from collections.abc import Callable, Mapping
from multiprocessing import AuthenticationError
from multiprocessing.connection import Client, Connection, Listener
from pathlib import Path
from threading import Event, Lock, Thread
from types import TracebackType
from typing import Any, Final, Self

from services.journal.port import JournalError
from services.store.port import StoreError
from services.workspace import InUse, WorkspaceError

FILE: Final = "control.json"
_PATIENCE_S: Final = 5.0
"""How long who connects may take to say what for."""

Told = Callable[[Any], None]
"""Tells who asked how far the work is. Raises Cancelled where nobody listens any more."""
Verb = Callable[[dict[str, Any], Told], Any]
"""Does what is asked for, with its words."""


class Cancelled(WorkspaceError):
    """Who asked for the work ended it, or this process ends. Nothing was changed."""


class Desk:
    """Takes what is asked for, one at a time. A context manager for as long as the folder is owned."""

    def __init__(self, folder: Path, verbs: Mapping[str, Verb]) -> None:
        self._file: Final = folder / FILE
        self._verbs = verbs
        self._key: Final = secrets.token_bytes(32)
        self._busy = Lock()
        self._stopping = Event()
        self._working: set[Thread] = set()

    def __enter__(self) -> Self:
        self._listener = Listener(("127.0.0.1", 0), authkey=self._key)
        self._thread = Thread(target=self._listen, name="control", daemon=True)
        self._thread.start()
        told = {"port": self._listener.address[1], "key": self._key.hex()}
        self._file.unlink(missing_ok=True)
        with os.fdopen(os.open(self._file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            json.dump(told, file)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.unlink(missing_ok=True)
        self._stopping.set()
        Client(self._listener.address, authkey=self._key).close()  # so that it stops waiting for somebody
        self._thread.join()
        self._listener.close()
        for thread in list(self._working):
            thread.join()

    def _listen(self) -> None:
        while not self._stopping.is_set():
            try:
                connection = self._listener.accept()
            except (OSError, EOFError, AuthenticationError):
                continue  # a stranger, or somebody who went away
            assert isinstance(connection, Connection)
            thread = Thread(target=self._serve, args=(connection,), name="asked for")
            self._working.add(thread)
            thread.start()

    def _serve(self, connection: Connection) -> None:
        try:
            with connection:
                self._answer(connection)
        except (OSError, EOFError):
            return  # nobody listens any more
        finally:
            for thread in [each for each in self._working if not each.is_alive()]:
                self._working.discard(thread)

    def _answer(self, connection: Connection) -> None:
        if not connection.poll(_PATIENCE_S):
            return
        asked = json.loads(connection.recv_bytes())
        if not self._busy.acquire(blocking=False):
            _send(connection, {"error": "another rebuild is going on; wait for it, or end it"})
            return
        try:
            done = self._verbs[asked.pop("verb")](asked, lambda step: self._tell(connection, step))
        except (WorkspaceError, StoreError, JournalError) as error:
            _send(connection, {"error": str(error)})
        else:
            _send(connection, {"done": done})
        finally:
            self._busy.release()

    def _tell(self, connection: Connection, step: Any) -> None:
        """How far the work is. Raises Cancelled."""
        if self._stopping.is_set():
            raise Cancelled("the process that owns the data folder ends; nothing was changed")
        try:
            gone = connection.poll()  # nothing more is sent, so there is only an end to be found
            _send(connection, {"step": step})
        except OSError:
            gone = True
        if gone:
            raise Cancelled("stopped by who asked for it; nothing was changed")


def ask_owner(folder: Path, verb: str, words: Mapping[str, Any], told: Told, otherwise: InUse) -> Any:
    """Have the owner of a folder do something. Raises WorkspaceError; ``otherwise`` where nobody takes such wishes."""
    try:
        place = json.loads((folder / FILE).read_text("utf-8"))
        connection = Client(("127.0.0.1", int(place["port"])), authkey=bytes.fromhex(place["key"]))
    except (OSError, EOFError, ValueError, KeyError, AuthenticationError):
        raise otherwise from None
    with connection:
        try:
            _send(connection, {"verb": verb, **words})
            while "step" in (answer := json.loads(connection.recv_bytes())):
                told(answer["step"])
        except (OSError, EOFError) as error:
            raise WorkspaceError("the process that owns the data folder went away; look at its log") from error
    if "error" in answer:
        raise WorkspaceError(answer["error"])
    return answer["done"]


def _send(connection: Any, told: Any) -> None:
    connection.send_bytes(json.dumps(told).encode())
