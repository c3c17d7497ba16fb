"""What the counter holds afterwards: seals, the shelf, bins, manifests, personal data."""

from __future__ import annotations

from dataclasses import replace

from kiosk.flow.counter import commands as c
from tests.counter_fakes import IMEIS, LIN, SECOND, WU, ZHAO, Counter, World
from tests.counter_flows import signed


def test_a_seal_is_used_once(staffed: Counter) -> None:
    staffed.to_sealed(seal="SEAL-7")
    second = staffed.to_accepted(IMEIS[1])
    staffed.plug_in(IMEIS[1])
    staffed.must(c.EraseStart(second, "1"))
    assert staffed.do(c.TradeSeal(second, "seal-7")) == "seal_used"


def test_held_stock_leaves_after_30_days_and_another_check(counter: Counter, world: World) -> None:
    counter.log_in(WU)
    trade = counter.to_held()
    counter.must(c.ManifestDraft("green"))
    manifest = counter.view().manifests[0].manifest
    assert counter.do(c.ManifestAdd(manifest, trade)) == "not_packable"
    world.clock.pass_days(29.99)
    assert counter.do(c.TradeRelease(trade)) == "held_still"
    world.clock.pass_days(0.02)
    assert counter.do(c.ManifestAdd(manifest, trade)) == "not_packable"
    world.register.listed[IMEIS[0]] = "blacklisted"
    assert counter.do(c.TradeRelease(trade)) == "release_refused"
    assert counter.trade(trade).state == "held"
    world.register.listed.clear()
    world.claims.online = False
    assert counter.do(c.TradeRelease(trade)) == "claims_offline"
    world.claims.online = True
    counter.must(c.TradeRelease(trade))
    counter.must(c.ManifestAdd(manifest, trade))
    assert counter.trade(trade).state == "manifested"


def test_a_released_phone_falls_into_a_bin_or_stays_on_its_shelf(counter: Counter, world: World) -> None:
    counter.log_in(WU)
    trade = counter.to_held()
    world.clock.pass_days(31)
    counter.must(c.TradeRelease(trade))
    assert counter.do(c.TradeBin(trade, 2)) == "bin_not_for_it"
    counter.must(c.TradeBin(trade, 1))
    counter.look()
    world.dock.relock(1)
    counter.look()
    assert counter.trade(trade).place == "shelf:A3"
    counter.must(c.TradeBin(trade, 1))
    counter.drop_in(1)
    assert (counter.trade(trade).state, counter.trade(trade).place) == ("binned", "bin:1")


def sent(counter: Counter, world: World) -> tuple[str, list[str]]:
    """Two chargers in a sealed manifest, picked up."""
    for _ in range(2):
        counter.drop_off("charger", 90)
    counter.must(c.ManifestDraft("green"))
    manifest = counter.view().manifests[0].manifest
    counter.must(c.BinEmpty(3, manifest, SECOND))
    assert counter.do(c.ManifestSeal(manifest, ("MS-01",), SECOND)) == "bin_open"
    world.dock.bin(3, lambda one: replace(one, door="open", fill_percent=0))
    counter.look()
    assert counter.do(c.BinClosed(3)) == "door_open"
    world.dock.bin(3, lambda one: replace(one, door="released"))
    counter.must(c.BinClosed(3))
    assert counter.do(c.ManifestSeal(manifest, ("MS-01",), c.Second(*LIN))) == "second_same"
    counter.must(c.ManifestSeal(manifest, ("MS-01",), SECOND))
    counter.must(c.ManifestPickUp(manifest, "Swift", "沪A12345"))
    kept = counter.store.manifest(manifest)
    assert kept is not None
    return manifest, [line.item for line in kept.lines]


def test_a_partial_acceptance_brings_the_refused_item_back_into_quarantine(
    staffed: Counter, world: World
) -> None:
    manifest, (first, second) = sent(staffed, world)
    answer = signed(manifest, "answered", {first: (True, 90), second: (False, 90)})
    staffed.must(c.ManifestAnswer(answer))
    staffed.must(c.ManifestAnswer(answer))
    shown = staffed.view()
    assert (shown.manifests[0].state, shown.manifests[0].accepted, shown.manifests[0].refused) == (
        "partial",
        1,
        1,
    )
    assert [(item.item, item.place) for item in shown.items] == [(second, "quarantine:returned")]
    assert staffed.entries().count("manifest.answered") == 1
    staffed.must(c.ManifestAnswer(signed(manifest, "processed")))
    assert staffed.view().manifests[0].state == "processed"
    staffed.must(c.ManifestDraft("green"))
    again = next(one.manifest for one in staffed.view().manifests if one.state == "draft")
    staffed.must(c.ManifestAdd(again, second))


