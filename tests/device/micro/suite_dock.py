"""The dock's controller on the bench: what it moves, what it never moves, and what it says."""

from firmware_agent import dock_wire as dw
from firmware_agent import wire
from firmware_agent.dock.hardware import BETWEEN
from tests.device.micro.dock_stand import SMALL_BLOCK, Bench, RamFlash, Stand, intent

OPEN, CLOSED, AJAR = (False, True), (True, False), (False, False)


def test_a_released_flap_that_nobody_opens_locks_itself_after_30_s() -> None:
    bench = Bench()
    assert bench.order("a", dw.RELEASE_FLAP, 1) == dw.OK
    bench.run(29900)
    assert bench.last.bins[0].lock == dw.RELEASED
    bench.run(300)
    assert bench.last.bins[0].lock == dw.LOCKED
    assert bench.stand.bolts["flap2"] == dw.LOCKED


def test_an_open_flap_locks_when_it_was_ordered_to_and_is_closed() -> None:
    bench = Bench()
    bench.order("a", dw.RELEASE_FLAP, 1)
    bench.stand.leaves["flap1"] = OPEN
    assert bench.order("b", dw.LOCK_FLAP, 1) == dw.LATER
    bench.run(40000)
    assert bench.stand.drives == [("flap1", dw.RELEASED)]  # a bolt never comes out behind an open flap
    bench.stand.leaves["flap1"] = CLOSED
    bench.run(100)
    assert bench.stand.bolts["flap1"] == dw.LOCKED


def test_30_s_count_anew_from_when_the_flap_was_closed() -> None:
    bench = Bench()
    bench.order("a", dw.RELEASE_FLAP, 1)
    bench.run(25000)
    bench.stand.leaves["flap1"] = OPEN
    bench.run(10000)
    bench.stand.leaves["flap1"] = CLOSED
    bench.run(29000)
    assert bench.stand.bolts["flap1"] == dw.RELEASED
    bench.run(1200)
    assert bench.stand.bolts["flap1"] == dw.LOCKED


def test_doors_stay_released_until_somebody_orders_otherwise() -> None:
    bench = Bench()
    assert bench.order("a", dw.RELEASE_DOOR, 2) == dw.OK
    bench.beats = False
    bench.run(600000, 1000)
    assert bench.stand.bolts["door2"] == dw.RELEASED
    assert bench.order("b", dw.LOCK_DOOR, 2) == dw.OK
    assert bench.stand.bolts["door2"] == dw.LOCKED


def test_a_flap_stays_locked_over_a_door_that_is_not() -> None:
    bench = Bench()
    bench.order("a", dw.RELEASE_DOOR, 1)
    assert bench.order("b", dw.RELEASE_FLAP, 1) == dw.DOOR_OPEN
    assert bench.order("c", dw.RELEASE_FLAP, 2) == dw.OK
    assert bench.stand.bolts["flap1"] == dw.LOCKED


def test_a_silent_station_moves_nothing_but_a_released_flap_back() -> None:
    bench = Bench()
    bench.order("a", dw.RELEASE_FLAP, 1)
    bench.order("b", dw.RELEASE_FLAP, 2)
    bench.order("c", dw.RELEASE_DRAWER)
    bench.order("p", dw.POWER, 1, 1)
    bench.stand.leaves["flap2"] = OPEN
    bench.beats = False
    bench.stand.drives.clear()
    bench.run(4900)
    assert bench.stand.drives == []
    bench.run(1200)
    assert bench.stand.drives == [("flap1", dw.LOCKED), ("drawer", dw.LOCKED)]
    assert bench.last.flags & dw.HOST_SILENT
    assert bench.stand.powers[0]
    bench.stand.leaves["flap2"] = CLOSED
    bench.run(200)
    assert bench.stand.bolts["flap2"] == dw.LOCKED


def test_a_bolt_that_does_not_get_there_is_tried_three_times_and_then_said_to_be_jammed() -> None:
    bench = Bench()
    bench.stand.stuck.add("flap1")
    assert bench.order("a", dw.RELEASE_FLAP, 1) is None
    bench.run(2000)
    assert bench.outcome("a") == dw.JAMMED
    assert bench.stand.drives == [("flap1", dw.RELEASED)] * 3
    assert bench.last.bins[0].lock == dw.LOCK_JAMMED
    assert bench.order("a", dw.RELEASE_FLAP, 1) == 100 + dw.JAMMED
    bench.stand.stuck.clear()
    assert bench.order("b", dw.LOCK_FLAP, 1) == dw.OK
    assert bench.last.bins[0].lock == dw.LOCKED


