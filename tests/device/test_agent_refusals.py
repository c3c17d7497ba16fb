"""What a device refuses by itself: each with its own code and line, and its image as it was. A real process."""

from __future__ import annotations

import hashlib
import random
import re
import struct
from binascii import crc32
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from firmware_agent import order as orders
from firmware_agent import wire
from hw.proto.agent_facts import explain
from station.agent_process import AgentProcess, Declined, Talk, frames
from station.agent_rig import BLOCK_BYTES, GROUP_BLOCKS, MANY_SIGNATURES, Device, Rig, Update

SEED = 20261122
PLACES = 1000
WIRE_PLACES = 100


@pytest.fixture(scope="module")
def rig(tmp_path_factory: pytest.TempPathFactory) -> Rig:
    return Rig(tmp_path_factory.mktemp("agent"), shape=MANY_SIGNATURES)


@pytest.fixture(scope="module", params=["slots", "in_place"])
def mode(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def device(rig: Rig, mode: str, tmp_path: Path) -> Device:
    return rig.device(mode).copy(tmp_path.name)


@pytest.fixture
def update(rig: Rig, mode: str) -> Update:
    return rig.update(mode)


class Raw:
    """Frames as a station would not send them: each is followed by nothing, and a HELLO collects the answers."""

    def __init__(self, process: AgentProcess) -> None:
        self.process = process
        self.sequence = 0

    def frame(self, kind: int, payload: bytes = b"") -> bytes:
        self.sequence = (self.sequence + 1) & 0xFFFF
        return wire.frame(kind, self.sequence, payload)

    def hello(self) -> bytes:
        return self.frame(wire.HELLO, wire.pack_hello(1, 1, wire.MAX_PAYLOAD_BYTES))

    def greet(self) -> wire.Welcome:
        return self.answers(b"")[1]

    def answers(self, data: bytes) -> tuple[list[wire.Frame], wire.Welcome]:
        """What came for ``data``, and the WELCOME for the HELLO behind it."""
        hello = self.hello()
        # Zeros end a frame whose length promised more than came.
        self.process.write(data + bytes(wire.MAX_FRAME_BYTES if data else 0) + hello)
        came = b""
        while True:
            came += self.process.read()
            found = frames(came)
            if found and (found[-1].kind, found[-1].sequence) == (wire.WELCOME, self.sequence):
                return found[:-1], wire.unpack_welcome(found[-1].payload)

    def ask(self, kind: int, payload: bytes = b"") -> wire.Frame:
        """One question, its first answer."""
        self.process.write(self.frame(kind, payload))
        came = b""
        while not (found := frames(came)):
            came += self.process.read()
        return found[0]


def refusal(frame: wire.Frame) -> tuple[int, int]:
    assert frame.kind == wire.REFUSED, f"answered with {frame.kind:#04x}"
    return wire.unpack_refused(frame.payload)


def codes(answers: list[wire.Frame]) -> list[int]:
    return [wire.unpack_refused(frame.payload)[0] for frame in answers if frame.kind == wire.REFUSED]


def unchanged(device: Device, welcome: wire.Welcome, update: Update) -> None:
    assert (welcome.image_sha256, welcome.image_size) == (update.base_sha256, update.order.base_size)
    assert welcome.state in (wire.IDLE, wire.RECEIVING, wire.READY)
    assert device.image_differs(welcome) == ""
    assert device.user_bytes_changed() == 0


@pytest.fixture
def raw(device: Device, update: Update) -> Iterator[Raw]:
    """A greeted process; afterwards its image is what it was, and the right update still goes through."""
    with AgentProcess(device.folder) as process:
        talking = Raw(process)
        talking.greet()
        yield talking
        unchanged(device, talking.greet(), update)
        talk = Talk(process)
        talk.hello()
        talk.place(update.signed)
        talk.send(update.patch)
        talk.commit()


def refused_order(raw: Raw, update: Update) -> tuple[int, int]:
    code, detail = refusal(raw.ask(wire.ORDER, update.signed))
    assert "unchanged" in explain(code, detail)
    return code, detail


# -- orders


def test_a_signature_that_is_not_of_this_order_is_refused(raw: Raw, update: Update) -> None:
    signature = bytearray(update.signed)
    signature[-1] ^= 1
    assert refused_order(raw, replace(update, signed=bytes(signature))) == (wire.BAD_SIGNATURE, 0)


def test_an_order_without_a_whole_signature_is_refused(raw: Raw, update: Update) -> None:
    for length in (192, 193, 200, len(update.signed) - 1):
        assert refused_order(raw, replace(update, signed=update.signed[:length]))[0] == wire.BAD_SIGNATURE
    assert refused_order(raw, replace(update, signed=update.signed + b"\0"))[0] == wire.BAD_SIGNATURE


def test_an_order_that_is_cut_off_is_refused(raw: Raw, update: Update) -> None:
    for length in (1, 191):
        assert refused_order(raw, replace(update, signed=update.signed[:length]))[0] in (
            wire.BAD_ORDER,
            wire.BAD_PAYLOAD,
        )


def test_the_signature_of_another_key_is_refused(raw: Raw, rig: Rig, mode: str, update: Update) -> None:
    other = rig.signed(update.order, update.patch, rig.other_key)
    assert refused_order(raw, other) == (wire.BAD_SIGNATURE, 0)


def with_fields(rig: Rig, update: Update, **fields: object) -> Update:
    changed = orders.parse(update.order.pack())
    for name, value in fields.items():
        setattr(changed, name, value)
    return rig.signed(changed, update.patch)


def test_a_well_signed_order_for_another_model_is_refused(
    raw: Raw, rig: Rig, mode: str, update: Update
) -> None:
    assert refused_order(raw, with_fields(rig, update, model="ostrich"))[0] == wire.WRONG_MODEL


def test_a_lower_rollback_index_is_refused_and_says_which_one_is_needed(
    raw: Raw, rig: Rig, mode: str, update: Update
) -> None:
    lower = with_fields(rig, update, rollback_index=rig.old_rollback_index - 1)
    assert refused_order(raw, lower) == (wire.ROLLBACK, rig.old_rollback_index)


def test_a_difference_from_another_image_is_refused(raw: Raw, rig: Rig, mode: str, update: Update) -> None:
    assert refused_order(raw, with_fields(rig, update, base_sha256=b"\7" * 32))[0] == wire.WRONG_BASE
    size = update.order.base_size - 1
    assert refused_order(raw, with_fields(rig, update, base_size=size))[0] == wire.WRONG_BASE


def test_a_method_this_device_does_not_take_is_refused(raw: Raw, rig: Rig, mode: str, update: Update) -> None:
    in_place = mode == "slots"
    fields: dict[str, object] = {
        "method": wire.IN_PLACE_DELTA if in_place else wire.SLOT_DELTA,
        "block": BLOCK_BYTES if in_place else 0,
        "group": GROUP_BLOCKS if in_place else 0,
    }
    assert refused_order(raw, with_fields(rig, update, **fields))[0] == wire.WRONG_METHOD


def test_an_image_larger_than_the_device_is_refused_with_its_limit(
    raw: Raw, rig: Rig, mode: str, update: Update
) -> None:
    large = with_fields(rig, update, image_size=rig.model(mode).image_bytes + 1)
    code, detail = refused_order(raw, large)
    assert (code, detail) == (wire.TOO_LARGE, rig.model(mode).image_bytes)


def test_a_patch_larger_than_the_staging_area_is_refused(
    raw: Raw, rig: Rig, mode: str, update: Update
) -> None:
    code, detail = refused_order(raw, with_fields(rig, update, patch_size=rig.model(mode).staging_bytes))
    assert code == wire.TOO_LARGE
    assert 0 < detail < rig.model(mode).staging_bytes


def test_a_battery_that_is_too_low_is_named(rig: Rig, mode: str, update: Update, tmp_path: Path) -> None:
    low = rig.device(mode).copy(tmp_path.name, battery_percent=12)
    with AgentProcess(low.folder) as process:
        raw = Raw(process)
        assert raw.greet().health & wire.HEALTH_BATTERY
        assert refusal(raw.ask(wire.ORDER, update.signed)) == (wire.BATTERY_LOW, 30)
        unchanged(low, raw.greet(), update)


def test_an_image_on_trial_keeps_its_way_back(rig: Rig, tmp_path: Path) -> None:
    """Between the installation and the restart the other slot is the only one that is proven."""
    device, update = rig.device("slots").copy(tmp_path.name), rig.update("slots")
    with AgentProcess(device.folder) as process:
        talk = Talk(process)
        talk.hello()
        talk.place(update.signed)
        talk.send(update.patch)
        talk.commit()
        again = Raw(process)
        again.sequence = 1000
        again.greet()
        assert refusal(again.ask(wire.ORDER, rig.whole("slots").signed))[0] in (wire.NOT_CONFIRMED, wire.BUSY)


# -- patches


def deliver(process: AgentProcess, update: Update, patch: bytes) -> int:
    """The code that the commit of ``patch`` under ``update``'s order is refused with."""
    talk = Talk(process)
    talk.hello()
    if talk.host.welcome and talk.host.welcome.durable:
        talk.ask(talk.host.abort())
    talk.place(update.signed)
    talk.send(patch)
    with pytest.raises(Declined) as declined:
        talk.commit()
    return declined.value.refused.code


def test_a_patch_with_a_flipped_bit_is_refused_before_anything_is_written(
    raw: Raw, device: Device, update: Update
) -> None:
    draw = random.Random(SEED)
    for _ in range(5):
        patch = bytearray(update.patch)
        patch[draw.randrange(len(patch))] ^= 1 << draw.randrange(8)
        assert deliver(raw.process, update, bytes(patch)) == wire.PATCH_HASH
        assert device.image_differs(Raw(raw.process).greet()) == ""
    assert "unchanged" in explain(wire.PATCH_HASH, 0)


def test_a_commit_before_the_last_byte_is_refused_with_what_is_there(raw: Raw, update: Update) -> None:
    assert raw.ask(wire.ORDER, update.signed).kind == wire.ORDERED
    half = update.patch[: min(2000, len(update.patch) // 2)]
    assert raw.ask(wire.DATA, wire.pack_data(0, half)).kind == wire.TAKEN
    code, detail = refusal(raw.ask(wire.COMMIT))
    assert code == wire.INCOMPLETE
    assert detail <= len(half)
    assert "unchanged" in explain(code, detail)


def checked_first(rig: Rig, mode: str) -> Update:
    """What a device can judge before it touches what it runs: with two slots anything, in place a whole image.

    A difference in place is proven by its maker: its device has nothing to try it on.
    """
    return rig.update(mode) if mode == "slots" else rig.whole(mode)


def test_a_well_signed_patch_that_cannot_be_decoded_leaves_the_image_that_runs(
    raw: Raw, rig: Rig, mode: str
) -> None:
    update = checked_first(rig, mode)
    for patch in (b"\x78\x9c" + bytes(60), update.patch[:-8], update.patch + b"\0"):
        fields = {"patch_size": len(patch), "patch_sha256": hashlib.sha256(patch).digest()}
        signed = replace(with_fields(rig, update, **fields), patch=patch)
        assert deliver(raw.process, signed, patch) == wire.BAD_PATCH


def test_a_well_signed_patch_that_makes_another_image_leaves_the_image_that_runs(
    raw: Raw, rig: Rig, mode: str
) -> None:
    update = checked_first(rig, mode)
    other = with_fields(rig, update, image_sha256=b"\1" * 32)
    assert deliver(raw.process, other, update.patch) == wire.IMAGE_HASH


def test_a_piece_at_the_wrong_place_or_beyond_the_end_is_refused(raw: Raw, update: Update) -> None:
    raw.ask(wire.ORDER, update.signed)
    assert refusal(raw.ask(wire.DATA, wire.pack_data(4, b"1234"))) == (wire.WRONG_OFFSET, 0)
    beyond = bytes(wire.MAX_PAYLOAD_BYTES - 4)
    received = 0
    while received + len(beyond) <= len(update.patch):
        answer = raw.ask(wire.DATA, wire.pack_data(received, update.patch[received : received + len(beyond)]))
        received, _durable = wire.unpack_counts(answer.payload)
    assert refusal(raw.ask(wire.DATA, wire.pack_data(received, beyond)))[0] == wire.TOO_MUCH


# -- a thousand places


def test_a_bit_flipped_at_a_thousand_places_never_reaches_an_image(
    rig: Rig, mode: str, update: Update, device: Device
) -> None:
    """Of the order, its signature and its patch, in frames that are themselves in order."""
    draw = random.Random(SEED)
    whole = len(update.signed) + len(update.patch)
    seen: dict[int, int] = {}
    with AgentProcess(device.folder) as process:
        for place in sorted(draw.sample(range(whole * 8), PLACES)):
            flipped = bytearray(update.signed + update.patch)
            flipped[place // 8] ^= 1 << (place % 8)
            signed, patch = bytes(flipped[: len(update.signed)]), bytes(flipped[len(update.signed) :])
            if patch == update.patch:
                raw = Raw(process)
                raw.greet()
                code = refused_order(raw, replace(update, signed=signed))[0]
                assert code in (wire.BAD_ORDER, wire.WRONG_MODEL, wire.BAD_SIGNATURE), (place, code)
            else:
                code = deliver(process, update, patch)
                assert code == wire.PATCH_HASH, (place, code)
            seen[code] = seen.get(code, 0) + 1
        unchanged(device, Raw(process).greet(), update)
    assert sum(seen.values()) == PLACES
    assert {wire.BAD_ORDER, wire.BAD_SIGNATURE, wire.PATCH_HASH} <= set(seen)


WIRE_CODES = {
    wire.GARBAGE,
    wire.BAD_HEADER,
    wire.BAD_CRC,
    wire.OVERSIZE,
    wire.OUT_OF_ORDER,
    wire.DUPLICATE,
}


def test_a_bit_flipped_on_the_wire_costs_a_frame_and_nothing_else(raw: Raw, update: Update) -> None:
    draw = random.Random(SEED)
    for _ in range(WIRE_PLACES):
        sent = bytearray(raw.frame(wire.ORDER, update.signed))
        sent[draw.randrange(len(sent))] ^= 1 << draw.randrange(8)
        answers, welcome = raw.answers(bytes(sent))
        assert codes(answers), sent[:10].hex()
        assert set(codes(answers)) <= WIRE_CODES
        assert welcome.order_id == bytes(32)


# -- frames


def test_frames_out_of_order_are_refused_with_the_number_that_was_expected(raw: Raw, update: Update) -> None:
    raw.ask(wire.ORDER, update.signed)
    first = raw.frame(wire.DATA, wire.pack_data(0, update.patch[:100]))
    second = raw.frame(wire.DATA, wire.pack_data(100, update.patch[100:200]))
    expected = raw.sequence - 1
    answers, welcome = raw.answers(second + first)
    found = [wire.unpack_refused(frame.payload) for frame in answers if frame.kind == wire.REFUSED]
    assert found[0] == (wire.OUT_OF_ORDER, expected)
    assert "out of order" in explain(*found[0])
    assert welcome.state == wire.RECEIVING, "the order stands"


def test_a_frame_that_comes_twice_is_taken_once(raw: Raw, update: Update) -> None:
    raw.ask(wire.ORDER, update.signed)
    piece = raw.frame(wire.DATA, wire.pack_data(0, update.patch[:100]))
    answers, _ = raw.answers(piece + piece)
    taken = [wire.unpack_counts(frame.payload)[0] for frame in answers if frame.kind == wire.TAKEN]
    assert taken == [100]
    assert wire.DUPLICATE in codes(answers)


def header(kind: int, sequence: int, length: int) -> bytes:
    raw = struct.pack("<2sBBHH", wire.MAGIC, kind, 0, sequence, length)
    return raw + struct.pack("<H", crc32(raw) & 0xFFFF)


def test_a_frame_that_is_too_large_is_refused_by_its_header(raw: Raw) -> None:
    answers, _ = raw.answers(header(wire.DATA, raw.sequence + 1, wire.MAX_PAYLOAD_BYTES + 1))
    found = [wire.unpack_refused(frame.payload) for frame in answers if frame.kind == wire.REFUSED]
    assert found[0] == (wire.OVERSIZE, wire.MAX_PAYLOAD_BYTES + 1)


def test_garbage_is_refused_once_and_then_passed_over(raw: Raw) -> None:
    draw = random.Random(SEED)
    for size_bytes in (1, 100, 20_000):
        answers, _ = raw.answers(draw.randbytes(size_bytes).replace(wire.MAGIC, b"\0\0"))
        assert codes(answers) == [wire.GARBAGE]


def test_what_was_not_asked_for_in_its_turn_is_refused_by_name(raw: Raw, update: Update) -> None:
    assert refusal(raw.ask(wire.DATA, wire.pack_data(0, b"1234")))[0] == wire.NO_ORDER
    assert refusal(raw.ask(wire.COMMIT))[0] == wire.NO_ORDER
    assert refusal(raw.ask(0x7E))[0] == wire.UNKNOWN_KIND
    assert refusal(raw.ask(wire.USER_FILES, b"\0"))[0] == wire.BAD_PAYLOAD
    assert refusal(raw.ask(wire.HELLO, b"\1"))[0] == wire.BAD_PAYLOAD
    raw.greet()
    hello = wire.pack_hello(9, 12, wire.MAX_PAYLOAD_BYTES)
    assert refusal(raw.ask(wire.HELLO, hello))[0] == wire.NO_VERSION


def test_nothing_is_done_before_a_hello(device: Device, update: Update) -> None:
    with AgentProcess(device.folder) as process:
        raw = Raw(process)
        for kind, payload in ((wire.ORDER, update.signed), (wire.REBOOT, b""), (wire.STATUS, b"")):
            assert refusal(raw.ask(kind, payload))[0] == wire.NO_HELLO
        unchanged(device, raw.greet(), update)


def test_every_code_that_a_device_can_give_has_a_line_of_its_own() -> None:
    given = {
        value
        for name, value in vars(wire).items()
        if name.isupper() and isinstance(value, int) and 1 <= value <= 63 and name in CODE_NAMES
    }
    lines = [explain(code, 7) for code in given]
    assert len(given) == len(CODE_NAMES)
    assert len(set(lines)) == len(lines)
    assert not any("does not know (" in line for line in lines)


CODE_NAMES = frozenset(
    re.findall(
        r"\w+",
        """
        GARBAGE BAD_HEADER BAD_CRC OVERSIZE DUPLICATE OUT_OF_ORDER UNKNOWN_KIND BAD_PAYLOAD NO_HELLO
        NO_VERSION NO_ORDER BAD_ORDER BAD_SIGNATURE WRONG_MODEL ROLLBACK WRONG_BASE WRONG_METHOD
        TOO_LARGE BATTERY_LOW NOT_CONFIRMED WRONG_OFFSET TOO_MUCH INCOMPLETE PATCH_HASH BAD_PATCH
        IMAGE_HASH FLASH_FAILED FLASH_BOUNDS USER_DATA SELF_TEST BUSY INTERNAL
        """,
    )
)
