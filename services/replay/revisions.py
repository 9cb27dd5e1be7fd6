"""Two revisions of the code over the same history: every published number that a change of definitions would move.

Each revision is checked out into a folder of its own and run in a process of its own, on a copy of the journal, both at
the same time.
"""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import Any, Final, Self

from services.backup import copy_database
from services.replay.compare import DIMENSIONS, GRAINS
from services.replay.differing import Differences, differences
from services.settings import Settings
from services.workspace import WorkspaceError

_ROOT: Final = Path(__file__).parents[2]

_ANSWERING: Final = Path(__file__).with_name("answering.py")
"""What runs in a revision."""
_ASKING: Final = (
    "events", "projections", "services/books.py", "services/store", ":(exclude)projections/books",
    ":(exclude)projections/kpis", ":(exclude)projections/worked", ":(exclude)*.md",
)  # fmt: skip
"""The code between ledger and answer, but for the KPIs, whose hashes say whether they are others."""
Place = tuple[str, str, tuple[str, ...]]
"""A question: KPI, grain, dimensions."""
Progress = Callable[[str, int, int], None]
"""Told a phase, how many questions of it are done, and of how many."""


class Revision:
    """A revision at work in a process of its own, on a copy of the journal. Use it as a context manager."""

    def __init__(self, settings: Settings, name: str, code: Path, data: Path) -> None:
        self.name: Final = name
        places = {"SALESTREAM_DATA", "SALESTREAM_JOURNAL", "SALESTREAM_STORE"}
        environment = {name: value for name, value in os.environ.items() if name not in places}
        told = {"data": str(data), "tenant": settings.tenant}
        self._errors: Final = (data.parent / "errors").open("w+", encoding="utf-8")
        self._process: Final = subprocess.Popen(
            [sys.executable, "-c", _ANSWERING.read_text("utf-8"), json.dumps(told)],
            cwd=code, env=environment | {"PYTHONPATH": str(code)}, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._errors,
        )  # fmt: skip

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        if kind is not None:
            self._process.kill()
        with suppress(BrokenPipeError):  # it ended before
            self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()
        self._errors.close()

    def tell(self, *request: Any) -> None:
        """Send it a request. What it says is read later, so that several revisions work at the same time."""
        assert self._process.stdin is not None
        with suppress(BrokenPipeError):  # who reads the answer finds out why
            self._process.stdin.write(json.dumps(request) + "\n")
            self._process.stdin.flush()

    def heard(self) -> Any:
        """The next thing it says. Raises WorkspaceError where it has ended."""
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            self._process.wait()
            self._errors.seek(0)
            last = (self._errors.read().strip().splitlines() or ["no reason given"])[-1]
            raise WorkspaceError(f"revision {self.name} cannot answer over this history: {last}")
        return json.loads(line)

    def query(self, sql: str, parameters: Mapping[str, Any]) -> list[tuple[Any, ...]]:
        """Rows of its store."""
        self.tell("query", sql, parameters)
        return [tuple(row) for row in self.heard()]


def diff(
    settings: Settings, old: str, new: str, kpis: Sequence[str] = (), progress: Progress = lambda *told: None
) -> dict[str, Any]:
    """What moves from one git revision to another over the tenant's whole history. Raises WorkspaceError.

    ``moved`` lists KPI, grain, period, slice, old and new value; ``why`` is ``definition`` where the KPI's own has
    changed, ``books`` where what is posted has. ``only_old`` and ``only_new`` are KPIs that one of them does not have.
    Of the ``compared`` questions those were ``asked`` whose KPI has changed, or that what differs in the ledgers can
    reach; all of them, where the code has changed by which answers are made of a ledger.
    """
    with ExitStack() as opened:
        both = [opened.enter_context(_revision(settings, revision)) for revision in (old, new)]
        progress("posting", 0, 1)
        told = [each.heard() for each in both]
        before, after = (
            {id_: shape for id_, shape in each["kpis"].items() if not kpis or id_ in kpis} for each in told
        )
        asked = [place for id_ in before if id_ in after for place in _places(id_, before[id_], after[id_])]
        changed = {id_ for id_ in before if before[id_] != after.get(id_)}
        if not _output("diff", "--name-only", old, new, "--", *_ASKING):
            position = min(each["position"] for each in told)
            found = differences(both[0].query, both[1].query, settings.tenant, position)
            chosen = [place for place in asked if place[0] in changed or _reached(both[1], found, after, place)]
        else:
            chosen = asked
        moved: list[dict[str, Any]] = []
        for number, place in enumerate(chosen):
            why = "definition" if before[place[0]]["hash"] != after[place[0]]["hash"] else "books"
            moved += _moved(place, why, *_answers(both, place))
            progress("comparing", number + 1, len(chosen))
    return {
        "old": old,
        "new": new,
        "compared": len(asked),
        "asked": len(chosen),
        "moved": moved,
        "only_old": sorted(before.keys() - after.keys()),
        "only_new": sorted(after.keys() - before.keys()),
    }


