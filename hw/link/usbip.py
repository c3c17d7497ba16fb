"""PyUSB's backend interface over USB/IP, for one bus id: the PyUSB code of a shop then runs without a wire.

Not here: what the transfers mean, and libusb. One device, one holder; a dead handle stays dead.
"""

from __future__ import annotations

import array
import errno
import os
import threading
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any, TypeAlias

import usb.backend
import usb.core

from hw.errors import BayBusy, HwError, PhoneTimeout
from hw.link.usbip_device import CONTROL_MS, Attached, UrbFailed, UsbipDevice
from hw.link.usbip_session import UsbipSession, devlist
from hw.proto import descriptors

_GET_CONFIGURATION, _SET_CONFIGURATION, _SET_INTERFACE = 8, 9, 11
_CLEAR_FEATURE = 1

Buffer: TypeAlias = "array.array[int]"  # of "B", as PyUSB passes them


def _usb_error(number: int, text: str = "") -> usb.core.USBError:
    kind = usb.core.USBTimeoutError if number == errno.ETIMEDOUT else usb.core.USBError
    return kind(text or os.strerror(number), number, number)


def _translate(exc: HwError) -> usb.core.USBError:
    """This room's errors as PyUSB's, the way libusb's backend would put them."""
    if isinstance(exc, UrbFailed):
        return _usb_error(exc.number)
    if isinstance(exc, BayBusy):
        return _usb_error(errno.EBUSY, exc.detail)
    if isinstance(exc, PhoneTimeout):
        return _usb_error(errno.ETIMEDOUT, exc.detail)
    return _usb_error(errno.EPROTO if exc.fault == "phone" else errno.ENODEV, exc.detail)


