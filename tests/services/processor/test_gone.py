"""Positions of entities that a helper has let go, in memory and in the file."""

from hypothesis import given
from hypothesis import strategies as st

from projections.ledger import Key
from services.processor.gone import Gone

KEYS = st.tuples(st.sampled_from(["deal", "lead", 'odd "kind"']), st.sampled_from(["D-1", "D-2", "名", "", "a'b"]))
STEPS = st.lists(
    st.one_of(
        st.dictionaries(KEYS, st.lists(st.integers(1, 2**40), max_size=4), max_size=4),
        st.lists(KEYS, unique=True, max_size=4),
    ),
    max_size=12,
)


@given(steps=STEPS, recent=st.integers(0, 5))
def test_what_was_put_is_taken_once(steps: list[dict[Key, list[int]] | list[Key]], recent: int) -> None:
    """As from a dict, wherever it lies."""
    known: dict[Key, list[int]] = {}
    with Gone(recent) as gone:
        for step in steps:
            if isinstance(step, dict):
                new = {key: positions for key, positions in step.items() if key not in known}
                gone.put(new)
                known |= new
            else:
                assert gone.known(step) == set(step) & known.keys()
                assert gone.take(step) == {key: known.pop(key) for key in step if key in known}
        assert gone.take(list(known)) == known
