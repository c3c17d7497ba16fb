"""A USB/IP server with one port: what is plugged into it comes, goes and changes as the phone does.

Source: Linux Documentation/usb/usbip_protocol.rst (big-endian, version 1.1.1). One importer at a time.
Pulling the cable shuts its socket, so its transfers end as with a real unplug. No isochronous transfers.
"""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from collections.abc import Callable

from hw.virtual.errors import LinkGone, TransferCancelled
from hw.virtual.listener import Listener, hang_up
from hw.virtual.usb_descriptors import DIRECTION_IN
from hw.virtual.usb_device import Setup, UsbDevice
from hw.virtual.usb_pipes import OK, STALL, Pipes, Transfer

BUSID = "1-1"
_BUSNUM = 1
_VERSION = 0x0111
_REQ_DEVLIST, _REP_DEVLIST, _REQ_IMPORT, _REP_IMPORT = 0x8005, 0x0005, 0x8003, 0x0003
_ST_OK, _ST_BUSY, _ST_NO_DEVICE = 0, 2, 4
_CMD_SUBMIT, _CMD_UNLINK, _RET_SUBMIT, _RET_UNLINK = 1, 2, 3, 4
_HIGH_SPEED = 3
_ECONNRESET = -104
_OP = struct.Struct(">HHI")
_DEVICE = struct.Struct(">256s32sIIIHHHBBBBBB")
_COMMAND = struct.Struct(">IIIIIIiiii8s")
_RETURN = struct.Struct(">IIIIIiiiii8x")
_MAX_TRANSFER_BYTES = 64 << 20
_HANDSHAKE_TIMEOUT_S = 10.0
_SOCKET_BUFFER_BYTES = 4 << 20


class UsbIpServer:
    """Listens on one address; :meth:`show` and :meth:`hide` are the plug."""

    def __init__(self, host: str, port: int, on_import: Callable[[], None]) -> None:
        self._listener = Listener((host, port), "usbip", self._serve)
        self._on_import = on_import
        self._lock = threading.Lock()
        self._device: UsbDevice | None = None
        self._devnum = 1
        self._session: socket.socket | None = None

    @property
    def where(self) -> str:
        """The port as the station names it."""
        return f"usbip://{self._listener.address}/{BUSID}"

    def start(self) -> None:
        """Begin to answer, on threads of its own."""
        self._listener.start()

    def stop(self) -> None:
        """Pull the cable and stop answering."""
        self.hide()
        self._listener.stop()

    def show(self, usb: UsbDevice, fastboot: object) -> None:
        """Plug ``usb`` in; it is a new device on the bus, whatever was there before."""
        del fastboot  # the TCP port's way in
        self.hide()
        with self._lock:
            self._devnum += 1
            self._device = usb

    def hide(self) -> None:
        """Pull the cable: gone from the list, transfers under way end."""
        with self._lock:
            self._device = None
            session, self._session = self._session, None
        hang_up(session)

    def _serve(self, sock: socket.socket) -> None:
        try:
            device = self._handshake(sock)
            if device is not None:
                _Session(sock, device).run()
        except LinkGone:
            pass  # the peer went away, or was cut off
        finally:
            with self._lock:
                if self._session is sock:
                    self._session = None

    def _handshake(self, sock: socket.socket) -> UsbDevice | None:
        """Answer one list or import; the device when it was imported."""
        sock.settimeout(_HANDSHAKE_TIMEOUT_S)
        _, code, _ = _OP.unpack(_receive(sock, _OP.size))
        if code == _REQ_DEVLIST:
            with self._lock:
                listed = b"" if self._device is None else self._record(self._device, with_interfaces=True)
            sock.sendall(_OP.pack(_VERSION, _REP_DEVLIST, 0) + struct.pack(">I", bool(listed)) + listed)
            return None
        if code != _REQ_IMPORT:
            return None
        wanted = _receive(sock, 32).split(b"\0")[0]
        status, device, record = self._claim(sock, bytes(wanted))
        sock.sendall(_OP.pack(_VERSION, _REP_IMPORT, status) + record)
        sock.settimeout(None)
        if device is not None:
            self._on_import()
        return device

    def _claim(self, sock: socket.socket, busid: bytes) -> tuple[int, UsbDevice | None, bytes]:
        with self._lock:
            if self._device is None or busid != BUSID.encode():
                return _ST_NO_DEVICE, None, b""
            if self._session is not None:
                return _ST_BUSY, None, b""
            self._session = sock
            return _ST_OK, self._device, self._record(self._device, with_interfaces=False)

    def _record(self, device: UsbDevice, with_interfaces: bool) -> bytes:
        parts = device.parts
        record = _DEVICE.pack(
            f"/sys/devices/platform/virtual-phone/usb{_BUSNUM}/{BUSID}".encode(), BUSID.encode(),
            _BUSNUM, self._devnum, _HIGH_SPEED, parts.vendor_id, parts.product_id, parts.bcd_device,
            *parts.device_class, device.configuration, 1, len(parts.interfaces),
        )  # fmt: skip
        if with_interfaces:
            record += b"".join(bytes((*interface.triple, 0)) for interface in parts.interfaces)
        return record


