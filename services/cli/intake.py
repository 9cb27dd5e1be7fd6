"""Telling: ``ingest`` and ``import``."""

import gzip
import io
import json
import sys
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from select import select
from typing import IO, TYPE_CHECKING, Any, Final

import click

from services.cli import show
from services.cli.session import BAD_USAGE, FINE, SOME_REFUSED, Problem, Session, shared

if TYPE_CHECKING:
    from services.ingest import BatchReport, Readable, RefusedLine
    from services.processor.parallel import ParallelPoster
    from services.workspace import Workspace

STDIN: Final = Path("-")
SHOWN: Final = 10
"""Refusals that a person is shown at once."""
LONG: Final = 50_000
"""So many events are worth a process of their own that posts while others are told."""
USUAL_BYTES: Final = 250
"""About so many bytes tell an event."""
QUIET_S: Final = 0.2
"""A pipe that is silent for so many seconds has said what it had to say for now."""
RANGE: Final = 25_000
"""Events that it is handed at once."""
_GZIP: Final = b"\x1f\x8b"
_DAMAGED: Final = (EOFError, gzip.BadGzipFile, zlib.error)
"""What reading a damaged archive raises."""
_FILE: Final = click.Path(exists=True, dir_okay=False, readable=True, path_type=Path)
_FILE_OR_STDIN: Final = click.Path(exists=True, dir_okay=False, readable=True, allow_dash=True, path_type=Path)


@click.command(short_help="Tell events: CloudEvents in JSON, one a line.")
@click.argument("files", nargs=-1, required=True, type=_FILE_OR_STDIN, metavar="FILE...|-")
@shared
@click.pass_obj
def ingest(session: Session, files: tuple[Path, ...]) -> int:
    """Tell events: CloudEvents in JSON, one a line; - is standard input, .gz is understood.

    Telling the same file again counts nothing twice. What is refused is a dead letter, with its reason.
    """
    with session.workspace() as workspace:
        result = _ingest_files(session, workspace, files)
        session.post(workspace, workspace.journal.tenants())
    return told(session, result)


@click.command("import", short_help="Tell what a CRM exported as CSV, XLSX or JSON lines.")
@click.argument("system")
@click.argument("files", nargs=-1, required=True, type=_FILE, metavar="FILE...")
@click.option("--mapping", type=_FILE, help="Your own mapping, instead of the one that comes with SYSTEM.")
@click.option("--dry-run", is_flag=True, help="Show what would be told, and tell nothing.")
@shared
@click.pass_obj
def import_(session: Session, system: str, files: tuple[Path, ...], mapping: Path | None, dry_run: bool) -> int:
    """Tell what a CRM exported: the CSV, XLSX or JSONL files of SYSTEM, through a mapping that makes
    events of their rows.

    Told again they count nothing twice, so an import that was stopped is begun anew."""
    from services.importer.run import import_files

    size = sum(path.stat().st_size for path in files)
    with session.workspace() as workspace:
        with session.progress("importing", size, sized=True) as advance:
            result = import_files(workspace, system, list(files), mapping, dry_run=dry_run, progress=advance)
        if not dry_run:
            session.post(workspace, workspace.journal.tenants())
    return told(session, result)


def _ingest_files(session: Session, workspace: "Workspace", files: tuple[Path, ...]) -> dict[str, Any]:
    """Tell all files. A long telling is posted while it goes on, by a process of its own."""
    total = None if STDIN in files else sum(path.stat().st_size for path in files)
    result: dict[str, Any] = {"accepted": 0, "duplicates": 0, "refused": [], "position": 0}
    tenant = workspace.settings.tenant
    worth_it = 1 if total is not None and total >= LONG * USUAL_BYTES else LONG
    along: ParallelPoster | None = None
    with session.progress("telling", total, sized=True) as advance, ExitStack() as opened:
        for path in files:
            for report in _ingest_file(workspace, path, advance):
                result["accepted"] += report.accepted
                result["duplicates"] += report.duplicates
                result["refused"] += [_refusal(line, path if len(files) > 1 else None) for line in report.refused]
                result["position"] = max(result["position"], report.position)
                if along is None and result["accepted"] >= worth_it:
                    along = opened.enter_context(workspace.posting_along(tenant))
                if along is not None:
                    along.feed(RANGE)
        if along is not None:
            along.feed()
            along.finish()
    result["position"] = max(result["position"], workspace.journal.head(tenant).position)
    return result


