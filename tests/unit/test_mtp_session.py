"""The MTP conversation over a scripted link: sessions left over, busy phones, other responders' quirks."""

from __future__ import annotations

import struct
import threading
from collections.abc import Callable, Iterator

import pytest

from hw import inventory
from hw.errors import PhoneTimeout, RemoteProtocolError
from hw.facts import Timeouts
from hw.media import MediaSession, MtpRefused
from hw.proto.mtp import Op
from tests.unit.test_mtp_core import DEVICE, INFO, container, text

OK, NOT_SUPPORTED, BUSY, SESSION_OPEN = 0x2001, 0x2005, 0x2019, 0x201E
Answer = tuple[int, bytes | None]  # response code, data


class Paper:
    """A link whose phone answers from ``rules``; transfers are cut into pieces of ``cut`` bytes."""

    max_packet_bytes = 512

    def __init__(self, rules: dict[int, Callable[..., Answer]], cut: int = 512) -> None:
        self.rules = rules
        self.cut = cut
        self.sent: list[tuple[int, tuple[int, ...]]] = []
        self.transactions: list[int] = []
        self.read_sizes: list[int] = []
        self.events = 0
        self.classes: list[int] = []
        self.zlp_between = False
        self._pending: Iterator[bytes] = iter(())

    def write(self, packet: bytes, timeout_s: float) -> None:
        _, kind, code, transaction = struct.unpack_from("<IHHI", packet)
        assert kind == 1
        parameters = struct.unpack(f"<{len(packet) // 4 - 3}I", packet[12:])
        self.sent.append((code, parameters))
        self.transactions.append(transaction)
        status, data = self.rules.get(code, lambda *_: (NOT_SUPPORTED, None))(*parameters)
        self._pending = self._pieces(code, transaction, status, data)

    def _pieces(self, code: int, transaction: int, status: int, data: bytes | None) -> Iterator[bytes]:
        if data is not None:
            raw = container(2, code, transaction, data)
            yield from (raw[at : at + self.cut] for at in range(0, len(raw), self.cut))
            if self.zlp_between:
                yield b""
        yield container(3, status, transaction)

    def read_into(self, buffer: memoryview, timeout_s: float) -> int:
        self.read_sizes.append(len(buffer))
        piece = next(self._pending, None)
        if piece is None:
            raise PhoneTimeout("quiet")
        buffer[: len(piece)] = piece
        return len(piece)

    def read_event(self, timeout_s: float) -> bytes | None:
        self.events += 1
        return None

    def control_out(self, request: int, value: int, data: bytes, timeout_s: float) -> None:
        self.classes.append(request)
        self._pending = iter([b"left over" * 10])

    def control_in(self, request: int, value: int, size_bytes: int, timeout_s: float) -> bytes:
        self.classes.append(request)
        return struct.pack("<HH", 4, BUSY if self.classes.count(request) == 1 else OK)

    def close(self) -> None:
        """Nothing."""


def ok(data: bytes | None = None) -> Callable[..., Answer]:
    return lambda *_: (OK, data)


def in_turn(*answers: Answer) -> Callable[..., Answer]:
    left = iter(answers)
    return lambda *_: next(left)


def rules(**changes: Callable[..., Answer]) -> dict[int, Callable[..., Answer]]:
    usual = {
        "GET_DEVICE_INFO": ok(DEVICE),
        "OPEN_SESSION": ok(),
        "CLOSE_SESSION": ok(),
        "GET_STORAGE_IDS": ok(struct.pack("<II", 1, 0x10001)),
        "GET_STORAGE_INFO": ok(struct.pack("<HHHQQI", 3, 2, 0, 1, 1, 0) + text("Card") + text("")),
        "GET_OBJECT_HANDLES": lambda _s, _f, parent: (
            OK, struct.pack("<II", 1, 9) if parent == 0xFFFFFFFF else bytes(4),
        ),
        "GET_OBJECT_INFO": ok(INFO),
        "GET_OBJECT": ok(bytes(4321)),
        "GET_DEVICE_PROP_VALUE": ok(b"\x50"),
    }  # fmt: skip
    return {Op[name]: rule for name, rule in {**usual, **changes}.items()}


def session(paper: Paper) -> MediaSession:
    return MediaSession(paper, Timeouts())  # type: ignore[arg-type]


def test_a_session_left_open_by_a_killed_station_is_ended_and_opened_anew() -> None:
    paper = Paper(rules(OPEN_SESSION=in_turn((SESSION_OPEN, None), (OK, None))))
    assert session(paper).storages() == (0x10001,)
    assert [code for code, _ in paper.sent] == [
        Op.GET_DEVICE_INFO, Op.OPEN_SESSION, Op.CLOSE_SESSION, Op.OPEN_SESSION, Op.GET_STORAGE_IDS,
    ]  # fmt: skip


def test_a_session_begins_with_transaction_zero_whatever_was_before() -> None:
    paper = Paper(rules(OPEN_SESSION=in_turn((SESSION_OPEN, None), (OK, None))))
    session(paper).storages()
    assert [
        number for number, (code, _) in zip(paper.transactions, paper.sent, strict=True) if code == 0x1002
    ] == [
        0,
        0,
    ]
    assert paper.transactions[-1] == 1


