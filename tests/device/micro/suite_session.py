"""What a session refuses, with which code, and that a refusal writes nothing."""

from firmware_agent import wire
from firmware_agent.device.boot import boot
from firmware_agent.device.device import Device
from firmware_agent.order import Order
from tests.device.micro.agent_bench import (
    BLOCK,
    GROUP,
    NEW,
    OLD,
    SIGNATURE,
    BenchBoard,
    Station,
    board,
    in_place_delta,
    running,
    slot_delta,
    whole,
)

HEAP_KIB = 512


def talk(mode: str = "slots", bench: "BenchBoard | None" = None) -> "tuple[BenchBoard, Station]":
    """A booted device and a station that has not said hello."""
    bench = bench or board(mode)
    device = Device(bench)
    boot(device)
    bench.flash.count = 0
    return bench, Station(device)


def order_code(station: Station, order: Order) -> "tuple[int, int]":
    return station.refused(wire.ORDER, order.pack() + SIGNATURE)


def test_nothing_is_answered_before_hello() -> None:
    bench, station = talk()
    for kind in (
        wire.ORDER,
        wire.DATA,
        wire.COMMIT,
        wire.ABORT,
        wire.REBOOT,
        wire.STATUS,
        wire.USER_FILES,
        77,
    ):
        assert station.refused(kind) == (wire.NO_HELLO, 0)
    assert bench.flash.count == 0


def test_a_welcome_says_what_the_device_is() -> None:
    welcome = talk()[1].hello()
    assert (welcome.model, welcome.variant, welcome.serial, welcome.image_version) == (
        "kinglet",
        "cn",
        "A1",
        "1.0.0",
    )
    assert (welcome.image_size, welcome.rollback_index, welcome.slot) == (len(OLD), 1, 0)
    assert (welcome.methods, welcome.group_blocks, 1 << welcome.block_log2) == (0b011, 0, BLOCK)
    assert (welcome.battery, welcome.health, welcome.state) == (80, wire.HEALTH_USER_DATA, wire.IDLE)
    welcome = talk("in_place")[1].hello()
    assert (welcome.methods, welcome.group_blocks) == (0b101, GROUP)


def test_hello_needs_a_version_in_common() -> None:
    _, station = talk()
    assert station.refused(wire.HELLO, wire.pack_hello(2, 9, 4096)) == (wire.NO_VERSION, wire.VERSION)
    assert station.refused(wire.HELLO, b"\1\1") == (wire.BAD_PAYLOAD, 0)
    assert station.refused(wire.HELLO, wire.pack_hello(1, 1, 100)) == (wire.BAD_PAYLOAD, 0)
    assert station.refused(wire.STATUS) == (wire.NO_HELLO, 0)
    assert station.ask(wire.HELLO, wire.pack_hello(0, 9, 4096) + b"later")[0] == wire.WELCOME


def test_a_frame_that_comes_twice_or_too_early_is_refused_and_ignored() -> None:
    _, station = talk()
    station.hello()
    at = station.sequence
    order, patch = slot_delta()
    assert station.send(order, patch[:100]) == 0
    again = station.sequence
    assert station.refused(wire.DATA, wire.pack_data(100, patch[100:200]), again) == (wire.DUPLICATE, again)
    assert station.refused(wire.DATA, wire.pack_data(100, patch[100:200]), again + 2)[0] == wire.OUT_OF_ORDER
    assert station.refused(wire.DATA, wire.pack_data(100, patch[100:200]), at)[1] == again + 1
    kind, payload = station.ask(wire.DATA, wire.pack_data(100, patch[100:200]), again + 1)
    assert (kind, wire.unpack_counts(payload)) == (wire.TAKEN, (200, 0))


def test_the_sequence_goes_on_after_65535() -> None:
    _, station = talk()
    station.ask(wire.HELLO, wire.pack_hello(1, 1, 4096), 65535)
    assert station.ask(wire.STATUS, b"", 0)[0] == wire.STATE


def test_broken_bytes_are_answered_with_sequence_0() -> None:
    _, station = talk()
    station.session.broken(wire.WireError(wire.BAD_CRC, 7))
    assert station.answers == [(wire.REFUSED, 0, wire.pack_refused(wire.BAD_CRC, 7))]


def test_unknown_kinds_and_torn_payloads_are_refused() -> None:
    bench, station = talk()
    station.hello()
    assert station.refused(0x77) == (wire.UNKNOWN_KIND, 0x77)
    assert station.refused(wire.USER_FILES, b"\0") == (wire.BAD_PAYLOAD, 0)
    order, patch = slot_delta()
    assert station.send(order, patch[:0]) == 0
    count = bench.flash.count
    assert station.refused(wire.DATA, b"\0\0\0\0") == (wire.BAD_PAYLOAD, 0)
    assert bench.flash.count == count


