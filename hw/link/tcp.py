"""A fastboot connection over TCP as a packet link. It frames, it does not interpret."""

from __future__ import annotations

import contextlib
import fcntl
import select
import socket
import struct
import sys
import termios
import time
from collections.abc import Iterable
from typing import Self

from hw.errors import LinkLost, PhoneTimeout
from hw.link.base import Bytes, OnSent
from hw.proto import fastboot_tcp

_BUFFER_BYTES = 512 << 10  # measured: a larger one leaves the cache and is slower, and hides what was taken


class TcpLink:
    """One connection. After any error it is dead; open a new one."""

    transfer_bytes = 256 << 10  # measured: stays in a core's cache between reading and sending

    def __init__(self, connection: socket.socket) -> None:
        self._socket: socket.socket | None = connection

    @classmethod
    def connect(cls, host: str, port: int, timeout_s: float) -> Self:
        """Connect and shake hands. Raises LinkLost, PhoneTimeout, RemoteProtocolError."""
        try:
            connection = socket.create_connection((host, port), timeout_s)
        except TimeoutError as exc:
            raise PhoneTimeout(f"{host}:{port} did not answer within {timeout_s:g} s") from exc
        except OSError as exc:
            raise LinkLost(f"cannot connect to {host}:{port}: {exc.strerror or exc}") from exc
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _BUFFER_BYTES)
        link = cls(connection)
        try:
            link._send([fastboot_tcp.HANDSHAKE], timeout_s)
            fastboot_tcp.check_handshake(link._receive(len(fastboot_tcp.HANDSHAKE), timeout_s))
        except BaseException:
            link.close()
            raise
        return link

    @property
    def alive(self) -> bool:
        """Whether the peer still holds the connection; asks the kernel, sends nothing."""
        if self._socket is None:
            return False
        readable, _, _ = select.select([self._socket], [], [], 0)
        if not readable:
            return True
        try:
            return bool(self._socket.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT))
        except OSError:
            return False

    def write(self, packet: Bytes, timeout_s: float) -> None:
        """Send one message."""
        self._send([fastboot_tcp.header(len(packet)), packet], timeout_s)

    def write_all(self, chunks: Iterable[Bytes], timeout_s: float, on_sent: OnSent) -> int:
        """One message per chunk, header and payload in one call to the kernel; nothing is copied here.

        ``on_sent`` gets what the peer's kernel has acknowledged, as the socket's own queue tells (SIOCOUTQ).
        """
        sent = acknowledged = 0
        for chunk in chunks:
            self._send([fastboot_tcp.header(len(chunk)), chunk], timeout_s)
            sent += len(chunk)
            acknowledged = max(acknowledged, sent - self._unacknowledged())
            on_sent(acknowledged)
        return sent

    def read(self, size_bytes: int, timeout_s: float) -> bytes:
        """One message of at most ``size_bytes``."""
        deadline = time.monotonic() + timeout_s
        size = fastboot_tcp.response_size(self._receive(fastboot_tcp.HEADER_BYTES, timeout_s))
        return self._receive(min(size, size_bytes), max(0.001, deadline - time.monotonic())) if size else b""

    def close(self) -> None:
        """Close the connection; the phone is left as it is."""
        connection, self._socket = self._socket, None
        if connection is not None:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
            connection.close()

    def _live(self) -> socket.socket:
        if self._socket is None:
            raise LinkLost("the connection to the phone is closed")
        return self._socket

    def _unacknowledged(self) -> int:
        if sys.platform != "linux" or self._socket is None:
            return 0
        try:
            raw = fcntl.ioctl(self._socket, termios.TIOCOUTQ, b"\0\0\0\0")
        except OSError:
            return 0
        count: int = struct.unpack("i", raw)[0]
        return count

    def _send(self, parts: list[Bytes], timeout_s: float) -> None:
        connection = self._live()
        views = [memoryview(part).cast("B") for part in parts if len(part)]
        try:
            connection.settimeout(timeout_s)
            while views:
                sent = connection.sendmsg(views)
                while views and sent >= len(views[0]):
                    sent -= len(views.pop(0))
                if sent:
                    views[0] = views[0][sent:]
        except TimeoutError as exc:
            self.close()
            raise PhoneTimeout(f"the phone took no data for {timeout_s:g} s") from exc
        except OSError as exc:
            self.close()
            raise LinkLost(f"the connection to the phone broke: {exc.strerror or exc}") from exc

    def _receive(self, size_bytes: int, timeout_s: float) -> bytes:
        connection = self._live()
        deadline = time.monotonic() + timeout_s
        got = bytearray()
        try:
            while len(got) < size_bytes:
                connection.settimeout(max(0.001, deadline - time.monotonic()))
                piece = connection.recv(size_bytes - len(got))
                if not piece:
                    self.close()
                    raise LinkLost("the phone closed the connection")
                got += piece
        except TimeoutError as exc:
            self.close()
            raise PhoneTimeout(f"no answer from the phone for {timeout_s:g} s") from exc
        except OSError as exc:
            self.close()
            raise LinkLost(f"the connection to the phone broke: {exc.strerror or exc}") from exc
        return bytes(got)
