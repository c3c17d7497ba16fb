"""The agent's beginning on a board: boot, then answer the station until a reset is wanted. Knows no board."""

import gc
import struct
import sys

if hasattr(gc, "threshold"):  # MicroPython: what compiling leaves behind must not break the heap into pieces
    gc.threshold(8192)

from firmware_agent.device.boot import RESET, boot
from firmware_agent.device.device import Board, Device
from firmware_agent.device.session import Session
from firmware_agent.wire import HEADER_BYTES, TRAILER_BYTES, Deframer, WireError

ENDED = 0
"""The station's end of the line is gone for good."""
RESET_WANTED = 3


class Receiver(Deframer):
    """A deframer that knows how much it can take before it must look: for a line that blocks until it has all."""

    @property
    def missing(self) -> int:
        """Bytes that may be awaited without keeping an answer back; at least 1."""
        if self._filled < HEADER_BYTES:
            return 1
        length: int = struct.unpack_from("<H", self._buffer, 6)[0]
        return max(1, HEADER_BYTES + length + TRAILER_BYTES - self._filled)


class Line:
    """Where a board's frames come and go."""

    def readinto(self, buffer: memoryview, wanted: int) -> int:
        """Wait for bytes, at most ``wanted`` of them if they would have to be awaited; 0: the end."""
        raise NotImplementedError

    def send(self, data: bytes) -> None:
        """Send all of it, or lose it where nobody listens. Never raises."""
        raise NotImplementedError


def serve(board: Board, line: Line) -> int:
    """Boot and talk. RESET_WANTED or ENDED."""
    device = Device(board)
    if boot(device) == RESET:
        board.log("the image on trial failed; reset")
        return RESET_WANTED
    session, receiver = Session(device, line.send), Receiver()
    buffer = memoryview(bytearray(receiver.room))
    board.note_memory()
    while not session.reset_wanted:
        got = line.readinto(buffer[: receiver.room], receiver.missing)
        if got == 0:
            return ENDED
        receiver.feed(buffer[:got])
        _answer(receiver, session)
    return RESET_WANTED


def _answer(receiver: Receiver, session: Session) -> None:
    while not session.reset_wanted:
        try:
            frame = receiver.next()
        except WireError as problem:
            session.broken(problem)
            continue
        if frame is None:
            return
        session.handle(frame)


def main() -> int:
    """The unix process: ``main.py DIR``, frames on stdin and stdout. Its exit code."""
    from firmware_agent.device.board.unix import PipeLine, UnixBoard  # a Pico has none

    board = UnixBoard(sys.argv[1])
    try:
        return serve(board, PipeLine())
    finally:
        board.close()


if __name__ == "__main__":
    sys.exit(main())
