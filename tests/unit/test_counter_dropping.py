"""Drop-offs as people meet them: a bin, the drawer, the scale, the receipt."""

from __future__ import annotations

from dataclasses import replace

import pytest

from kiosk.flow.counter import commands as c
from tests.counter_fakes import ANSWERS, Counter, World


def drop_said(counter: Counter) -> str:
    drop = counter.view().drop
    assert drop is not None
    return drop.said.reason if drop.said else ""


def test_a_drop_off_ends_with_a_receipt_on_paper_and_screen(counter: Counter, world: World) -> None:
    drop = counter.drop_off("charger", 90)
    shown = counter.view()
    assert (shown.bins[2].items, shown.bins[2].mass_g) == (1, 90)
    assert len(world.printer.paper) == 1
    assert "90" in world.printer.texts()
    assert counter.entries(drop)[:4] == ["drop.begun", "drop.weighed", "drop.assigned", "drop.deposited"]


def test_two_things_of_one_person_add_up(counter: Counter) -> None:
    drop = counter.to_weigh("charger", 90)
    counter.must(c.DropOpen(drop))
    counter.drop_in(3)
    counter.must(c.DropAnother(drop))
    counter.must(c.DropCategory(drop, "accessory"))
    counter.must(c.DropHazard(drop, "none"))
    counter.world.dock.put(30)
    counter.look()
    counter.must(c.DropOpen(drop))
    counter.drop_in(4)
    shown = counter.view().drop
    assert shown is not None
    assert shown.receipt is not None
    assert (shown.receipt.items, shown.receipt.mass_g) == (2, 120)


@pytest.mark.parametrize(
    ("scale", "reason"),
    [
        ({"mass_g": 0}, "scale_empty"),
        ({"mass_g": 50, "stable": False}, "scale_settling"),
        ({"mass_g": 7, "trouble": "drift"}, "scale_drift"),
        ({"mass_g": 90000, "trouble": "overload"}, "scale_overload"),
        ({"trouble": "silent"}, "scale_silent"),
        ({"mass_g": 501}, "lithium_piece_mass"),
    ],
)
def test_a_scale_that_cannot_be_believed_opens_nothing(
    counter: Counter, world: World, scale: dict[str, object], reason: str
) -> None:
    drop = counter.to_weigh("battery", 45)
    world.dock.set(scale=replace(world.dock.now.scale, **scale))  # type: ignore[arg-type]
    assert counter.do(c.DropOpen(drop)) == reason
    assert not [act for act, _, _ in world.dock.done if act == "release_flap"]


def test_an_untaped_battery_stays_at_the_tape(counter: Counter) -> None:
    counter.must(c.DropBegin("zh"))
    drop = counter.view().drop
    assert drop is not None
    counter.must(c.DropCategory(drop.drop, "battery"))
    counter.must(c.DropHazard(drop.drop, "none"))
    assert counter.do(c.DropTaped(drop.drop, False)) == "tape_first"
    assert counter.do(c.DropOpen(drop.drop)) == "not_now"


def test_a_full_bin_locks_and_the_next_one_of_its_kind_is_taken(counter: Counter, world: World) -> None:
    counter.drop_off("phone", 180, percent=91)
    counter.look()
    assert [one.state for one in counter.view().bins if one.category == "phone"] == ["locked", "open"]
    counter.drop_off("phone", 170, percent=95)
    counter.look()
    counter.must(c.DropBegin("zh"))
    drop = counter.view().drop
    assert drop is not None
    counter.must(c.DropCategory(drop.drop, "phone"))
    assert counter.do(c.DropHazard(drop.drop, "none")) == "bins_full"
    assert all(one.lock == "locked" for one in world.dock.now.bins)


def test_a_damaged_battery_goes_into_the_drawer_and_never_near_a_bin(counter: Counter, world: World) -> None:
    counter.must(c.DropBegin("en"))
    drop = counter.view().drop
    assert drop is not None
    counter.must(c.DropCategory(drop.drop, "battery"))
    counter.must(c.DropHazard(drop.drop, "swollen"))
    assert [act for act, _, _ in world.dock.done] == ["release_drawer"]
    assert "call.requested" in counter.entries(drop.drop)
    world.dock.set(drawer="open")
    counter.look()
    world.dock.set(drawer_full=True, drawer="locked")
    counter.look()
    shown = counter.view()
    assert shown.items[0].place == "drawer"
    assert shown.drop is not None
    assert shown.drop.step == "receipt"


def test_a_drawer_that_is_taken_calls_staff_and_opens_nothing(counter: Counter, world: World) -> None:
    world.dock.set(drawer_full=True)
    counter.must(c.DropBegin("zh"))
    drop = counter.view().drop
    assert drop is not None
    counter.must(c.DropCategory(drop.drop, "battery"))
    counter.must(c.DropHazard(drop.drop, "hot"))
    assert world.dock.done == []
    shown = counter.view()
    assert shown.drop is not None
    assert shown.drop.step == "staff"
    counter.log_in()
    counter.must(c.DropResolve(shown.items[0].item, "quarantine", 44))
    assert counter.view().items[0].place == "quarantine"


