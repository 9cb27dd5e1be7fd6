"""Help in the language of the person. English is click's own; Chinese is looked up text by text, and wrapped by the
width of its characters."""

import os
import re
from collections.abc import Iterator, Sequence
from typing import Final
from unicodedata import east_asian_width

import click

LANGUAGES: Final = ("en", "zh")
_EXTRA: Final = re.compile(r"(.*?)(?:  \[(.*)\])?", re.DOTALL)
_PIECE: Final = re.compile(r"\s+|[^\s⺀-￯“”…]+|.")
_NEVER_FIRST: Final = frozenset("，。；：、）！？”》…")
_NEVER_LAST: Final = frozenset("（“《[")


def language(args: Sequence[str]) -> str | None:
    """The language that was told on a command line, wherever ``--lang`` stands; else by ``SALESTREAM_LANG``.

    Help and errors of usage are told before the options are known, and settings take long to be read.
    """
    told = [os.environ.get("SALESTREAM_LANG", "")]
    for place, arg in enumerate(args):
        if arg == "--":
            break
        name, _, value = arg.partition("=")
        if name == "--lang":
            told.append(value or "".join(args[place + 1 : place + 2]))
    return next((each for each in reversed(told) if each in LANGUAGES), None)


class Spoken(click.Context):
    """A context whose help is in the language of its session."""

    def make_formatter(self) -> click.HelpFormatter:
        if getattr(self.obj, "lang", None) != "zh":
            return super().make_formatter()
        return Chinese(width=self.terminal_width, max_width=self.max_content_width)


class Chinese(click.HelpFormatter):
    """Help in Chinese."""

    def write_usage(self, prog: str, args: str = "", prefix: str | None = None) -> None:
        from services.sentences import sentence

        words = " ".join(sentence(each) for each in args.split())
        self.write(f"{'':{self.current_indent}}{sentence('Usage')}：{prog} {words}\n")

    def write_heading(self, heading: str) -> None:
        from services.sentences import sentence

        self.write(f"{'':{self.current_indent}}{sentence(heading)}：\n")

    def write_text(self, text: str) -> None:
        indent = " " * self.current_indent
        paragraphs = [
            "".join(f"{indent}{line}\n" for line in lines(_said(each), self.width - len(indent)))
            for each in text.split("\n\n")
        ]
        self.write("\n".join(paragraphs))

    def write_dl(self, rows: Sequence[tuple[str, str]], col_max: int = 30, col_spacing: int = 2) -> None:
        told = [(first, _said(second)) for first, second in rows]
        column = min(max(width(first) for first, _ in told), col_max) + col_spacing
        indent = " " * self.current_indent
        for first, second in told:
            start = f"{indent}{first}"
            wrapped = lines(second, max(self.width - column - len(indent), 20))
            if wrapped and width(first) + col_spacing <= column:
                start += " " * (column - width(first)) + wrapped.pop(0)
            self.write("\n".join([start, *(f"{indent}{'':{column}}{line}" for line in wrapped)]) + "\n")


def _said(text: str) -> str:
    """A text of the help with what stands in brackets behind it, such as ``[default: 50]``."""
    from services.sentences import sentence

    found = _EXTRA.fullmatch(text)
    assert found is not None, "it fits every text"
    told = sentence(found[1])
    if not found[2]:
        return told
    return f"{told}  [{'；'.join(sentence(each) for each in found[2].split('; '))}]"


def width(text: str) -> int:
    """Columns of a terminal that a text takes: most Chinese characters take two."""
    return sum(2 if east_asian_width(each) in "WF" else 1 for each in text)


def lines(text: str, columns: int) -> list[str]:
    """The lines of a text: broken at spaces and between Chinese characters, never before a mark that ends something."""
    found, line = [], ""
    for piece in _pieces(text):
        if line and width(line) + width(piece.rstrip()) > columns:
            found.append(line.rstrip())
            line = piece.lstrip()
        else:
            line += piece
    return [*found, line.rstrip()] if line.strip() else found


def _pieces(text: str) -> Iterator[str]:
    """What must not be broken, with the space before it."""
    held = ""
    for piece in _PIECE.findall(" ".join(text.split(" "))):
        if held and (piece in _NEVER_FIRST or held[-1] in _NEVER_LAST or not held.strip()):
            held += piece
        else:
            if held:
                yield held
            held = piece
    if held:
        yield held
