"""USB descriptors of a device, from its parts to bytes. Source: USB 2.0, chapter 9 (little-endian)."""

from __future__ import annotations

import struct
from dataclasses import dataclass

DEVICE, CONFIGURATION, STRING, INTERFACE, ENDPOINT = 1, 2, 3, 4, 5
BULK, INTERRUPT = 2, 3
DIRECTION_IN = 0x80
HIGH_SPEED_PACKET_BYTES = 512
_SELF_POWERED_500_MA = (0xC0, 250)
_EN_US = 0x0409


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One endpoint; bit 7 of ``address`` is set for IN."""

    address: int
    kind: int = BULK
    packet_bytes: int = HIGH_SPEED_PACKET_BYTES
    interval: int = 0

    def pack(self) -> bytes:
        """Its descriptor (9.6.6)."""
        return struct.pack("<BBBBHB", 7, ENDPOINT, self.address, self.kind, self.packet_bytes, self.interval)


@dataclass(frozen=True, slots=True)
class Interface:
    """One interface with its endpoints. ``extra`` is a class descriptor between the two.

    ``association`` is an interface association descriptor in front of the first of several that belong together.
    """

    triple: tuple[int, int, int]
    name: str
    endpoints: tuple[Endpoint, ...] = ()
    extra: bytes = b""
    association: bytes = b""


@dataclass(frozen=True, slots=True)
class DeviceParts:
    """What a device says of itself on the bus."""

    vendor_id: int
    product_id: int
    manufacturer: str
    product: str
    serial: str
    interfaces: tuple[Interface, ...]
    bcd_device: int = 0x0100
    device_class: tuple[int, int, int] = (0, 0, 0)

    def _strings(self) -> list[str]:
        names = [interface.name for interface in self.interfaces]
        return [self.manufacturer, self.product, self.serial, *names]

    def device(self) -> bytes:
        """The device descriptor (9.6.1); without a class of its own, the class is given per interface."""
        return struct.pack(
            "<BBHBBBBHHHBBBB", 18, DEVICE, 0x0200, *self.device_class, 64,
            self.vendor_id, self.product_id, self.bcd_device, 1, 2, 3, 1,
        )  # fmt: skip

    def configuration(self) -> bytes:
        """The one configuration with all that is in it (9.6.3)."""
        body = b""
        for number, interface in enumerate(self.interfaces):
            body += interface.association + struct.pack(
                "<BBBBBBBBB", 9, INTERFACE, number, 0, len(interface.endpoints), *interface.triple, 4 + number
            )
            body += interface.extra + b"".join(endpoint.pack() for endpoint in interface.endpoints)
        count = len(self.interfaces)
        head = struct.pack("<BBHBBBBB", 9, CONFIGURATION, 9 + len(body), count, 1, 0, *_SELF_POWERED_500_MA)
        return head + body

    def string(self, index: int) -> bytes | None:
        """String descriptor ``index`` (9.6.7); 0 lists the language; None where there is none."""
        if index == 0:
            return struct.pack("<BBH", 4, STRING, _EN_US)
        strings = self._strings()
        if not 1 <= index <= len(strings):
            return None
        text = strings[index - 1].encode("utf-16-le")[:252]
        return struct.pack("<BB", 2 + len(text), STRING) + text

    def endpoints(self) -> list[Endpoint]:
        """Every endpoint of every interface."""
        return [endpoint for interface in self.interfaces for endpoint in interface.endpoints]
