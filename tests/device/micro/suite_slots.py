"""A power cut at every flash write and erase of an update: the device boots old or new, and the update finishes."""

from firmware_agent import wire
from firmware_agent.device.boot import RESET, boot
from firmware_agent.device.control import CONFIRMED, FELL_BACK, UNFIT
from firmware_agent.device.device import Device
from firmware_agent.order import Order
from tests.device.micro.agent_bench import (
    BLOCK,
    NEW,
    OLD,
    OWNER,
    SIGNATURE,
    BenchBoard,
    MemoryFlash,
    PowerCut,
    Station,
    board,
    in_place_delta,
    running,
    slot_delta,
    update,
    whole,
)

HEAP_KIB = 1024


def cut_everywhere(mode: str, order: Order, patch: bytes) -> int:
    """Every operation of an update, cut before, within and after; how many cuts that were."""
    bench = board(mode)
    fresh = bytes(bench.flash.data)
    assert update(bench, order, patch) == len(patch)
    assert running(bench)[1] == NEW
    count = bench.flash.count
    cuts = 0
    flash = MemoryFlash(len(fresh))
    for number in range(count):
        for part in (0, 1, 50, 99, 100):
            flash.data[:] = fresh
            flash.count = 0
            cut_once(board(mode, flash), order, patch, number, part)
            cuts += 1
    return cuts


def cut_once(bench: BenchBoard, order: Order, patch: bytes, number: int, part: int) -> None:
    flash = bench.flash
    flash.cut, flash.part = number, part
    where = (number, part)
    cut = False
    try:
        update(bench, order, patch)
        running(bench)
    except PowerCut:
        cut = True
    assert cut or number >= flash.count, where
    flash.cut = -1
    device, image = running(bench)
    record = device.control.record
    assert record.boot_state == CONFIRMED, where
    assert image == (NEW if device.image.version == "2.0.0" else OLD), where
    assert update(bench, order, patch) <= len(patch), where
    device, image = running(bench)
    assert (image, device.control.record.rollback_index) == (NEW, 2), where
    assert bytes(flash.data[device.layout.user_at :]) == OWNER, where


def test_a_cut_at_every_write_of_a_slot_update_leaves_old_or_new() -> None:
    assert cut_everywhere("slots", *slot_delta()) > 100


def test_a_cut_at_every_write_of_an_in_place_update_leaves_old_or_new() -> None:
    assert cut_everywhere("in_place", *in_place_delta()) > 100


def test_a_cut_at_every_write_of_a_whole_image_in_place_leaves_old_or_new() -> None:
    assert cut_everywhere("in_place", *whole()) > 100


def test_a_whole_image_goes_into_the_other_slot() -> None:
    bench = board("slots")
    order, patch = whole()
    assert update(bench, order, patch) == len(patch)
    assert running(bench)[1] == NEW


def test_what_is_durable_is_not_sent_again() -> None:
    for mode, (order, patch) in (("slots", slot_delta()), ("in_place", in_place_delta())):
        bench = board(mode)
        device = Device(bench)
        boot(device)
        station = Station(device)
        station.hello()
        station.ask(wire.ORDER, order.pack() + SIGNATURE)
        station.ask(wire.DATA, wire.pack_data(0, patch[:1500]))
        welcome = Station(Device(bench)).hello()  # as after a cut: only flash is left
        assert (welcome.durable, welcome.state) == (BLOCK - 8, wire.RECEIVING)
        assert update(bench, order, patch) == len(patch) - (BLOCK - 8)


def test_an_image_that_fails_its_test_three_times_is_left_for_the_old_one() -> None:
    bench = board("slots")
    bench.bad = ["2.0.0"]
    device = Device(bench)
    boot(device)
    station = Station(device)
    station.hello()
    order, patch = slot_delta()
    assert station.send(order, patch) == 0
    assert station.refused(wire.COMMIT) == (0, 0)
    assert [boot(Device(bench)) for _ in range(3)] == [RESET, RESET, RESET]
    device, image = running(bench)
    welcome = Station(device).hello()
    assert image == OLD
    assert device.control.record.boot_state == FELL_BACK
    assert (welcome.state, welcome.last_code, welcome.rollback_index) == (wire.FELL_BACK, wire.SELF_TEST, 1)
    bench.bad = []
    assert update(bench, order, patch) == 0  # the patch is still here


