"""Frames and their payloads, as both interpreters must read and write them."""

import struct
from binascii import crc32, hexlify

from firmware_agent import wire


def refused(call: object, *given: object) -> int:
    """The code that a call is refused with; -1 where it is not."""
    try:
        call(*given)  # type: ignore[operator]
    except wire.WireError as exc:
        return exc.code
    return -1


def taken_apart(raw: bytes, deframer: wire.Deframer | None = None, step: int = 1 << 16) -> list[object]:
    """What a deframer makes of a stream in pieces of ``step``: (kind, sequence, payload) or a code."""
    deframer = deframer or wire.Deframer()
    out: list[object] = []
    at = 0
    while True:
        at += deframer.feed(raw[at : at + step])
        try:
            got = deframer.next()
        except wire.WireError as exc:
            out.append(exc.code)
            continue
        if got is not None:
            out.append((got.kind, got.sequence, got.payload))
        elif at == len(raw):
            return out


def flipped(raw: bytes, bit: int) -> bytes:
    out = bytearray(raw)
    out[bit // 8] ^= 1 << (bit % 8)
    return bytes(out)


def test_a_frame_has_the_bytes_that_the_document_shows() -> None:
    assert (
        hexlify(wire.frame(wire.HELLO, 7, wire.pack_hello(1, 1, 4352)))
        == b"a55a01000700040060ae01010011268bc4c1"
    )


def test_every_frame_comes_back_as_it_was_in_pieces_of_any_size() -> None:
    frames = [
        (wire.STATUS, 65535, b""),
        (wire.DATA, 0, bytes(range(256)) * 17),
        (wire.REFUSED, 9, wire.MAGIC * 9),
    ]
    raw = b"".join([wire.frame(kind, sequence, payload) for kind, sequence, payload in frames])
    for step in (1, 2, 7, 64, 511, 1 << 16):
        assert taken_apart(raw, step=step) == frames


def test_a_sequence_wraps_and_a_payload_beyond_the_limit_is_never_sent() -> None:
    assert taken_apart(wire.frame(wire.STATUS, 65537)) == [(wire.STATUS, 1, b"")]
    assert refused(wire.frame, wire.DATA, 0, bytes(wire.MAX_PAYLOAD_BYTES + 1)) == wire.OVERSIZE
    assert len(wire.frame(wire.DATA, 0, bytes(wire.MAX_PAYLOAD_BYTES))) == wire.MAX_FRAME_BYTES


def test_no_flipped_bit_gets_through_and_the_frame_after_it_does() -> None:
    one = wire.frame(wire.ORDER, 3, b"seventeen bytes..")
    after = wire.frame(wire.STATUS, 4)
    for bit in range(8 * len(one)):
        got = taken_apart(flipped(one, bit) + after)
        assert got[-1] == (wire.STATUS, 4, b""), bit
        assert [found for found in got[:-1] if not isinstance(found, int)] == [], bit
        assert got[:-1], bit


def test_a_run_of_noise_is_one_refusal_and_costs_no_frame() -> None:
    one = wire.frame(wire.STATUS, 1)
    whole = (wire.STATUS, 1, b"")
    assert taken_apart(b"\0" * 9000 + one) == [wire.GARBAGE, whole]
    assert taken_apart(wire.MAGIC * 3000 + one) == [wire.BAD_HEADER, whole]
    assert taken_apart(b"\xa5" * 100 + one) == [wire.GARBAGE, whole]
    mixed = one + b"xyz" + one + b"\xa5\xa5\x5axyz12345678" + one
    assert taken_apart(mixed) == [whole, wire.GARBAGE, whole, wire.GARBAGE, whole]


def test_a_frame_larger_than_the_limit_is_refused_before_it_is_read() -> None:
    header = wire.MAGIC + struct.pack("<BBHH", wire.DATA, 0, 5, 65)
    header += struct.pack("<H", crc32(header) & 0xFFFF)
    deframer = wire.Deframer(64)
    deframer.feed(header)
    assert refused(deframer.next) == wire.OVERSIZE
    assert taken_apart(wire.frame(wire.STATUS, 6), deframer) == [(wire.STATUS, 6, b"")]


def test_what_is_held_is_forgotten_when_the_other_end_has_gone() -> None:
    one = wire.frame(wire.STATUS, 1, b"abc")
    deframer = wire.Deframer()
    deframer.feed(one[:-1])
    deframer.clear()
    assert taken_apart(one, deframer) == [(wire.STATUS, 1, b"abc")]


def test_a_deframer_never_takes_more_than_it_has_room_for() -> None:
    deframer = wire.Deframer(64)
    assert deframer.feed(wire.frame(wire.STATUS, 1) + bytes(200)) == deframer.room + 78
    assert deframer.room == 0
    assert deframer.next() is not None
    assert deframer.room == 14


def a_welcome() -> wire.Welcome:
    w = wire.Welcome()
    w.state, w.max_payload, w.window, w.max_image, w.max_patch = wire.ON_TRIAL, 4352, 8192, 1 << 20, 65535
    w.methods, w.group_blocks, w.battery, w.health = 7, 7, 80, wire.HEALTH_BATTERY
    w.rollback_index, w.image_size, w.durable, w.boots, w.agent_version = 0xFFFFFFFF, 300000, 4088, 12, 3
    w.image_sha256, w.order_id = b"i" * 32, b"o" * 32
    w.model, w.variant, w.serial, w.image_version = "kinglet", "cn", "é" * 20, ""
    return w


def test_a_welcome_comes_back_as_it_was_and_later_versions_may_append() -> None:
    raw = wire.pack_welcome(a_welcome())
    for more in (b"", b"\xff" * 9):
        assert wire.pack_welcome(wire.unpack_welcome(raw + more)) == raw
    for end in range(len(raw)):
        assert refused(wire.unpack_welcome, raw[:end]) == wire.BAD_PAYLOAD


def test_a_welcome_with_limits_or_names_that_nobody_can_use_is_refused() -> None:
    for name, value in (("window", 0), ("max_payload", 511), ("block_log2", 17), ("window_log2", 16)):
        w = a_welcome()
        setattr(w, name, value)
        assert refused(wire.unpack_welcome, wire.pack_welcome(w)) == wire.BAD_PAYLOAD, name
    for name in ("model", "variant", "serial", "image_version"):
        for text in ("a\nb", "\x1b[2J", "\x7f"):
            w = a_welcome()
            setattr(w, name, text)
            assert refused(wire.unpack_welcome, wire.pack_welcome(w)) == wire.BAD_PAYLOAD, name


def test_small_payloads_come_back_and_cut_ones_are_refused() -> None:
    pairs = (
        (wire.unpack_hello, wire.pack_hello(1, 255, 65535), (1, 255, 65535)),
        (wire.unpack_counts, wire.pack_counts(0xFFFFFFFF, 7), (0xFFFFFFFF, 7)),
        (wire.unpack_refused, wire.pack_refused(wire.WRONG_OFFSET, 1 << 31), (wire.WRONG_OFFSET, 1 << 31)),
        (wire.unpack_user_question, wire.pack_user_question(70000, True), (70000, True)),
    )
    for unpack, raw, wanted in pairs:
        assert unpack(raw) == wanted
        for end in range(len(raw)):
            assert refused(unpack, raw[:end]) == wire.BAD_PAYLOAD
    offset, data = wire.unpack_data(wire.pack_data(4088, memoryview(b"abc")))
    assert (offset, bytes(data)) == (4088, b"abc")
    assert refused(wire.unpack_data, wire.pack_data(0, b"")) == wire.BAD_PAYLOAD


def test_a_page_of_user_files_comes_back_and_a_cut_one_is_refused() -> None:
    files = [("DCIM/照片.jpg", 0xFFFFFFFF, b"h" * 32), ("notes.txt", 0, b"")]
    raw = wire.pack_user_page(300, files)
    assert wire.unpack_user_page(raw) == (300, files)
    for end in range(len(raw)):
        assert refused(wire.unpack_user_page, raw[:end]) == wire.BAD_PAYLOAD
    assert refused(wire.unpack_user_page, wire.pack_user_page(1, [("a", 1, b"short")])) == wire.BAD_PAYLOAD


def test_a_text_that_is_no_text_is_refused() -> None:
    assert refused(wire.unpack_text, b"\x02\xff\xfe", 0) == wire.BAD_PAYLOAD
    assert refused(wire.pack_text, "a" * 256) == wire.BAD_PAYLOAD