def test_a_flap_nobody_opens_gives_the_thing_back(counter: Counter, world: World) -> None:
    drop = counter.to_weigh("charger", 90)
    counter.must(c.DropOpen(drop))
    counter.look()
    world.dock.relock(3)
    counter.look()
    shown = counter.view().drop
    assert shown is not None
    assert shown.step == "weigh"
    counter.must(c.DropOpen(drop))
    counter.drop_in(3)
    assert counter.view().bins[2].items == 1
    assert counter.entries(drop).count("drop.deposited") == 1


def test_an_opened_flap_without_a_fall_closes_the_bin_and_loses_nothing(
    counter: Counter, world: World
) -> None:
    drop = counter.to_weigh("charger", 90)
    counter.must(c.DropOpen(drop))
    counter.look()
    world.dock.open(3)
    counter.look()
    world.dock.shut(3)
    counter.look()
    assert drop_said(counter) == "fall_not_seen"
    shown = counter.view()
    assert [item.place for item in shown.items] == ["entering:bin:3"]
    assert shown.bins[2].state != "open"
    counter.must(c.DropDone(drop))
    assert [item.place for item in counter.view().items] == ["entering:bin:3"]


def test_a_jammed_flap_is_said_and_a_late_fall_still_counts(counter: Counter, world: World) -> None:
    drop = counter.to_weigh("charger", 90)
    counter.must(c.DropOpen(drop))
    counter.look()
    world.dock.bin(3, lambda one: replace(one, flap="jammed"))
    counter.look()
    assert drop_said(counter) == "flap_jammed"
    assert ("flap_jammed", "bin:3") in {(one.what, one.place) for one in counter.view().troubles}
    world.dock.bin(3, lambda one: replace(one, flap="closed", lock="locked", falls=one.falls + 1))
    counter.look()
    counter.look()
    shown = counter.view()
    assert (shown.bins[2].items, shown.bins[2].state) == (1, "open")
    assert shown.troubles == ()


@pytest.mark.parametrize("reason", ["dock_offline", "dock_stopped"])
def test_an_order_the_dock_refuses_leaves_the_thing_with_its_owner(
    counter: Counter, world: World, reason: str
) -> None:
    drop = counter.to_weigh("charger", 90)
    world.dock.refuse = reason
    counter.do(c.DropOpen(drop))
    assert drop_said(counter) == reason
    shown = counter.view().drop
    assert shown is not None
    assert shown.step == "weigh"


def test_an_order_without_an_answer_is_decided_by_what_the_dock_shows(counter: Counter, world: World) -> None:
    drop = counter.to_weigh("charger", 90)
    world.dock.silent = "dock_no_answer"
    counter.do(c.DropOpen(drop))
    shown = counter.view().drop
    assert shown is not None
    assert shown.step == "deposit"
    counter.drop_in(3)
    assert counter.view().bins[2].items == 1


def test_stepping_back_at_an_open_flap_locks_it_and_loses_nothing(counter: Counter, world: World) -> None:
    drop = counter.to_weigh("charger", 90)
    counter.must(c.DropOpen(drop))
    counter.look()
    counter.must(c.DropDone(drop))
    assert world.dock.of(3).lock == "locked"
    counter.look()
    assert counter.view().items == ()
    assert counter.view().bins[2].items == 0


def test_the_receipt_waits_for_a_printer_that_is_off(counter: Counter, world: World) -> None:
    world.printer.at = "off"
    drop = counter.to_weigh()
    counter.must(c.DropOpen(drop))
    counter.drop_in(3)
    shown = counter.view()
    assert shown.drop is not None
    assert shown.drop.receipt is not None
    assert shown.drop.receipt.printed == "waiting"
    assert shown.drop.receipt.slip.startswith("PSS1 D")
    counter.tick(6)
    counter.tick(6)
    assert counter.entries(drop).count("print.waiting") == 1
    assert {one.what for one in counter.view().troubles} == {"printer_off"}
    world.printer.at = "ready"
    counter.tick(6)
    assert len(world.printer.paper) == 1
    assert counter.view().troubles == ()


def test_without_a_dock_nothing_is_dropped_off_and_trades_go_on(world: World) -> None:
    counter = Counter(world, dock=None)
    assert counter.do(c.DropBegin("zh")) == "dock_missing"
    assert not counter.view().dock
    counter.log_in()
    trade = counter.to_cleared()
    counter.must(c.TradeInspect(trade, ANSWERS))
    assert counter.trade(trade).mass_g == 180
    counter.close()


def test_what_was_seen_of_an_order_goes_with_the_order(staffed: Counter) -> None:
    for _ in range(3):
        staffed.drop_off("charger", 90)
        staffed.look()
    assert not staffed.work.memory.intents
    assert (staffed.work.seen, staffed.work.ordered_ms) == ({}, {})
