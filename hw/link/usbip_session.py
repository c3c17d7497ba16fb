"""One imported USB/IP device: transfers in flight over one connection, matched by a reader thread.

It knows transfers, not what they mean. A session that died stays dead.
"""

from __future__ import annotations

import contextlib
import errno
import itertools
import socket
import threading
from typing import Self

from hw.errors import HwError, LinkLost, PhoneTimeout, RemoteProtocolError
from hw.link.base import Bytes
from hw.proto import usbip

_SOCKET_BUFFER_BYTES = 4 << 20
_UNLINK_ANSWER_S = 2.0  # a server that does not answer an unlink is gone
_NO_SETUP = bytes(8)


def dial(host: str, port: int, timeout_s: float) -> socket.socket:
    """Connect to a USB/IP server. Raises LinkLost, PhoneTimeout."""
    try:
        connection = socket.create_connection((host, port), timeout_s)
    except TimeoutError as exc:
        raise PhoneTimeout(f"the USB/IP server {host}:{port} did not answer within {timeout_s:g} s") from exc
    except OSError as exc:
        raise LinkLost(f"no USB/IP server at {host}:{port}: {exc.strerror or exc}") from exc
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


def receive_exactly(connection: socket.socket, size_bytes: int) -> bytes:
    """Exactly that many bytes. Raises LinkLost, PhoneTimeout."""
    buffer = bytearray(size_bytes)
    _receive_into(connection, memoryview(buffer))
    return bytes(buffer)


def _receive_into(connection: socket.socket, view: memoryview) -> None:
    at = 0
    while at < len(view):
        try:
            count = connection.recv_into(view[at:])
        except TimeoutError as exc:
            raise PhoneTimeout("the USB/IP server went silent") from exc
        except OSError as exc:
            raise LinkLost(f"the USB/IP connection broke: {exc.strerror or exc}") from exc
        if not count:
            raise LinkLost("the USB/IP server closed the connection")
        at += count


def devlist(host: str, port: int, timeout_s: float) -> list[usbip.Exported]:
    """What the server exports now. Raises LinkLost, PhoneTimeout, RemoteProtocolError."""
    with dial(host, port, timeout_s) as connection:
        try:
            connection.sendall(usbip.request_devlist())
        except OSError as exc:
            raise LinkLost(f"the USB/IP connection broke: {exc.strerror or exc}") from exc
        return usbip.read_devlist(lambda size: receive_exactly(connection, size))


class Transfer:
    """One URB. ``status`` is 0 or a negative errno, valid once ``wait`` said True."""

    __slots__ = ("_pending", "actual_bytes", "buffer", "seqnum", "status")

    def __init__(self, seqnum: int, buffer: memoryview | None) -> None:
        self.seqnum = seqnum
        self.buffer = buffer  # IN: where the data goes; None = OUT
        self.status = -errno.EINPROGRESS
        self.actual_bytes = 0
        self._pending = threading.Lock()  # held until complete: the cheapest event there is
        self._pending.acquire()

    def complete(self, status: int, actual_bytes: int) -> None:
        """Called once, by the session."""
        self.status, self.actual_bytes = status, actual_bytes
        self._pending.release()

    def wait(self, timeout_s: float) -> bool:
        """True once complete; False after ``timeout_s`` (no limit below 0)."""
        if not self._pending.acquire(timeout=timeout_s if timeout_s >= 0 else -1):
            return False
        self._pending.release()
        return True


