"""Two revisions of the code over the same history: every published number that a change of definitions would move.

Each revision is checked out into a folder of its own and run in a process of its own, on a copy of the journal.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from services.backup import copy_database
from services.replay.compare import DIMENSIONS, GRAINS
from services.settings import Settings
from services.workspace import WorkspaceError

_ROOT: Final = Path(__file__).parents[2]

_RUNNER: Final = """
import json, sys
from dataclasses import replace
from projections.catalogue import KPIS
from projections.question import BadQuestion, question
from services.settings import Settings
from services.workspace import Workspace

told = json.loads(sys.argv[1])
with Workspace(Settings(data=told["data"], tenant=told["tenant"])) as workspace:
    workspace.post_all()
    books = workspace.books(told["tenant"])
    for kpi in KPIS:
        if told["kpis"] and kpi.id not in told["kpis"]:
            continue
        asked = [(grain, []) for grain in told["grains"]]
        asked += [("month", [name]) for name in told["dimensions"] if name in kpi.dims - kpi.needs]
        for grain, by in asked:
            try:
                answer = books.ask(question(kpi.id, grain=grain, by=by))
            except BadQuestion:
                continue
            by = answer["question"].get("by", [])
            rows = [[row["period"], [row[name] for name in by], row["value"]] for row in answer["rows"]]
            print(json.dumps({"kpi": kpi.id, "hash": kpi.hash, "grain": grain, "by": by, "rows": rows}), flush=True)
"""
"""What runs in a revision. It uses nothing that has not been there from the first one on."""


def diff(settings: Settings, old: str, new: str, kpis: Sequence[str] = ()) -> dict[str, Any]:
    """What moves from one git revision to another over the tenant's whole history. Raises WorkspaceError.

    ``moved`` lists KPI, grain, period, slice, old and new value; ``why`` is ``definition`` where the KPI's own has
    changed, ``books`` where what is posted has. ``only_old`` and ``only_new`` are KPIs that one of them does not have.
    """
    answers = [_answers(settings, revision, kpis) for revision in (old, new)]
    before, after = ({(one["kpi"], one["grain"], *one["by"]): one for one in each} for each in answers)
    ids = [{one["kpi"] for one in each} for each in answers]
    moved = [mover for place in before if place in after for mover in _moved(before[place], after[place])]
    return {
        "old": old,
        "new": new,
        "compared": len(before.keys() & after.keys()),
        "moved": moved,
        "only_old": sorted(ids[0] - ids[1]),
        "only_new": sorted(ids[1] - ids[0]),
    }


def _moved(old: dict[str, Any], new: dict[str, Any]) -> Iterator[dict[str, Any]]:
    before, after = ({(row[0], *row[1]): row[2] for row in each["rows"]} for each in (old, new))
    why = "definition" if old["hash"] != new["hash"] else "books"
    for place in dict.fromkeys((*before, *after)):
        was, is_ = before.get(place), after.get(place)
        if was != is_:
            cell = dict(zip(old["by"], place[1:], strict=True))
            told = {"kpi": old["kpi"], "grain": old["grain"], "period": place[0], "slice": cell}
            yield told | {"old": was, "new": is_, "why": why}


def _answers(settings: Settings, revision: str, kpis: Iterable[str]) -> list[dict[str, Any]]:
    """All answers of a revision."""
    with TemporaryDirectory(prefix="salestream-definitions-") as folder, _checked_out(revision, Path(folder)) as code:
        data = Path(folder) / "data"
        data.mkdir()
        copy_database(settings.journal_path, data / "journal.sqlite", lambda count: None)
        told = {
            "data": str(data), "tenant": settings.tenant, "kpis": list(kpis), "grains": GRAINS,
            "dimensions": DIMENSIONS,
        }  # fmt: skip
        places = {"SALESTREAM_DATA", "SALESTREAM_JOURNAL", "SALESTREAM_STORE"}
        environment = {name: value for name, value in os.environ.items() if name not in places}
        ran = subprocess.run(
            [sys.executable, "-c", _RUNNER, json.dumps(told)],
            cwd=code, env=environment | {"PYTHONPATH": str(code)}, capture_output=True, text=True, check=False,
        )  # fmt: skip
    if ran.returncode:
        last = (ran.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise WorkspaceError(f"revision {revision} cannot answer over this history: {last}")
    return [json.loads(line) for line in ran.stdout.splitlines()]


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
    here = Path.cwd() if (Path.cwd() / "projections" / "catalogue.py").exists() else _ROOT
    try:
        ran = subprocess.run(["git", *words], cwd=here, capture_output=True, text=True, check=False)
    except FileNotFoundError as error:
        raise WorkspaceError("git is not installed; definitions are compared between its revisions") from error
    if ran.returncode:
        last = (ran.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise WorkspaceError(f"{what} cannot be checked out in {here}: {last}; allowed: a revision that git knows")
