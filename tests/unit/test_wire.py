"""The agent's frames, payloads and orders against bytes nobody thought of, and against their document."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware_agent import order as orders
from firmware_agent import wire

DOCUMENT = Path(__file__).resolve().parents[2] / "docs/agent-protocol.md"

frames = st.tuples(st.integers(0, 255), st.integers(0, 65535), st.binary(max_size=300))
texts = st.text(st.characters(codec="utf-8"), max_size=60)
u32 = st.integers(0, 2**32 - 1)
hashes = st.binary(min_size=32, max_size=32)


def taken_apart(raw: bytes, steps: list[int], deframer: wire.Deframer) -> list[tuple[int, int, bytes] | int]:
    """What comes out of a stream in pieces: frames, and the codes of what was refused."""
    out: list[tuple[int, int, bytes] | int] = []
    at = turn = 0
    while True:
        at += deframer.feed(raw[at : at + steps[turn % len(steps)]])
        turn += 1
        try:
            got = deframer.next()
        except wire.WireError as exc:
            out.append(exc.code)
            continue
        if got is not None:
            out.append((got.kind, got.sequence, got.payload))
        elif at == len(raw):
            return out
        else:
            assert deframer.room > 0


pieces = st.lists(st.integers(1, 700), min_size=1, max_size=5)


@given(
    st.lists(st.tuples(st.binary(max_size=40).filter(lambda raw: b"\xa5" not in raw), frames), max_size=6),
    pieces,
)
def test_frames_between_noise_all_come_through_in_order(
    stream: list[tuple[bytes, tuple[int, int, bytes]]], steps: list[int]
) -> None:
    raw = b"".join(noise + wire.frame(*frame) for noise, frame in stream)
    got = taken_apart(raw, steps, wire.Deframer())
    assert [one for one in got if isinstance(one, tuple)] == [frame for _, frame in stream]
    assert [one for one in got if isinstance(one, int)] == [wire.GARBAGE for noise, _ in stream if noise]


@given(
    st.lists(
        st.sampled_from([wire.MAGIC, b"\xa5", b"\0", b"\xff" * 9]) | st.binary(max_size=50), max_size=30
    ),
    pieces,
)
def test_any_bytes_are_refused_and_the_frame_after_them_comes_through(
    junk: list[bytes], steps: list[int]
) -> None:
    got = taken_apart(b"".join(junk) + wire.frame(wire.STATUS, 9, b"after"), steps, wire.Deframer(64))
    assert got[-1] == (wire.STATUS, 9, b"after")
    assert set(got[:-1]) <= {wire.GARBAGE, wire.BAD_HEADER}
    assert len(got) <= 2, "one run of noise is one refusal"


@given(frames, st.data())
def test_a_spoilt_frame_never_becomes_another_one(frame: tuple[int, int, bytes], data: st.DataObject) -> None:
    raw = bytearray(wire.frame(*frame))
    start = data.draw(st.integers(0, len(raw) - 1))
    for at in range(
        start, min(start + data.draw(st.integers(1, 4)), len(raw))
    ):  # CRC-32 finds every burst of 32 bits
        raw[at] ^= data.draw(st.integers(1, 255))
    assert not [one for one in taken_apart(bytes(raw), [4366], wire.Deframer()) if isinstance(one, tuple)]


@pytest.mark.parametrize(
    "unpack",
    [
        *(wire.unpack_hello, wire.unpack_welcome, wire.unpack_data, wire.unpack_counts, wire.unpack_refused),
        *(wire.unpack_user_question, wire.unpack_user_page),
    ],
)
@given(raw=st.binary(max_size=400))
def test_any_payload_is_read_or_refused(unpack: Callable[[bytes], object], raw: bytes) -> None:
    try:
        unpack(raw)
    except wire.WireError as exc:
        code = exc.code
    else:
        return
    assert code == wire.BAD_PAYLOAD


bytes_ = st.integers(0, 255)


@st.composite
def welcomes(draw: st.DrawFn) -> wire.Welcome:
    """Any that a device can pack, with limits and names that a station may not be able to work with."""
    w = wire.Welcome()
    for name in (
        "version",
        "state",
        "methods",
        "block_log2",
        "group_blocks",
        "window_log2",
        "battery",
        "health",
    ):
        setattr(w, name, draw(st.integers(0, 18) | bytes_))
    w.last_code, w.slot, w.agent_version = draw(bytes_), draw(bytes_), draw(st.integers(0, 65535))
    w.max_payload, w.window = (
        draw(st.sampled_from([0, 511, 512, 4352, 65535])),
        draw(st.sampled_from([0, 1, 8192])),
    )
    for name in ("max_image", "max_patch", "rollback_index", "image_size", "durable", "boots"):
        setattr(w, name, draw(u32))
    w.image_sha256, w.order_id = draw(hashes), draw(hashes)
    w.model, w.variant, w.serial, w.image_version = (draw(texts) for _ in range(4))
    return w


@given(welcomes())
def test_a_welcome_is_read_as_it_was_or_cannot_be_worked_with(w: wire.Welcome) -> None:
    limits = w.window > 0 and w.max_payload >= 512 and w.block_log2 <= 16 and w.window_log2 <= 15
    names = w.model + w.variant + w.serial + w.image_version
    sound = limits and not re.search(r"[\x00-\x1f\x7f]", names)
    try:
        assert wire.unpack_welcome(wire.pack_welcome(w)).__dict__ == w.__dict__
    except wire.WireError:
        assert not sound
    else:
        assert sound


@given(u32, st.lists(st.tuples(texts, u32, st.sampled_from([b"", b"h" * 32])), max_size=8), st.data())
def test_a_page_of_files_comes_back_as_it_was(
    total: int, files: list[tuple[str, int, bytes]], data: st.DataObject
) -> None:
    raw = wire.pack_user_page(total, files)
    assert wire.unpack_user_page(raw) == (total, files)
    with pytest.raises(wire.WireError):
        wire.unpack_user_page(raw[: data.draw(st.integers(0, len(raw) - 1))])


names = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=24)
sizes = st.integers(1, orders.MAX_IMAGE_BYTES)


@st.composite
def sound_orders(draw: st.DrawFn) -> orders.Order:
    order = orders.Order()
    order.method = draw(st.integers(0, 2))
    order.window_log2, order.rollback_index = draw(st.integers(8, 15)), draw(u32)
    order.image_size, order.patch_size = draw(sizes), draw(sizes)
    order.image_sha256, order.patch_sha256 = draw(hashes), draw(hashes)
    order.model, order.version = draw(names), draw(names)
    if order.method:
        order.base_size, order.base_sha256 = draw(sizes), draw(hashes.filter(any))
    if order.method == wire.IN_PLACE_DELTA:
        order.block, order.group = 1 << draw(st.integers(8, 16)), draw(st.integers(1, 255))
    return order


@given(sound_orders())
def test_a_sound_order_comes_back_as_it_was(order: orders.Order) -> None:
    assert orders.parse(order.pack()).__dict__ == order.__dict__


@given(sound_orders(), st.integers(0, 191), st.integers(1, 255))
def test_a_changed_order_is_another_one_or_none(order: orders.Order, at: int, mask: int) -> None:
    raw = bytearray(order.pack())
    raw[at] ^= mask
    try:
        assert orders.parse(raw).pack() == bytes(raw)
    except orders.OrderError:
        pass


@given(st.binary(max_size=200) | st.binary(min_size=188, max_size=188).map(lambda raw: orders.MAGIC + raw))
def test_any_bytes_are_an_order_or_refused(raw: bytes) -> None:
    try:
        assert orders.parse(raw).pack() == raw
    except orders.OrderError:
        pass


KINDS = ["HELLO", "ORDER", "DATA", "COMMIT", "ABORT", "REBOOT", "USER_FILES", "STATUS", "WELCOME", "ORDERED"]
KINDS += ["TAKEN", "WORKING", "ABORTED", "REBOOTING", "USER_PAGE", "STATE", "REFUSED"]
NOT_CODES = {*KINDS, "VERSION", "OLDEST_VERSION", "IS_ANSWER", "WHOLE", "SLOT_DELTA", "IN_PLACE_DELTA"}
NOT_CODES |= {"IDLE", "RECEIVING", "READY", "INSTALLED", "ON_TRIAL", "FELL_BACK", "UNFIT", "UNKNOWN_BATTERY"}


def constants() -> dict[str, int]:
    found = {name: value for name, value in vars(wire).items() if name.isupper() and type(value) is int}
    return {name: value for name, value in found.items() if not name.endswith("_BYTES")}


def codes() -> dict[str, int]:
    return {
        name: value
        for name, value in constants().items()
        if name not in NOT_CODES and not name.startswith("HEALTH_")
    }


def test_no_two_kinds_and_no_two_codes_share_a_number() -> None:
    kinds = [constants()[name] for name in KINDS]
    assert len(set(kinds)) == len(kinds)
    assert len(set(codes().values())) == len(codes()) > 30
    assert all(0 <= code < 64 for code in codes().values())


def test_the_document_has_every_kind_and_every_code_with_its_number() -> None:
    rows = dict(
        re.findall(r"^\| `([A-Z_]+)` \| (0x[0-9A-F]{2}|[0-9]+) \|", DOCUMENT.read_text("utf-8"), re.MULTILINE)
    )
    wanted = {name: constants()[name] for name in [*KINDS, *codes()]}
    assert {name: int(number, 0) for name, number in rows.items()} == wanted
