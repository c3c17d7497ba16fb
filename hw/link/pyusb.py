"""A claimed USB interface through PyUSB as a link; the edge where PyUSB's errors become this room's.

It finds endpoints by descriptor and interprets nothing that passes.
"""

from __future__ import annotations

import array
import contextlib
import errno
import math
from collections.abc import Callable, Iterable
from typing import Any

import usb.backend.libusb1
import usb.core
import usb.util

from hw.errors import (
    AccessDenied,
    BayBusy,
    ForeignDevice,
    HwError,
    LinkLost,
    PhoneTimeout,
    RemoteProtocolError,
    Stalled,
)
from hw.link.base import Bytes, OnSent
from hw.link.usbip import UsbipBackend

Triple = tuple[int, int, int]

TRANSFER_BYTES = 1 << 20
"""One bulk-OUT transfer. AOSP's fastboot uses 16 KiB on Linux; larger ones keep the pipe full."""

_BULK, _INTERRUPT = 2, 3


def translate(exc: usb.core.USBError) -> HwError:
    """PyUSB's error as one of this room's."""
    number = exc.errno
    if isinstance(exc, usb.core.USBTimeoutError) or number == errno.ETIMEDOUT:
        return PhoneTimeout("the phone does not answer on USB")
    if number == errno.EPIPE:
        return Stalled("the phone refused the transfer (endpoint stalled)")
    if number == errno.EBUSY:
        return BayBusy("the phone is held by another program")
    if number in (errno.EACCES, errno.EPERM):
        return AccessDenied("no permission to open the USB device: a udev rule for it is missing")
    if number == errno.EOVERFLOW:
        return RemoteProtocolError("the phone sent more than was asked for")
    return LinkLost("the phone is no longer on the bus")


def find_usbip(host: str, port: int, busid: str, connect_s: float) -> tuple[Any, UsbipBackend]:
    """The device on a USB/IP bus id, attached, and its backend (close it). LinkLost if none is there."""
    backend = UsbipBackend(host, port, busid, connect_s)
    try:
        device = usb.core.find(backend=backend)
    except usb.core.USBError as exc:
        backend.close()
        raise translate(exc) from exc
    if device is None:
        raise LinkLost(f"nothing is plugged in at {busid}")
    return device, backend


def libusb_devices() -> list[Any]:
    """Every device libusb sees; none is opened. Raises HwError where libusb is missing."""
    backend = usb.backend.libusb1.get_backend()
    if backend is None:
        raise HwError("libusb-1.0 is not installed: USB ports cannot be looked at")
    try:
        return list(usb.core.find(find_all=True, backend=backend))
    except usb.core.USBError as exc:
        raise translate(exc) from exc


def triples(device: Any) -> frozenset[Triple]:
    """(class, subclass, protocol) of the device and of every interface of every configuration."""
    found = {(device.bDeviceClass, device.bDeviceSubClass, device.bDeviceProtocol)}
    try:
        for configuration in device:
            for interface in configuration:
                found.add(
                    (interface.bInterfaceClass, interface.bInterfaceSubClass, interface.bInterfaceProtocol)
                )
    except usb.core.USBError as exc:
        raise translate(exc) from exc
    return frozenset(found)


def serial_of(device: Any) -> str:
    """The iSerialNumber (USB 2.0, 9.6.1) of a device with an open link; "" where it has none or does not say it."""
    try:
        return (usb.util.get_string(device, device.iSerialNumber) or "").strip()[:126]
    except (usb.core.USBError, ValueError):
        return ""