def _ingest_file(workspace: "Workspace", path: Path, advance: Callable[[int], None]) -> "Iterator[BatchReport]":
    """Tell one file; a report a batch."""
    from services.clock import now_ms
    from services.ingest import lines_of

    settings = workspace.settings
    owner = settings.tenant if "tenant" in settings.model_fields_set else None
    with _opened(path) as (raw, text):
        done, damage = 0, list[Exception]()
        lines = _undamaged(lines_of(text, bool if raw.seekable() else partial(_rests, raw)), damage)
        for report in workspace.ingest().ingest_lines(lines, now=now_ms, tenant=owner, origin=str(path)):
            yield report
            if raw.seekable():
                advance(raw.tell() - done)
                done = raw.tell()
        if damage:
            raise damage[0]


def _undamaged(lines: "Iterable[bytes | None]", damage: list[Exception]) -> "Iterator[bytes | None]":
    """The lines up to where an archive is damaged, which is kept for later: what was read is told first."""
    try:
        yield from lines
    except _DAMAGED as error:
        damage.append(error)


def _rests(pipe: IO[bytes]) -> bool:
    """Whether nothing more comes down a pipe for now."""
    try:
        return not select([pipe], [], [], QUIET_S)[0]
    except (OSError, ValueError):  # standard input that is no file, or no socket on Windows
        return False


def _refusal(line: "RefusedLine", file: Path | None) -> dict[str, Any]:
    told: dict[str, Any] = {} if file is None else {"file": str(file)}
    return told | {"line": line.line, "id": line.id, "reason": line.reason}


@contextmanager
def _opened(path: Path) -> Iterator[tuple[IO[bytes], "Readable"]]:
    """A file as it lies there, and its text as bytes. Raises Problem where it holds no text."""
    raw = sys.stdin.buffer if path == STDIN else path.open("rb")
    try:
        buffered = raw if isinstance(raw, io.BufferedReader) else io.BufferedReader(raw)  # type: ignore[type-var]
        start = buffered.peek(8192)[:8192]
        if start.startswith(_GZIP):
            with gzip.open(buffered) as text:
                yield raw, text
            return
        if b"\0" in start:
            raise Problem(f"{path} is no text in UTF-8; allowed: JSON lines, one CloudEvent a line", BAD_USAGE)
        yield raw, buffered
    except _DAMAGED as error:
        raise Problem(f"{path} is a damaged gzip file ({error}); what was read before that was told") from error
    finally:
        if path != STDIN:
            raw.close()


def told(session: Session, result: dict[str, Any]) -> int:
    """Show what became of what was told; the exit code."""
    refused = result["refused"]
    if session.json:
        session.tell(result)
    else:
        _for_people(session, result)
    return SOME_REFUSED if refused else FINE


def _for_people(session: Session, result: dict[str, Any]) -> None:
    t, refused = session.t, result["refused"]
    count = result.get("refused_count", len(refused))
    if "told" in result:
        _preview(session, result, count)
    else:
        sentence = t(
            "{accepted} accepted, {duplicates} duplicates, {refused} refused; the journal stands at {position}"
        )
        counts = {name: f"{result[name]:,}" for name in ("accepted", "duplicates", "position")}
        session.say(sentence.format(**counts, refused=f"{count:,}"))
    if not refused:
        return
    session.say()
    names = [name for name in ("file", "line", "id", "reason") if name in refused[0]]
    said = [each | {"reason": session.sentence(each["reason"])} for each in refused[:SHOWN]]
    rows = [[str(show.DASH if each[name] is None else each[name]) for name in names] for each in said]
    session.say(show.table(list(map(t, names)), rows, numbers=[names.index("line")]))
    if count > SHOWN:
        session.say(t("and {n} more; all of them: salestream dead-letters list").format(n=f"{count - SHOWN:,}"))


def _preview(session: Session, result: dict[str, Any], refused: int) -> None:
    """What a dry run would tell: how many of each type, and the first of each."""
    t = session.t
    total = sum(result["told"].values())
    session.say(t("{n} events would be told, {refused} lines refused").format(n=f"{total:,}", refused=f"{refused:,}"))
    session.say()
    rows = [[type_, f"{count:,}"] for type_, count in result["told"].items()]
    session.say(show.table([t("type"), t("events")], rows, numbers=[1]))
    for example in result["examples"]:
        session.say()
        session.say(show.printable(f"{example['file']}:{example['line']}"))
        session.say(show.printable(json.dumps(example["event"], ensure_ascii=False)))
