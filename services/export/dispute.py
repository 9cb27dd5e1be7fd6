"""The dispute pack: the events that make one number, in a zip, so that anybody can count them anew.

It holds what the receipt lists as counted or as context, and no other event. Personal fields are left out of them: no
number needs any.
"""

import hashlib
import io
import json
import zipfile
from array import array
from collections.abc import Iterator
from datetime import datetime
from importlib.metadata import version
from inspect import signature
from itertools import chain
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import msgspec

from events.codec import export
from events.envelope import Entry, to_ms
from events.personal import PERSONAL, SEALED
from projections.answer import row_json
from projections.question import BadQuestion, Question, question
from services.books import Books
from services.clock import now_ms
from services.export.formats import ExportError
from services.export.query import PAGE
from services.ingest import lines_of
from services.journal.port import Cut
from services.receipt import pages
from services.settings import Settings
from services.workspace import Workspace

_FORMAT: Final = "salestream-dispute/1"
_MOST: Final = 1 << 30
"""Bytes of a file in a pack that is read."""
_DAY_ONE: Final = (1980, 1, 1, 0, 0, 0)
"""The same number packed again is the same file."""
_README: Final = """\
The events that make one number of the books of a company that uses Salestream.

  pack.json      the question, the number, its definition, when it was known, and what was left out and why
  events.jsonl   the events, one CloudEvent a line, each with its recorded time, without anything personal

Count them anew:   salestream dispute check FILE
Look into them:    salestream --data elsewhere ingest events.jsonl
                   salestream --data elsewhere explain ...   (the question stands in pack.json)

这是一家使用 Salestream 的公司账本中某个数值所依据的事件。重新计算：salestream dispute check FILE
"""


class DisputeError(Exception):
    """The file is no pack that can be counted. One sentence says why and what is allowed."""


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """``pack.json``."""

    format: str
    salestream: str
    tenant: str
    kpi: str
    question: dict[str, Any]
    definition: dict[str, str]
    cell: dict[str, Any]
    """The row of the answer: period, dimensions, value, parts."""
    currency: str | None = None
    cut: dict[str, Any]
    settings: dict[str, Any]
    """Those that a number depends on."""
    events: int
    sha256: str
    """Of ``events.jsonl``."""
    excluded: list[dict[str, Any]]


def packed(books: Books, asked: Question, settings: Settings) -> bytes:
    """The pack of one cell. Raises BadQuestion where the question names more or less than one."""
    walk = pages(books, asked, PAGE)
    receipt = next(walk)
    listed, excluded = array("Q"), []
    for page in chain([receipt], walk):
        listed.extend(event["position"] for event in page["events"])
        excluded += page["excluded"]
    if not listed:
        raise ExportError("no event makes this number, so there is nothing to pack; ask for one that has events")
    out, digest = io.BytesIO(), hashlib.sha256()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(_file("README.txt"), _README.encode())
        with archive.open(_file("events.jsonl"), "w", force_zip64=True) as file:
            for lines in _bodies(books, sorted(listed)):
                digest.update(lines)
                file.write(lines)
        told = Told(
            format=_FORMAT,
            salestream=version("salestream"),
            tenant=books.tenant,
            kpi=asked.kpi.id,
            question=asked.as_told(),
            definition=receipt["definition"],
            cell=receipt["cell"],
            currency=receipt.get("currency"),
            cut=receipt["cut"],
            settings=settings.model_dump(include={"timezone", "currency", "customer_lifespan_years"}),
            events=len(listed),
            sha256=digest.hexdigest(),
            excluded=sorted(excluded, key=lambda each: int(each["position"])),
        )
        described = json.dumps(msgspec.to_builtins(told), ensure_ascii=False, indent=2).encode()
        archive.writestr(_file("pack.json"), described)
    return out.getvalue()


def _file(name: str) -> zipfile.ZipInfo:
    made = zipfile.ZipInfo(name, _DAY_ONE)
    made.compress_type = zipfile.ZIP_DEFLATED
    return made


def _bodies(books: Books, positions: list[int]) -> Iterator[bytes]:
    """The events at these positions as lines, some at a time."""
    for first in range(0, len(positions), PAGE):
        yield b"".join(_impersonal(entry) + b"\n" for entry in books.at(positions[first : first + PAGE]))


