"""The Chinese of help and of what goes wrong, by its English.

Code says what is wrong in English, and where a person reads it the sentence is looked up here. The catalogue is the
gettext files in the folder zh: an English text or template, ``{name} exists already; name another file``, and its
Chinese. What a template leaves open is kept as it is, unless it is a sentence of the catalogue itself, as in
``--where {error}``. A sentence that nobody has translated is shown in English.

The files are read when the first sentence is asked for, so whoever reads English never pays for them.
"""

import re
from ast import literal_eval
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Final

_FOLDER: Final = Path(__file__).parent / "zh"
_OPEN: Final = re.compile(r"\{([a-z_][a-z0-9_]*)\}")
_PLACES: Final = {"quoted": r"'[^']*'|\"[^\"]*\"", "digits": r"[0-9,]+"}
_SENTENCE: Final = ("error", "reason", "problem", "sentence", "message", "allowed", "last", "first", "wrong")
"""What may stand in a place of that name: a text in quotes, a number, or a sentence that may say what is allowed. In a
place of any other name there may be whatever says no such thing."""
_PLACE_IN_FILE: Final = re.compile(r"(?<=\w): (?=[\w.\[\]]+$)")
_PLACE_WORDS: Final = 12
"""Words that a place of a mistake may have, such as the name of a column."""
_VERBS: Final = frozenset(
    "and cannot does ends groups has have holds is lacks lies names needs rounds says stands sums tells was".split()
)
"""What is wrong somewhere begins with one."""
_START: Final = 3
"""Letters by which templates are looked up; none that begins with words of its own has fewer of them."""
_DEEPEST: Final = 8
"""Sentences in sentences."""


@dataclass(frozen=True)
class Template:
    """A sentence with places that are left open, and its Chinese."""

    english: str
    chinese: str

    @cached_property
    def words(self) -> tuple[str, ...]:
        """What must be there, the longest first."""
        return tuple(sorted((each for each in _OPEN.split(self.english)[::2] if each), key=len, reverse=True))

    @cached_property
    def begun(self) -> bool:
        """Whether it begins with words of its own, and not only with a letter or two."""
        first = _OPEN.search(self.english)
        return first is None or first.start() >= _START

    @property
    def length(self) -> int:
        """How much of it is words. Of several that fit, the one that says most is meant."""
        return sum(map(len, self.words))

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        pieces = _OPEN.split(self.english)
        made = [_group(each) if place % 2 else re.escape(each) for place, each in enumerate(pieces)]
        return re.compile("".join(made), re.DOTALL)

    def said(self, parts: dict[str, str]) -> str:
        """The Chinese with what is filled in."""
        said = ""
        for place, piece in enumerate(_OPEN.split(self.chinese)):
            piece = parts.get(piece, f"{{{piece}}}") if place % 2 else piece
            if piece and (said.endswith(" ") or piece.startswith(" ")) and said.strip():
                said, piece = said.rstrip(" "), piece.lstrip(" ")
                said += _apart(said, piece)
            said += piece
        return said


def _apart(left: str, right: str) -> str:
    """The space between two texts: Chinese characters need none between them."""
    return " " if left[-1:].isascii() or right[:1].isascii() else ""


def _group(name: str) -> str:
    kind = name.partition("_")[0]
    return f"(?P<{name}>{'.+?' if kind in _SENTENCE else _PLACES.get(kind, '(?:(?!; allowed: ).)+?')})"


class Catalogue:
    """Whole sentences, and templates; of several that fit, the one that says most is meant."""

    def __init__(self, known: Mapping[str, str]) -> None:
        templates = [Template(english, chinese) for english, chinese in known.items() if _OPEN.search(english)]
        self.templates = sorted(templates, key=lambda each: each.length, reverse=True)
        self._whole = {english: chinese for english, chinese in known.items() if not _OPEN.search(english)}
        self._open = [each for each in self.templates if not each.begun]
        self._begun: dict[str, list[Template]] = {}
        for each in filter(lambda each: each.begun, self.templates):
            self._begun.setdefault(each.english[:_START], []).append(each)

    def find(self, text: str, depth: int = 0) -> str | None:
        """The Chinese of a text; None where it is not known."""
        if depth == _DEEPEST:
            return None
        return (
            self._problem(text, depth)
            or self._placed(text, depth)
            or self._filled(text, self._open, depth)
            or self._joined(text, depth)
        )

    def _problem(self, text: str, depth: int) -> str | None:
        """A text that is in the catalogue as it stands, or fits a template that begins with words of its own."""
        return self._known(text) or self._filled(text, self._begun.get(text[:_START], ()), depth)

    def _known(self, text: str) -> str | None:
        """A text that is in the catalogue as it stands; systems begin with a capital letter where we do not."""
        return self._whole.get(text) or (self._whole.get(text.lower()) if " " in text else None)

    def _filled(self, text: str, templates: Iterable[Template], depth: int) -> str | None:
        """A text that fits one of these templates."""
        for template in templates:
            if template.words[0] in text and (filled := template.pattern.fullmatch(text)):
                parts = {name: self.find(part, depth + 1) or part for name, part in filled.groupdict().items()}
                return template.said(parts)
        return None

    def _placed(self, text: str, depth: int) -> str | None:
        """A place, and what is wrong there: ``data.amount is negative``, ``deals.csv line 3 Close Date is empty``."""
        words = text.split(" ")
        for length in range(1, min(len(words), _PLACE_WORDS)):
            rest = " ".join(words[length:])
            if ";" in words[length - 1]:
                return None
            if words[length] not in _VERBS:
                continue
            if problem := self._problem(rest, depth):
                place = " ".join(words[:length])
                place = self.find(place, depth + 1) or _PLACE_IN_FILE.sub("：", place)
                return f"{place}{_apart(place, problem)}{problem}"
        return None

    def _joined(self, text: str, depth: int) -> str | None:
        """Two sentences in one: what is wrong and what is allowed, or ``tile 3: by is missing``."""
        problem, mark, allowed = text.partition("; allowed: ")
        told = (self.find(problem, depth + 1), self.find(allowed, depth + 1)) if mark else (None, None)
        if any(told):
            return f"{told[0] or problem}；允许：{told[1] or allowed}"
        place, colon, rest = text.partition(": ")
        found = self.find(rest, depth + 1) if colon and ";" not in place else None
        return f"{self.find(place, depth + 1) or place}：{found}" if found else None


def sentence(english: str) -> str:
    """The Chinese of what is wrong, or of a text of the help; the English where it is not known."""
    text = " ".join(english.split())
    return catalogue().find(text) or text


@cache
def catalogue() -> Catalogue:
    """All that is known, read once."""
    known = {english: chinese for file in sorted(_FOLDER.glob("*.po")) for english, chinese in entries(file)}
    known.pop("", None)  # what a file says about itself
    return Catalogue(known)


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