def test_an_image_that_never_gets_as_far_as_its_test_is_left_too() -> None:
    bench = board("slots")
    device = Device(bench)
    boot(device)
    station = Station(device)
    station.hello()
    order, patch = slot_delta()
    station.send(order, patch)
    station.refused(wire.COMMIT)
    hang = bench.self_test

    def hangs() -> bool:
        if bench.launched == "2.0.0":
            raise PowerCut  # the watchdog
        return hang()

    bench.self_test = hangs  # type: ignore[method-assign]
    for _ in range(3):
        try:
            boot(Device(bench))
            raise AssertionError("it did not hang")
        except PowerCut:
            pass
    device, image = running(bench)
    assert (image, device.state()) == (OLD, wire.FELL_BACK)


def test_in_place_an_image_that_fails_its_test_leaves_an_agent_that_takes_the_next_one() -> None:
    bench = board("in_place")
    bench.bad = ["2.0.0"]
    device = Device(bench)
    boot(device)
    station = Station(device)
    station.hello()
    station.send(*in_place_delta())
    station.refused(wire.COMMIT)
    device, image = running(bench)
    welcome = Station(device).hello()
    assert image == NEW
    assert (welcome.state, welcome.last_code) == (wire.UNFIT, wire.SELF_TEST)
    assert welcome.health & wire.HEALTH_SELF_TEST
    order, patch = whole()
    order.version = "2.0.1"
    update(bench, order, patch)
    assert running(bench)[0].state() == wire.IDLE


def test_an_image_that_rots_is_left_for_the_other_slot() -> None:
    bench = board("slots")
    update(bench, *slot_delta())
    device, _ = running(bench)
    at = device.layout.image_at + device.running * device.layout.image_bytes
    bench.flash.data[at + 77] ^= 4
    device, image = running(bench)
    assert image == OLD
    assert (device.state(), device.last_code) == (wire.FELL_BACK, wire.IMAGE_HASH)


def test_without_a_whole_image_the_agent_says_so_and_takes_one() -> None:
    for mode in ("slots", "in_place"):
        bench = board(mode)
        bench.flash.data[bench.layout.image_at + 5] ^= 1
        device = Device(bench)
        boot(device)
        welcome = Station(device).hello()
        assert (welcome.state, device.control.record.boot_state) == (wire.UNFIT, UNFIT)
        assert welcome.health & wire.HEALTH_IMAGE
        assert (bench.launched, welcome.image_size, welcome.image_sha256) == ("", 0, bytes(32))
        delta, _ = slot_delta() if mode == "slots" else in_place_delta()
        station = Station(device)
        station.hello()
        assert station.refused(wire.ORDER, delta.pack() + SIGNATURE) == (wire.WRONG_BASE, 0)
        order, patch = whole()
        update(bench, order, patch)
        assert running(bench)[1] == NEW


def test_a_journal_that_the_same_order_left_before_is_not_taken_for_this_jobs() -> None:
    bench = board("in_place")
    order, patch = in_place_delta()
    update(bench, order, patch)
    plan = bench.layout
    left = bytes(bench.flash.data[plan.journal_at : plan.image_at])
    bench = board("in_place")
    bench.flash.data[plan.journal_at : plan.image_at] = left
    update(bench, order, patch)
    assert running(bench)[1] == NEW


def test_an_erased_flash_takes_its_first_image() -> None:
    for mode in ("slots", "in_place"):
        bench = board(mode)
        bench.flash.data[:] = b"\xff" * bench.flash.size_bytes
        order, patch = whole()
        update(bench, order, patch)
        assert running(bench)[1] == NEW


def test_a_flash_that_fails_in_an_in_place_job_does_not_lose_the_job() -> None:
    bench = board("in_place")
    device = Device(bench)
    boot(device)
    station = Station(device)
    station.hello()
    order, patch = in_place_delta()
    station.send(order, patch)
    feed, image_at = bench.feed, bench.layout.image_at

    def fails_later() -> None:
        bench.flash.failing = bytes(bench.flash.data[image_at : image_at + len(OLD)]) != OLD

    bench.feed = fails_later  # type: ignore[method-assign]
    assert station.refused(wire.COMMIT)[0] == wire.FLASH_FAILED
    bench.feed, bench.flash.failing = feed, False  # type: ignore[method-assign]
    assert running(bench)[1] == NEW
