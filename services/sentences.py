"""The Chinese of help and of what goes wrong, by its English.

Code says what is wrong in English, and where a person reads it the sentence is looked up here. The catalogue is the
gettext files in the folder zh: an English text or template, ``{name} exists already; name another file``, and its
Chinese. What a template leaves open is kept as it is, unless it is a sentence of the catalogue itself, as in
``--where {error}``. A sentence that nobody has translated is shown in English.

The files are read when the first sentence is asked for, so whoever reads English never pays for them.
"""

import re
from ast import literal_eval
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Final

_FOLDER: Final = Path(__file__).parent / "zh"
_OPEN: Final = re.compile(r"\{([a-z_][a-z0-9_]*)\}")
_FIELD: Final = re.compile(r"[\w.<>/#:\[\]+-]+")
_QUOTED: Final = r"'[^']*'|\"[^\"]*\""
_DEEPEST: Final = 8
"""Sentences in sentences."""


@dataclass(frozen=True)
class Template:
    """A sentence with places that are left open, and its Chinese. A place ``quoted`` is one text in quotes."""

    english: str
    chinese: str

    @cached_property
    def words(self) -> tuple[str, ...]:
        """What must be there, the longest first."""
        return tuple(sorted((each for each in _OPEN.split(self.english)[::2] if each), key=len, reverse=True))

    @cached_property
    def begun(self) -> bool:
        """Whether it begins with words of its own. Those that do are asked first."""
        return _OPEN.match(self.english) is None

    @property
    def length(self) -> int:
        """How much of it is words. Of several that fit, the one that says most is meant."""
        return sum(map(len, self.words))

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        pieces = _OPEN.split(self.english)
        made = [_group(each) if place % 2 else re.escape(each) for place, each in enumerate(pieces)]
        return re.compile("".join(made), re.DOTALL)


def _group(name: str) -> str:
    return f"(?P<{name}>{_QUOTED if name == 'quoted' else '.+?'})"


@dataclass(frozen=True)
class Catalogue:
    """Whole sentences, and templates from the most to the least telling."""

    whole: dict[str, str]
    templates: tuple[Template, ...]

    def find(self, text: str, depth: int = 0) -> str | None:
        """The Chinese of a text; None where it is not known."""
        if depth == _DEEPEST:
            return None
        return (
            self._known(text)
            or self._filled(text, depth, begun=True)
            or self._placed(text, depth)
            or self._filled(text, depth, begun=False)
            or self._joined(text, depth)
        )

    def _known(self, text: str) -> str | None:
        """A text that is in the catalogue as it stands; systems begin with a capital letter where we do not."""
        return self.whole.get(text) or (self.whole.get(text.lower()) if " " in text else None)

    def _filled(self, text: str, depth: int, *, begun: bool) -> str | None:
        """A text that fits a template; ``begun``: one that begins with words of its own."""
        for template in self.templates:
            if template.begun is not begun:
                continue
            if all(words in text for words in template.words) and (filled := template.pattern.fullmatch(text)):
                parts = {name: self.find(part, depth + 1) or part for name, part in filled.groupdict().items()}
                return _OPEN.sub(lambda name: parts.get(name[1], name[0]), template.chinese)  # noqa: B023
        return None

    def _placed(self, text: str, depth: int) -> str | None:
        """A field, and what is wrong with it: ``data.amount is negative``."""
        field, _, rest = text.partition(" ")
        if not _FIELD.fullmatch(field):
            return None
        problem = self._known(rest) or self._filled(rest, depth, begun=True)
        return f"{field} {problem}" if problem else None

    def _joined(self, text: str, depth: int) -> str | None:
        """Two sentences in one: ``tile 3: by is missing``, or what is wrong and what is allowed."""
        place, colon, rest = text.partition(": ")
        if colon and ";" not in place and (problem := self.find(rest, depth + 1)):
            return f"{self.find(place, depth + 1) or place}：{problem}"
        problem, mark, allowed = text.partition("; allowed: ")
        told = (self.find(problem, depth + 1), self.find(allowed, depth + 1)) if mark else (None, None)
        return f"{told[0] or problem}；允许：{told[1] or allowed}" if any(told) else None


def sentence(english: str) -> str:
    """The Chinese of what is wrong, or of a text of the help; the English where it is not known."""
    text = " ".join(english.split())
    return catalogue().find(text) or text


@cache
def catalogue() -> Catalogue:
    """All that is known, read once."""
    known = {english: chinese for file in sorted(_FOLDER.glob("*.po")) for english, chinese in entries(file)}
    known.pop("", None)  # what a file says about itself
    templates = [Template(english, chinese) for english, chinese in known.items() if _OPEN.search(english)]
    whole = {english: chinese for english, chinese in known.items() if not _OPEN.search(english)}
    return Catalogue(whole, tuple(sorted(templates, key=lambda each: each.length, reverse=True)))


def entries(file: Path) -> Iterator[tuple[str, str]]:
    """Each msgid of a gettext file with its msgstr; comments are passed over."""
    told: dict[str, str] = {}
    name = ""
    for line in file.read_text("utf-8").splitlines():
        if line.startswith('"'):
            told[name] += literal_eval(line)
        elif line.startswith("msg"):
            if line.startswith("msgid") and told:
                yield told["msgid"], told["msgstr"]
            name, _, text = line.partition(" ")
            told[name] = literal_eval(text)
    if told:
        yield told["msgid"], told["msgstr"]
