"""The initiator's half of MTP over USB as a state machine without I/O: bulk-IN bytes in, events out.

Read side only: no operation that changes an object exists here. Source: USB-IF MTP 1.1, section 4
(transactions), and USB-IF Still Image Capture 1.0, section 7 (containers).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum, IntEnum

from hw.errors import LocalProtocolError, RemoteProtocolError

HEADER_BYTES = 12
MAX_RESPONSE_BYTES = HEADER_BYTES + 5 * 4
MAX_DATASET_BYTES = 64 << 20
UNKNOWN_LENGTH = 0xFFFFFFFF  # a container of 4 GiB or more
_HEADER = struct.Struct("<IHHI")
_COMMAND, _DATA, _RESPONSE, _EVENT = 1, 2, 3, 4

ALL = 0xFFFFFFFF
ROOT = 0xFFFFFFFF  # as a parent in GetObjectHandles: the objects at the top

REQUEST_CANCEL, REQUEST_STATUS = 0x64, 0x67  # class requests, Still Image Capture 5.2
EVENT_STORE_ADDED = 0x4004


class Op(IntEnum):
    """The operations this station sends: all of them read."""

    GET_DEVICE_INFO = 0x1001
    OPEN_SESSION = 0x1002
    CLOSE_SESSION = 0x1003
    GET_STORAGE_IDS = 0x1004
    GET_STORAGE_INFO = 0x1005
    GET_OBJECT_HANDLES = 0x1007
    GET_OBJECT_INFO = 0x1008
    GET_OBJECT = 0x1009
    GET_DEVICE_PROP_VALUE = 0x1015
    GET_OBJECT_PROP_VALUE = 0x9803
    GET_OBJECT_PROP_LIST = 0x9805


class Code(IntEnum):
    """Response codes the station tells apart."""

    OK = 0x2001
    SESSION_NOT_OPEN = 0x2003
    DEVICE_BUSY = 0x2019
    SESSION_ALREADY_OPEN = 0x201E


class State(Enum):
    """Where one transaction is."""

    IDLE = "idle"
    AWAIT_ANSWER = "await_answer"  # data or response may come
    DATA = "data"
    AWAIT_RESPONSE = "await_response"  # the data phase is over
    BROKEN = "broken"


@dataclass(frozen=True, slots=True)
class Begin:
    """A data phase of ``size_bytes`` begins."""

    size_bytes: int


@dataclass(frozen=True, slots=True)
class Data:
    """The next bytes of the data phase; valid until more is fed."""

    piece: memoryview


@dataclass(frozen=True, slots=True)
class Response:
    """The transaction is over."""

    code: int
    parameters: tuple[int, ...]

    @property
    def ok(self) -> bool:
        """Whether the phone did it."""
        return self.code == Code.OK


Event = Begin | Data | Response

TABLE: dict[tuple[State, int], State] = {
    (State.AWAIT_ANSWER, _DATA): State.DATA,
    (State.AWAIT_ANSWER, _RESPONSE): State.IDLE,
    (State.AWAIT_RESPONSE, _RESPONSE): State.IDLE,
}
"""Which container may come when. A pair that is not here breaks the protocol."""


class Initiator:
    """One conversation; one transaction at a time."""

    def __init__(self) -> None:
        self.state = State.IDLE
        self.transaction = 0
        self._following = 0
        self._operation = 0
        self._max_data_bytes = 0
        self._exact_bytes: int | None = None
        self._left_bytes = 0
        self._head = bytearray()  # of a container not yet complete, or a whole response

    @property
    def in_data(self) -> bool:
        """Whether large reads make sense now."""
        return self.state is State.DATA

    def request(
        self,
        operation: Op,
        parameters: tuple[int, ...] = (),
        max_data_bytes: int = 0,
        exact_bytes: int | None = None,
    ) -> bytes:
        """The command container. ``max_data_bytes`` 0: no data may come.

        ``exact_bytes`` is the object's size, used where the container's 32-bit length cannot tell it.
        """
        if self.state is not State.IDLE:
            raise LocalProtocolError(f"cannot send {operation.name} while {self.state.value}")
        if operation in (Op.OPEN_SESSION, Op.GET_DEVICE_INFO) and not self._following:
            self.transaction = 0  # outside a session (4.4)
        else:
            self.transaction = self._following
            self._following = self._following + 1 if self._following < 0xFFFFFFFE else 1
        self._operation, self._max_data_bytes, self._exact_bytes = operation, max_data_bytes, exact_bytes
        self._head.clear()
        self.state = State.AWAIT_ANSWER
        head = _HEADER.pack(HEADER_BYTES + 4 * len(parameters), _COMMAND, operation, self.transaction)
        return head + struct.pack(f"<{len(parameters)}I", *parameters)

    def session_opened(self) -> None:
        """From now on transactions are numbered from 1 (4.4)."""
        self._following = 1

    def session_closed(self) -> None:
        """Back to requests outside a session."""
        self._following = 0

    def cancelled(self) -> None:
        """The transaction was cancelled and the pipe drained (Still Image Capture 5.2.1)."""
        if self.state is not State.BROKEN:
            self.state = State.IDLE
            self._head.clear()

    def receive(self, piece: memoryview) -> Iterator[Event]:
        """Events in ``piece``, bulk-IN bytes with any boundaries. Broken after a RemoteProtocolError."""
        try:
            while len(piece):
                if self.state is State.DATA:
                    step = min(self._left_bytes, len(piece))
                    self._left_bytes -= step
                    if not self._left_bytes:
                        self.state = State.AWAIT_RESPONSE
                    yield Data(piece[:step])
                else:
                    step, event = self._container(piece)
                    if event is not None:
                        yield event
                piece = piece[step:]
        except RemoteProtocolError:
            self.state = State.BROKEN
            raise

    def _container(self, piece: memoryview) -> tuple[int, Event | None]:
        """Take bytes of a header, or of a response's parameters. The bytes used and what they meant."""
        if self.state not in (State.AWAIT_ANSWER, State.AWAIT_RESPONSE):
            raise RemoteProtocolError("the phone sends MTP data nobody asked for")
        wanted = HEADER_BYTES
        if len(self._head) >= HEADER_BYTES:
            wanted = _HEADER.unpack_from(self._head)[0]
        step = min(wanted - len(self._head), len(piece))
        self._head += piece[:step]
        if len(self._head) < wanted:
            return step, None
        return step, self._complete()

    def _complete(self) -> Event | None:
        length, kind, code, transaction = _HEADER.unpack_from(self._head)
        following = TABLE.get((self.state, kind))
        if following is None or length < HEADER_BYTES:
            raise RemoteProtocolError(f"the phone sent MTP container type {kind} while {self.state.value}")
        if transaction != self.transaction:
            raise RemoteProtocolError("the phone answers another MTP transaction")
        if kind == _DATA:
            return self._begin(length, code)
        if length > MAX_RESPONSE_BYTES or length % 4:
            raise RemoteProtocolError(f"the phone's MTP response claims {length} bytes")
        if len(self._head) < length:
            return None  # its parameters follow
        parameters = struct.unpack_from(f"<{(length - HEADER_BYTES) // 4}I", self._head, HEADER_BYTES)
        self._head.clear()
        self.state = following
        return Response(code, parameters)

    def _begin(self, length: int, code: int) -> Event:
        size = length - HEADER_BYTES
        if length == UNKNOWN_LENGTH:
            if self._exact_bytes is None:
                raise RemoteProtocolError("the phone does not say how much MTP data comes")
            size = self._exact_bytes
        if code != self._operation or size > self._max_data_bytes:
            raise RemoteProtocolError(f"the phone announces {size} bytes of MTP data that were not asked for")
        self._head.clear()
        self._left_bytes = size
        self.state = State.DATA if size else State.AWAIT_RESPONSE
        return Begin(size)


def cancel_payload(transaction: int) -> bytes:
    """The data of the Cancel class request."""
    return struct.pack("<HI", 0x4001, transaction)


def status_code(raw: bytes) -> int | None:
    """The code in a Get Device Status answer; None if it is malformed."""
    return struct.unpack_from("<H", raw, 2)[0] if len(raw) >= 4 else None


def event_code(raw: bytes) -> int | None:
    """The code of an event container from the interrupt pipe; None if it is not one."""
    if len(raw) < HEADER_BYTES:
        return None
    length, kind, code, _ = _HEADER.unpack_from(raw)
    return code if kind == _EVENT and HEADER_BYTES <= length <= MAX_RESPONSE_BYTES else None
