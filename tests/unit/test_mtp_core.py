"""The MTP core and its datasets: any boundaries, any bytes, and every lie refused in one line."""

from __future__ import annotations

import contextlib
import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hw.errors import LocalProtocolError, RemoteProtocolError
from hw.proto import mtp, mtp_data
from hw.proto.mtp import Begin, Data, Event, Initiator, Op, Response, State


def container(kind: int, code: int, transaction: int, body: bytes = b"", length: int | None = None) -> bytes:
    return struct.pack("<IHHI", 12 + len(body) if length is None else length, kind, code, transaction) + body


def text(value: str) -> bytes:
    if not value:
        return b"\0"
    units = (value + "\0").encode("utf-16-le")
    return bytes([len(units) // 2]) + units


def started(operation: Op = Op.GET_OBJECT_INFO, **limits: int | None) -> Initiator:
    core = Initiator()
    core.session_opened()
    core.request(operation, (7,), **{"max_data_bytes": 1 << 20, **limits})  # type: ignore[arg-type]
    return core


def fed(core: Initiator, raw: bytes, cuts: list[int]) -> list[Event]:
    events: list[Event] = []
    at = 0
    for cut in [*sorted(cuts), len(raw)]:
        for event in core.receive(memoryview(raw[at:cut])):
            events.append(Data(memoryview(bytes(event.piece))) if isinstance(event, Data) else event)
        at = max(at, cut)
    return events


@given(body=st.binary(max_size=200), cuts=st.lists(st.integers(0, 250), max_size=8))
@settings(max_examples=100)
def test_transfer_boundaries_mean_nothing(body: bytes, cuts: list[int]) -> None:
    core = started()
    raw = container(2, Op.GET_OBJECT_INFO, 1, body) + container(3, 0x2001, 1, struct.pack("<II", 5, 6))
    events = fed(core, raw, [min(cut, len(raw)) for cut in cuts])
    assert events[0] == Begin(len(body))
    assert b"".join(bytes(event.piece) for event in events if isinstance(event, Data)) == body
    assert events[-1] == Response(0x2001, (5, 6))
    assert core.state is State.IDLE


def test_transactions_count_from_one_within_a_session_and_are_zero_outside() -> None:
    core = Initiator()
    assert core.request(Op.GET_DEVICE_INFO, (), 100) == container(1, 0x1001, 0)
    fed(core, container(3, 0x2001, 0), [])
    assert core.request(Op.OPEN_SESSION, (1,)) == container(1, 0x1002, 0, struct.pack("<I", 1))
    fed(core, container(3, 0x2001, 0), [])
    core.session_opened()
    for number in (1, 2, 3):
        assert core.request(Op.GET_STORAGE_IDS, (), 100)[8:12] == struct.pack("<I", number)
        fed(core, container(3, 0x2001, number), [])


def test_an_object_of_five_gigabytes_streams_by_the_size_it_was_listed_with() -> None:
    size = 5 * 10**9 + 3
    core = started(Op.GET_OBJECT, max_data_bytes=size, exact_bytes=size)
    assert fed(core, container(2, Op.GET_OBJECT, 1, length=0xFFFFFFFF), []) == [Begin(size)]
    piece = memoryview(bytes(64 << 20))
    passed = 0
    while core.in_data:
        for event in core.receive(piece[: min(len(piece), size - passed)]):
            assert isinstance(event, Data)
            passed += len(event.piece)
    assert passed == size
    assert fed(core, container(3, 0x2001, 1), []) == [Response(0x2001, ())]


@pytest.mark.parametrize(
    "raw",
    [
        container(2, Op.GET_OBJECT_INFO, 1, length=11),
        container(2, Op.GET_OBJECT_INFO, 1, length=12 + (1 << 20) + 1),
        container(2, Op.GET_OBJECT_INFO, 1, length=0xFFFFFFFF),
        container(2, Op.GET_OBJECT_INFO, 2, b"other transaction"),
        container(2, Op.GET_OBJECT, 1, b"other operation"),
        container(1, Op.GET_OBJECT_INFO, 1),
        container(4, 0x4004, 1),
        container(9, 0x2001, 1),
        container(3, 0x2001, 7),
        container(3, 0x2001, 1, length=0),
        container(3, 0x2001, 1, length=36) + bytes(24),
        container(3, 0x2001, 1, length=13) + b"x",
        container(2, Op.GET_OBJECT_INFO, 1, b"x") + container(2, Op.GET_OBJECT_INFO, 1, b"x"),
        container(3, 0x2001, 1) + b"more",
    ],
)
def test_a_container_that_lies_breaks_the_session_with_one_line(raw: bytes) -> None:
    core = started()
    with pytest.raises(RemoteProtocolError) as caught:
        fed(core, raw, [])
    assert "\n" not in caught.value.detail
    assert core.state is State.BROKEN
    with pytest.raises(LocalProtocolError):
        core.request(Op.GET_STORAGE_IDS)


def test_no_operation_that_could_change_the_owners_data_exists() -> None:
    writing = {
        0x100B,
        0x100C,
        0x100D,
        0x100F,
        0x1010,
        0x1011,
        0x1012,
        0x1016,
        0x1017,
        0x1019,
        0x101A,
        0x9804,
        0x9806,
    }
    writing |= set(range(0x95C1, 0x95C6))  # Android's edit-in-place
    assert not writing & set(Op)


@given(st.lists(st.binary(max_size=60), max_size=6))
@settings(max_examples=200)
def test_any_bytes_are_events_or_one_refusal(pieces: list[bytes]) -> None:
    core = started()
    try:
        for piece in pieces:
            fed(core, piece, [])
    except RemoteProtocolError:
        assert core.state is State.BROKEN


def prop(handle: int, code: int, kind: int, value: bytes) -> bytes:
    return struct.pack("<IHH", handle, code, kind) + value


def listing(*rows: bytes) -> bytes:
    return struct.pack("<I", len(rows)) + b"".join(rows)


PHOTO = listing(
    prop(9, 0xDC02, 4, struct.pack("<H", 0x3801)),
    prop(9, 0xDC04, 8, struct.pack("<Q", 5 << 32)),
    prop(9, 0xDC07, 0xFFFF, text("猫咪 🐱.jpg")),
    prop(9, 0xDC09, 0xFFFF, text("20240102T030405.0+0800")),
    prop(9, 0xDC41, 0x4002, struct.pack("<I3B", 3, 1, 2, 3)),
    prop(9, 0xDC41, 0x000A, bytes(16)),
    prop(10, 0xDC07, 0xFFFF, text("no size")),
)

INFO = (
    struct.pack("<IHHI", 0x10001, 0x3801, 0, 4321)
    + bytes(40)
    + text("照片🐱.jpg")
    + text("")
    + text("20240102T030405")
    + text("")
)
DEVICE = (
    struct.pack("<HIH", 100, 6, 100)
    + text("microsoft.com: 1.0")
    + struct.pack("<HI2H", 0, 2, 0x1001, 0x9805)
    + struct.pack("<I", 0)
    + struct.pack("<IH", 1, 0x5001)
    + struct.pack("<II", 0, 0)
    + text("Lumen")
    + text("Lumen Heron")
    + text("1.0")
    + text("abc\n123")
)


def test_names_beyond_the_bmp_and_sizes_beyond_32_bits_are_read_from_a_property_list() -> None:
    assert mtp_data.objects(PHOTO) == {
        9: mtp_data.ObjectInfo("猫咪 🐱.jpg", 0x3801, 5 << 32, "20240102T030405")
    }, "an object that lacks a property is left to GetObjectInfo"


def test_both_ways_to_ask_for_an_object_give_the_same_date() -> None:
    assert mtp_data.object_info(INFO) == mtp_data.ObjectInfo("照片🐱.jpg", 0x3801, 4321, "20240102T030405")


def test_a_device_info_is_read_and_made_safe_to_print() -> None:
    info = mtp_data.device_info(DEVICE)
    assert (info.manufacturer, info.model, info.version, info.serial) == (
        "Lumen", "Lumen Heron", "1.0", "abc\ufffd123",
    )  # fmt: skip
    assert info.operations == {0x1001, 0x9805}
    assert info.device_properties == {0x5001}


@pytest.mark.parametrize(
    ("decode", "raw"),
    [
        (mtp_data.object_info, INFO[: -len(text(""))]),
        (mtp_data.device_info, DEVICE),
        (mtp_data.objects, PHOTO),
    ],
    ids=["object_info", "device_info", "property_list"],
)
def test_a_dataset_cut_anywhere_is_refused(decode: object, raw: bytes) -> None:
    assert callable(decode)
    decode(raw)
    for cut in range(len(raw)):
        with pytest.raises(RemoteProtocolError):
            decode(raw[:cut])


@pytest.mark.parametrize("count", [2, 1_000_001, 0xFFFFFFFF])
def test_a_count_that_its_bytes_cannot_hold_is_refused_before_memory_is_taken(count: int) -> None:
    with pytest.raises(RemoteProtocolError):
        mtp_data.handles(struct.pack("<II", count, 1))
    with pytest.raises(RemoteProtocolError):
        mtp_data.objects(struct.pack("<I", count))


def test_lone_surrogates_become_a_replacement_that_utf8_can_hold() -> None:
    raw = b"\x03" + struct.pack("<HHH", 0xD83D, 0x41, 0)
    mtp_data.Reader(raw).text().encode("utf-8")


@given(st.binary(max_size=400))
@settings(max_examples=200)
def test_no_dataset_makes_a_decoder_fail_in_any_other_way(raw: bytes) -> None:
    for decode in (
        mtp_data.object_info, mtp_data.device_info, mtp_data.objects, mtp_data.handles, mtp_data.storage_info,
    ):  # fmt: skip
        with contextlib.suppress(RemoteProtocolError):
            decode(raw)


@given(st.binary(max_size=64))
def test_no_event_or_status_makes_the_core_fail(raw: bytes) -> None:
    mtp.event_code(raw)
    mtp.status_code(raw)


def test_events_are_told_by_their_code() -> None:
    assert mtp.event_code(container(4, 0x4004, 0, b"\1\0\1\0")) == mtp.EVENT_STORE_ADDED
    assert mtp.event_code(container(3, 0x2001, 0)) is None
