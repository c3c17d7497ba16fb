"""The dock's firmware on any board: wait for bytes or for time, answer, watch, report. Knows no board."""

import gc
import sys

if hasattr(gc, "threshold"):  # MicroPython: what compiling leaves behind must not break the heap into pieces
    gc.threshold(8192)

from firmware_agent.dock.controller import Controller
from firmware_agent.dock.hardware import Hardware
from firmware_agent.dock_wire import MAX_PAYLOAD_BYTES
from firmware_agent.wire import Deframer, WireError

ENDED = 0


class Line:
    """Where frames come and go, and what time it is by."""

    def wait(self) -> bool:
        """Until bytes came or a turn's time is over; False: the line has ended for good."""
        raise NotImplementedError

    def readinto(self, buffer: memoryview) -> int:
        """The bytes that are there now, never waiting for more; 0: none."""
        raise NotImplementedError

    def send(self, data: bytes) -> None:
        """Send all of it, or lose it where nobody listens. Never raises."""
        raise NotImplementedError


def serve(hardware: Hardware, line: Line) -> int:
    """Until the line ends; on a board that is never."""
    controller = Controller(hardware, line.send)
    deframer = Deframer(MAX_PAYLOAD_BYTES)
    buffer = memoryview(bytearray(deframer.room))
    while line.wait():
        got = line.readinto(buffer[: deframer.room])
        if got:
            deframer.feed(buffer[:got])
            _answer(deframer, controller)
        controller.tick()
        hardware.feed()
    return ENDED


def _answer(deframer: Deframer, controller: Controller) -> None:
    while True:
        try:
            got = deframer.next()
        except WireError as problem:
            controller.broken(problem)
            continue
        if got is None:
            return
        controller.handle(got)


def main() -> int:
    """The unix process: ``main.py DIR IN OUT``; frames on stdin and stdout, the plant on descriptors IN and OUT."""
    from firmware_agent.dock.board.unix import ProcessDock  # a Pico has none

    board = ProcessDock(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
    return serve(board, board.line)


if __name__ == "__main__":
    sys.exit(main())
