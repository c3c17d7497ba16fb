"""A virtual phone's update agent on its cable: a USB serial port (CDC ACM) in front of a process's pipes.

Source: USB CDC 1.2 and its PSTN subclass 1.2. What the process says while no host has raised DTR is lost, as on a
real port; what a host sends faster than the process reads is held back on the bus.
"""

from __future__ import annotations

import struct
import threading
from collections.abc import Callable

from hw.virtual.agent_models import AgentModel
from hw.virtual.errors import LinkGone
from hw.virtual.usb_descriptors import INTERRUPT, DeviceParts, Endpoint, Interface
from hw.virtual.usb_device import Setup, UsbDevice
from hw.virtual.usb_pipes import Pipes

_NOTICES, _IN, _OUT = 1, 2, 3
_TO_INTERFACE, _FROM_INTERFACE = 0x21, 0xA1
_SET_LINE_CODING, _GET_LINE_CODING, _SET_CONTROL_LINE_STATE = 0x20, 0x21, 0x22
_CODING_BYTES = 7
_DTR = 1
_COMMANDS, _DATA = 0, 1
_FUNCTIONAL = (
    struct.pack("<BBBH", 5, 0x24, 0x00, 0x0110)  # header (CDC 1.2, 5.2.3.1)
    + struct.pack("<BBBBB", 5, 0x24, 0x01, 0x00, _DATA)  # call management (PSTN 1.2, 5.3.1): none
    + struct.pack("<BBBB", 4, 0x24, 0x02, 0x02)  # abstract control (5.3.2): line coding and state
    + struct.pack("<BBBBB", 5, 0x24, 0x06, _COMMANDS, _DATA)  # union (CDC 1.2, 5.2.3.2)
)
_ASSOCIATION = struct.pack(
    "<BBBBBBBB", 8, 11, _COMMANDS, 2, 0x02, 0x02, 0x01, 0
)  # IAD (ECN to USB 2.0, 9.X.Y)


class SerialFunction:
    """The port. ``to_agent`` takes what hosts send and may block; :meth:`from_agent` is fed by one thread."""

    def __init__(self, to_agent: Callable[[bytes], None]) -> None:
        self._to_agent = to_agent
        self._coding = struct.pack("<IBBB", 115200, 0, 0, 8)
        self._lock = threading.Lock()
        self._writing = threading.Lock()
        self._listening: Pipes | None = None

    def serve(self, pipes: Pipes) -> None:
        """Carry what this host sends; one transfer is taken whole, or not at all."""
        try:
            while True:
                data = pipes.outs[_OUT].read()
                with self._writing:  # a host before this one may still be waiting for the agent to read
                    self._to_agent(data)
        finally:
            self._hang_up(pipes)

    def from_agent(self, data: bytes) -> None:
        """Carry what the agent says to the host that listens, at its pace; to nobody where none does."""
        with self._lock:
            pipes = self._listening
        if pipes is None:
            return
        try:
            pipes.ins[_IN].send(data)
        except LinkGone:
            self._hang_up(pipes)

    def class_request(self, setup: Setup, data: bytes, pipes: Pipes) -> bytes | None:
        """Line coding is kept and means nothing; DTR says that somebody listens."""
        kind = (setup.request_type, setup.request)
        if setup.index & 0xFF != _COMMANDS:
            return None
        if kind == (_TO_INTERFACE, _SET_LINE_CODING) and len(data) == _CODING_BYTES:
            self._coding = bytes(data)
            return b""
        if kind == (_FROM_INTERFACE, _GET_LINE_CODING):
            return self._coding
        if kind == (_TO_INTERFACE, _SET_CONTROL_LINE_STATE):
            if setup.value & _DTR:
                with self._lock:
                    self._listening = pipes
            else:
                self._hang_up(pipes)
            return b""
        return None

    def _hang_up(self, pipes: Pipes) -> None:
        with self._lock:
            if self._listening is pipes:
                self._listening = None


def agent_device(model: AgentModel, serial: str, function: SerialFunction) -> UsbDevice:
    """The phone as a station meets it."""
    notices = Endpoint(0x80 | _NOTICES, INTERRUPT, packet_bytes=16, interval=9)
    commands = Interface((0x02, 0x02, 0x01), "agent", (notices,), extra=_FUNCTIONAL, association=_ASSOCIATION)
    data = Interface((0x0A, 0x00, 0x00), "agent data", (Endpoint(0x80 | _IN), Endpoint(_OUT)))
    parts = DeviceParts(
        *model.usb, model.manufacturer, model.product, serial, (commands, data), device_class=(0xEF, 2, 1)
    )
    return UsbDevice(parts, function)
