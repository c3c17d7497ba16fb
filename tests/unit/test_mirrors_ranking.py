"""Which mirror is asked first: measured, remembered, and never lost."""

from __future__ import annotations

import json
import math
import random
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware_agent.errors import CatalogueRefused
from firmware_agent.mirrors import memory as mirror_memory
from firmware_agent.mirrors import ranking
from firmware_agent.mirrors.book import WRONG, Mirror, MirrorBook, Trial
from firmware_agent.mirrors.ranking import HALF_LIFE_S, Ask, Record, rank

MIB = 1 << 20
DAY_S = 86400.0


class Clock:
    """A wall clock that tests set."""

    def __init__(self) -> None:
        self.now_s = 1_700_000_000.0

    def __call__(self) -> float:
        return self.now_s


def mirrors(count: int, region: str = "") -> list[Mirror]:
    return [Mirror(f"http://mirror-{number}.example", region) for number in range(count)]


def book(known: list[Mirror], clock: Clock | None = None, **more: object) -> MirrorBook:
    return MirrorBook(known, clock_s=clock or Clock(), **more)  # type: ignore[arg-type]


def good(first_byte_s: float, bytes_s: float) -> Trial:
    return Trial(first_byte_s, body_s=10.0, body_bytes=int(10 * bytes_s))


# -- the URL


@pytest.mark.parametrize(
    ("url", "normal"),
    [
        ("HTTP://Mirror.Example:80/", "http://mirror.example"),
        ("https://mirror.example:443/a/b/", "https://mirror.example/a/b"),
        ("http://mirror.example:8080", "http://mirror.example:8080"),
        ("http://[2001:DB8::1]:8000/x", "http://[2001:db8::1]:8000/x"),
    ],
)
def test_every_way_of_writing_a_url_is_one_mirror(url: str, normal: str) -> None:
    assert Mirror(url).url == normal
    assert Mirror(Mirror(url).url) == Mirror(url)


@pytest.mark.parametrize(
    "url",
    [
        "ftp://mirror.example",
        "file:///etc",
        "http://user:secret@mirror.example",
        "http://@mirror.example",
        "http://mirror.example?x=1",
        "http://mirror.example/a?",
        "http://mirror.example#top",
        "http://mirror.example/../up",
        "http://mirror.example/%2e%2e",
        "http://mirror.example/a//b",
        "http://mirror.example:99999",
        "http://mirror.example:0",
        "http://mirror..example",
        "http://",
        "http:///path",
        "http://mirror.example/a b",
        "http://mirror.example/a\r\nHost: other",
        "http://mirror.example\t",
        "http://mïrror.example",
        "http://mirror.example/" + "a" * 300,
        "http://[::1",
        "mirror.example",
        "",
    ],
)
def test_a_url_that_is_not_a_plain_web_folder_is_refused(url: str) -> None:
    with pytest.raises(CatalogueRefused) as refused:
        Mirror(url)
    assert refused.value.reason == "bad_mirror"
    assert "\n" not in refused.value.detail


@given(st.text(max_size=40) | st.text(alphabet="htps:/.@?#[]%0a-", max_size=40).map(lambda t: f"http://{t}"))
def test_no_text_does_more_than_be_refused(text: str) -> None:
    try:
        mirror = Mirror(text)
    except CatalogueRefused:
        return
    assert Mirror(mirror.url).url == mirror.url
    assert not set(mirror.url) & set("@?# \r\n")


# -- the order


def test_before_anything_is_measured_the_own_region_comes_first_then_the_unknown() -> None:
    far, near, unknown = Mirror("http://a", "us-east"), Mirror("http://b", "cn-east"), Mirror("http://c")
    assert book([far, unknown, near], region="cn-east").ranked(MIB) == [near, unknown, far]
    neighbour = Mirror("http://d", "cn-north")
    assert book([far, neighbour, near], region="cn-east").ranked(MIB) == [near, neighbour, far]


