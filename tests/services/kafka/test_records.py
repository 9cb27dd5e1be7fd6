"""The records of the journal topic: what is written is what is read."""

from hypothesis import given
from hypothesis import strategies as st

from events import codec, samples
from events.base import SalesEvent
from events.envelope import to_text
from events.vocabulary import EVENTS
from services.kafka.records import Origin, Record, Sender, outgoing, read
from tests.services.journal.telling import NOW_MS, invalid

names = st.text(st.characters(codec="utf-8", exclude_categories=["C"]), min_size=1, max_size=20).filter(str.strip)


@given(
    event=st.sampled_from(EVENTS),
    id_=names,
    source=names,
    asked=st.none() | st.integers(0, NOW_MS),
    offset=st.none() | st.integers(0, 1 << 40),
)
def test_what_is_known_of_a_record_is_what_it_says(
    event: type[SalesEvent], id_: str, source: str, asked: int | None, offset: int | None
) -> None:
    """So that a mirror comes out the same, whether its records were written in its process or read from the topic."""
    more = {} if asked is None else {"recordedtime": to_text(asked)}
    structured = samples.told(samples.sample(event), id=id_.strip(), source=source.strip(), tenant="acme", **more)
    told = codec.decode(structured, now_ms=NOW_MS, currency="CNY", importer=True)
    origin = None if offset is None else Origin(3, offset, offset - 1)

    out = outgoing(told, NOW_MS, origin, Sender("me", 7))

    assert out.known is not None
    assert out.known == read(Record(0, 1, NOW_MS, b"acme", out.value, out.headers))


def test_refusals_are_read_as_they_were_written() -> None:
    assert outgoing(invalid(b"\xff"), NOW_MS).known is None
