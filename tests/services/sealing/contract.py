"""What every store of subject keys does; each adapter's test gives ``opened``, a store of its own each time."""

from collections.abc import Callable, Iterator
from contextlib import closing

import pytest
from hypothesis import strategies as st

from services.sealing.port import KEY_BYTES, Erased, Slot, SubjectKeys

ONE, OTHER, ELSEWHERE = Slot("a", "lead:1"), Slot("a", "lead:2"), Slot("b", "lead:1")
SLOTS = [ONE, OTHER, ELSEWHERE, Slot("a", "客户:'\"; DROP TABLE subjects --")]

Opened = Callable[[], SubjectKeys]
"""Opens another one over the same keys, as another process does."""


class SubjectKeysContract:
    """Give a fixture ``another``, an ``Opened``, and have ``take_turns`` be tried with whatever data there is."""

    @pytest.fixture
    def keys(self, another: Opened) -> Iterator[SubjectKeys]:
        with closing(another()) as keys:
            yield keys

    def test_a_key_is_made_once_for_all(self, keys: SubjectKeys, another: Opened) -> None:
        made = keys.made(SLOTS)
        assert {len(key or b"") for key in made.values()} == {KEY_BYTES}
        assert len(set(made.values())) == len(SLOTS)
        with closing(another()) as other:
            assert other.made(SLOTS[::-1]) == made
            assert {slot: other.key(slot) for slot in SLOTS} == made
        assert keys.made([]) == {}

    def test_none_is_made_by_asking(self, keys: SubjectKeys) -> None:
        assert keys.key(ONE) is None
        assert keys.key(ONE) is None
        assert not keys.is_erased(ONE)

    def test_the_fence_stands(self, keys: SubjectKeys, another: Opened) -> None:
        first = keys.made([ONE, ELSEWHERE])
        assert keys.destroy(ONE, 1_000) == 1_000
        assert keys.destroy(ONE, 2_000) == 1_000
        assert keys.destroy(OTHER, 3_000) == 3_000  # of whom nothing was held
        with closing(another()) as other:
            for each in (keys, other):
                assert each.made([ONE, OTHER, ELSEWHERE]) == {ONE: None, OTHER: None, ELSEWHERE: first[ELSEWHERE]}
                assert [each.key(slot) for slot in (ONE, ELSEWHERE)] == [None, first[ELSEWHERE]]
                assert [each.is_erased(slot) for slot in (ONE, OTHER, ELSEWHERE)] == [True, True, False]
                assert each.erased("a") == [Erased("lead:1", 1_000), Erased("lead:2", 3_000)]
                assert each.erased("b") == []
                assert each.tenants() == ["a"]

    def test_what_one_destroys_another_seals_with_no_more(self, keys: SubjectKeys, another: Opened) -> None:
        with closing(another()) as other:
            before = keys.made([ONE, OTHER])
            other.destroy(ONE, 1)
            assert keys.made([ONE]) == {ONE: None}
            assert keys.made([OTHER]) == {OTHER: before[OTHER]}
            other.destroy(OTHER, 1)
            assert keys.made([OTHER, ELSEWHERE])[OTHER] is None

    def test_days_are_over_without_a_fence(self, keys: SubjectKeys, another: Opened) -> None:
        days = [Slot("a", f"inbox:2026-11-{day:02}") for day in (1, 2, 3)]
        others = [Slot("b", "inbox:2026-11-01"), Slot("a", "letters:2026-11-01"), ONE]
        made = keys.made([*days, *others])
        with closing(another()) as other:
            assert other.expire("a", "inbox:", "2026-11-03") == 2
            assert other.expire("a", "inbox:", "2026-11-03") == 0
        again = keys.made([*days, *others])
        assert [again[slot] == made[slot] for slot in [*days, *others]] == [False, False, True, True, True, True]
        assert keys.erased("a") == []

    def test_closing_twice_is_fine(self, another: Opened) -> None:
        keys = another()
        keys.close()
        keys.close()


def take_turns(data: st.DataObject, another: Opened) -> None:
    """Whatever is made and destroyed by either, in whatever order, both know it when they seal."""
    known: dict[Slot, bytes | None] = {}
    mark = data.draw(st.uuids())
    slots = [Slot(f"t{mark.hex[:12]}", f"lead:{number}") for number in range(3)]
    with closing(another()) as one, closing(another()) as two:
        for _ in range(data.draw(st.integers(1, 8))):
            keys, slot = data.draw(st.sampled_from([one, two])), data.draw(st.sampled_from(slots))
            if data.draw(st.booleans()):
                keys.destroy(slot, 5)
                known[slot] = None
            found = keys.made([slot])
            assert found == {slot: known.setdefault(slot, found[slot])}
            assert (found[slot] is None) == keys.is_erased(slot)
