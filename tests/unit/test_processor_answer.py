"""A processor's answer: what was written is read again, and no other bytes are."""

from __future__ import annotations

import cbor2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recycling.errors import MalformedError
from recycling.manifest import LineAnswer
from recycling.processor_answer import STAGES, Answer, decode, encode

MANIFEST, ITEM = "01M816PZYRB49Y5V0ZXM5EBNRB", "01M816PZWGQV4DBRSXX2H3KWT8"
GOOD = Answer(MANIFEST, "green", "answered", 5, (LineAnswer(ITEM, True, 90),))

masses = st.integers(0, 10_000_000)
ulids = st.text("0123456789ABCDEFGHJKMNPQRSTVWXYZ", min_size=26, max_size=26)


@given(
    st.dictionaries(ulids, st.tuples(st.booleans(), masses), min_size=1, max_size=5), st.integers(0, 2**52)
)
def test_answers_come_back_as_they_were(items: dict[str, tuple[bool, int]], at_ms: int) -> None:
    lines = tuple(LineAnswer(item, taken, mass_g) for item, (taken, mass_g) in items.items())
    answer = Answer(MANIFEST, "green", "answered", at_ms, lines)
    assert decode(encode(answer)) == answer


@given(st.dictionaries(ulids, masses, min_size=1, max_size=5))
def test_proposals_come_back_as_they_were(changes: dict[str, int]) -> None:
    answer = Answer(MANIFEST, "green", "proposes", 1, changes=changes, note="weighed again")
    assert decode(encode(answer)) == answer


@given(st.binary(max_size=400))
def test_other_bytes_are_refused_in_one_way(data: bytes) -> None:
    with pytest.raises(MalformedError):
        decode(data)


values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.text(max_size=30) | st.binary(max_size=9),
    lambda inner: st.lists(inner, max_size=9) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=20,
)


@given(st.integers(0, 8), values)
def test_a_good_answer_with_one_part_replaced_is_refused_or_still_sound(place: int, value: object) -> None:
    parts = cbor2.loads(encode(GOOD))
    parts[place] = value
    try:
        found = decode(cbor2.dumps(parts))
    except MalformedError:
        return
    assert found.stage in STAGES
    assert all(0 <= one.received_g <= 10_000_000 for one in found.items)


@pytest.mark.parametrize(
    "answer",
    [
        Answer(MANIFEST, "green", "processed", 5, (LineAnswer(ITEM, True, 90),)),
        Answer(MANIFEST, "green", "answered", 5),
        Answer(MANIFEST, "green", "agrees", 5, changes={ITEM: 4}),
        Answer(MANIFEST, "green", "answered", 5, (LineAnswer(ITEM, True, 9), LineAnswer(ITEM, True, 9))),
        Answer("short", "green", "processed", 5),
        Answer(MANIFEST, "Green Loop", "processed", 5),
        Answer(MANIFEST, "green", "burned", 5),
        Answer(MANIFEST, "green", "processed", -1),
        Answer(MANIFEST, "green", "processed", 5, note="a\nb"),
    ],
)
def test_what_does_not_fit_together_is_refused(answer: Answer) -> None:
    with pytest.raises(MalformedError):
        decode(encode(answer))
