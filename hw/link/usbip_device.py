"""A USB/IP device while it is attached: its descriptors, and transfers as a host controller does them.

It has no PyUSB in it; the backend gives it that shape.
"""

from __future__ import annotations

import errno
import os
import time
from typing import Any

from hw.errors import HwError
from hw.link.usbip_session import Transfer, UsbipSession
from hw.proto import descriptors, usbip

URB_BYTES = 1 << 20
"""At most so much is read by one transfer."""
OUT_URB_BYTES = 256 << 10
"""A larger write travels as several transfers in flight, as the kernel does it for libusb. A quarter of a MiB keeps the
other end busy while the answer to the one before is on its way: 1 MiB written so takes a fifth less time than whole."""

CONTROL_MS = 2000
_GET_DESCRIPTOR = 6


class UrbFailed(HwError):
    """A transfer ended in ``number`` (errno)."""

    def __init__(self, number: int) -> None:
        super().__init__(os.strerror(number))
        self.number = number


class Attached:
    """A device while it is attached: its descriptors and the one session."""

    def __init__(self, session: UsbipSession) -> None:
        self.session = session
        self.claimed: set[int] = set()
        self.opened = False
        self.configuration_value: int | None = None
        self.device = descriptors.parse_device(
            self._descriptor(descriptors.DEVICE, 0, descriptors.DEVICE_BYTES)
        )
        self.configurations = [self._configuration(index) for index in range(self.device.configurations)]

    def _configuration(self, index: int) -> descriptors.Configuration:
        head = self._descriptor(descriptors.CONFIGURATION, index, descriptors.CONFIGURATION_BYTES)
        total = descriptors.total_bytes(head)
        return descriptors.parse_configuration(self._descriptor(descriptors.CONFIGURATION, index, total))

    def _descriptor(self, kind: int, index: int, size_bytes: int) -> bytes:
        buffer = bytearray(size_bytes)
        count = self.control(0x80, _GET_DESCRIPTOR, kind << 8 | index, 0, buffer, CONTROL_MS)
        return bytes(buffer[:count])

    def control(self, kind: int, request: int, value: int, index: int, data: Any, timeout_ms: int) -> int:
        """One control transfer; the bytes moved."""
        setup = b"".join(
            (bytes((kind, request)), *(word.to_bytes(2, "little") for word in (value, index, len(data))))
        )
        direction = usbip.DIR_IN if kind & 0x80 else usbip.DIR_OUT
        return self.finish([self.session.submit(direction, 0, data, setup)], timeout_ms)

    def bulk(self, endpoint: int, data: Any, timeout_ms: int, interval: int = 0) -> int:
        """One bulk or interrupt transfer, split where it is large; the bytes moved."""
        view = memoryview(data).cast("B")
        direction = usbip.DIR_IN if endpoint & 0x80 else usbip.DIR_OUT
        if direction == usbip.DIR_IN:
            pieces = [view[:URB_BYTES]]  # a short packet ends an IN transfer: never two in flight
        else:
            pieces = [view[at : at + OUT_URB_BYTES] for at in range(0, len(view), OUT_URB_BYTES)] or [view]
        flying = [
            self.session.submit(direction, endpoint & 0x0F, piece, interval=interval) for piece in pieces
        ]
        return self.finish(flying, timeout_ms)

    def finish(self, flying: list[Transfer], timeout_ms: int) -> int:
        """Wait for transfers in flight; cancels them all on a timeout. The bytes moved."""
        deadline = time.monotonic() + timeout_ms / 1000
        for transfer in flying:
            if not transfer.wait(max(0.0, deadline - time.monotonic()) if timeout_ms else -1):
                for late in reversed(flying):
                    self.session.cancel(late)
                break
        moved = 0
        for transfer in flying:
            if transfer.status == -errno.ECONNRESET:
                raise UrbFailed(errno.ETIMEDOUT)
            if transfer.status:
                raise UrbFailed(_errno(transfer.status))
            moved += transfer.actual_bytes
        return moved


def _errno(status: int) -> int:
    """A transfer's status as libusb reports it: whatever means "gone" is ENODEV."""
    number = -status if status < 0 else errno.EPROTO
    return errno.ENODEV if number in (errno.ESHUTDOWN, errno.ENOENT, errno.ECONNRESET) else number


class UsbipDevice:
    """What PyUSB passes round as the device: one appearance on one bus id. Once gone, gone."""

    def __init__(self, exported: usbip.Exported) -> None:
        self.exported = exported
        self.attached: Attached | None = None
        self.gone = False

    def same(self, now: usbip.Exported) -> bool:
        """Whether it is still this appearance; the device number changes with every plug."""
        was = self.exported
        return (was.devid, was.vendor_id, was.product_id) == (now.devid, now.vendor_id, now.product_id)