ALONE: Final[dict[str, Any]] = {
    **dict.fromkeys(("journal", "store", "subject_keys", "master_key"), ""), "master_key_file": None,
}  # fmt: skip
"""Settings of a folder that has to do with nothing else here."""


def _impersonal(entry: Entry) -> bytes:
    """An event as it is exported, without its personal fields."""
    marked = PERSONAL.get(entry.type)
    if not marked:
        return export(entry)
    told = json.loads(export(entry))
    told.pop(SEALED, None)
    told["data"] = {name: value for name, value in told["data"].items() if name not in marked}
    return json.dumps(told, ensure_ascii=False, separators=(",", ":")).encode()


def check(content: bytes) -> dict[str, Any]:
    """Counts the events of a pack anew, with the definitions of this version, in a folder that is gone afterwards.

    ``{"kpi", "events", "value", "counted_anew", "same", "same_definition"}``. Raises DisputeError.
    """
    told, body = _read(content)
    asked = _question(told)
    with TemporaryDirectory(prefix="salestream-dispute-") as folder:
        settings = Settings(data=Path(folder), tenant=told.tenant, **ALONE, **_known(told.settings))
        with Workspace(settings) as workspace:
            _tell(workspace, told.tenant, body)
            books = workspace.books(told.tenant)
            cut = Cut(books.cut(None).position, _recorded_ms(told))
            answered = books.asker(cut).answer(asked)
            rows = [row_json(answered, row) for row in answered.rows]
    return {
        "kpi": told.kpi,
        "events": told.events,
        "value": told.cell["value"],
        "counted_anew": rows[0]["value"] if len(rows) == 1 else None,
        "same": rows == [told.cell],
        "same_definition": asked.kpi.hash == told.definition["hash"],
    }


def _read(content: bytes) -> tuple[Told, bytes]:
    """What a pack says, and its events. Raises DisputeError."""
    allowed = "allowed: one that `salestream dispute pack` wrote"
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            sizes = [archive.getinfo(name).file_size for name in ("pack.json", "events.jsonl")]
            if max(sizes) > _MOST:
                raise DisputeError(f"the pack is too large; allowed: files of at most {_MOST:,} bytes")
            told = msgspec.json.decode(archive.read("pack.json"), type=Told)
            body = archive.read("events.jsonl")
    except (zipfile.BadZipFile, KeyError, msgspec.MsgspecError, EOFError, OSError) as error:
        raise DisputeError(f"the file is no dispute pack; {allowed}") from error
    if told.format != _FORMAT:
        raise DisputeError(f"the pack is of the format {told.format[:40]!r}; allowed: {_FORMAT}")
    if hashlib.sha256(body).hexdigest() != told.sha256:
        raise DisputeError("the events of the pack are not those that were packed; ask for the pack anew")
    return told, body


def _question(told: Told) -> Question:
    asked = told.question
    where = [f"{name}={value}" for name, values in asked.get("where", {}).items() for value in values]
    names = signature(question).parameters.keys() & asked.keys() - {"where", "as_of"}
    try:
        return question(told.kpi, where=where, from_=asked.get("from"), **{name: asked[name] for name in names})
    except BadQuestion as error:
        raise DisputeError(f"this version cannot ask the question of the pack: {error}") from error


def _known(settings: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in settings.items() if name in Settings.model_fields}


def _recorded_ms(told: Told) -> int:
    try:
        return to_ms(datetime.fromisoformat(told.cut["recorded"]))
    except (KeyError, TypeError, ValueError, AssertionError) as error:
        raise DisputeError("the pack does not say when its number was known; ask for the pack anew") from error


def _tell(workspace: Workspace, tenant: str, body: bytes) -> None:
    reports = workspace.ingest().ingest_lines(lines_of(io.BytesIO(body)), now=now_ms, tenant=tenant, origin="pack")
    refused = [line for report in reports for line in report.refused]
    if refused:
        raise DisputeError(f"event {refused[0].line} of the pack is refused by this version: {refused[0].reason}")
    workspace.post(tenant, workspace.store)