class PyUsbLink:
    """One claimed interface with its bulk pipes and, if it has one, its event pipe."""

    transfer_bytes = TRANSFER_BYTES

    def __init__(
        self,
        device: Any,
        wanted: Callable[[Triple], bool],
        backend: UsbipBackend | None = None,
        commands: Callable[[Triple], bool] | None = None,
    ) -> None:
        """``commands``: the interface that takes the class requests, where it is another one (as CDC's is)."""
        self._device = device
        self._backend = backend
        self._closed = False
        try:
            interface = self._claim(wanted)
            self._number: int = (interface if commands is None else self._claim(commands)).bInterfaceNumber
            self._in, self._out, self._event = _endpoints(interface)
        except usb.core.USBError as exc:
            self.close()
            raise translate(exc) from exc
        except BaseException:
            self.close()
            raise
        self._event_buffer = array.array(
            "B", bytes(max(64, self._event.wMaxPacketSize if self._event else 64))
        )

    @property
    def max_packet_bytes(self) -> int:
        """WMaxPacketSize of bulk-IN."""
        return int(self._in.wMaxPacketSize)

    @property
    def alive(self) -> bool:
        """Whether the device this link was opened on is still there; it is not asked."""
        if self._closed:
            return False
        if self._backend is not None:
            return self._backend.attached
        try:  # libusb does not tell: a phone that was unplugged and came back has another address
            return any(
                (other.bus, other.address) == (self._device.bus, self._device.address)
                for other in libusb_devices()
            )
        except HwError:
            return False

    def write(self, packet: Bytes, timeout_s: float) -> None:
        """One bulk-OUT transfer."""
        count = self._call(self._device.write, self._out, array.array("B", bytes(packet)), _ms(timeout_s))
        if count != len(packet):
            raise RemoteProtocolError(f"the phone took {count} of {len(packet)} bytes")

    def write_all(self, chunks: Iterable[Bytes], timeout_s: float, on_sent: OnSent) -> int:
        """One transfer per chunk, no zero-length packet at the end; an ``array('B')``'s memory goes as it is."""
        sent = 0
        for chunk in chunks:
            owner = chunk.obj if isinstance(chunk, memoryview) else None
            whole = isinstance(owner, array.array) and len(owner) == len(chunk)
            data = owner if whole else array.array("B", bytes(chunk))
            count = int(self._call(self._device.write, self._out, data, _ms(timeout_s)))
            if count != len(chunk):
                raise RemoteProtocolError(f"the phone took {count} of {len(chunk)} bytes")
            sent += count
            on_sent(sent)
        return sent

    def read(self, size_bytes: int, timeout_s: float) -> bytes:
        """One bulk-IN transfer; asks for whole packets so that a full one cannot overflow."""
        whole = math.ceil(size_bytes / self.max_packet_bytes) * self.max_packet_bytes
        data = self._call(self._device.read, self._in, whole, _ms(timeout_s))
        return bytes(data)

    def read_into(self, buffer: memoryview, timeout_s: float) -> int:
        """One bulk-IN transfer into ``buffer``, which must be (a slice of) an ``array('B')``'s memory."""
        owner = buffer.obj
        if not isinstance(owner, array.array) or len(owner) != len(buffer):
            data = self._call(self._device.read, self._in, len(buffer), _ms(timeout_s))
            buffer[: len(data)] = memoryview(data)
            return len(data)
        return int(self._call(self._device.read, self._in, owner, _ms(timeout_s)))

    def read_event(self, timeout_s: float) -> bytes | None:
        """One interrupt-IN packet or None."""
        if self._event is None:
            return None
        try:
            count = self._call(self._device.read, self._event, self._event_buffer, _ms(timeout_s))
        except PhoneTimeout:
            return None
        return self._event_buffer[:count].tobytes()

    def control_out(self, request: int, value: int, data: bytes, timeout_s: float) -> None:
        """BmRequestType 0x21, to the interface that takes class requests."""
        self._call(self._device.ctrl_transfer, 0x21, request, value, self._number, data, _ms(timeout_s))

    def control_in(self, request: int, value: int, size_bytes: int, timeout_s: float) -> bytes:
        """BmRequestType 0xA1."""
        return bytes(
            self._call(
                self._device.ctrl_transfer, 0xA1, request, value, self._number, size_bytes, _ms(timeout_s)
            )
        )

    def close(self) -> None:
        """Release the interface and let go of the device."""
        self._closed = True
        with contextlib.suppress(usb.core.USBError):
            usb.util.dispose_resources(self._device)
        if self._backend is not None:
            self._backend.close()

    def _call(self, function: Callable[..., Any], *args: Any) -> Any:
        if self._closed:
            raise LinkLost("the link to the phone is closed")
        try:
            return function(*args)
        except usb.core.USBError as exc:
            error = translate(exc)
            if isinstance(error, Stalled) and args[0] in (self._in, self._out):
                self._clear_halt()
            raise error from exc

    def _clear_halt(self) -> None:
        """A stalled pipe stays so across conversations until it is cleared (USB 2.0, 9.4.5)."""
        for endpoint in (self._in, self._out):
            with contextlib.suppress(usb.core.USBError):
                self._device.clear_halt(endpoint)

    def _claim(self, wanted: Callable[[Triple], bool]) -> Any:
        try:
            configuration = self._device.get_active_configuration()
        except usb.core.USBError as exc:
            if exc.errno is not None:
                raise
            # Only an unconfigured device is configured: doing it again resets some phones' functions.
            self._device.set_configuration()
            configuration = self._device.get_active_configuration()
        for interface in configuration:
            triple = (interface.bInterfaceClass, interface.bInterfaceSubClass, interface.bInterfaceProtocol)
            if wanted(triple):
                self._detach_kernel(interface.bInterfaceNumber)
                usb.util.claim_interface(self._device, interface.bInterfaceNumber)
                return interface
        raise ForeignDevice("the device has no interface this step can talk to")

    def _detach_kernel(self, number: int) -> None:
        with contextlib.suppress(NotImplementedError):
            if self._device.is_kernel_driver_active(number):
                self._device.detach_kernel_driver(number)


def _ms(timeout_s: float) -> int:
    return max(1, math.ceil(timeout_s * 1000))


def _endpoints(interface: Any) -> tuple[Any, Any, Any]:
    """Bulk-IN, bulk-OUT and interrupt-IN (or None), by descriptor: composite devices move them about."""
    found: dict[tuple[int, bool], Any] = {}
    for endpoint in interface:
        kind, incoming = endpoint.bmAttributes & 3, bool(endpoint.bEndpointAddress & 0x80)
        found.setdefault((kind, incoming), endpoint)
    bulk_in, bulk_out = found.get((_BULK, True)), found.get((_BULK, False))
    if bulk_in is None or bulk_out is None or not bulk_in.wMaxPacketSize:
        raise ForeignDevice("the device's interface has no bulk pipes")
    return bulk_in, bulk_out, found.get((_INTERRUPT, True))
