"""Every sentence of the code that a person may read where something is wrong, found in the source.

A sentence is a text in the code that has two words side by side. Texts that never say what is wrong are told apart by
the call that they are handed to (``NOT_FOR_PEOPLE``), by their module, or one by one.
"""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

ROOT: Final = Path(__file__).parents[1]
ROOMS: Final = ("events", "projections", "services")
_WORDS: Final = re.compile(r"\b[a-z]+ [a-z]+\b|\b[a-z]{2,} (\{\}|$)|(\{\}|^) [a-z]{2,}\b")
_NAME: Final = re.compile(r"[a-z][a-z0-9_]*")


class Sentence(NamedTuple):
    """A sentence as a template: what is filled in when it is said stands in braces."""

    place: str
    call: str
    """What it is handed to; empty where it is named first."""
    text: str


def sentences(file: Path) -> Iterator[Sentence]:
    """All sentences of a module in the order of its lines."""
    for line, call, text in _found(ast.parse(file.read_text("utf-8")), ""):
        yield Sentence(f"{file.relative_to(ROOT)}:{line}", call, text)


def _found(node: ast.AST, call: str) -> Iterator[tuple[int, str, str]]:
    if isinstance(node, ast.Assert):
        return
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
        return  # a docstring
    text = template(node)
    if text is not None:
        assert isinstance(node, ast.expr)
        if _WORDS.search(re.sub(r"\{\w+\}", "{}", text)):
            yield node.lineno, call, text
        return
    if isinstance(node, ast.Call):
        yield from _found(node.func, call)
        for each in (*node.args, *node.keywords):
            yield from _found(each, _called(node))
        return
    for below in ast.iter_child_nodes(node):
        yield from _found(below, call)


def _called(node: ast.Call) -> str:
    if isinstance(node.func, ast.Attribute):
        return node.func.attr
    return node.func.id if isinstance(node.func, ast.Name) else ""


def template(node: ast.AST) -> str | None:
    """A text in the code, with names in braces for what is filled in; None for anything else."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        left, right = template(node.left), template(node.right)
        return None if left is None and right is None else _numbered((left or "{left}") + (right or "{right}"))
    if not isinstance(node, ast.JoinedStr):
        return None
    return _numbered("".join(map(_piece, node.values)))


def _piece(node: ast.expr) -> str:
    if isinstance(node, ast.Constant):
        return str(node.value)
    quote = "'" if isinstance(node, ast.FormattedValue) and node.conversion == ord("r") else ""
    return f"{quote}{{{_named(node)}}}{quote}"


def _named(node: ast.expr) -> str:
    """A short name for what is filled in."""
    value = node.value if isinstance(node, ast.FormattedValue) else node
    words = ast.unparse(value).lower()
    if isinstance(value, ast.Call) and words.startswith(("len(", "abs(")):
        return "n"
    if "join(" in words:
        return "names"
    found: list[str] = _NAME.findall(words) or ["x"]
    return found[-1] if isinstance(value, (ast.Name, ast.Attribute)) else found[0]


def _numbered(text: str) -> str:
    """The same with another name for each place."""
    seen: dict[str, int] = {}

    def named(found: re.Match[str]) -> str:
        seen[found[1]] = count = seen.get(found[1], 0) + 1
        return f"{{{found[1]}}}" if count == 1 else f"{{{found[1]}_{count}}}"

    return re.sub(r"\{([a-z_][a-z0-9_]*)\}", named, text)