def test_each_order_that_does_not_fit_has_its_own_code_and_writes_nothing() -> None:
    bench, station = talk()
    station.hello()
    for name, value, code, detail in (
        ("model", "firecrest", wire.WRONG_MODEL, 0),
        ("rollback_index", 0, wire.ROLLBACK, 1),
        ("base_sha256", bytes(31) + b"1", wire.WRONG_BASE, 0),
        ("base_size", len(OLD) - 1, wire.WRONG_BASE, 0),
        ("image_size", 8 * BLOCK + 1, wire.TOO_LARGE, 8 * BLOCK),
        ("patch_size", 100 * BLOCK, wire.TOO_LARGE, 9 * (BLOCK - 8)),
    ):
        order, _ = slot_delta()
        setattr(order, name, value)
        assert order_code(station, order) == (code, detail), name
    raw = slot_delta()[0].pack()
    assert station.refused(wire.ORDER, raw + SIGNATURE[1:]) == (wire.BAD_SIGNATURE, 0)
    assert station.refused(wire.ORDER, raw) == (wire.BAD_SIGNATURE, 0)
    assert station.refused(wire.ORDER, raw[:-1]) == (wire.BAD_ORDER, 0)
    assert station.refused(wire.ORDER, b"PSO2" + raw[4:] + SIGNATURE) == (wire.BAD_ORDER, 0)
    assert order_code(station, in_place_delta()[0]) == (wire.WRONG_METHOD, 0)
    bench.battery = 29
    assert order_code(station, slot_delta()[0]) == (wire.BATTERY_LOW, 30)
    assert bench.flash.count == 0
    bench.battery = 255  # not known: the device cannot say, and takes it
    assert order_code(station, slot_delta()[0]) == (0, 0)


def test_in_place_an_order_proven_for_other_blocks_is_refused() -> None:
    bench, station = talk("in_place")
    station.hello()
    for name, value in (("block", 4096), ("group", GROUP + 1)):
        order, _ = in_place_delta()
        setattr(order, name, value)
        assert order_code(station, order) == (wire.WRONG_METHOD, 0)
    assert order_code(station, slot_delta()[0]) == (wire.WRONG_METHOD, 0)
    assert bench.flash.count == 0


def test_data_must_be_in_order_and_within_the_patch() -> None:
    _, station = talk()
    station.hello()
    order, patch = slot_delta()
    assert station.refused(wire.DATA, wire.pack_data(0, b"x")) == (wire.NO_ORDER, 0)
    assert station.refused(wire.COMMIT) == (wire.NO_ORDER, 0)
    assert station.send(order, patch[:900]) == 0
    assert station.refused(wire.DATA, wire.pack_data(899, b"x")) == (wire.WRONG_OFFSET, 900)
    assert station.refused(wire.DATA, wire.pack_data(901, b"x")) == (wire.WRONG_OFFSET, 900)
    assert station.refused(wire.DATA, wire.pack_data(900, patch[900:] + b"x")) == (wire.TOO_MUCH, len(patch))
    assert station.refused(wire.COMMIT) == (wire.INCOMPLETE, 0)
    assert station.send(order, patch) == 0


def test_hello_takes_the_talk_back_to_what_is_durable() -> None:
    _, station = talk()
    station.hello()
    order, patch = slot_delta()
    station.send(order, patch[:1500])
    welcome = station.hello()
    assert (welcome.durable, welcome.state) == (BLOCK - 8, wire.RECEIVING)
    at = welcome.durable
    assert station.refused(wire.DATA, wire.pack_data(at, patch[at : at + 1000])) == (0, 0)


def test_another_order_takes_the_place_of_the_one_that_was_begun() -> None:
    _, station = talk()
    station.hello()
    first, patch = slot_delta()
    station.send(first, patch)
    second, image = whole()
    kind, payload = station.ask(wire.ORDER, second.pack() + SIGNATURE)
    assert (kind, wire.unpack_counts(payload)) == (wire.ORDERED, (0, 0))
    assert station.send(second, image) == 0
    assert station.refused(wire.COMMIT) == (0, 0)


