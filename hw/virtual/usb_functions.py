"""What a phone is on its cable, mode by mode: fastboot, MTP, nothing but power; and a keyboard."""

from __future__ import annotations

from collections.abc import Callable

from hw.virtual.fastboot_device import FastbootDevice
from hw.virtual.faults import FaultBox
from hw.virtual.models import Model
from hw.virtual.mtp_device import MtpDevice
from hw.virtual.mtp_function import MtpFunction
from hw.virtual.usb_descriptors import INTERRUPT, DeviceParts, Endpoint, Interface
from hw.virtual.usb_device import Setup, UsbDevice
from hw.virtual.usb_pipes import Pipes

_IN, _OUT, _EVENTS = 1, 2, 3
_BULK_PAIR = (Endpoint(0x80 | _IN), Endpoint(_OUT))
_CHARGER_USB = (0x1209, 0x000E)
_KEYBOARD_USB = (0x1209, 0x000F)
# HID 1.11, 6.2.1: version 1.11, no country, one report descriptor of 45 bytes (the boot keyboard's)
_HID_DESCRIPTOR = bytes((9, 0x21, 0x11, 0x01, 0, 1, 0x22, 45, 0))


class _UsbChannel:
    """Fastboot packets over a bulk pair: one transfer, one packet."""

    def __init__(self, pipes: Pipes) -> None:
        self._in, self._out = pipes.ins[_IN], pipes.outs[_OUT]

    def receive(self) -> bytes:
        while True:
            packet = self._out.read()
            if packet:  # a zero-length packet that ended the host's last transfer is no command
                return packet

    def receive_into(self, view: memoryview, gate: Callable[[int], None] | None) -> None:
        self._out.read_into(view, gate)

    def send(self, packet: bytes) -> None:
        self._in.send(packet)


class FastbootFunction:
    """Interface ff/42/03."""

    def __init__(self, fastboot: FastbootDevice) -> None:
        self._fastboot = fastboot

    def serve(self, pipes: Pipes) -> None:
        """Wait for the TCP side to let go, then answer this host."""
        with self._fastboot.busy:
            self._fastboot.serve(_UsbChannel(pipes))

    def class_request(self, setup: Setup, data: bytes, pipes: Pipes) -> bytes | None:
        """Fastboot has none."""
        del setup, data, pipes
        return None


class _Idle:
    """A function that never says anything."""

    def serve(self, pipes: Pipes) -> None:
        del pipes

    def class_request(self, setup: Setup, data: bytes, pipes: Pipes) -> bytes | None:
        del setup, data, pipes
        return None


def bootloader_device(model: Model, serial: str, fastboot: FastbootDevice) -> UsbDevice:
    """The phone in its bootloader."""
    interface = Interface((0xFF, 0x42, 0x03), "fastboot", _BULK_PAIR)
    return UsbDevice(
        DeviceParts(*model.bootloader_usb, model.manufacturer, "Android", serial, (interface,)),
        FastbootFunction(fastboot),
    )


def normal_device(model: Model, mtp_serial: str, mtp: MtpDevice, faults: FaultBox) -> UsbDevice:
    """The phone as its owner uses it: an MTP device (still image class 06/01/01)."""
    events = Endpoint(0x80 | _EVENTS, INTERRUPT, packet_bytes=28, interval=6)
    interface = Interface((0x06, 0x01, 0x01), "MTP", (*_BULK_PAIR, events))
    return UsbDevice(
        DeviceParts(*model.normal_usb, model.manufacturer, model.mtp_model, mtp_serial, (interface,)),
        MtpFunction(mtp, faults, in_pipe=_IN, out_pipe=_OUT, event_pipe=_EVENTS),
    )


def charging_device() -> UsbDevice:
    """A phone that only charges: a vendor interface without a single endpoint."""
    interface = Interface((0xFF, 0x00, 0x00), "charging")
    return UsbDevice(DeviceParts(*_CHARGER_USB, "Lumen", "Lumen Phone", "CHARGE0001", (interface,)), _Idle())


def keyboard_device() -> UsbDevice:
    """A HID keyboard: what a bay must refuse."""
    keys = Endpoint(0x81, INTERRUPT, packet_bytes=8, interval=7)
    interface = Interface((0x03, 0x01, 0x01), "keyboard", (keys,), extra=_HID_DESCRIPTOR)
    return UsbDevice(DeviceParts(*_KEYBOARD_USB, "Keys", "USB Keyboard", "HID0001", (interface,)), _Idle())
