"""Fastboot over TCP, the phone's side: framing and one connection at a time. Answers only in the bootloader.

Source: AOSP system/core/fastboot/README.md, "TCP Protocol v1": "FB01" both ways, then messages of an 8-byte
big-endian length and data.
"""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Callable

from hw.virtual.errors import LinkGone
from hw.virtual.fastboot_device import COMMAND_BYTES, FastbootDevice
from hw.virtual.listener import Listener, hang_up

_HANDSHAKE = b"FB01"
_LENGTH = struct.Struct(">Q")
_HANDSHAKE_TIMEOUT_S = 5.0
_TURN_S = 1.0  # a host that just hung up may not be quite gone yet
_MAX_PACKET_BYTES = 4096  # more than any command; the core refuses what is too long for it
_SOCKET_BUFFER_BYTES = 4 << 20


class FastbootTcpServer:
    """Listens all the time, so that the port stays; lets a host in only while the bootloader is there."""

    def __init__(self, host: str, port: int) -> None:
        self._listener = Listener((host, port), "fastboot-tcp", self._serve)
        self._lock = threading.Lock()
        self._fastboot: FastbootDevice | None = None
        self._connection: socket.socket | None = None

    @property
    def where(self) -> str:
        """The address as the station names it."""
        return f"tcp:{self._listener.address}"

    def start(self) -> None:
        """Begin to answer."""
        self._listener.start()

    def stop(self) -> None:
        """Hang up and free the port."""
        self.hide()
        self._listener.stop()

    def show(self, usb: object, fastboot: FastbootDevice | None) -> None:
        """The phone is there; ``fastboot`` is given when it is in its bootloader."""
        del usb  # the USB/IP port's way in
        with self._lock:
            self._fastboot = fastboot

    def hide(self) -> None:
        """The phone left, or its cable was pulled: the connection closes."""
        with self._lock:
            self._fastboot = None
            connection, self._connection = self._connection, None
        hang_up(connection)

    def _serve(self, sock: socket.socket) -> None:
        with self._lock:
            fastboot = self._fastboot
        if fastboot is None or not fastboot.busy.acquire(timeout=_TURN_S):
            return
        try:
            with self._lock:
                if self._fastboot is not fastboot:
                    return
                self._connection = sock
            fastboot.serve(_TcpChannel(sock))
        except LinkGone:
            pass  # the host went away before it had said hello
        finally:
            fastboot.busy.release()
            with self._lock:
                if self._connection is sock:
                    self._connection = None


class _TcpChannel:
    """Fastboot packets in length-prefixed messages; a download may come in any number of them."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._left = 0  # of the message under way
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _SOCKET_BUFFER_BYTES)
        sock.settimeout(_HANDSHAKE_TIMEOUT_S)
        sock.sendall(_HANDSHAKE)
        hello = bytearray(len(_HANDSHAKE))
        self._fill(memoryview(hello))
        if not hello.startswith(b"FB") or not hello[2:].isdigit():
            raise LinkGone("no fastboot handshake")
        sock.settimeout(None)

    def receive(self) -> bytes:
        if self._left:
            raise LinkGone("more data than was announced")
        self._next_message()
        if self._left > _MAX_PACKET_BYTES:
            raise LinkGone(f"a command of {self._left} bytes (at most {COMMAND_BYTES} are read)")
        packet = bytearray(self._left)
        self._fill(memoryview(packet))
        self._left = 0
        return bytes(packet)

    def receive_into(self, view: memoryview, gate: Callable[[int], None] | None) -> None:
        filled = 0
        while filled < len(view):
            while not self._left:
                self._next_message()
            step = self._some(view[filled : filled + self._left])
            self._left -= step
            filled += step
            if gate is not None:
                gate(step)

    def send(self, packet: bytes) -> None:
        try:
            self._sock.sendall(_LENGTH.pack(len(packet)) + packet)
        except OSError as exc:
            raise LinkGone("the host went away") from exc

    def _next_message(self) -> None:
        head = bytearray(_LENGTH.size)
        self._fill(memoryview(head))
        self._left = _LENGTH.unpack(head)[0]

    def _fill(self, view: memoryview) -> None:
        filled = 0
        while filled < len(view):
            filled += self._some(view[filled:])

    def _some(self, view: memoryview) -> int:
        try:
            step = self._sock.recv_into(view)
        except OSError as exc:
            raise LinkGone("the host went away") from exc
        if not step:
            raise LinkGone("the host hung up")
        return step