def test_without_a_salt_equal_mirrors_keep_the_order_given_and_with_one_stations_differ() -> None:
    many = mirrors(50)
    seed = Mirror("http://seed")
    plain = book([seed])
    plain.learn(many)
    assert plain.ranked(MIB) == [seed, *many]
    orders = set()
    for station in ("station-1", "station-2", "station-3"):
        salted = book([seed], salt=station)
        salted.learn(many)
        orders.add(tuple(salted.ranked(MIB)[:5]))
        assert salted.ranked(MIB)[0] == seed
    assert len(orders) == 3


def test_what_was_measured_outweighs_the_region() -> None:
    slow, fast = Mirror("http://slow", "cn-east"), Mirror("http://fast", "us-east")
    known = book([slow, fast], region="cn-east")
    known.report(slow, good(0.05, 50_000))
    known.report(fast, good(0.3, 5_000_000))
    assert known.ranked(100 * MIB)[0] == fast


def test_a_small_file_goes_to_the_quick_answer_and_a_large_one_to_the_wide_line() -> None:
    quick, wide = mirrors(2)
    known = book([quick, wide])
    known.report(quick, good(0.02, 200_000))
    known.report(wide, good(0.8, 8_000_000))
    assert known.ranked(2000)[0] == quick
    assert known.ranked(100 * MIB)[0] == wide


def test_a_mirror_without_range_pays_for_what_it_would_send_again() -> None:
    without, with_range = mirrors(2)
    known = book([without, with_range])
    known.report(without, Trial(0.1, 10.0, 20_000_000, ranges=False))
    known.report(with_range, Trial(0.1, 10.0, 15_000_000, ranges=True))
    assert known.ranked(10 * MIB)[0] == without
    assert known.ranked(10 * MIB, skip_bytes=90 * MIB)[0] == with_range


def test_a_failed_mirror_rests_longer_each_time_and_comes_back() -> None:
    clock = Clock()
    best, other = mirrors(2)
    known = book([best, other], clock)
    known.report(best, good(0.05, 5_000_000))
    known.report(other, good(0.05, 4_000_000))
    rests = []
    for _ in range(5):
        known.report(best, Trial(failure="refused", lost_s=0.1))
        assert known.ranked(100 * MIB)[-1] == best
        rests.append(known.standings(100 * MIB)[-1][1].rests_s)
        clock.now_s += rests[-1] - 1
        assert known.ranked(100 * MIB)[-1] == best
        clock.now_s += 1
        assert known.standings(100 * MIB)[-1][1].rests_s == 0
    assert rests == sorted(rests)
    assert rests[-1] > 8 * rests[0]
    for _ in range(3):
        known.report(best, good(0.05, 5_000_000))
        clock.now_s += HALF_LIFE_S
    assert known.ranked(100 * MIB)[0] == best


def test_wrong_bytes_rest_a_mirror_for_an_hour_at_least() -> None:
    clock = Clock()
    liar, honest = mirrors(2)
    known = book([liar, honest], clock)
    known.report(liar, good(0.01, 9_000_000))
    known.report(liar, Trial(0.01, 1.0, 9_000_000, failure=WRONG))
    clock.now_s += 3500
    assert known.ranked(MIB) == [honest, liar]
    clock.now_s += 10 * DAY_S
    assert not any(standing.rests_s for _, standing in known.standings(MIB))


def test_wrong_bytes_of_long_ago_count_half_for_every_week() -> None:
    record = Record()
    for _ in range(8):
        record = record.after(Trial(failure=WRONG), 1e9)
    later_s = 1e9 + 21 * DAY_S
    again = record.after(Trial(failure=WRONG), later_s)
    assert (record.strikes, again.strikes) == (8, 2)
    assert again.rests_s(later_s) < record.rests_s(1e9) / 8


def test_right_bytes_in_between_do_not_whitewash_wrong_ones() -> None:
    record = Record()
    for _ in range(8):
        record = record.after(Trial(failure=WRONG), 1e9).after(good(0.1, 1e6), 1e9)
    assert record.strikes == 8


def test_a_clock_that_is_set_back_ends_a_rest_instead_of_prolonging_it() -> None:
    clock = Clock()
    (only,) = mirrors(1)
    known = book([only], clock)
    known.report(only, Trial(failure="refused"))
    clock.now_s -= 400 * DAY_S
    assert known.standings(MIB)[0][1].rests_s == 0


