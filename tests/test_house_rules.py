"""The rules of the house, read from the source text; every failure says what to do.

A rule is a function from a module's path and source to its violations, so each one is also shown a
planted offence below: a rule that cannot fail protects nothing.
"""

import ast
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from fnmatch import fnmatch
from functools import cache
from pathlib import Path, PurePosixPath

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("events", "projections", "services")
FOLDERS = (*PACKAGES, "tests", "benchmarks")

MAX_MODULE_LINES = 450
MAX_FUNCTION_LINES = 60

# What a pure package may import beside the standard library.
ALLOWED_IMPORTS = {
    "events": {"events", "pydantic", "pydantic_core", "msgspec", "annotated_types", "typing_extensions"},
    "projections": {"projections", "events", "msgspec"},
}
# Modules of the standard library that reach the disk, the network, other processes, the clock or chance.
OUTSIDE_WORLD = set(
    """
    asyncio concurrent ctypes dbm fileinput ftplib getpass glob http importlib locale logging mmap
    multiprocessing os pathlib pkgutil platform poplib random runpy sched secrets select selectors shelve
    shutil signal smtplib socket socketserver sqlite3 ssl subprocess tempfile threading time urllib
    webbrowser xmlrpc
    """.split()
)
OUTSIDE_CALLS = {"open", "io.open", "input", "exec", "eval", "__import__", "uuid.uuid1", "uuid.uuid4"}
WALL_CLOCKS = {
    *("datetime.datetime.now", "datetime.datetime.utcnow", "datetime.datetime.today", "datetime.date.today"),
    *("time.time", "time.time_ns", "time.localtime", "time.gmtime", "time.ctime"),
}
WALL_CLOCK_HOME = "services/clock.py"
DRAWERS = {"util", "utils", "helper", "helpers", "common", "core", "manager", "managers", "misc"}
PRINTERS = (
    "services/cli.py",
    "services/cli_*.py",
    "services/cli/*.py",
    "services/docs.py",
    "benchmarks/*.py",
)

# Exceptions to a rule: the module and the reason.
FLOATS_ALLOWED = {
    "projections/answer.py": "ratios, days and minutes become doubles here, at the very end",
}
BROAD_EXCEPT_ALLOWED: dict[str, str] = {}

Rule = Callable[[str, str], Iterator[str]]


@cache
def parse(source: str) -> ast.Module:
    """The syntax tree of a module."""
    return ast.parse(source)


def room(path: str) -> str:
    """The top folder: ``projections/books/deal.py`` lies in ``projections``."""
    return path.split("/")[0]


def imported_modules(source: str) -> Iterator[tuple[str, int]]:
    """Every absolute import, also those for types only and inside functions, with its line."""
    for node in ast.walk(parse(source)):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module, node.lineno


def references(source: str) -> Iterator[tuple[str, int]]:
    """Every name used, dotted and traced to its import: ``dt.date.today`` is ``datetime.date.today``."""
    origins: dict[str, str] = {}
    for node in ast.walk(parse(source)):
        if isinstance(node, ast.Import):
            origins |= {alias.asname: alias.name for alias in node.names if alias.asname}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            origins |= {alias.asname or alias.name: f"{node.module}.{alias.name}" for alias in node.names}
    for node in ast.walk(parse(source)):
        parts: list[str] = []
        base: ast.AST = node
        while isinstance(base, ast.Attribute):
            parts.append(base.attr)
            base = base.value
        if isinstance(base, ast.Name):
            yield ".".join([origins.get(base.id, base.id), *reversed(parts)]), base.lineno