class UsbipBackend(usb.backend.IBackend):  # type: ignore[misc]  # PyUSB ships no types
    """Sees only ``busid`` on one USB/IP server. Method meanings: ``usb.backend.IBackend``."""

    def __init__(self, host: str, port: int, busid: str, connect_s: float = 3.0) -> None:
        self._host, self._port, self._busid, self._connect_s = host, port, busid, connect_s
        self._lock = threading.Lock()
        self._devices: list[UsbipDevice] = []

    def enumerate_devices(self) -> Iterator[UsbipDevice]:
        """The device on the bus id, if there is one, as a new appearance."""
        try:
            found = devlist(self._host, self._port, self._connect_s)
        except HwError as exc:
            raise _translate(exc) from exc
        for exported in found:
            if exported.busid == self._busid:
                device = UsbipDevice(exported)
                self._devices.append(device)
                yield device

    def get_parent(self, dev: UsbipDevice) -> None:
        """USB/IP shows no hubs."""

    def get_device_descriptor(self, dev: UsbipDevice) -> SimpleNamespace:
        """USB 2.0, 9.6.1. Attaches: USB/IP's own list has no serial number and no string indices."""
        device = self._attach(dev).device
        ports = tuple(int(part) for part in self._busid.partition("-")[2].split(".") if part.isdecimal())
        return SimpleNamespace(
            bLength=descriptors.DEVICE_BYTES,
            bDescriptorType=descriptors.DEVICE,
            bcdUSB=device.usb_version,
            bDeviceClass=device.triple[0],
            bDeviceSubClass=device.triple[1],
            bDeviceProtocol=device.triple[2],
            bMaxPacketSize0=device.max_packet_bytes,
            idVendor=device.vendor_id,
            idProduct=device.product_id,
            bcdDevice=device.release,
            iManufacturer=device.manufacturer_index,
            iProduct=device.product_index,
            iSerialNumber=device.serial_index,
            bNumConfigurations=device.configurations,
            address=dev.exported.address,
            bus=dev.exported.bus,
            port_number=ports[-1] if ports else None,
            port_numbers=ports or None,
            speed=dev.exported.speed,
        )

    def get_configuration_descriptor(self, dev: UsbipDevice, config: int) -> SimpleNamespace:
        """USB 2.0, 9.6.3."""
        found = self._configuration(dev, config)
        return SimpleNamespace(
            bLength=descriptors.CONFIGURATION_BYTES,
            bDescriptorType=descriptors.CONFIGURATION,
            wTotalLength=found.total_bytes,
            bNumInterfaces=len({interface.number for interface in found.interfaces}),
            bConfigurationValue=found.value,
            iConfiguration=found.name_index,
            bmAttributes=found.attributes,
            bMaxPower=found.max_power,
            extra_descriptors=found.extra,
        )

    def get_interface_descriptor(self, dev: UsbipDevice, intf: int, alt: int, config: int) -> SimpleNamespace:
        """USB 2.0, 9.6.5; ``intf`` and ``alt`` are positions, not numbers."""
        found = self._interface(dev, intf, alt, config)
        return SimpleNamespace(
            bLength=descriptors.INTERFACE_BYTES,
            bDescriptorType=descriptors.INTERFACE,
            bInterfaceNumber=found.number,
            bAlternateSetting=found.alternate,
            bNumEndpoints=len(found.endpoints),
            bInterfaceClass=found.triple[0],
            bInterfaceSubClass=found.triple[1],
            bInterfaceProtocol=found.triple[2],
            iInterface=found.name_index,
            extra_descriptors=found.extra,
        )

    def get_endpoint_descriptor(
        self, dev: UsbipDevice, ep: int, intf: int, alt: int, config: int
    ) -> SimpleNamespace:
        """USB 2.0, 9.6.6; ``ep`` is a position."""
        found = self._interface(dev, intf, alt, config).endpoints[ep]
        return SimpleNamespace(
            bLength=descriptors.ENDPOINT_BYTES,
            bDescriptorType=descriptors.ENDPOINT,
            bEndpointAddress=found.address,
            bmAttributes=found.attributes,
            wMaxPacketSize=found.max_packet_bytes,
            bInterval=found.interval,
            bRefresh=0,
            bSynchAddress=0,
            extra_descriptors=found.extra,
        )

    def open_device(self, dev: UsbipDevice) -> UsbipDevice:
        """The device is its own handle; only one holder at a time."""
        attached = self._attach(dev)
        if attached.opened:
            raise _usb_error(errno.EBUSY)
        attached.opened = True
        return dev

    def close_device(self, dev_handle: UsbipDevice) -> None:
        """Detach. The handle is dead afterwards; enumerate again for a new one."""
        dev_handle.gone = True
        attached, dev_handle.attached = dev_handle.attached, None
        if dev_handle in self._devices:
            self._devices.remove(dev_handle)
        if attached is not None:
            attached.session.close()

    @property
    def attached(self) -> bool:
        """Whether a device is attached and its session lives."""
        return any(dev.attached is not None and dev.attached.session.alive for dev in list(self._devices))

    def close(self) -> None:
        """Detach everything this backend ever attached."""
        for device in list(self._devices):
            self.close_device(device)

    def set_configuration(self, dev_handle: UsbipDevice, config_value: int) -> None:
        """SET_CONFIGURATION (USB 2.0, 9.4.7)."""
        self._control(dev_handle, 0x00, _SET_CONFIGURATION, config_value, 0)
        self._live(dev_handle).configuration_value = config_value

    def get_configuration(self, dev_handle: UsbipDevice) -> int:
        """GET_CONFIGURATION (USB 2.0, 9.4.2), asked once."""
        attached = self._live(dev_handle)
        if attached.configuration_value is None:
            answer = bytearray(1)
            self._control(dev_handle, 0x80, _GET_CONFIGURATION, 0, 0, answer)
            attached.configuration_value = answer[0]
        return attached.configuration_value

    def set_interface_altsetting(self, dev_handle: UsbipDevice, intf: int, altsetting: int) -> None:
        """SET_INTERFACE (USB 2.0, 9.4.10)."""
        self._control(dev_handle, 0x01, _SET_INTERFACE, altsetting, intf)

    def claim_interface(self, dev_handle: UsbipDevice, intf: int) -> None:
        """Exclusive: a second claim of the same interface is EBUSY."""
        with self._lock:
            attached = self._live(dev_handle)
            if intf in attached.claimed:
                raise _usb_error(errno.EBUSY)
            attached.claimed.add(intf)

    def release_interface(self, dev_handle: UsbipDevice, intf: int) -> None:
        """Forget the claim."""
        with self._lock:
            self._live(dev_handle).claimed.discard(intf)

    def bulk_write(self, dev_handle: UsbipDevice, ep: int, intf: int, data: Buffer, timeout: int) -> int:
        """``timeout`` in ms for the whole, 0 = none. The bytes moved; a read takes at most 1 MiB per call."""
        return self._pipe(dev_handle, ep, intf, data, timeout)

    bulk_read = bulk_write

    def intr_write(self, dev_handle: UsbipDevice, ep: int, intf: int, data: Buffer, timeout: int) -> int:
        """As bulk, polled. For a read ``data`` is the buffer to fill, as PyUSB has it."""
        return self._pipe(dev_handle, ep, intf, data, timeout, 1)

    intr_read = intr_write

    def ctrl_transfer(
        self,
        dev_handle: UsbipDevice,
        bmRequestType: int,  # noqa: N803 - the interface's names
        bRequest: int,  # noqa: N803
        wValue: int,  # noqa: N803
        wIndex: int,  # noqa: N803
        data: Buffer,
        timeout: int,
    ) -> int:
        """``timeout`` in ms. The bytes moved."""
        return self._control(dev_handle, bmRequestType, bRequest, wValue, wIndex, data, timeout)

    def clear_halt(self, dev_handle: UsbipDevice, ep: int) -> None:
        """CLEAR_FEATURE(ENDPOINT_HALT) (USB 2.0, 9.4.1)."""
        self._control(dev_handle, 0x02, _CLEAR_FEATURE, 0, ep)

    def reset_device(self, dev_handle: UsbipDevice) -> None:
        """USB/IP has no reset a client may send: detach, so that the next open attaches anew."""
        self.close_device(dev_handle)

    def is_kernel_driver_active(self, dev_handle: UsbipDevice, intf: int) -> bool:  # noqa: ARG002
        """No kernel on this side."""
        return False

    def _control(
        self,
        dev: UsbipDevice,
        kind: int,
        request: int,
        value: int,
        index: int,
        data: Any = b"",
        ms: int = CONTROL_MS,
    ) -> int:
        attached = self._live(dev)
        try:
            return attached.control(kind, request, value, index, memoryview(data).cast("B"), ms)
        except HwError as exc:
            raise _translate(exc) from exc

    def _pipe(self, dev: UsbipDevice, ep: int, intf: int, data: Any, ms: int, interval: int = 0) -> int:
        attached = self._live(dev)
        if intf not in attached.claimed:
            raise _usb_error(errno.EBUSY, "the interface was not claimed")
        try:
            return attached.bulk(ep, data, ms, interval)
        except HwError as exc:
            raise _translate(exc) from exc

    def _live(self, dev: UsbipDevice) -> Attached:
        attached = dev.attached
        if attached is None or not attached.session.alive:
            dev.gone = True
            raise _usb_error(errno.ENODEV)
        return attached

    def _attach(self, dev: UsbipDevice) -> Attached:
        if dev.gone:
            raise _usb_error(errno.ENODEV)
        if dev.attached is not None:
            return self._live(dev)
        session: UsbipSession | None = None
        try:
            session = UsbipSession.attach(self._host, self._port, self._busid, self._connect_s)
            if not dev.same(session.device):
                raise _usb_error(errno.ENODEV, "another device appeared on the bus id")
            dev.attached = Attached(session)
        except (HwError, usb.core.USBError) as exc:
            if session is not None:
                session.close()
            dev.gone = True
            raise (_translate(exc) if isinstance(exc, HwError) else exc) from exc
        return dev.attached

    def _configuration(self, dev: UsbipDevice, index: int) -> descriptors.Configuration:
        found = self._attach(dev).configurations
        if not 0 <= index < len(found):
            raise IndexError(f"no configuration {index}")
        return found[index]

    def _interface(self, dev: UsbipDevice, intf: int, alt: int, config: int) -> descriptors.Interface:
        """PyUSB walks positions until IndexError, first the numbers, then the alternates of each."""
        found = self._configuration(dev, config).interfaces
        numbers = list(dict.fromkeys(interface.number for interface in found))
        return [interface for interface in found if interface.number == numbers[intf]][alt]
