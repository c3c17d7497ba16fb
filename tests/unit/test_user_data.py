"""Comparing the owner's objects before and after: exact counts, and nothing claimed that was not read."""

from __future__ import annotations

from dataclasses import dataclass, replace

from hypothesis import given, settings
from hypothesis import strategies as st

from kiosk.flow.user_data import UserData, compare, first_look, hashed_paths


@dataclass(frozen=True)
class Object:
    """One object, as an adapter gives it."""

    path: str
    size_bytes: int = 10
    modified: str = "20240101T000000"
    sha256: str | None = "aa"


BEFORE = [Object("a"), Object("b", sha256=None), Object("c"), Object("照片/d")]


def look(after: list[Object], before: list[Object] = BEFORE) -> UserData:
    return compare(before, after, (0, 0), False)


def test_the_same_objects_are_identical_and_only_those_read_twice_count_as_hashed() -> None:
    data = look(list(BEFORE))
    assert (data.before, data.after, data.identical, data.hashed, data.not_compared) == (4, 4, 4, 3, 1)
    assert data.verdict == ""


def test_a_lost_object_is_missing() -> None:
    data = look(BEFORE[1:])
    assert (data.missing, data.identical, data.verdict) == (1, 3, "user_data_missing")


def test_other_bytes_of_the_same_size_and_date_are_found_by_their_hash() -> None:
    data = look([replace(BEFORE[0], sha256="bb"), *BEFORE[1:]])
    assert (data.changed, data.verdict) == (1, "user_data_changed")


def test_a_touched_date_is_a_change() -> None:
    data = look([replace(BEFORE[1], modified="20250101T000000"), BEFORE[0], *BEFORE[2:]])
    assert (data.changed, data.identical) == (1, 3)


def test_a_date_given_only_once_is_no_evidence() -> None:
    assert look([replace(item, modified="") for item in BEFORE]).identical == 4


def test_added_objects_are_reported_and_are_no_loss() -> None:
    data = look([*BEFORE, Object("new")])
    assert (data.added, data.missing, data.verdict) == (1, 0, "")


def test_what_can_no_longer_be_read_needs_staff() -> None:
    data = look([replace(BEFORE[0], sha256=None), *BEFORE[1:]])
    assert (data.lost_reading, data.verdict) == (1, "user_data_unreadable")


def test_two_objects_with_one_path_are_counted_as_two() -> None:
    twice = [Object("a"), Object("a")]
    assert look([Object("a")], twice).missing == 1
    assert look(twice, twice).identical == 2


def test_nothing_looked_at_after_is_never_called_safe() -> None:
    assert first_look(BEFORE, 1, False).verdict == "user_data_not_checked"
    assert hashed_paths(BEFORE) == {"a", "c", "照片/d"}


OBJECTS = st.lists(
    st.builds(
        Object,
        st.sampled_from("abcdefgh"),
        st.integers(0, 3),
        st.sampled_from(["", "20240101T000000", "20240102T000000"]),
        st.sampled_from([None, "aa", "bb"]),
    ),
    max_size=12,
)


@settings(max_examples=200, deadline=None)
@given(OBJECTS, OBJECTS)
def test_every_object_is_counted_exactly_once(before: list[Object], after: list[Object]) -> None:
    data = look(after, before)
    assert data.identical + data.changed + data.missing == data.before == len(before)
    assert data.identical + data.changed + data.added == data.after == len(after)
    assert 0 <= data.hashed <= data.identical + data.changed
    assert (data.verdict == "") <= (data.missing == 0)