def arrows_point_one_way(path: str, source: str) -> Iterator[str]:
    """``events`` <- ``projections`` <- ``services``, and the pure rooms import nothing from outside."""
    for module, line in imported_modules(source):
        top = module.split(".")[0]
        if room(path) in PACKAGES and top in ("tests", "benchmarks"):
            yield f"{path}:{line}: the product imports {top}; move what it needs into the product"
        allowed = ALLOWED_IMPORTS.get(room(path))
        if allowed is None or top in allowed:
            continue
        if top in OUTSIDE_WORLD:
            yield (
                f"{path}:{line}: {room(path)}/ is pure and may not import {top}; "
                "let services/ do it and pass the value in"
            )
        elif top not in sys.stdlib_module_names:
            yield (
                f"{path}:{line}: {room(path)}/ may import {', '.join(sorted(allowed))} and pure parts of the "
                f"standard library, not {top}; move the code that needs it to services/"
            )


def pure_rooms_have_no_clock_and_no_chance(path: str, source: str) -> Iterator[str]:
    """In ``events`` and ``projections`` time, chance and files arrive as parameters."""
    if room(path) not in ALLOWED_IMPORTS:
        return
    for name, line in references(source):
        if name in OUTSIDE_CALLS:
            yield f"{path}:{line}: {name} reaches the outside; let services/ do it and pass the value in"
    for node in ast.walk(parse(source)):
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and node.func.attr in ("now", "utcnow", "today")
        ):
            yield f"{path}:{node.lineno}: .{node.func.attr}() reads the clock; take the moment as a parameter"


def amounts_are_exact(path: str, source: str) -> Iterator[str]:
    """No float literal and no ``float()`` where amounts are kept."""
    if room(path) not in ALLOWED_IMPORTS or path in FLOATS_ALLOWED:
        return
    for node in ast.walk(parse(source)):
        literal = isinstance(node, ast.Constant) and isinstance(node.value, float | complex)
        call = isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "float"
        if isinstance(node, ast.expr) and (literal or call):
            yield (
                f"{path}:{node.lineno}: a float loses digits; count in minor units or milliseconds (int), "
                "or divide at the very end in projections/answer.py"
            )


def one_wall_clock(path: str, source: str) -> Iterator[str]:
    """The wall clock is read in ``services/clock.py``; measuring a duration is free everywhere."""
    if path == WALL_CLOCK_HOME:
        return
    for name, line in references(source):
        if name in WALL_CLOCKS:
            yield (
                f"{path}:{line}: {name} reads the wall clock; take the moment as a parameter or ask "
                f"{WALL_CLOCK_HOME} (for a duration: time.perf_counter)"
            )


def failures_are_named(path: str, source: str) -> Iterator[str]:
    """An ``except`` names what it expects, so that a bug of ours is never taken for a bad message."""
    if path in BROAD_EXCEPT_ALLOWED:
        return
    for node in ast.walk(parse(source)):
        if not isinstance(node, ast.ExceptHandler):
            continue
        caught = node.type.elts if isinstance(node.type, ast.Tuple) else [node.type]
        if any(
            kind is None or (isinstance(kind, ast.Name) and kind.id in ("Exception", "BaseException"))
            for kind in caught
        ):
            yield (
                f"{path}:{node.lineno}: this catches everything; name the exceptions that can happen here, "
                "or add the module and its reason to BROAD_EXCEPT_ALLOWED"
            )


def modules_have_real_names(path: str, source: str) -> Iterator[str]:
    """No drawer that anything could go into."""
    for part in PurePosixPath(path).with_suffix("").parts:
        if part in DRAWERS:
            yield f"{path}:1: '{part}' says nothing; name the module after the thing that it holds"


def init_files_hold_a_docstring_only(path: str, source: str) -> Iterator[str]:
    """One name has one import path, so a package re-exports nothing."""
    if PurePosixPath(path).name == "__init__.py":
        for node in parse(source).body[1:]:
            yield f"{path}:{node.lineno}: more than a docstring; import from the module that defines a name"


def modules_open_with_a_docstring(path: str, source: str) -> Iterator[str]:
    """The first line of a module says what it is for."""
    if not ast.get_docstring(parse(source)):
        yield f"{path}:1: no docstring; open the module with a sentence that says what it is for"


