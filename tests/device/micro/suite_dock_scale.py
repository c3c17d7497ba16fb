"""The drop-off scale: grams from ticks, at rest or not, and what is wrong with it."""

from firmware_agent import dock_wire as dw
from firmware_agent.dock import registers
from firmware_agent.dock.hardware import BETWEEN, Calibration
from firmware_agent.dock.scale import Scale
from tests.device.micro.dock_stand import MAX_G, PER_KG, ZERO, Bench


def weigh(scale: Scale, grams: float, count: int = 5, start_ms: int = 0, covered: bool = True) -> int:
    """So many readings, 100 ms apart; the time after them."""
    for _ in range(count):
        scale.read(ZERO + int(grams * 10), covered, start_ms)
        start_ms += 100
    return start_ms


def fresh() -> Scale:
    return Scale(Calibration(ZERO, PER_KG, MAX_G), 0)


def test_grams_are_the_nearest_and_rest_takes_five_readings() -> None:
    scale = fresh()
    now_ms = weigh(scale, 120.4, 4)
    assert (scale.mass_g, scale.is_stable) == (120, False)
    weigh(scale, 120.6, 1, now_ms)
    assert (scale.mass_g, scale.is_stable) == (121, True)


def test_two_grams_apart_is_not_at_rest() -> None:
    scale = fresh()
    now_ms = weigh(scale, 100)
    assert scale.is_stable
    now_ms = weigh(scale, 102, 1, now_ms)
    assert not scale.is_stable
    weigh(scale, 102, 4, now_ms)
    assert scale.is_stable


def test_a_cell_that_is_mounted_the_other_way_round_weighs_as_well() -> None:
    scale = Scale(Calibration(ZERO, -PER_KG, MAX_G), 0)
    for turn in range(5):
        scale.read(ZERO - 500, True, turn * 100)
    assert (scale.mass_g, scale.is_stable) == (50, True)
    for turn in range(5):
        scale.read(ZERO + 55, True, 500 + turn * 100)
    assert scale.mass_g == -6


def test_an_empty_scale_more_than_5_g_off_for_10_s_drifts_and_no_load_makes_it_right() -> None:
    scale = fresh()
    now_ms = weigh(scale, 5, 200, 0, False)
    assert scale.trouble() == dw.SCALE_FINE
    now_ms = weigh(scale, 6, 95, now_ms, False)
    assert scale.trouble() == dw.SCALE_FINE
    now_ms = weigh(scale, 6, 10, now_ms, False)
    assert scale.trouble() == dw.SCALE_DRIFT
    now_ms = weigh(scale, 126, 10, now_ms, True)
    assert scale.trouble() == dw.SCALE_DRIFT
    now_ms = weigh(scale, 0, 1, now_ms, False)
    assert scale.trouble() == dw.SCALE_FINE
    now_ms = weigh(scale, -6, 110, now_ms, False)
    assert scale.trouble() == dw.SCALE_DRIFT


def test_what_lies_on_the_plate_does_not_begin_a_drift() -> None:
    scale = fresh()
    now_ms = weigh(scale, 6, 50, 0, False)
    now_ms = weigh(scale, 126, 200, now_ms, True)
    now_ms = weigh(scale, 6, 50, now_ms, False)
    assert scale.trouble() == dw.SCALE_FINE


def test_a_covered_plate_is_not_called_zero() -> None:
    scale = fresh()
    weigh(scale, 118)
    assert not scale.may_be_tared
    weigh(scale, 118, 5, 1000, False)
    assert scale.may_be_tared


def test_more_than_it_can_carry_is_said_and_never_at_rest() -> None:
    scale = fresh()
    now_ms = weigh(scale, MAX_G)
    assert (scale.trouble(), scale.is_stable) == (dw.SCALE_FINE, True)
    now_ms = weigh(scale, MAX_G + 1, 5, now_ms)
    assert (scale.trouble(), scale.is_stable) == (dw.SCALE_OVERLOAD, False)


def test_a_converter_that_is_silent_for_a_second_is_said_and_one_reading_mends_it() -> None:
    scale = fresh()
    now_ms = weigh(scale, 100)
    for _ in range(9):
        scale.read(None, True, now_ms)
        now_ms += 100
    assert scale.is_stable
    scale.read(None, True, now_ms + 100)
    assert (scale.trouble(), scale.is_stable) == (dw.SCALE_SILENT, False)
    weigh(scale, 100, 1, now_ms)
    assert (scale.trouble(), scale.is_stable) == (dw.SCALE_FINE, False)


def test_a_tare_survives_a_restart_and_does_not_go_beyond_200_g_from_the_factory() -> None:
    bench = Bench()
    bench.stand.ticks = ZERO + 2000
    bench.run(1000)
    assert bench.order("t", dw.TARE) == dw.OK
    bench.run(1000)
    assert (bench.last.mass_g, bench.last.is_stable) == (0, True)
    bench = bench.restart()
    bench.run(1000)
    assert bench.last.mass_g == 0
    bench.stand.ticks = ZERO + 2010
    bench.run(1000)
    assert bench.order("u", dw.TARE) == dw.TARE_RANGE
    bench.stand.ticks = ZERO
    bench.run(1000)
    assert bench.order("v", dw.TARE) == dw.OK


def test_a_scale_that_is_moving_is_not_tared() -> None:
    bench = Bench()
    for turn in range(10):
        bench.stand.ticks = ZERO + 100 * (turn % 2)
        bench.run(100)
    assert bench.order("t", dw.TARE) == dw.TARE_RANGE


def test_wild_ticks_stay_within_what_a_report_carries() -> None:
    bench = Bench()
    for ticks in (1 << 23, -(1 << 23), 1 << 31, -(1 << 31)):
        bench.stand.ticks = ticks
        bench.run(1000)
        assert -dw.MAX_MASS_G <= bench.last.mass_g <= dw.MAX_MASS_G


def test_the_picos_bits_and_volts_mean_what_its_board_has() -> None:
    assert [registers.position_of(bits, BETWEEN) for bits in range(4)] == [BETWEEN, 0, 1, BETWEEN]
    outputs = {registers.bolt_outputs(door, to) for door in (False, True) for to in (dw.LOCKED, dw.RELEASED)}
    assert outputs == {1, 2, 16, 32}
    assert [registers.bay_outputs(colour) & 1 for colour in range(7)] == [0] * 7
    assert (registers.fill_of(0), registers.fill_of(29000), registers.fill_of(65535)) == (0, 50, 100)
    assert (registers.celsius(32768), registers.celsius(21190), registers.celsius(19780)) == (25, 42, 45)
    assert (registers.celsius(65535), registers.celsius(0)) == (None, None)
    before = 101
    for raw in range(1501, 62000, 100):
        degrees = registers.celsius(raw)
        assert degrees is not None
        assert degrees <= before
        before = degrees