class _Session:
    """One import: reads URBs, completes EP0 at once, hands the rest to the function's pipes."""

    def __init__(self, sock: socket.socket, device: UsbDevice) -> None:
        self._sock = sock
        self._device = device
        self._sending = threading.Lock()
        self._pipes = Pipes(device.parts.endpoints(), self._completer)
        for option in (socket.SO_RCVBUF, socket.SO_SNDBUF):
            sock.setsockopt(socket.SOL_SOCKET, option, _SOCKET_BUFFER_BYTES)

    def run(self) -> None:
        """Until the socket ends. The function's thread ends by itself when its pipes close."""
        worker = threading.Thread(target=self._work, name="usb-function", daemon=True)
        worker.start()
        head = bytearray(_COMMAND.size)
        view = memoryview(head)
        try:
            while True:
                _receive_into(self._sock, view)
                self._command(_COMMAND.unpack(head))
        finally:
            self._pipes.close()

    def _work(self) -> None:
        with contextlib.suppress(LinkGone, TransferCancelled):
            self._device.function.serve(self._pipes)

    def _command(self, fields: tuple[int, ...]) -> None:
        command, sequence, _, direction, endpoint, flags, length = fields[:7]
        if command == _CMD_UNLINK:
            # transfer_flags holds the sequence number to forget (unlink_seqnum in the protocol's text)
            status = _ECONNRESET if self._pipes.cancel(flags) else OK
            self._answer(_RET_UNLINK, sequence, status, 0, b"")
            return
        if command != _CMD_SUBMIT or not 0 <= length <= _MAX_TRANSFER_BYTES:
            raise LinkGone("not a USB/IP command")
        if endpoint == 0:
            self._control(sequence, direction, length, bytes(fields[10]))
        elif direction:
            self._submit_in(sequence, endpoint, length)
        else:
            self._submit_out(sequence, endpoint, length)

    def _control(self, sequence: int, direction: int, length: int, raw: bytes) -> None:
        data = b"" if direction else bytes(_receive(self._sock, length))
        setup = Setup.parse(raw)
        answer = self._device.control(setup, data, self._pipes)
        if answer is None:
            self._answer(_RET_SUBMIT, sequence, STALL, 0, b"")
        elif setup.request_type & DIRECTION_IN:
            answer = answer[: min(length, setup.length)]
            self._answer(_RET_SUBMIT, sequence, OK, len(answer), answer)
        else:
            self._answer(_RET_SUBMIT, sequence, OK, len(data), b"")

    def _submit_in(self, sequence: int, endpoint: int, length: int) -> None:
        pipe = self._pipes.ins.get(endpoint)
        if pipe is None:
            self._answer(_RET_SUBMIT, sequence, STALL, 0, b"")
        else:
            pipe.arrived(Transfer(sequence, length))

    def _submit_out(self, sequence: int, endpoint: int, length: int) -> None:
        pipe = self._pipes.outs.get(endpoint)
        place = pipe.place_for(length) if pipe else None
        if pipe is not None and place is not None:
            _receive_into(self._sock, place)
            self._answer(_RET_SUBMIT, sequence, OK, length, b"")
            pipe.landed(length)
            return
        data = memoryview(_receive(self._sock, length))
        if pipe is None:
            self._answer(_RET_SUBMIT, sequence, STALL, 0, b"")
        else:
            pipe.arrived(Transfer(sequence, length, data))

    def _completer(self, transfer: Transfer, status: int, data: bytes | memoryview, actual: int) -> None:
        self._answer(_RET_SUBMIT, transfer.sequence, status, actual, data)

    def _answer(
        self, command: int, sequence: int, status: int, actual: int, data: bytes | memoryview
    ) -> None:
        head = _RETURN.pack(command, sequence, 0, 0, 0, status, actual, 0, 0, 0)
        try:
            with self._sending:
                sent = self._sock.sendmsg([head, data])
                if sent < len(head):
                    self._sock.sendall(head[sent:])
                    sent = len(head)
                if sent < len(head) + len(data):
                    self._sock.sendall(memoryview(data)[sent - len(head) :])
        except OSError as exc:
            raise LinkGone("the importer went away") from exc


def _receive(sock: socket.socket, size_bytes: int) -> bytearray:
    data = bytearray(size_bytes)
    _receive_into(sock, memoryview(data))
    return data


def _receive_into(sock: socket.socket, view: memoryview) -> None:
    filled = 0
    while filled < len(view):
        step = sock.recv_into(view[filled:])
        if not step:
            raise LinkGone("the importer hung up")
        filled += step