def modules_and_functions_stay_short(path: str, source: str) -> Iterator[str]:
    """A module fits a sitting, a function fits a screen."""
    lines = len(source.splitlines())
    if lines > MAX_MODULE_LINES:
        yield f"{path}:1: {lines} lines, at most {MAX_MODULE_LINES}; split it by noun"
    for node in ast.walk(parse(source)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            if length > MAX_FUNCTION_LINES:
                yield (
                    f"{path}:{node.lineno}: {node.name} has {length} lines, at most {MAX_FUNCTION_LINES}; "
                    "give its steps names of their own"
                )


def only_the_command_line_prints(path: str, source: str) -> Iterator[str]:
    """Output belongs to the command line; everything else returns values or logs."""
    if any(fnmatch(path, pattern) for pattern in PRINTERS):
        return
    for node in ast.walk(parse(source)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print":
            yield f"{path}:{node.lineno}: return the text or log it; printing is for the command line"


def nothing_is_left_for_later(path: str, source: str) -> Iterator[str]:
    """Unfinished business goes to the issue tracker, where it is seen."""
    for number, line in enumerate(source.splitlines(), start=1):
        if re.search(r"\b(TO[D]O|FIX[M]E|XX[X])\b", line):
            yield f"{path}:{number}: a note for later; do it now, or open an issue and delete the note"


RULES: tuple[Rule, ...] = (
    arrows_point_one_way,
    pure_rooms_have_no_clock_and_no_chance,
    amounts_are_exact,
    one_wall_clock,
    failures_are_named,
    modules_have_real_names,
    init_files_hold_a_docstring_only,
    modules_open_with_a_docstring,
    modules_and_functions_stay_short,
    only_the_command_line_prints,
    nothing_is_left_for_later,
)

LATER = "TO" + "DO"
# Rule, path, offence.
OFFENCES: tuple[tuple[Rule, str, str], ...] = (
    (arrows_point_one_way, "events/deals.py", "from projections.formula import ratio"),
    (arrows_point_one_way, "events/deals.py", "from services.settings import Settings"),
    (arrows_point_one_way, "events/deals.py", "import yaml"),
    (arrows_point_one_way, "events/deals.py", "def load():\n    import sqlite3"),
    (arrows_point_one_way, "projections/sql.py", "import services.store.port"),
    (arrows_point_one_way, "projections/sql.py", "if TYPE_CHECKING:\n    from pathlib import Path"),
    (arrows_point_one_way, "projections/books/deal.py", "from pydantic import BaseModel"),
    (arrows_point_one_way, "projections/books/deal.py", "import time"),
    (arrows_point_one_way, "services/wiring.py", "from tests.fakes import Journal"),
    (pure_rooms_have_no_clock_and_no_chance, "events/words.py", "day = date.today()"),
    (pure_rooms_have_no_clock_and_no_chance, "projections/formula.py", "rows = open('rates.csv').read()"),
    (
        pure_rooms_have_no_clock_and_no_chance,
        "projections/posting.py",
        "from uuid import uuid4\nid = uuid4()",
    ),
    (amounts_are_exact, "events/words.py", "CENT = 0.01"),
    (amounts_are_exact, "projections/books/spend.py", "share = float(total) / days"),
    (one_wall_clock, "services/gateway/app.py", "import datetime as dt\nnow = dt.datetime.now(dt.UTC)"),
    (
        one_wall_clock,
        "services/gateway/app.py",
        "from datetime import date\nfield(default_factory=date.today)",
    ),
    (one_wall_clock, "services/journal/sqlite.py", "from time import time as seconds\nnow = seconds()"),
    (one_wall_clock, "services/journal/sqlite.py", "import time\nnow = time.time_ns()"),
    (failures_are_named, "services/store/port.py", "try:\n    go()\nexcept:\n    pass"),
    (failures_are_named, "services/store/port.py", "try:\n    go()\nexcept Exception as e:\n    raise"),
    (failures_are_named, "tests/test_x.py", "try:\n    go()\nexcept (OSError, BaseException):\n    pass"),
    (modules_have_real_names, "services/utils.py", ""),
    (modules_have_real_names, "projections/common/dates.py", ""),
    (init_files_hold_a_docstring_only, "events/__init__.py", '"""What happened."""\nimport events.deals'),
    (modules_open_with_a_docstring, "events/deals.py", "import datetime"),
    (modules_open_with_a_docstring, "events/__init__.py", ""),
    (modules_and_functions_stay_short, "events/deals.py", "\n" * (MAX_MODULE_LINES + 1)),
    (modules_and_functions_stay_short, "events/deals.py", "def f():\n" + "    g()\n" * MAX_FUNCTION_LINES),
    (only_the_command_line_prints, "services/processor/poster.py", "print('here')"),
    (only_the_command_line_prints, "services/client.py", "print('here')"),
    (nothing_is_left_for_later, "events/deals.py", f"# {LATER}: later"),
)
INNOCENT: tuple[tuple[Rule, str, str], ...] = (
    (arrows_point_one_way, "events/deals.py", "from decimal import Decimal\nfrom pydantic import Field"),
    (arrows_point_one_way, "projections/sql.py", "import datetime\nfrom events.words import Money"),
    (arrows_point_one_way, "services/store/clickhouse.py", "import clickhouse_connect, projections.sql"),
    (pure_rooms_have_no_clock_and_no_chance, "services/clock.py", "now = datetime.now(UTC)"),
    (
        pure_rooms_have_no_clock_and_no_chance,
        "events/words.py",
        "from uuid import uuid5\nid = uuid5(ns, name)",
    ),
    (amounts_are_exact, "projections/answer.py", "percent = 100.0"),
    (amounts_are_exact, "services/wallboard/page.py", "poll_s = 0.5"),
    (one_wall_clock, WALL_CLOCK_HOME, "from datetime import datetime\nnow = datetime.now()"),
    (one_wall_clock, "services/processor/poster.py", "import time\nstart = time.perf_counter()"),
    (one_wall_clock, "services/processor/poster.py", "time = fact.time.time"),
    (failures_are_named, "services/store/port.py", "try:\n    go()\nexcept OSError:\n    raise"),
    (modules_have_real_names, "services/journal/sqlite.py", ""),
    (init_files_hold_a_docstring_only, "events/__init__.py", '"""What happened."""'),
    (modules_open_with_a_docstring, "events/deals.py", '"""Deals."""'),
    (modules_and_functions_stay_short, "events/deals.py", "def f():\n" + "    g()\n" * 59),
    (only_the_command_line_prints, "services/cli.py", "print('here')"),
    (only_the_command_line_prints, "benchmarks/__main__.py", "print('here')"),
    (nothing_is_left_for_later, "events/deals.py", "todo = []"),
)


# Imports every module named on the command line and tells what our own module bodies did to the world.
# Whoever's module body is innermost on the stack did it, so what a library does at its import is its affair.
IMPORT_PROBE = """
import importlib, os, sys

root, *names = sys.argv[1:]
ours = tuple(os.path.join(root, name.split(".")[0]) + os.sep for name in names)
watched = {"socket.connect", "socket.getaddrinfo", "sqlite3.connect", "subprocess.Popen", "os.system",
           "os.posix_spawn", "os.fork", "os.mkdir", "os.remove", "os.rename"}
seen = set()

def hook(event, args):
    writes = event == "open" and args[2] & (os.O_WRONLY | os.O_RDWR)
    if not (writes or event in watched) or any("__pycache__" in str(arg) for arg in args):
        return
    frame = sys._getframe()
    while frame and frame.f_code.co_name != "<module>":
        frame = frame.f_back
    if frame and frame.f_code.co_filename.startswith(ours):
        path = os.path.relpath(frame.f_code.co_filename, root)
        seen.add(f"{path}:{frame.f_lineno}: importing does {event}; do it in a function that somebody calls")

sys.path.insert(0, root)
sys.addaudithook(hook)
for name in names:
    importlib.import_module(name)
sys.stdout.write("\\n".join(sorted(seen)))
"""


def modules(root: Path = ROOT) -> list[str]:
    """Every Python file of the house, as a path relative to its root."""
    found = (path for folder in FOLDERS for path in (root / folder).rglob("*.py"))
    return sorted(path.relative_to(root).as_posix() for path in found)


def effects_of_importing(root: Path) -> str:
    """What the product's modules do to the outside world when a fresh process imports them all."""
    paths = [PurePosixPath(path) for path in modules(root) if room(path) in PACKAGES]
    names = [
        ".".join(path.parent.parts if path.name == "__init__.py" else path.with_suffix("").parts)
        for path in paths
        if path.name != "__main__.py"
    ]
    command = [sys.executable, "-c", IMPORT_PROBE, str(root), *names]
    probe = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    assert probe.returncode == 0, f"a module cannot be imported on its own:\n{probe.stderr}"
    return probe.stdout


def folders_without_init(paths: list[str]) -> list[str]:
    """Folders of modules in the product that a wheel would leave out."""
    folders = {PurePosixPath(path).parent for path in paths if room(path) in PACKAGES}
    missing = sorted(str(folder) for folder in folders if f"{folder}/__init__.py" not in paths)
    return [f"{folder}/: no package; add an __init__.py with a docstring" for folder in missing]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_the_house_keeps(rule: Rule) -> None:
    violations = [line for path in modules() for line in rule(path, (ROOT / path).read_text("utf-8"))]
    assert not violations, "\n" + "\n".join(violations)


@pytest.mark.parametrize("case", range(len(OFFENCES)), ids=lambda n: f"{OFFENCES[n][0].__name__}-{n}")
def test_an_offence_is_seen(case: int) -> None:
    rule, path, source = OFFENCES[case]
    violations = list(rule(path, source))
    assert violations
    assert all(re.match(rf"{re.escape(path)}:\d+: .+; .+", line) for line in violations), violations


@pytest.mark.parametrize("case", range(len(INNOCENT)), ids=lambda n: f"{INNOCENT[n][0].__name__}-{n}")
def test_what_is_fine_passes(case: int) -> None:
    rule, path, source = INNOCENT[case]
    assert not list(rule(path, source))


def test_every_rule_is_shown_an_offence_and_an_innocent() -> None:
    assert set(RULES) == {rule for rule, _, _ in OFFENCES} == {rule for rule, _, _ in INNOCENT}


def test_every_folder_of_modules_is_a_package() -> None:
    assert folders_without_init(["events/a.py"]) == ["events/: no package; add an __init__.py with a docstring"]
    assert not folders_without_init(modules())


def test_importing_does_nothing() -> None:
    effects = effects_of_importing(ROOT)
    assert not effects, "\n" + effects


@pytest.mark.parametrize(
    ("body", "event"),
    [
        ("import sqlite3\nsqlite3.connect(':memory:')", "sqlite3.connect"),
        ("import subprocess, sys\nsubprocess.run([sys.executable, '-c', ''])", "subprocess.Popen"),
        ("from pathlib import Path\nPath('left-behind.txt').write_text('')", "open"),
        (
            "import socket\nsocket.socket(socket.AF_INET, socket.SOCK_DGRAM).connect(('127.0.0.1', 9))",
            "connect",
        ),
        ("class Settings:\n    file = open('left-behind.txt', 'a')", "open"),
    ],
    ids=["database", "process", "file", "network", "file in a class body"],
)
def test_importing_something_that_acts_is_seen(tmp_path: Path, body: str, event: str) -> None:
    package = tmp_path / "services"
    package.mkdir()
    (package / "__init__.py").write_text("", "utf-8")
    (package / "busy.py").write_text(body, "utf-8")
    assert re.search(rf"services/busy.py:\d: importing does \S*{event}", effects_of_importing(tmp_path))
