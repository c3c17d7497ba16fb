"""What a link is: bytes over one claimed USB interface or one connection, and nothing about their meaning."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Protocol

Bytes = bytes | bytearray | memoryview

OnSent = Callable[[int], None]
"""Bytes of one data phase that the bus has completed so far; only rises."""


class PacketLink(Protocol):
    """Whole packets both ways. Raises LinkLost, PhoneTimeout, Stalled, RemoteProtocolError."""

    @property
    def transfer_bytes(self) -> int:
        """The size of chunk that :meth:`write_all` carries best."""
        ...

    def write(self, packet: Bytes, timeout_s: float) -> None:
        """Send one packet; returns when the bus has completed it."""
        ...

    def write_all(self, chunks: Iterable[Bytes], timeout_s: float, on_sent: OnSent) -> int:
        """Send one data phase, a transfer per chunk; ``timeout_s`` is per transfer. The bytes sent."""
        ...

    def read(self, size_bytes: int, timeout_s: float) -> bytes:
        """One packet of at most ``size_bytes``; empty for a zero-length packet."""
        ...

    def close(self) -> None:
        """Let go. Never raises; a closed link stays closed."""
        ...


class UsbLink(PacketLink, Protocol):
    """A claimed USB interface with bulk pipes, an event pipe and control requests (MTP needs all of them)."""

    @property
    def max_packet_bytes(self) -> int:
        """WMaxPacketSize of the bulk-IN endpoint; reads are multiples of it."""
        ...

    def read_into(self, buffer: memoryview, timeout_s: float) -> int:
        """One bulk-IN transfer into ``buffer`` (a multiple of the packet size); the bytes that came."""
        ...

    def read_event(self, timeout_s: float) -> bytes | None:
        """One interrupt-IN packet, None when nothing came in time or there is no such endpoint."""
        ...

    def control_out(self, request: int, value: int, data: bytes, timeout_s: float) -> None:
        """A class request to the claimed interface, host to device."""
        ...

    def control_in(self, request: int, value: int, size_bytes: int, timeout_s: float) -> bytes:
        """A class request to the claimed interface, device to host."""
        ...