def test_a_patch_that_is_not_the_signed_one_is_dropped_and_the_image_stays() -> None:
    for mode, (order, patch) in (
        ("slots", slot_delta()),
        ("in_place", in_place_delta()),
        ("in_place", whole()),
    ):
        bench, station = talk(mode)
        station.hello()
        bad = bytearray(patch)
        bad[len(bad) // 2] ^= 1
        assert station.send(order, bytes(bad)) == 0
        assert station.refused(wire.COMMIT) == (wire.PATCH_HASH, 0)
        welcome = station.hello()
        assert (welcome.state, welcome.durable, welcome.last_code) == (wire.IDLE, 0, wire.PATCH_HASH)
        assert running(bench)[1] == OLD
        bench, station = talk(bench=bench)
        station.hello()
        assert station.send(order, patch) == 0
        assert station.refused(wire.COMMIT) == (0, 0)
        assert running(bench)[1] == NEW


def test_a_signed_patch_that_makes_another_image_is_dropped_and_the_image_stays() -> None:
    for mode, (order, patch) in (("slots", slot_delta()), ("slots", whole()), ("in_place", whole())):
        bench, station = talk(mode)
        station.hello()
        order.image_sha256 = bytes(31) + b"1"
        assert station.send(order, patch) == 0
        assert station.refused(wire.COMMIT) == (wire.IMAGE_HASH, 0)
        assert running(bench)[1] == OLD
        order.image_sha256, order.image_size = bytes(31) + b"1", order.image_size + 1
        assert station.send(order, patch) == 0
        assert station.refused(wire.COMMIT)[0] == wire.BAD_PATCH
        assert running(bench)[1] == OLD


def test_in_place_a_proof_that_was_wrong_ends_in_an_agent_that_takes_a_whole_image() -> None:
    bench, station = talk("in_place")
    station.hello()
    order, patch = in_place_delta()
    order.image_sha256 = bytes(31) + b"1"
    station.send(order, patch)
    assert station.refused(wire.COMMIT) == (wire.IMAGE_HASH, 0)
    bench, station = talk(bench=bench)
    welcome = station.hello()
    assert (welcome.state, welcome.last_code, welcome.image_size) == (wire.UNFIT, wire.IMAGE_HASH, 0)
    assert station.send(*whole()) == 0
    assert station.refused(wire.COMMIT) == (0, 0)
    assert running(bench)[1] == NEW


def test_no_order_is_taken_while_an_image_waits_for_its_first_boot() -> None:
    bench, station = talk()
    station.hello()
    order, patch = slot_delta()
    station.send(order, patch)
    assert station.refused(wire.COMMIT) == (0, 0)
    assert station.hello().state == wire.INSTALLED
    assert order_code(station, whole()[0]) == (wire.NOT_CONFIRMED, 0)
    assert station.refused(wire.COMMIT) == (wire.NOT_CONFIRMED, 0)
    assert running(bench)[1] == NEW


def test_a_rollback_index_rises_with_the_confirmation_and_never_falls() -> None:
    bench, station = talk()
    station.hello()
    station.send(*slot_delta())
    station.refused(wire.COMMIT)
    assert station.hello().rollback_index == 1
    _, station = talk(bench=bench)
    assert station.hello().rollback_index == 2
    order, _ = whole()
    order.rollback_index = 1
    assert order_code(station, order) == (wire.ROLLBACK, 2)


def test_an_aborted_order_is_gone() -> None:
    _, station = talk()
    station.hello()
    station.send(*slot_delta())
    assert station.hello().state == wire.READY
    assert station.ask(wire.ABORT)[0] == wire.ABORTED
    assert wire.unpack_counts(station.ask(wire.STATUS)[1]) == (wire.IDLE, 0)
    assert station.refused(wire.COMMIT) == (wire.NO_ORDER, 0)
    kind, payload = station.ask(wire.ORDER, slot_delta()[0].pack() + SIGNATURE)
    assert (kind, wire.unpack_counts(payload)) == (wire.ORDERED, (0, 0))


def test_a_commit_with_a_low_battery_waits() -> None:
    bench, station = talk()
    station.hello()
    station.send(*slot_delta())
    bench.battery = 3
    assert station.refused(wire.COMMIT) == (wire.BATTERY_LOW, 30)
    assert station.hello().health & wire.HEALTH_BATTERY
    bench.battery = 90
    assert station.refused(wire.COMMIT) == (0, 0)


def test_the_owners_files_that_cannot_be_read_are_said_to_be_so() -> None:
    _, station = talk()
    station.hello()
    assert station.refused(wire.USER_FILES, wire.pack_user_question(0, True)) == (wire.USER_DATA, 0)


def test_a_mistake_of_our_own_does_not_end_the_talk() -> None:
    bench, station = talk()
    station.hello()

    def wrong() -> str:
        raise ValueError("a mistake")

    bench.user_root = wrong  # type: ignore[method-assign]
    assert station.refused(wire.USER_FILES, wire.pack_user_question(0, True)) == (wire.INTERNAL, 0)
    assert station.ask(wire.STATUS)[0] == wire.STATE


def test_a_reboot_is_answered_before_it_happens() -> None:
    _, station = talk()
    station.hello()
    assert station.ask(wire.REBOOT)[0] == wire.REBOOTING
    assert station.session.reset_wanted
