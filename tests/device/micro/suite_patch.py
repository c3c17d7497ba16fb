"""Patches, as both interpreters must unpack and apply them."""

from firmware_agent import wire
from firmware_agent.device.add import add
from firmware_agent.device.errors import AgentError
from firmware_agent.device.inflate import Inflater, Packed
from firmware_agent.device.lite import LiteReader

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

# What hdiffpatch 2.6 makes of the two images below, and CPython's zlib of that with a window of 512 bytes.
PACKED = bytes.fromhex(
    "18d3cbf064700a64626ad251d261400066065a01da994c5f573549a444f0e66496a41625e628245596a4160f1aa70d320000e26b08e8"
)
WINDOW_LOG2 = 9
OLD = bytes([(i * i * 7 + i // 3) & 255 for i in range(600)])
SMALL_OLD = b"0123456789"
# Four literals; two old bytes from 2 on, each one higher; the three bytes before, unchanged; a literal at the end.
SMALL = b"hI\x00\x41\x0a" + b"\x03" + b"\x02\x02\x04wxyz\x01\x01" + b"\x03\xc3\x00" + b"\x00\x80\x01!"
SMALL_NEW = b"wxyz34123!"


def new_image() -> bytes:
    image = bytearray(OLD[300:600] + b"literal bytes" + OLD[0:280])
    for place in (10, 100, 250, 400):
        image[place] = (image[place] + 3) & 255
    return bytes(image)


def reading(data: bytes) -> "Callable[[int, memoryview], int]":
    def read(offset: int, target: memoryview) -> int:
        assert offset in range(len(data) - len(target) + 1), "outside of the image"
        target[:] = data[offset : offset + len(target)]
        return len(target)

    return read


def unreadable(offset: int, target: memoryview) -> int:
    raise AssertionError("the old image was read")


def plain(diff: bytes, old: bytes, image_size: int) -> LiteReader:
    return LiteReader(Packed(reading(diff), len(diff)), reading(old), len(old), image_size)


def applied(diff: bytes, old: bytes, image_size: int) -> bytes:
    reader = plain(diff, old, image_size)
    out = bytearray(image_size + 1)
    got = reader.readinto(out)
    reader.finish()
    return bytes(out[:got])


def code_of(action: "Callable[[], object]") -> int:
    try:
        action()
    except AgentError as exc:
        return exc.code
    return wire.OK


class Numbers:
    """The same numbers on both interpreters (a linear congruence, Numerical Recipes)."""

    def __init__(self, seed: int) -> None:
        self.state = seed

    def below(self, limit: int) -> int:
        self.state = (self.state * 1664525 + 1013904223) & 0xFFFFFFFF
        return (self.state >> 8) % limit


def test_addition_carries_into_no_other_byte() -> None:
    target, source = bytearray(bytes(range(256)) * 3), bytearray(bytes(range(255, -1, -1)) * 3)
    source[300] = 255
    before = bytes(target)
    add(memoryview(target)[5:], source, 7, 600)
    assert bytes(target[:5]) == before[:5]
    assert bytes(target[605:]) == before[605:]
    assert all(target[5 + i] == (before[5 + i] + source[7 + i]) & 255 for i in range(600))


def test_a_difference_written_by_hand_gives_its_image() -> None:
    assert applied(SMALL, SMALL_OLD, len(SMALL_NEW)) == SMALL_NEW


def test_a_difference_of_hdiffpatch_gives_its_image() -> None:
    source = Inflater(reading(PACKED), len(PACKED), WINDOW_LOG2)
    reader = LiteReader(source, reading(OLD), len(OLD), len(new_image()))
    out = bytearray(len(new_image()))
    assert reader.readinto(out) == len(out)
    reader.finish()
    assert bytes(out) == new_image()


def test_the_image_is_the_same_in_pieces_of_any_size() -> None:
    for size in (1, 2, 3, 7, 64, 1000):
        source = Inflater(reading(PACKED), len(PACKED), WINDOW_LOG2)
        reader = LiteReader(source, reading(OLD), len(OLD), len(new_image()))
        out, piece = b"", bytearray(size)
        while True:
            got = reader.readinto(piece)
            if got == 0:
                break
            out += bytes(piece[:got])
        reader.finish()
        assert out == new_image()


def test_skipping_reads_nothing_of_the_old_image_and_goes_on_rightly() -> None:
    image = new_image()
    for start in (0, 1, 299, 305, 313, 400, len(image)):
        source = Inflater(reading(PACKED), len(PACKED), WINDOW_LOG2)
        reader = LiteReader(source, unreadable, len(OLD), len(image))
        reader.skip(start)
        assert reader.produced == start
        reader._read_old = reading(OLD)
        rest = bytearray(len(image))
        assert bytes(rest[: reader.readinto(rest)]) == image[start:]
        reader.finish()


def test_skipping_beyond_the_image_is_refused() -> None:
    reader = plain(SMALL, SMALL_OLD, len(SMALL_NEW))
    assert code_of(lambda: reader.skip(len(SMALL_NEW) + 1)) == wire.BAD_PATCH


def test_another_kind_of_file_is_refused() -> None:
    for place, value in ((0, 0x69), (1, 0x49 ^ 1), (2, 2), (3, 0x81), (3, 0x49), (3, 0x45), (4, 11)):
        bad = bytearray(SMALL)
        bad[place] = value
        assert code_of(lambda: applied(bytes(bad), SMALL_OLD, len(SMALL_NEW))) == wire.BAD_PATCH  # noqa: B023


def test_another_size_than_the_order_s_is_refused() -> None:
    for size in (0, 1, len(SMALL_NEW) - 1, len(SMALL_NEW) + 1, 70000):
        assert code_of(lambda: applied(SMALL, SMALL_OLD, size)) == wire.BAD_PATCH  # noqa: B023


def test_a_difference_cut_off_anywhere_is_refused() -> None:
    for size in range(len(SMALL)):
        assert code_of(lambda: applied(SMALL[:size], SMALL_OLD, len(SMALL_NEW))) == wire.BAD_PATCH  # noqa: B023


def test_bytes_after_the_last_cover_are_refused() -> None:
    assert code_of(lambda: applied(SMALL + b"\0", SMALL_OLD, len(SMALL_NEW))) == wire.BAD_PATCH


def test_an_unfinished_image_is_refused() -> None:
    reader = plain(SMALL, SMALL_OLD, len(SMALL_NEW))
    reader.skip(len(SMALL_NEW) - 1)
    assert code_of(reader.finish) == wire.BAD_PATCH


def test_a_cover_outside_of_either_image_is_refused() -> None:
    head = b"hI\x00\x41\x0a\x01"
    for cover in (
        b"\x0a\x81\x00",  # ten bytes from 1 on: the old image has nine there
        b"\x0a\xc1\x00",  # from one byte before it
        b"\x0b\x80\x00",  # longer than the new image
        b"\x09\x80\x02--",  # reaches beyond it
        b"\x00\x80\x0b-----------",  # literals beyond it
        b"\x0a\xa0\x81\x80\x80\x80\x00\x00",  # from 2^28 on
        b"\x81\x80\x80\x80\x80\x00\x80\x00",  # 2^35 bytes
        b"\x80\x80\x80\x80\x80\x80\x80\x0a\x80\x00",  # a number that goes on and on
    ):
        assert code_of(lambda: applied(head + cover, SMALL_OLD, 10)) == wire.BAD_PATCH  # noqa: B023
    assert applied(head + b"\x0a\x80\x00", SMALL_OLD, 10) == SMALL_OLD


def test_empty_covers_do_not_keep_a_device_busy() -> None:
    many = b"hI\x00\x41\x0a\x03" + b"\x00\x80\x00" * 2 + b"\x0a\x80\x00"
    assert code_of(lambda: applied(many, SMALL_OLD, 10)) == wire.BAD_PATCH


def test_changed_bytes_give_an_image_of_the_right_size_or_a_refusal() -> None:
    numbers = Numbers(4)
    for _ in range(400):
        bad = bytearray(SMALL)
        for _ in range(1 + numbers.below(3)):
            bad[numbers.below(len(bad))] = numbers.below(256)
        code = code_of(lambda: applied(bytes(bad), SMALL_OLD, len(SMALL_NEW)))  # noqa: B023
        assert code in {wire.OK, wire.BAD_PATCH}


def unpacked(packed: bytes, window_log2: int, start: int = 0) -> bytes:
    source = Inflater(reading(packed), len(packed), window_log2, start)
    out, piece = b"", bytearray(50)
    while True:
        got = source.readinto(piece)
        if got == 0:
            source.finish()
            return out
        out += bytes(piece[:got])


def test_a_stream_may_begin_anywhere_in_a_patch() -> None:
    assert unpacked(b"order of blocks" + PACKED, WINDOW_LOG2, 15) == unpacked(PACKED, WINDOW_LOG2)


def test_a_stream_cut_off_anywhere_is_refused() -> None:
    for size in range(len(PACKED)):
        assert code_of(lambda: unpacked(PACKED[:size], WINDOW_LOG2)) == wire.BAD_PATCH  # noqa: B023


def test_bytes_after_a_stream_are_refused() -> None:
    assert code_of(lambda: unpacked(PACKED + b"\0", WINDOW_LOG2)) == wire.BAD_PATCH


# Ten letters, 300 zeros, and the letters again by looking back 310 bytes.
FAR = bytes.fromhex("18d34b4c4a4e494d4bcfc8cc6218054483c4a4e494d4b4f48ccc2c00f98e07ef")


def test_a_stream_that_wants_a_larger_window_is_refused() -> None:
    assert unpacked(FAR, 9) == b"abcdefghij" + bytes(300) + b"abcdefghij"
    assert code_of(lambda: unpacked(FAR, 8)) == wire.BAD_PATCH


def test_a_changed_stream_is_refused_by_its_checksum_at_the_latest() -> None:
    whole = unpacked(PACKED, WINDOW_LOG2)
    for place in range(len(PACKED)):
        bad = bytearray(PACKED)
        bad[place] ^= 1 << place % 8
        got: list[bytes] = []
        code = code_of(lambda: got.append(unpacked(bytes(bad), WINDOW_LOG2)))  # noqa: B023
        assert code == wire.BAD_PATCH or got == [whole]


def test_a_patch_that_ends_before_its_size_is_refused() -> None:
    source = Packed(lambda offset, target: 0, 10)
    assert code_of(lambda: source.readinto(bytearray(4))) == wire.BAD_PATCH


def test_a_patch_that_is_not_packed_is_read_as_it_is() -> None:
    source = Packed(reading(bytes(range(200)) * 6), 1200)
    out = b""
    piece = bytearray(700)
    while True:
        got = source.readinto(piece)
        if got == 0:
            break
        out += bytes(piece[:got])
    source.finish()
    assert out == bytes(range(200)) * 6