def _places(id_: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[Place]:
    """What is asked of a KPI: as a whole by several periods, and month by month by each dimension that both have."""
    yield from ((id_, grain, ()) for grain in GRAINS)
    yield from ((id_, "month", (name,)) for name in DIMENSIONS if name in before["dims"] and name in after["dims"])


def _reached(revision: Revision, found: Differences, kpis: Mapping[str, Any], place: Place) -> bool:
    """Whether what differs between the ledgers can show in an answer."""
    if not found or found.definitions:
        return found.definitions
    revision.tell("reads", *place)
    return found.touch(kpis[place[0]]["measures"], revision.heard())


def _answers(both: Iterable[Revision], place: Place) -> list[Any]:
    for each in both:
        each.tell("ask", *place)
    return [each.heard() for each in both]


def _moved(place: Place, why: str, old: Any, new: Any) -> Iterator[dict[str, Any]]:
    kpi, grain, _ = place
    by = (old or new or [[]])[0]
    before, after = ({(row[0], *row[1]): row[2] for row in (each[1] if each else [])} for each in (old, new))
    for where in dict.fromkeys((*before, *after)):
        was, is_ = before.get(where), after.get(where)
        if was != is_:
            cell = dict(zip(by, where[1:], strict=True))
            told = {"kpi": kpi, "grain": grain, "period": where[0], "slice": cell}
            yield told | {"old": was, "new": is_, "why": why}


@contextmanager
def _revision(settings: Settings, name: str) -> Iterator[Revision]:
    """A revision, checked out and at work."""
    with TemporaryDirectory(prefix="salestream-definitions-") as folder, _checked_out(name, Path(folder)) as code:
        data = Path(folder) / "data"
        data.mkdir()
        copy_database(settings.journal_path, data / "journal.sqlite", lambda count: None)
        with Revision(settings, name, code, data) as revision:
            yield revision


@contextmanager
def _checked_out(revision: str, folder: Path) -> Iterator[Path]:
    """The code of a revision, in a folder of its own as long as it is needed."""
    code = folder / "code"
    _git("worktree", "add", "--detach", "--force", str(code), f"{revision}^{{commit}}", what=revision)
    try:
        yield code
    finally:
        _git("worktree", "remove", "--force", str(code), what=revision)


def _git(*words: str, what: str) -> None:
    """Run git in the checkout that we are in, or that this code is in. Raises WorkspaceError."""
    here = _here()
    try:
        ran = subprocess.run(["git", *words], cwd=here, capture_output=True, text=True, check=False)
    except FileNotFoundError as error:
        raise WorkspaceError("git is not installed; definitions are compared between its revisions") from error
    if ran.returncode:
        last = (ran.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise WorkspaceError(f"{what} cannot be checked out in {here}: {last}; allowed: a revision that git knows")


def _output(*words: str) -> str:
    """What git says about revisions that it has checked out before."""
    return subprocess.run(["git", *words], cwd=_here(), capture_output=True, text=True, check=True).stdout


def _here() -> Path:
    return Path.cwd() if (Path.cwd() / "projections" / "catalogue.py").exists() else _ROOT