def test_a_discrepancy_stays_open_until_both_sides_agree(staffed: Counter, world: World) -> None:
    manifest, (first, second) = sent(staffed, world)
    staffed.must(c.ManifestAnswer(signed(manifest, "answered", {first: (True, 90), second: (True, 39)})))
    shown = staffed.view().manifests[0]
    assert (shown.discrepancy_g, shown.revision) == (-51, "theirs")
    assert {"manifest.discrepancy", "revision.proposed"} <= set(staffed.entries(manifest))
    assert staffed.do(c.ManifestAnswer(signed(manifest, "processed"))) == "discrepancy_open"
    staffed.must(c.ManifestReviseAnswer(manifest, True))
    assert staffed.view().manifests[0].mass_g == 129
    staffed.must(c.ManifestAnswer(signed(manifest, "processed")))


def test_answers_that_nobody_listed_signed_or_about_another_manifest_are_refused(
    staffed: Counter, world: World
) -> None:
    manifest, items = sent(staffed, world)
    good = dict.fromkeys(items, (True, 90))
    assert staffed.do(c.ManifestAnswer(signed(manifest, "answered", good, key="33" * 32))) == "answer_forged"
    other = signed(manifest, "answered", good, key="22" * 32, processor="late")
    assert staffed.do(c.ManifestAnswer(other)) == "answer_other_manifest"
    stolen = signed(manifest, "answered", good, key="22" * 32)
    assert staffed.do(c.ManifestAnswer(stolen)) == "answer_forged"
    assert staffed.do(c.ManifestAnswer(b"\x11" * 32 + b"rubbish")) == "malformed"


def test_an_expired_or_unlisted_processor_gets_nothing(staffed: Counter) -> None:
    assert staffed.do(c.ManifestDraft("late")) == "licence_expired"
    assert staffed.do(c.ManifestDraft("nobody")) == "processor_unlisted"


def test_a_licence_that_ends_before_the_pick_up_blocks_it(staffed: Counter, world: World) -> None:
    staffed.drop_off("charger", 90)
    staffed.must(c.ManifestDraft("green"))
    manifest = staffed.view().manifests[0].manifest
    staffed.must(c.BinEmpty(3, manifest, SECOND))
    world.dock.bin(3, lambda one: replace(one, door="open", fill_percent=0))
    staffed.look()
    world.dock.bin(3, lambda one: replace(one, door="released"))
    staffed.must(c.BinClosed(3))
    staffed.must(c.ManifestSeal(manifest, ("MS-01",), SECOND))
    world.clock.pass_days(170)
    assert staffed.do(c.ManifestPickUp(manifest, "Swift", "沪A10086")) == "processor_not_licensed"


def test_a_bin_that_was_not_opened_keeps_what_is_in_it(staffed: Counter) -> None:
    staffed.drop_off("charger", 90, percent=40)
    staffed.must(c.ManifestDraft("green"))
    manifest = staffed.view().manifests[0].manifest
    staffed.must(c.BinEmpty(3, manifest, SECOND))
    assert staffed.do(c.BinClosed(3)) == "bin_not_opened"
    assert (staffed.view().bins[2].items, staffed.view().manifests[0].items) == (1, 0)


def test_personal_data_goes_when_its_time_is_over_and_not_before(counter: Counter, world: World) -> None:
    counter.log_in(WU)
    trade = counter.to_held()
    world.clock.pass_days(31)
    counter.must(c.TradeRelease(trade))
    counter.must(c.ManifestDraft("green"))
    manifest = counter.view().manifests[0].manifest
    counter.must(c.ManifestAdd(manifest, trade))
    counter.must(c.ManifestSeal(manifest, ("MS-09",), c.Second(*ZHAO)))
    counter.must(c.ManifestPickUp(manifest, "Swift", "沪A10086"))
    counter.must(c.ManifestAnswer(signed(manifest, "answered", {trade: (True, 180)})))
    counter.must(c.ManifestAnswer(signed(manifest, "processed")))
    for days, left in (
        (29, {"id_number", "phone_number", "signature"}),
        (2, {"id_number", "signature"}),
        (698, {"id_number", "signature"}),
        (2, {"signature"}),
        (366, set()),
    ):
        world.clock.pass_days(days)
        counter.tick()
        assert {one.partition(":")[2] for one in counter.store.kept_subjects()} == left, days