class UsbipSession:
    """The connection after a successful import."""

    def __init__(self, connection: socket.socket, device: usbip.Exported) -> None:
        self.device = device
        self._socket = connection
        self._table: dict[int, Transfer] = {}  # by seqnum, until the server's last word about it
        self._unlinks: dict[int, int] = {}  # unlink's seqnum -> its victim's
        self._lock = threading.Lock()  # the tables
        self._send_lock = threading.Lock()  # a header and its data stay together
        self._seqnums = itertools.count(1)
        self._death: HwError | None = None
        self._reader = threading.Thread(target=self._read_loop, name=f"usbip-{device.busid}", daemon=True)
        self._reader.start()

    @classmethod
    def attach(cls, host: str, port: int, busid: str, timeout_s: float) -> Self:
        """Import ``busid``. Raises BayBusy, LinkLost, PhoneTimeout, RemoteProtocolError."""
        connection = dial(host, port, timeout_s)
        try:
            connection.sendall(usbip.request_import(busid))
            device = usbip.read_import(lambda size: receive_exactly(connection, size), busid)
            connection.settimeout(None)
            for option in (socket.SO_SNDBUF, socket.SO_RCVBUF):
                connection.setsockopt(socket.SOL_SOCKET, option, _SOCKET_BUFFER_BYTES)
        except OSError as exc:
            connection.close()
            raise LinkLost(f"the USB/IP connection broke: {exc.strerror or exc}") from exc
        except HwError:
            connection.close()
            raise
        return cls(connection, device)

    @property
    def alive(self) -> bool:
        """False for ever once the connection broke or was closed."""
        return self._death is None

    def submit(
        self, direction: int, endpoint: int, data: Bytes, setup: bytes = _NO_SETUP, interval: int = 0
    ) -> Transfer:
        """Put one transfer in flight. IN: ``data`` is the writable buffer to fill. Raises LinkLost."""
        view = memoryview(data).cast("B")
        incoming = direction == usbip.DIR_IN
        with self._lock:
            self._check_alive()
            transfer = Transfer(next(self._seqnums) & 0xFFFFFFFF, view if incoming else None)
            self._table[transfer.seqnum] = transfer
        head = usbip.submit(
            transfer.seqnum, self.device.devid, direction, endpoint, len(view), setup, interval
        )
        self._send(head, None if incoming else view)
        return transfer

    def cancel(self, transfer: Transfer) -> None:
        """Unlink a transfer and wait for its end; it may still have completed. Raises LinkLost."""
        with self._lock:
            self._check_alive()
            if transfer.seqnum not in self._table:
                return
            seqnum = next(self._seqnums) & 0xFFFFFFFF
            self._unlinks[seqnum] = transfer.seqnum
        self._send(usbip.unlink(seqnum, self.device.devid, transfer.seqnum), None)
        if not transfer.wait(_UNLINK_ANSWER_S):
            self._die(LinkLost("the USB/IP server does not answer"))

    def close(self) -> None:
        """End the session; transfers in flight end with ENODEV."""
        self._die(LinkLost("the device was closed"))
        if threading.current_thread() is not self._reader:
            self._reader.join(2.0)

    def _check_alive(self) -> None:
        if self._death is not None:
            raise LinkLost(self._death.detail)

    def _send(self, head: bytes, data: memoryview | None) -> None:
        views = [memoryview(head)] if data is None or not len(data) else [memoryview(head), data]
        with self._send_lock:
            try:
                while views:
                    sent = self._socket.sendmsg(views)
                    while views and sent >= len(views[0]):
                        sent -= len(views.pop(0))
                    if sent:
                        views[0] = views[0][sent:]
            except OSError as exc:
                self._die(LinkLost(f"the USB/IP connection broke: {exc.strerror or exc}"))
                raise LinkLost(f"the USB/IP connection broke: {exc.strerror or exc}") from exc

    def _die(self, why: HwError) -> None:
        with self._lock:
            if self._death is not None:
                return
            self._death = why
            orphans = list(self._table.values())
            self._table.clear()
            self._unlinks.clear()
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        for transfer in orphans:
            transfer.complete(-errno.ENODEV, 0)

    def _read_loop(self) -> None:
        header = bytearray(usbip.HEADER_BYTES)
        try:
            while True:
                _receive_into(self._socket, memoryview(header))
                self._settle(usbip.parse_return(bytes(header)))
        except HwError as exc:
            self._die(exc)

    def _settle(self, answer: usbip.Return) -> None:
        with self._lock:
            if answer.command == usbip.RET_UNLINK:
                victim = self._unlinks.pop(answer.seqnum, -1)
                transfer = self._table.pop(victim, None)
            else:
                # Kept in the table while it is being received: its direction must be known even if the
                # waiter has given up, or the data that follows would be read as a header.
                transfer = self._table.get(answer.seqnum)
        if answer.command == usbip.RET_UNLINK:
            if transfer is not None:
                transfer.complete(-errno.ECONNRESET, 0)
            return
        if transfer is None:
            raise RemoteProtocolError(
                f"the USB/IP server answers a transfer nobody asked for ({answer.seqnum})"
            )
        if transfer.buffer is not None and answer.actual_bytes:
            if answer.actual_bytes > len(transfer.buffer):
                raise RemoteProtocolError("the USB/IP server sends more than was asked for")
            _receive_into(self._socket, transfer.buffer[: answer.actual_bytes])
        with self._lock:
            known = self._table.pop(answer.seqnum, None)
        if known is not None:
            known.complete(answer.status, answer.actual_bytes)
