"""A bin never stands open on both its sides: its flap and its door, in either order and however quickly ordered."""

from firmware_agent import dock_wire as dw
from firmware_agent.dock.hardware import BETWEEN
from tests.device.micro.dock_stand import Bench, intent

OPEN, CLOSED, AJAR = (False, True), (True, False), (False, False)


def test_a_door_stays_locked_under_a_flap_that_is_released_until_it_has_locked() -> None:
    bench = Bench()
    bench.order("a", dw.RELEASE_FLAP, 1)
    assert bench.order("b", dw.RELEASE_DOOR, 1) == dw.FLAP_OPEN
    assert bench.order("c", dw.RELEASE_DOOR, 2) == dw.OK
    assert bench.stand.drives == [("flap1", dw.RELEASED), ("door2", dw.RELEASED)]
    assert bench.order("d", dw.LOCK_FLAP, 1) == dw.OK
    assert bench.order("b", dw.RELEASE_DOOR, 1) == dw.OK


def test_a_door_stays_locked_under_a_flap_that_stands_open_whatever_its_bolt_says() -> None:
    for number, leaf in enumerate((OPEN, AJAR)):
        bench = Bench()
        bench.stand.leaves["flap1"] = leaf
        assert bench.order(f"a{number}", dw.RELEASE_DOOR, 1) == dw.FLAP_OPEN
        bench.run(61000)
        assert bench.last.bins[0].flap == dw.LEAF_JAMMED
        assert bench.order(f"b{number}", dw.RELEASE_DOOR, 1) == dw.FLAP_OPEN
        bench.stand.leaves["flap1"] = CLOSED
        assert bench.order(f"c{number}", dw.RELEASE_DOOR, 1) == dw.OK


def test_a_flap_whose_bolt_is_jammed_does_not_keep_its_bin_from_being_repaired_through_the_door() -> None:
    bench = Bench()
    bench.stand.bolts["flap1"] = BETWEEN
    assert bench.order("a", dw.RELEASE_DOOR, 1) == dw.OK


def test_of_two_orders_that_come_at_once_only_the_first_is_done() -> None:
    for first, second, outcome in (
        (dw.RELEASE_FLAP, dw.RELEASE_DOOR, dw.FLAP_OPEN),
        (dw.RELEASE_DOOR, dw.RELEASE_FLAP, dw.DOOR_OPEN),
    ):
        bench = Bench()
        bench.send(dw.ORDER, dw.pack_order(intent("a"), first, 1))
        bench.send(dw.ORDER, dw.pack_order(intent("b"), second, 1))
        bench.run(1000)
        assert (bench.outcome("a"), bench.outcome("b")) == (dw.OK, outcome)
        assert len(bench.stand.drives) == 1


def test_a_flap_waits_until_the_door_is_closed_and_its_bolt_home() -> None:
    bench = Bench()
    bench.order("a", dw.RELEASE_DOOR, 1)
    bench.stand.leaves["door1"] = OPEN
    assert bench.order("b", dw.LOCK_DOOR, 1) == dw.LATER
    assert bench.order("c", dw.RELEASE_FLAP, 1) == dw.DOOR_OPEN
    bench.stand.leaves["door1"] = CLOSED
    assert bench.order("c", dw.RELEASE_FLAP, 1) == dw.DOOR_OPEN  # closed, and not locked yet
    bench.run(1000)
    assert bench.order("c", dw.RELEASE_FLAP, 1) == dw.OK


def test_a_door_that_is_open_by_force_keeps_its_flap_locked() -> None:
    bench = Bench()
    bench.stand.leaves["door1"] = OPEN  # its bolt still says that it is locked
    assert bench.order("a", dw.RELEASE_FLAP, 1) == dw.DOOR_OPEN
    bench.stand.leaves["door1"] = CLOSED
    bench.stand.bolts["door1"] = BETWEEN
    bench.run(0)
    assert bench.order("a", dw.RELEASE_FLAP, 1) == dw.DOOR_OPEN
