"""The MTP responder on USB: containers, big data streamed as the host asks, events, Cancel and device status.

Source: MTP 1.1, appendix H; USB Still Image Capture Device Definition 1.0, 5.2 (class requests).
"""

from __future__ import annotations

import contextlib
import os
import queue
import struct
import threading
from collections.abc import Sequence

from hw.virtual import mtp_dataset as mtp
from hw.virtual.errors import LinkGone, TransferCancelled
from hw.virtual.faults import FaultBox
from hw.virtual.mtp_dataset import CONTAINER, Code
from hw.virtual.mtp_device import Answer, FileRange, MtpDevice, MtpRefused
from hw.virtual.usb_device import Setup
from hw.virtual.usb_pipes import Pipes

_CANCEL, _GET_EXTENDED_EVENT, _RESET, _GET_STATUS = 0x64, 0x65, 0x66, 0x67
_MAX_COMMAND_BYTES = CONTAINER.size + 4 * mtp.MAX_PARAMETERS
_MAX_DATA_OUT_BYTES = 1 << 20


class MtpFunction:
    """Interface 06/01/01: a bulk pair and an interrupt pipe for events."""

    def __init__(
        self, device: MtpDevice, faults: FaultBox, *, in_pipe: int, out_pipe: int, event_pipe: int
    ) -> None:
        self._device = device
        self._faults = faults
        self._in, self._out, self._events = in_pipe, out_pipe, event_pipe
        self._busy = threading.Event()  # a transaction is under way

    def serve(self, pipes: Pipes) -> None:
        """Transactions until the cable is pulled; a session does not outlive its importer."""
        self._device.drop_session()
        events: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self._device.on_event = lambda code, parameter: events.put(
            mtp.container(mtp.EVENT, code, 0, struct.pack("<I", parameter))
        )
        sender = threading.Thread(target=self._send_events, args=(pipes, events), daemon=True)
        sender.start()
        try:
            while True:
                with contextlib.suppress(TransferCancelled):
                    self._transaction(pipes)
                self._busy.clear()
                pipes.ins[self._in].abort_done()
        finally:
            events.put(None)

    def class_request(self, setup: Setup, data: bytes, pipes: Pipes) -> bytes | None:
        """Cancel, device reset and device status, answered at once."""
        if setup.request == _CANCEL and len(data) == 6:
            if self._busy.is_set():
                pipes.ins[self._in].abort()
            return b""
        if setup.request == _RESET:
            self._device.drop_session()
            return b""
        if setup.request == _GET_STATUS:
            return struct.pack("<HH", 4, Code.DEVICE_BUSY if self._busy.is_set() else Code.OK)
        return None

    def _send_events(self, pipes: Pipes, events: queue.SimpleQueue[bytes | None]) -> None:
        with contextlib.suppress(LinkGone):
            while (event := events.get()) is not None:
                pipes.ins[self._events].send(event, end_with_zlp=False)

    def _transaction(self, pipes: Pipes) -> None:
        packet = pipes.outs[self._out].read()
        if not packet:
            return  # the zero-length packet that ended the host's last transfer
        self._busy.set()
        code, transaction = 0, 0
        parameters: tuple[int, ...] = ()
        try:
            code, transaction, parameters = _command(packet)
            if code in mtp.WRITES_WITH_DATA:
                self._swallow(pipes)
            answer = self._device.operation(code, parameters)
            self._send_data(pipes, code, transaction, answer)
            self._respond(pipes, Code.OK, transaction, answer.parameters)
        except MtpRefused as exc:
            self._respond(pipes, exc.code, transaction, ())

    def _swallow(self, pipes: Pipes) -> None:
        """Read the data phase of an operation that will be refused."""
        first = pipes.outs[self._out].read()
        if len(first) < CONTAINER.size:
            raise MtpRefused(Code.GENERAL_ERROR)
        left = min(CONTAINER.unpack_from(first)[0], _MAX_DATA_OUT_BYTES) - len(first)
        while left > 0:
            left -= len(pipes.outs[self._out].read()) or left

    def _respond(self, pipes: Pipes, code: int, transaction: int, parameters: Sequence[int]) -> None:
        body = struct.pack(f"<{len(parameters)}I", *parameters)
        # Not busy from here on: a host that has this answer may ask for the status at once.
        self._busy.clear()
        packet = self._faults.noise(mtp.container(mtp.RESPONSE, code, transaction, body))
        pipes.ins[self._in].send(packet)

    def _send_data(self, pipes: Pipes, code: int, transaction: int, answer: Answer) -> None:
        pipe = pipes.ins[self._in]
        if isinstance(answer.data, bytes):
            head = mtp.data_head(code, transaction, len(answer.data))
            pipe.send(self._faults.noise(head + answer.data))
        elif answer.data is not None:
            head = mtp.data_head(code, transaction, answer.data.size_bytes)
            with _Source(self._faults.noise(head), answer.data) as source:
                pipe.stream(source.pull, len(head) + answer.data.size_bytes)


class _Source:
    """A container's head, then a file, read as the host asks; a file that shrank is an error, not zeros."""

    def __init__(self, head: bytes, content: FileRange) -> None:
        self._head = head
        self._offset = content.offset
        try:
            self._descriptor = os.open(content.path, os.O_RDONLY)
        except OSError as exc:
            raise MtpRefused(Code.GENERAL_ERROR) from exc

    def __enter__(self) -> _Source:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._descriptor)

    def pull(self, size_bytes: int) -> memoryview:
        """Exactly the next ``size_bytes``."""
        out = memoryview(bytearray(size_bytes))
        start = min(len(self._head), size_bytes)
        out[:start] = self._head[:start]
        self._head = self._head[start:]
        while start < size_bytes:
            step = os.preadv(self._descriptor, [out[start:]], self._offset)
            if not step:
                raise TransferCancelled("the file became shorter while it was read")
            start += step
            self._offset += step
        return out


def _command(packet: bytes) -> tuple[int, int, tuple[int, ...]]:
    """Operation code, transaction and parameters of a command; :class:`MtpRefused` if it is none."""
    if not CONTAINER.size <= len(packet) <= _MAX_COMMAND_BYTES or len(packet) % 4:
        raise MtpRefused(Code.GENERAL_ERROR)
    length, kind, code, transaction = CONTAINER.unpack_from(packet)
    if kind != mtp.COMMAND or length != len(packet):
        raise MtpRefused(Code.GENERAL_ERROR)
    count = (len(packet) - CONTAINER.size) // 4
    return code, transaction, struct.unpack_from(f"<{count}I", packet, CONTAINER.size)
