"""A serial line (``serial:/dev/ttyACM0``, or ``tcp:HOST:PORT`` of a virtual one) as bytes. It frames nothing."""

from __future__ import annotations

import contextlib
import re
import threading
from typing import Any, Protocol

import serial

from hw.errors import AccessDenied, BadWhere, BayBusy, LinkLost

BAUD = 115200
"""A number that USB serial ignores and an RS-232 adapter needs."""
_READ_BYTES = 4096
_WRITE_S = 2.0

_TCP = re.compile(r"tcp:(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9._-]+):(\d{1,5})")
_SERIAL = re.compile(r"serial:(/dev/[!-~]+)")


_BROKEN = (serial.SerialException, OSError, TypeError, ValueError, AttributeError)
"""What pyserial raises; the last three where it stumbles over a port that another thread has closed."""


class ByteLink(Protocol):
    """Bytes both ways. Raises LinkLost, after which it is useless."""

    def read(self, timeout_s: float) -> bytes:
        """What came; b"" when nothing did in time."""
        ...

    def write(self, data: bytes) -> None:
        """All of it."""
        ...

    def close(self) -> None:
        """Let go; never raises."""
        ...


def check_where(where: str) -> str:
    """The name that pyserial has for a place. Raises BadWhere."""
    if tcp := _TCP.fullmatch(where):
        if 0 < int(tcp[2]) < 65536:
            return f"socket://{tcp[1]}:{tcp[2]}"
    elif line := _SERIAL.fullmatch(where):
        return line[1]
    raise BadWhere(f"{where!r} names no serial line: serial:/dev/NAME or tcp:HOST:PORT")


class SerialLink:
    """One open line. One thread reads, any may write."""

    def __init__(self, where: str) -> None:
        name = check_where(where)
        self._writing = threading.Lock()
        try:
            self._port: Any = serial.serial_for_url(
                name, BAUD, timeout=0, write_timeout=_WRITE_S, exclusive=True
            )
        except serial.SerialException as exc:
            raise _refusal(name, exc) from exc
        except (OSError, ValueError) as exc:
            raise LinkLost(f"cannot open {name}: {exc}") from exc

    def read(self, timeout_s: float) -> bytes:
        """The first byte within the time, and whatever has come with it."""
        try:
            self._port.timeout = timeout_s
            first: bytes = self._port.read(1)
            if not first:
                return b""
            self._port.timeout = 0
            return first + bytes(self._port.read(_READ_BYTES))
        except _BROKEN as exc:
            raise LinkLost(f"the serial line broke: {exc}") from exc

    def write(self, data: bytes) -> None:
        """All of it."""
        try:
            with self._writing:
                self._port.write(data)
        except _BROKEN as exc:
            raise LinkLost(f"the serial line broke: {exc}") from exc

    def close(self) -> None:
        """Let go."""
        with contextlib.suppress(serial.SerialException, OSError, ValueError):
            self._port.close()


def _refusal(name: str, exc: serial.SerialException) -> LinkLost | AccessDenied | BayBusy:
    number = getattr(exc, "errno", None)
    if number == 13:
        return AccessDenied(
            f"{name}: no permission; on Debian the station's user must be in the group dialout"
        )
    if number in (11, 16) or "exclusively lock" in str(exc):
        return BayBusy(f"{name}: another program has it open")
    return LinkLost(f"cannot open {name}: {exc}")