def test_failing_all_together_is_the_shops_own_line_and_excused() -> None:
    clock = Clock()
    many = mirrors(3)
    known = book(many, clock)
    for mirror in many:
        known.report(mirror, Trial(failure="refused"))
    known.excuse(many)
    assert not any(standing.rests_s for _, standing in known.standings(MIB))


def test_old_figures_fade_until_another_mirror_gets_its_chance_again() -> None:
    clock = Clock()
    once_fast, steady = mirrors(2)
    known = book([once_fast, steady], clock)
    known.report(once_fast, good(0.05, 9_000_000))
    known.report(steady, good(0.05, 3_000_000))
    assert known.is_measured(once_fast, MIB)
    for _ in range(6):
        clock.now_s += HALF_LIFE_S
        known.report(steady, good(0.05, 3_000_000))
    assert not known.is_measured(once_fast, MIB)
    assert known.is_measured(steady, MIB)


def test_a_large_download_tries_some_unknown_mirrors_and_a_small_one_none() -> None:
    many = mirrors(200)
    known = book(many)
    known.report(many[0], good(0.1, 1_000_000))
    assert known.standings(500 * MIB)[0][1].is_probe
    assert known.ranked(200_000)[0] == many[0]


def test_the_more_were_measured_the_less_is_tried_in_vain() -> None:
    many = mirrors(300)
    known = book(many)
    dice, rates = random.Random(1), []
    while known.standings(100 * MIB)[0][1].is_probe or not rates:
        rates.append(dice.lognormvariate(14, 1))
        known.report(known.ranked(100 * MIB)[0], good(0.1, rates[-1]))
    assert 5 < len(rates) < 100
    assert known.is_measured(known.ranked(100 * MIB)[0], 100 * MIB)


def test_our_own_cap_does_not_make_a_fast_mirror_slow() -> None:
    fast, other = mirrors(2)
    known = book([fast, other])
    known.report(fast, good(0.05, 5_000_000))
    known.report(other, good(0.05, 1_000_000))
    for _ in range(5):
        known.report(fast, Trial(0.05, 10.0, 500_000, capped=True))
    assert known.ranked(100 * MIB)[0] == fast


TRIALS = st.builds(
    Trial,
    first_byte_s=st.none() | st.floats(0, 100),
    body_s=st.floats(0, 1e4),
    body_bytes=st.integers(0, 1 << 40),
    failure=st.sampled_from(("", "", "refused", "cut", WRONG)),
    capped=st.booleans(),
    ranges=st.none() | st.booleans(),
    lost_s=st.floats(0, 100),
)


@given(
    st.lists(st.tuples(st.integers(0, 5), TRIALS, st.floats(-1e6, 1e7)), max_size=30),
    st.lists(st.sampled_from((0, 1, 2)), min_size=6, max_size=6),
    st.integers(1, 1 << 40),
    st.integers(0, 1 << 40),
)
def test_whatever_happened_no_mirror_is_lost_and_the_order_is_total(
    history: list[tuple[int, Trial, float]], distances: list[int], size_bytes: int, skip_bytes: int
) -> None:
    keys = {f"m{number}": distance for number, distance in enumerate(distances)}
    records: dict[str, Record] = {}
    now_s = 1e9
    for number, trial, later_s in history:
        now_s = max(0.0, now_s + later_s)
        records[f"m{number}"] = records.get(f"m{number}", Record()).after(trial, now_s)
    ranked = rank(records, keys, Ask(size_bytes, skip_bytes), now_s)
    assert sorted(place.key for place in ranked) == sorted(keys)
    assert all(math.isfinite(place.expected_s) and place.expected_s >= 0 for place in ranked)
    ready = [place.rests_s == 0 for place in ranked]
    assert ready == sorted(ready, reverse=True), "those that rest come last"
    assert ranked == rank(records, keys, Ask(size_bytes, skip_bytes), now_s)
    # Whatever happened, everything is asked again some day.
    later = rank(records, keys, Ask(size_bytes, skip_bytes), now_s + 8 * DAY_S)
    assert not any(place.rests_s for place in later)
    assert mirror_memory.parse(mirror_memory.write(records)) == records