def test_a_lock_says_what_its_sensor_says_whatever_was_ordered() -> None:
    bench = Bench()
    bench.stand.bolts["flap1"] = dw.RELEASED  # by hand
    bench.run(100)
    assert bench.last.bins[0].lock == dw.RELEASED
    bench.stand.bolts["flap1"] = BETWEEN
    bench.run(100)
    assert bench.last.bins[0].lock == dw.LOCK_JAMMED


def test_a_flap_that_is_neither_open_nor_closed_or_stays_open_is_jammed() -> None:
    bench = Bench()
    bench.order("a", dw.RELEASE_FLAP, 1)
    bench.stand.leaves["flap1"] = AJAR
    bench.run(4000)
    assert bench.last.bins[0].flap == dw.OPEN
    bench.run(2000)
    assert bench.last.bins[0].flap == dw.LEAF_JAMMED
    bench.stand.leaves["flap1"] = CLOSED
    bench.run(100)
    assert bench.last.bins[0].flap == dw.CLOSED
    bench.stand.leaves["flap1"] = OPEN
    bench.run(61000)
    assert bench.last.bins[0].flap == dw.LEAF_JAMMED


def test_the_emergency_stop_releases_nothing_moves_nothing_and_takes_the_power_away() -> None:
    bench = Bench()
    bench.order("a", dw.RELEASE_FLAP, 2)
    bench.order("p", dw.POWER, 1, 1)
    assert bench.stand.powers == [True, False]
    bench.stand.stop = True
    bench.stand.drives.clear()
    acts = (dw.RELEASE_FLAP, dw.LOCK_FLAP, dw.RELEASE_DOOR, dw.LOCK_DOOR)
    for act in acts:
        assert bench.order(f"s{act}", act, 1) == dw.STOPPED
    assert bench.order("d", dw.RELEASE_DRAWER) == dw.STOPPED
    assert bench.order("q", dw.POWER, 2, 1) == dw.STOPPED
    bench.beats = False
    bench.run(60000)
    assert bench.stand.drives == []
    assert bench.stand.powers == [False, False]
    assert bench.last.flags & dw.STOP
    bench.stand.stop = False
    bench.beats = True
    bench.run(1000)
    assert bench.stand.powers == [False, False]  # until it is ordered on
    assert bench.order("q", dw.POWER, 2, 1) == dw.OK


def test_a_hot_bay_loses_its_power_and_gets_it_back_only_cool_and_by_order() -> None:
    bench = Bench()
    bench.order("p", dw.POWER, 1, 1)
    bench.stand.warmth[0] = 44
    bench.run(1000)
    assert bench.stand.powers[0]
    bench.stand.warmth[0] = 45
    bench.run(0)
    assert not bench.stand.powers[0]
    assert bench.last.bays[0].bits == dw.BAY_HOT
    for degrees, outcome in ((44, dw.HOT), (40, dw.HOT), (39, dw.OK)):
        bench.stand.warmth[0] = degrees
        bench.run(1000)
        assert not bench.stand.powers[0]
        assert bench.order(f"q{degrees}", dw.POWER, 1, 1) == outcome
    assert bench.stand.powers[0]
    bench.run(0)
    assert bench.last.bays[0].bits == dw.POWERED


def test_a_bay_whose_thermometer_is_broken_counts_as_hot() -> None:
    bench = Bench()
    bench.order("p", dw.POWER, 2, 1)
    bench.stand.warmth[1] = None
    bench.run(0)
    assert not bench.stand.powers[1]
    assert bench.last.bays[1].temperature_c == dw.NO_TEMPERATURE
    assert bench.order("q", dw.POWER, 2, 1) == dw.HOT


def test_the_housing_stays_reported_until_a_station_has_read_it_even_over_a_restart() -> None:
    bench = Bench()
    bench.stand.housing = True
    bench.run(0)
    bench.stand.housing = False
    bench.run(1000)
    assert bench.last.flags & (dw.TAMPER_NOW | dw.TAMPER_UNREAD) == dw.TAMPER_UNREAD
    bench = bench.restart()
    bench.run(1000)
    assert bench.last.tampers == 1
    assert bench.last.flags & dw.TAMPER_UNREAD
    bench.read_tampers = 1
    bench.run(2000)
    assert not bench.last.flags & dw.TAMPER_UNREAD
    assert not bench.restart().last.flags & dw.TAMPER_UNREAD


