"""How the values of a mapping are spelled: texts, templates, calculations, forms of dates."""

from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BeforeValidator, PlainValidator
from pydantic_core import PydanticCustomError

from events.currencies import EXPONENTS
from events.words import NAME_WORDS, is_name
from services.importer import moments
from services.importer.arithmetic import Calculation, calculation
from services.importer.template import Template, template


def wrong(problem: str) -> PydanticCustomError:
    """A problem in our own words: what is wrong and what is allowed."""
    return PydanticCustomError("word", "{problem}", {"problem": problem})


def _scalar(value: Any) -> Any:
    """YAML reads ``1`` and ``true`` as what they are; a mapping means the text."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, int) else value


def _several(value: Any) -> Any:
    return [_scalar(each) for each in value] if isinstance(value, list) else [_scalar(value)]


def _reads(read: Any, what: str) -> Any:
    """A validator of one text, or several, that ``read`` understands."""

    def validate(value: Any) -> tuple[Any, ...]:
        texts = _several(value)
        for text in texts:
            if isinstance(text, dict) and list(text.values()) == [None]:
                name = next(iter(text))
                raise wrong(f'is a brace that YAML takes for its own; allowed: quotes around it, "{{{name}}}"')
            if not isinstance(text, str):
                raise wrong(f"is no text; allowed: {what}, or a list of such")
        if not texts:
            raise wrong(f"is empty; allowed: {what}, or a list of such")
        try:
            return tuple(read(text) for text in texts)
        except ValueError as error:
            raise wrong(str(error)) from None

    return validate


def _only(texts: tuple[Any, ...]) -> Any:
    if len(texts) != 1:
        raise wrong("is a list; allowed: one text")
    return texts[0]


def _plain_text(text: str) -> str:
    return text


def _file_name(name: str) -> str:
    if "/" in name or "\\" in name or name in ("", ".", ".."):
        raise wrong("is no plain file name; allowed: the name of a file beside the main one, such as products.csv")
    return name


def _source(name: str) -> str:
    if not is_name(name):
        raise wrong(f"is no name; allowed: {NAME_WORDS}")
    return name


def _currency(code: str) -> str:
    if code not in EXPONENTS:
        raise wrong("is no currency; allowed: an ISO 4217 code such as CNY or USD")
    return code


def _zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise wrong("is no time zone; allowed: a name such as Asia/Shanghai or UTC") from None
    return name


def _tab(value: Any) -> Any:
    return "\t" if value in ("tab", "\\t") else value


Text = Annotated[str, BeforeValidator(_scalar)]
Texts = Annotated[tuple[str, ...], PlainValidator(_reads(_plain_text, "a text"))]
Templates = Annotated[tuple[Template, ...], PlainValidator(_reads(template, "a text"))]
OneTemplate = Annotated[Template, PlainValidator(lambda value: _only(_reads(template, "a text")(value)))]
Calculations = Annotated[tuple[Calculation, ...], PlainValidator(_reads(calculation, "a calculation"))]
Forms = Annotated[tuple[str, ...], PlainValidator(_reads(moments.form, "a form of a date"))]
Zone = Annotated[str, AfterValidator(_zone)]
FileName = Annotated[str, AfterValidator(_file_name)]
SourceName = Annotated[str, AfterValidator(_source)]
CurrencyCode = Annotated[str, AfterValidator(_currency)]
Columns = Annotated[tuple[str, ...], PlainValidator(_reads(_plain_text, "the name of a column"))]
Encodings = Annotated[tuple[Literal["utf-8", "utf-8-sig", "gb18030"], ...], BeforeValidator(_several)]
Delimiter = Annotated[Literal[",", ";", "\t", "|"], BeforeValidator(_tab)]