def test_a_refusal_that_is_not_busy_is_not_asked_again() -> None:
    paper = Paper(rules(GET_STORAGE_IDS=lambda *_: (NOT_SUPPORTED, None)))
    media = session(paper)
    with pytest.raises(MtpRefused):
        media.storages()
    assert [code for code, _ in paper.sent].count(Op.GET_STORAGE_IDS) == 1


def test_a_busy_phone_is_asked_again_and_not_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hw.media._BUSY_WAIT_S", 0.0)
    paper = Paper(
        rules(GET_STORAGE_IDS=in_turn((BUSY, None), (BUSY, None), (OK, struct.pack("<II", 1, 0x10001))))
    )
    assert session(paper).storages() == (0x10001,)
    with pytest.raises(MtpRefused) as caught:
        session(Paper(rules(GET_STORAGE_IDS=lambda *_: (BUSY, None)))).storages()
    assert caught.value.code == BUSY


def test_a_slot_without_a_card_is_no_storage() -> None:
    paper = Paper(rules(GET_STORAGE_IDS=ok(struct.pack("<III", 2, 0x10000, 0x20001))))
    assert session(paper).storages() == (0x20001,)


def test_reads_stay_small_until_the_data_header_is_known_then_grow() -> None:
    paper = Paper(rules())
    media = session(paper)
    paper.read_sizes.clear()
    assert media.read_object(9, 4321, lambda _: None, lambda: False)
    assert paper.read_sizes[0] == 512
    assert paper.read_sizes[1] == 1 << 20
    assert paper.read_sizes[-1] == 512


@pytest.mark.parametrize("cut", [1, 7, 12, 512, 5000])
@pytest.mark.parametrize("zlp", [False, True])
def test_pieces_and_zero_length_packets_make_no_difference(cut: int, zlp: bool) -> None:
    paper = Paper(rules(GET_OBJECT=ok(bytes(range(200)))), min(cut, 512))
    paper.zlp_between = zlp
    media = session(paper)
    got = bytearray()
    assert media.read_object(9, 200, got.extend, lambda: False)
    assert got == bytes(range(200))


def test_a_phone_without_property_lists_is_listed_object_by_object() -> None:
    paper = Paper(
        rules(GET_DEVICE_INFO=ok(DEVICE.replace(struct.pack("<H", 0x9805), struct.pack("<H", 0x1008))))
    )
    found = inventory.take(session(paper), 0, 1, None, lambda *_: None, threading.Event())
    assert [(item.path, item.size_bytes) for item in found.objects] == [("Card/照片🐱.jpg", 4321)]
    assert Op.GET_OBJECT_PROP_LIST not in [code for code, _ in paper.sent]


def test_a_phone_that_offers_property_lists_and_refuses_them_falls_back() -> None:
    paper = Paper(rules())
    found = inventory.take(session(paper), 0, 1, None, lambda *_: None, threading.Event())
    assert len(found.objects) == 1
    assert Op.GET_OBJECT_PROP_LIST in [code for code, _ in paper.sent]


def test_a_size_that_32_bits_cannot_tell_is_asked_as_a_property() -> None:
    big = INFO[:8] + struct.pack("<I", 0xFFFFFFFF) + INFO[12:]
    paper = Paper(rules(GET_OBJECT_INFO=ok(big), GET_OBJECT_PROP_VALUE=ok(struct.pack("<Q", 5_000_000_000))))
    assert session(paper).object_info(9).size_bytes == 5_000_000_000
    assert paper.sent[-1] == (Op.GET_OBJECT_PROP_VALUE, (9, 0xDC04))


def test_a_cancel_drains_the_pipe_waits_for_the_phone_and_the_session_goes_on() -> None:
    paper = Paper(rules(GET_OBJECT=ok(bytes(100_000))))
    media = session(paper)
    assert not media.read_object(9, 100_000, lambda _: None, lambda: True)
    assert paper.classes == [0x64, 0x67, 0x67], "busy first, then ready"
    assert media.storages() == (0x10001,)


def test_an_object_far_larger_than_listed_is_not_swallowed() -> None:
    paper = Paper(rules(GET_OBJECT=lambda *_: (OK, b"")))
    media = session(paper)
    paper._pieces = lambda code, tid, *_: iter([container(2, code, tid, length=0x7FFFFFFF)])  # type: ignore[method-assign]
    with pytest.raises(RemoteProtocolError, match="not asked for"):
        media.read_object(9, 10, lambda _: None, lambda: False)


def test_yes_without_the_data_that_was_asked_for_is_a_broken_protocol() -> None:
    with pytest.raises(RemoteProtocolError, match="sent nothing"):
        session(Paper(rules(GET_STORAGE_IDS=ok()))).storages()


@pytest.mark.parametrize("raw", [b"", b"\x65", b"\x50\x00"])
def test_a_battery_that_says_nonsense_is_a_battery_that_says_nothing(raw: bytes) -> None:
    paper = Paper(rules(GET_DEVICE_PROP_VALUE=ok(raw or b"\xff")))
    assert session(paper).battery_percent() is None


def test_events_are_taken_now_and_then_even_when_nobody_waits_for_one() -> None:
    paper = Paper(rules())
    media = session(paper)
    for _ in range(130):
        media.storages()
    assert paper.events == 2