def test_each_of_the_last_32_orders_is_done_once_also_over_a_restart() -> None:
    bench = Bench()
    for number in range(33):
        assert bench.order(f"n{number}", dw.LIGHT, 1, number % 5) == dw.OK
    bench.stand.lights[0] = 99
    for number in range(1, 33):
        assert bench.order(f"n{number}", dw.LIGHT, 1, number % 5) == 100 + dw.OK
    again = bench.restart()
    again.stand.lights[0] = 99
    for number in range(1, 33):
        assert again.order(f"n{number}", dw.LIGHT, 1, number % 5) == 100 + dw.FORGOTTEN
    assert again.stand.lights[0] == 99
    assert again.order("n0", dw.LIGHT, 1, 3) == dw.OK  # too long ago to be known


def test_what_was_refused_may_be_asked_for_again() -> None:
    bench = Bench()
    bench.stand.stop = True
    assert bench.order("a", dw.RELEASE_FLAP, 1) == dw.STOPPED
    bench.stand.stop = False
    assert bench.order("a", dw.RELEASE_FLAP, 1) == dw.OK


def test_a_restart_counts_and_leaves_every_bolt_as_it_was_and_the_bays_off() -> None:
    bench = Bench()
    bench.order("a", dw.RELEASE_DOOR, 1)
    bench.order("p", dw.POWER, 1, 1)
    assert bench.last.boots == 1
    bench.stand.drives.clear()
    bench = bench.restart()
    bench.run(2000)
    assert bench.stand.drives == []
    assert (bench.last.boots, bench.last.bins[0].door_lock) == (2, dw.RELEASED)
    assert bench.stand.powers == [False, False]
    bench.stand.bolts["flap1"] = BETWEEN  # the reset came in the middle of a move
    bench = bench.restart()
    assert bench.last.bins[0].lock == dw.LOCK_JAMMED
    assert bench.stand.drives == []


def test_a_restart_gives_the_station_its_5_s_before_a_released_flap_locks() -> None:
    bench = Bench()
    bench.order("a", dw.RELEASE_FLAP, 1)
    bench.order("b", dw.RELEASE_DRAWER)
    bench.stand.drives.clear()
    bench = bench.restart()
    bench.run(10000)
    assert bench.stand.drives == [], "somebody may be lifting it just then"
    assert not bench.last.flags & dw.HOST_SILENT
    bench = bench.restart(60000)
    bench.beats = False
    bench.run(4900)
    assert bench.stand.drives == []
    bench.run(200)
    assert bench.stand.drives == [("flap1", dw.LOCKED), ("drawer", dw.LOCKED)]
    assert bench.last.flags & dw.HOST_SILENT


def test_a_bay_that_has_not_cooled_down_is_still_hot_after_a_restart() -> None:
    bench = Bench()
    bench.order("p", dw.POWER, 1, 1)
    bench.stand.warmth[0] = 46
    bench.run(100)
    bench.stand.warmth[0] = 40
    bench = bench.restart()
    bench.run(100)
    assert bench.last.bays[0].bits == dw.BAY_HOT
    assert bench.order("q", dw.POWER, 1, 1) == dw.HOT
    bench.stand.warmth[0] = 39
    bench.run(100)
    assert bench.order("r", dw.POWER, 1, 1) == dw.OK


def test_a_flash_that_takes_nothing_makes_it_refuse_to_release_but_not_to_lock() -> None:
    flash = RamFlash()
    bench = Bench(Stand(flash))
    bench.order("a", dw.RELEASE_FLAP, 1)
    flash.fails_from = flash.operations
    assert bench.order("b", dw.RELEASE_FLAP, 2) == dw.MEMORY
    assert bench.last.flags & dw.MEMORY_LOST
    assert bench.order("c", dw.LOCK_FLAP, 1) == dw.OK
    assert bench.stand.bolts == {"flap1": 0, "flap2": 0, "door1": 0, "door2": 0, "drawer": 0}


def test_a_cut_at_any_write_loses_at_most_the_order_that_was_being_remembered() -> None:
    for half in (False, True):
        for cut in range(0, 60, 1 if half else 7):
            flash = RamFlash(SMALL_BLOCK)
            flash.fails_from, flash.half = cut, half
            bench = Bench(Stand(flash))
            taken = 0
            while taken < 60 and bench.order(f"n{taken}", dw.LIGHT, 1, 1) == dw.OK:
                taken += 1
            flash.fails_from = -1
            again = bench.restart()
            again.stand.lights[0] = 99
            for number in range(
                max(0, taken - 12), taken
            ):  # this stand's flash has 16 pages, 14 of them for certain
                assert again.order(f"n{number}", dw.LIGHT, 1, 1) == 100 + dw.FORGOTTEN, (half, cut, number)
            assert again.stand.lights[0] == 99
            assert again.order("new", dw.LIGHT, 1, 1) == dw.OK


