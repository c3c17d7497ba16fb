"""Index, roll-out and list of mirrors: what is written is read back; anything else is one clear line."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware_agent.errors import CatalogueRefused
from firmware_agent.index import (
    MAX_INDEX_BYTES,
    NOTHING,
    Index,
    Package,
    find_release,
    package_place,
    package_target,
    parse_index,
    write_index,
)
from firmware_agent.manifest import Part, Release
from firmware_agent.mirrors.book import Mirror
from firmware_agent.mirrors.listing import parse_mirrors, write_mirrors
from firmware_agent.rollout import Rollout, parse_rollout, write_rollout

OLD = Part("system", "images/system.img", 500, "a" * 64)
NEW = Part("system", "images/system.img", 600, "b" * 64)


def release(version: str, part: Part, **more: Any) -> Release:
    fields = {
        "rollback_index": 1,
        "min_battery_percent": 30,
        "wipes_data": False,
        "notes": {"zh": "", "en": ""},
    }
    return Release(model="heron", variant="cn", version=version, partitions=(part,), **(fields | more))


RELEASES = (release("2.0.0", NEW), release("1.0.0", OLD))
DELTA = Package(
    "heron/2.0.0/packages/system.delta-1.0.0", 70, "c" * 64, "system", "1.0.0", "a" * 64, 500, "b" * 64, 600
)
FULL = Package("heron/2.0.0/packages/system.full", 80, "d" * 64, "system", "", NOTHING, 0, "b" * 64, 600)
GOOD = write_index("heron", RELEASES, (DELTA, FULL))


def bad(raw: bytes) -> str:
    with pytest.raises(CatalogueRefused) as caught:
        parse_index(raw)
    assert caught.value.reason == "bad_index"
    assert "\n" not in caught.value.detail
    return caught.value.detail


def test_what_is_written_is_read_back() -> None:
    assert parse_index(GOOD) == Index("heron", RELEASES, (DELTA, FULL))
    assert write_index("heron", reversed(RELEASES), (FULL, DELTA)) == GOOD, "in any order the same bytes"
    assert parse_index(write_index("heron", (), ())) == Index("heron", (), ())


def test_a_packages_path_says_what_it_is() -> None:
    assert package_target(RELEASES[0], "system", "1.0.0") == DELTA.target
    assert package_target(RELEASES[0], "system") == FULL.target
    assert package_place(DELTA.target) == ("heron", "2.0.0", "system", "1.0.0")
    assert package_place(FULL.target) == ("heron", "2.0.0", "system", "")
    for path in (
        "heron/2.0.0/system.full",
        "heron/2.0.0/packages/../x.full",
        "/heron/2/packages/a.full",
        "x",
    ):
        with pytest.raises(CatalogueRefused):
            package_place(path)


def test_a_version_is_found_however_it_is_written() -> None:
    index = parse_index(GOOD)
    assert find_release(index, "2.0") == RELEASES[0]
    assert find_release(index, "2.0.1") is None


@pytest.mark.parametrize(
    ("lie", "said"),
    [
        ({"base_sha256": "0" * 64}, "does not start from"),
        ({"base_size_bytes": 501}, "does not start from"),
        ({"base_version": "1.5.0"}, "does not say what its package is"),
        ({"result_sha256": "0" * 64}, "does not make the image"),
        ({"result_size_bytes": 601}, "does not make the image"),
        ({"partition": "boot"}, "does not say what its package is"),
        ({"target": "heron/2.0.0/packages/boot.delta-1.0.0", "partition": "boot"}, "has no boot"),
        ({"target": "heron/3.0.0/packages/system.delta-1.0.0"}, "has no system of 3.0.0"),
        ({"target": "heron/2.0/packages/system.delta-1.0.0"}, "has no system of 2.0"),
        ({"target": "wren/2.0.0/packages/system.delta-1.0.0"}, "does not say what its package is"),
        ({"target": "heron/2.0.0/packages/../system.full"}, "not a package's path"),
        ({"target": 5}, "not a text"),
        ({"size_bytes": 0}, "size_bytes"),
        ({"size_bytes": True}, "size_bytes"),
        ({"sha256": "C" * 64}, "sha256"),
        ({"extra": 1}, "unknown"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_a_package_refers_to_images_of_the_index_only(lie: dict[str, Any], said: str) -> None:
    top = json.loads(GOOD)
    top["packages"][0] |= lie
    assert said in bad(json.dumps(top).encode())


@pytest.mark.parametrize(
    "lie", [{"base_sha256": "a" * 64}, {"base_size_bytes": 1}, {"base_version": "1.0.0"}]
)
def test_a_whole_package_has_no_base(lie: dict[str, Any]) -> None:
    top = json.loads(GOOD)
    top["packages"][1] |= lie
    bad(json.dumps(top).encode())


def test_a_difference_never_leads_back() -> None:
    back = replace(
        DELTA,
        target="heron/1.0.0/packages/system.delta-2.0.0",
        base_version="2.0.0",
        base_sha256="b" * 64,
        base_size_bytes=600,
        result_sha256="a" * 64,
        result_size_bytes=500,
    )
    with pytest.raises(CatalogueRefused) as caught:
        write_index("heron", RELEASES, (back,))
    assert "not older" in caught.value.detail


@pytest.mark.parametrize(
    "change",
    [
        lambda top: top.update(format=2),
        lambda top: top.update(model="wren"),
        lambda top: top.update(model="rollout"),
        lambda top: top.update(more=1),
        lambda top: top.pop("packages"),
        lambda top: top.update(releases={}),
        lambda top: top["releases"].reverse(),
        lambda top: top["releases"].append(top["releases"][1]),
        lambda top: top["releases"][1].update(version="2.0"),
        lambda top: top["releases"][0].update(partitions=[]),
        lambda top: top["releases"][0]["partitions"][0].update(name="userdata"),
        lambda top: top["releases"][0]["notes"].update(zh="\ud800"),
        lambda top: top["packages"].append(top["packages"][0]),
        lambda top: top["packages"].extend([{}] * 5000),
    ],
)
def test_an_index_that_is_not_exactly_right_is_refused(change: Callable[[dict[str, Any]], None]) -> None:
    top = json.loads(GOOD)
    change(top)
    bad(json.dumps(top).encode())


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"[]",
        b"nul",
        GOOD[:-5],
        b"\xff" + GOOD,
        b"[" * 100_000,
        b'{"format":1,"format":1}',
        b" " * (MAX_INDEX_BYTES + 1),
    ],
    ids=["empty", "list", "word", "cut", "not UTF-8", "deep", "twice", "long"],
)
def test_what_is_no_index_at_all_is_refused(raw: bytes) -> None:
    bad(raw)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
READERS: list[tuple[Callable[[bytes], object], bytes]] = [
    (parse_index, GOOD),
    (parse_rollout, write_rollout(Rollout("heron", frozenset(["1.0"]), {"2.0": 5}))),
    (parse_mirrors, write_mirrors([Mirror("http://m.example", "cn")])),
]


def _paths(value: Any, here: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [here, *(path for key, item in inner for path in _paths(item, (*here, key)))]


def said(parse: Callable[[bytes], object], raw: bytes) -> str:
    """Why it was refused; "" when it was read."""
    try:
        parse(raw)
    except CatalogueRefused as exc:
        return exc.detail
    return ""


@given(st.sampled_from(READERS), st.data())
def test_a_field_of_any_other_kind_is_refused_or_read_never_a_crash(
    reader: tuple[Callable[[bytes], object], bytes], data: st.DataObject
) -> None:
    parse, good = reader
    top = json.loads(good)
    path = data.draw(st.sampled_from(_paths(top)[1:]))
    holder = top
    for key in path[:-1]:
        holder = holder[key]
    holder[path[-1]] = data.draw(JSON)
    assert said(parse, json.dumps(top).encode()).isprintable()


@given(st.sampled_from(READERS), st.binary(max_size=200), st.integers(0, 600))
def test_any_bytes_are_refused_or_read_never_a_crash(
    reader: tuple[Callable[[bytes], object], bytes], junk: bytes, at: int
) -> None:
    parse, good = reader
    for raw in (junk, good[:at] + junk + good[at:], good[:at] + junk):
        assert said(parse, raw).isprintable()


# -- roll-out


VERSIONS = st.lists(st.integers(0, 999_999_999), min_size=1, max_size=8).map(
    lambda numbers: ".".join(map(str, numbers))
)


@given(st.frozensets(VERSIONS, max_size=5), st.dictionaries(VERSIONS, st.integers(0, 100), max_size=5))
def test_a_rollout_is_read_back(withdrawn: frozenset[str], percent: dict[str, int]) -> None:
    rollout = Rollout("heron", withdrawn, percent)
    assert parse_rollout(write_rollout(rollout)) == rollout


def test_a_share_is_the_share_that_was_meant_and_grows_without_swaps() -> None:
    stations = [f"station-{number}" for number in range(4000)]
    before: set[str] = set()
    for percent in (0, 1, 25, 99, 100):
        rollout = Rollout("heron", percent={"2.0.0": percent})
        admitted = {station for station in stations if rollout.admits(station, "2.0.0")}
        assert before <= admitted, "who had it keeps it"
        assert abs(len(admitted) - 40 * percent) <= 120
        before = admitted
    assert len(before) == len(stations)


def test_the_place_of_a_station_is_the_documented_one() -> None:
    # sha256("s1/heron/2.0.0") mod 10000 is 1974, so this station is in from 20 % on.
    shares = [Rollout("heron", percent={"2.0.0": percent}) for percent in range(101)]
    assert [rollout.admits("s1", "2.0.0") for rollout in shares].index(True) == 20


def test_withdrawn_is_withdrawn_for_everybody() -> None:
    rollout = Rollout("heron", frozenset(["2.0"]), {"2.0.0": 100, "1.0": 0})
    assert rollout.is_withdrawn("2.0.0")
    assert not rollout.admits("any", "2.0.0")
    assert not rollout.admits("any", "1.0.0")
    assert not rollout.is_withdrawn("1.0.0")
    assert rollout.admits("any", "3.0.0"), "what is not named goes to all"


@pytest.mark.parametrize(
    "change",
    [{"percent": {"2.0.0": 101}}, {"percent": {"2.0.0": -1}}, {"percent": {"2.0.0": 50.0}}, {"percent": {"x": 5}},
     {"withdrawn": ["x"]}, {"withdrawn": {}}, {"withdrawn": [5]}, {"model": "../x"}, {"format": 0}, {"releases": []}],
)  # fmt: skip
def test_a_rollout_that_is_not_exactly_right_is_refused(change: dict[str, Any]) -> None:
    top = {"format": 1, "model": "heron", "withdrawn": [], "percent": {}} | change
    with pytest.raises(CatalogueRefused):
        parse_rollout(json.dumps(top).encode())


# -- mirrors


def test_a_list_of_mirrors_is_read_back() -> None:
    mirrors = (Mirror("http://a.example", "cn-east"), Mirror("https://b.example:8443/x"))
    assert parse_mirrors(write_mirrors(mirrors)) == mirrors


@pytest.mark.parametrize(
    "mirrors",
    [[{"url": "ftp://a"}], [{"url": "http://a", "region": "X Y"}], [{"url": "http://u:p@a", "region": ""}], [5], "x",
     [{"url": "http://a", "region": ""}] * 2, [{"url": "file:///etc", "region": ""}],
     [{"url": f"http://m{n}.example", "region": ""} for n in range(1001)]],
)  # fmt: skip
def test_a_list_of_mirrors_that_is_not_exactly_right_is_refused(mirrors: object) -> None:
    with pytest.raises(CatalogueRefused):
        parse_mirrors(json.dumps({"format": 1, "mirrors": mirrors}).encode())