# -- the list and the memory


def test_a_mirror_that_the_list_no_longer_names_is_forgotten_unless_it_is_a_seed() -> None:
    seed, gone, stays = Mirror("http://seed"), Mirror("http://gone"), Mirror("http://stays")
    known = book([seed])
    known.learn([gone, stays])
    known.report(gone, good(0.01, 9_000_000))
    known.learn([stays])
    assert set(known.mirrors) == {seed, stays}
    known.report(gone, good(0.01, 9_000_000))
    known.learn([gone, stays])
    assert not known.is_measured(gone, MIB)


def test_the_list_may_give_a_seed_its_region() -> None:
    known = book([Mirror("http://seed")], region="cn-east")
    known.learn([Mirror("http://other", "us-east"), Mirror("http://seed", "cn-east")])
    assert known.mirrors[0] == Mirror("http://seed", "cn-east")


def test_what_was_measured_is_remembered_over_a_restart(tmp_path: Path) -> None:
    memory, clock = tmp_path / "state" / "mirrors.json", Clock()
    slow, fast, listed = Mirror("http://slow"), Mirror("http://fast"), Mirror("http://listed")
    first = book([slow, fast], clock, memory=memory)
    first.learn([listed])
    first.report(slow, good(0.05, 100_000))
    first.report(fast, good(0.05, 2_000_000))
    first.report(listed, good(0.05, 5_000_000))
    first.save()
    second = book([slow, fast], clock, memory=memory)
    assert second.ranked(100 * MIB) == [fast, slow], "a file alone makes nothing a mirror"
    second.learn([listed])
    assert second.ranked(100 * MIB) == [listed, fast, slow]


def test_a_damaged_memory_is_no_memory(tmp_path: Path) -> None:
    memory = tmp_path / "mirrors.json"
    known = book(mirrors(2), memory=memory)
    known.report(mirrors(2)[1], good(0.05, 5_000_000))
    known.save()
    whole = memory.read_bytes()
    for damaged in (b"", whole[:-20], whole.replace(b'"failures"', b'"failurez"'), b"[" * 100_000):
        memory.write_bytes(damaged)
        assert book(mirrors(2), memory=memory).ranked(MIB) == mirrors(2)
    memory.unlink()
    (tmp_path / "elsewhere").write_bytes(whole)
    memory.symlink_to(tmp_path / "elsewhere")
    assert book(mirrors(2), memory=memory).ranked(MIB) == mirrors(2)


def test_a_memory_that_cannot_be_written_stops_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    known = book(mirrors(1), memory=tmp_path / "file" / "mirrors.json")
    known.report(mirrors(1)[0], good(0.05, 5_000_000))
    known.save()


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=20,
)


@given(st.binary(max_size=200) | JSON.map(lambda value: json.dumps(value).encode()))
def test_the_memory_reader_refuses_or_reads_and_never_crashes(raw: bytes) -> None:
    try:
        mirror_memory.parse(raw)
    except CatalogueRefused:
        pass


@given(st.sampled_from([*Record.__dataclass_fields__, "url"]), JSON)
def test_one_odd_field_in_the_memory_is_refused_or_harmless(name: str, value: object) -> None:
    top = json.loads(mirror_memory.write({"http://a": Record().after(good(0.1, 1e6), 1e9)}))
    top["mirrors"][0][name] = value
    try:
        records = mirror_memory.parse(json.dumps(top).encode())
    except CatalogueRefused:
        return
    ranked = rank(records, dict.fromkeys([*records, "x"], 1), Ask(MIB), 1e9)
    assert all(math.isfinite(place.expected_s) for place in ranked)


def test_the_table_says_what_is_known() -> None:
    known = book(mirrors(2))
    known.report(mirrors(2)[0], good(0.25, 1_024_000))
    first, second = known.rows(MIB)
    assert (first.mirror, first.first_byte_ms, first.kib_s) == (mirrors(2)[0], 250, 1000)
    assert (second.first_byte_ms, second.kib_s) == (None, None)
    assert ranking.PROBE_BYTES < MIB