def test_an_order_for_what_is_not_there_is_refused_and_no_order_at_all_too() -> None:
    bench = Bench()
    for act, number, value, outcome in (
        (dw.RELEASE_FLAP, 0, 0, dw.NO_PLACE),
        (dw.RELEASE_FLAP, 3, 0, dw.NO_PLACE),
        (dw.LOCK_DOOR, 255, 0, dw.NO_PLACE),
        (dw.POWER, 3, 1, dw.NO_PLACE),
        (dw.LIGHT, 1, 9, dw.UNKNOWN_ACT),
        (77, 1, 0, dw.UNKNOWN_ACT),
        (0, 1, 0, dw.UNKNOWN_ACT),
    ):
        assert bench.order(f"{act}-{number}-{value}", act, number, value) == outcome
    bench.frames.clear()
    bench.send(dw.ORDER, bytes(20))
    bench.send(dw.ORDER, b"short")
    bench.send(0x10, b"")
    bench.send(dw.GREET, dw.pack_greet(9, 9))
    codes = [dw.unpack_refused(payload)[0] for kind, payload in bench.frames if kind == dw.REFUSED]
    assert codes == [wire.BAD_PAYLOAD, wire.BAD_PAYLOAD, wire.UNKNOWN_KIND, wire.NO_VERSION]
    assert bench.stand.drives == []


def test_it_reports_every_change_at_once_and_twice_a_second_without_one() -> None:
    bench = Bench()
    bench.run(2000)
    before = bench.reports
    bench.run(10000)
    assert 18 <= bench.reports - before <= 22
    sequence = bench.last.sequence
    bench.stand.fallen += 1
    bench.run(0)
    assert (bench.last.sequence, bench.last.bins[0].falls) == (sequence + 1, 1)


def test_whoever_greets_is_told_who_is_there_and_how_everything_stands() -> None:
    bench = Bench()
    bench.run(0)
    before = bench.reports
    bench.frames.clear()
    bench.send(dw.GREET, dw.pack_greet(1, 7))
    assert dw.unpack_about(bench.frames[0][1])[:4] == (1, 2, 2, "STAND")
    bench.controller.tick()
    assert bench.reports == before + 1


def test_a_later_order_for_the_same_lock_takes_the_place_of_one_under_way() -> None:
    bench = Bench()
    bench.stand.stuck.add("flap1")
    bench.order("a", dw.RELEASE_FLAP, 1)
    bench.stand.stuck.clear()
    bench.frames.clear()
    bench.send(dw.ORDER, dw.pack_order(intent("b"), dw.LOCK_FLAP, 1))
    bench.run(0)
    assert (bench.outcome("a"), bench.outcome("b")) == (dw.REPLACED, dw.OK)
    assert bench.stand.bolts["flap1"] == dw.LOCKED


def test_noise_is_no_sign_of_life_and_costs_one_complaint_a_turn() -> None:
    bench = Bench()
    bench.beats = False
    bench.run(5000)
    bench.frames.clear()
    for _ in range(100):
        bench.controller.broken(wire.WireError(wire.BAD_CRC))
    assert len(bench.frames) == 1
    bench.run(0)
    assert bench.last.flags & dw.HOST_SILENT


def test_the_ring_goes_round_and_the_newest_is_always_what_it_knows() -> None:
    bench = Bench(Stand(RamFlash(SMALL_BLOCK)))
    for turn in range(1, 12):
        for number in range(5):
            assert bench.order(f"t{turn} n{number}", dw.LIGHT, 1, 1) == dw.OK
        bench = bench.restart()
        assert bench.last.boots == turn + 1
        for number in range(5):
            assert bench.order(f"t{turn} n{number}", dw.LIGHT, 1, 1) == 100 + dw.FORGOTTEN


def test_a_station_that_read_of_an_earlier_opening_has_not_read_of_this_one() -> None:
    flash = RamFlash()
    bench = Bench(Stand(flash))
    bench.stand.housing = True
    bench.run(0)
    bench.stand.housing = False
    before = flash.operations
    for wrong in (0, 2, 0xFFFFFFFF):
        bench.read_tampers = wrong
        bench.run(2000)
        assert bench.last.flags & dw.TAMPER_UNREAD
    assert flash.operations == before  # a station that talks nonsense does not wear the flash out
