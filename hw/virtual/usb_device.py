"""One USB device as it sits on a cable: its parts, EP0's standard requests, and the function behind it.

The function runs on a thread of its own and talks through pipes; EP0 is answered at once, whatever it does.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from hw.virtual import usb_descriptors as descriptors
from hw.virtual.usb_descriptors import DeviceParts

if TYPE_CHECKING:
    from hw.virtual.usb_pipes import Pipes

_GET_STATUS, _CLEAR_FEATURE, _SET_FEATURE, _SET_ADDRESS, _GET_DESCRIPTOR = 0, 1, 3, 5, 6
_GET_CONFIGURATION, _SET_CONFIGURATION, _GET_INTERFACE, _SET_INTERFACE = 8, 9, 10, 11
_SETUP = struct.Struct("<BBHHH")
_TYPE_MASK, _STANDARD = 0x60, 0x00


@dataclass(frozen=True, slots=True)
class Setup:
    """The eight bytes that open a control transfer (USB 2.0, 9.3)."""

    request_type: int
    request: int
    value: int
    index: int
    length: int

    @classmethod
    def parse(cls, raw: bytes) -> Setup:
        """From exactly eight bytes."""
        return cls(*_SETUP.unpack(raw))


class Function(Protocol):
    """What a device does. A new plug, or a new importer, is a new call of ``serve``."""

    def serve(self, pipes: Pipes) -> None:
        """Run until the link goes (:class:`hw.virtual.errors.LinkGone`) or there is nothing more to do."""
        ...

    def class_request(self, setup: Setup, data: bytes, pipes: Pipes) -> bytes | None:
        """Answer a class or vendor request at once, on the bus's thread; None stalls."""
        ...


class UsbDevice:
    """A device on the bus; standard requests are answered here."""

    def __init__(self, parts: DeviceParts, function: Function) -> None:
        self.parts = parts
        self.function = function
        self.configuration = 1  # as a host finds it after the kernel enumerated it

    def control(self, setup: Setup, data: bytes, pipes: Pipes) -> bytes | None:
        """The answer's bytes (empty for an OUT request that is done), or None to stall EP0."""
        if setup.request_type & _TYPE_MASK != _STANDARD:
            return self.function.class_request(setup, data, pipes)
        if setup.request == _GET_DESCRIPTOR:
            return self._descriptor(setup.value >> 8, setup.value & 0xFF)
        if setup.request == _SET_CONFIGURATION:
            if setup.value > 1:
                return None
            self.configuration = setup.value
            return b""
        answers = {
            _GET_CONFIGURATION: bytes([self.configuration]),
            _GET_STATUS: b"\x01\x00" if setup.request_type & 0x1F == 0 else b"\x00\x00",
            _GET_INTERFACE: b"\x00",
            _SET_INTERFACE: b"" if setup.value == 0 else None,
            _CLEAR_FEATURE: b"",
            _SET_FEATURE: b"",
            _SET_ADDRESS: b"",
        }
        return answers.get(setup.request)

    def _descriptor(self, kind: int, index: int) -> bytes | None:
        if kind == descriptors.DEVICE:
            return self.parts.device()
        if kind == descriptors.CONFIGURATION:
            return self.parts.configuration() if index == 0 else None
        if kind == descriptors.STRING:
            return self.parts.string(index)
        return None
