"""A manifest as the screens see it: to whom in every language, what is on it, what a correction would change."""

from __future__ import annotations

from kiosk.flow.counter import commands as c
from kiosk.flow.counter.view import ManifestView
from tests.counter_fakes import SECOND, Counter
from tests.counter_flows import signed


def shown(counter: Counter) -> ManifestView:
    return counter.view().manifests[0]


def emptied(counter: Counter) -> tuple[str, list[str]]:
    """Two chargers out of their bin, on a sealed manifest."""
    for mass_g in (90, 40):
        counter.drop_off(mass_g=mass_g)
    counter.must(c.ManifestDraft("green"))
    manifest = shown(counter).manifest
    counter.must(c.BinEmpty(3, manifest, SECOND))
    dock = counter.world.dock
    dock.bin(3, lambda one: type(one)(3, one.lock, one.flap, "open", one.fill_percent, one.falls))
    counter.look()
    dock.bin(3, lambda one: type(one)(3, one.lock, one.flap, "locked", 0, one.falls))
    counter.look()
    counter.must(c.BinClosed(3))
    counter.must(c.ManifestSeal(manifest, ("M-0001",), SECOND))
    return manifest, [one.item for one in shown(counter).lines]


def test_a_manifest_says_what_is_on_it_and_to_whom_in_both_languages(staffed: Counter) -> None:
    manifest, items = emptied(staffed)
    seen = shown(staffed)
    assert seen.processor_names == {"zh": "绿环", "en": "Green Loop"}
    assert [(one.category, one.hazard, one.mass_g) for one in seen.lines] == [
        ("charger", "none", 90),
        ("charger", "none", 40),
    ]
    assert {one.place for one in seen.lines} == {f"parcel:{manifest}"}
    assert len(items) == seen.items == 2
    assert (seen.changes, seen.change_reason) == ({}, "")
    names = {one.processor: one.names for one in staffed.view().processors}
    assert names["green"] == {"zh": "绿环", "en": "Green Loop"}


def test_an_open_correction_shows_its_figures_and_an_ended_one_none(staffed: Counter) -> None:
    manifest, (first, second) = emptied(staffed)
    staffed.must(c.ManifestRevise(manifest, {first: 95}, "weighed again"))
    seen = shown(staffed)
    assert (seen.revision, seen.changes, seen.change_reason) == ("ours", {first: 95}, "weighed again")
    assert seen.lines[0].mass_g == 90, "nobody has agreed yet"
    staffed.must(c.ManifestAnswer(signed(manifest, "agrees")))
    seen = shown(staffed)
    assert (seen.revision, seen.changes, seen.change_reason) == ("agreed", {}, "")
    assert [one.mass_g for one in seen.lines] == [95, 40]
    staffed.must(c.ManifestAnswer(signed(manifest, "proposes", changes={second: 44}, note="wet")))
    seen = shown(staffed)
    assert (seen.revision, seen.changes, seen.change_reason) == ("theirs", {second: 44}, "wet")
    staffed.must(c.ManifestReviseAnswer(manifest, False))
    assert (shown(staffed).revision, shown(staffed).changes) == ("refused", {})


def test_a_processor_that_is_listed_no_more_is_named_by_its_key(staffed: Counter) -> None:
    emptied(staffed)
    del staffed.world.reference.listed["green"]
    staffed.work.read_lists()
    assert (shown(staffed).processor_name, shown(staffed).processor_names) == ("green", {})
