"""The bulk and interrupt pipes between the bus's thread and a function's: blocking, and cut with the cable.

An OUT transfer completes when the function has taken it (until then the device NAKs); data of a big download
goes straight into its place. Source: USB 2.0, 5.8 (bulk) and 8.5.2 (short packets, zero-length packets).
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from hw.virtual.errors import LinkGone, TransferCancelled
from hw.virtual.usb_descriptors import DIRECTION_IN, Endpoint

OK, STALL, OVERFLOW = 0, -32, -75
"""URB statuses as Linux counts them: 0, -EPIPE, -EOVERFLOW."""

_MAX_QUEUED, _MAX_QUEUED_BYTES = 4096, 256 << 20

Pull = Callable[[int], "bytes | memoryview"]
"""``pull(n)`` gives exactly the next ``n`` bytes of what is being sent."""


@dataclass(slots=True)
class Transfer:
    """One URB: ``data`` is what came for OUT; ``taken`` counts the bytes the function has read of it."""

    sequence: int
    length: int
    data: memoryview | bytes = b""
    taken: int = 0


Complete = Callable[[Transfer, int, "bytes | memoryview", int], None]
"""``complete(transfer, status, data, actual_length)``: the answer goes to the host."""


class _Pipe:
    """What both directions share: a queue of transfers and the end of the cable."""

    def __init__(self, endpoint: Endpoint, complete: Complete) -> None:
        self.endpoint = endpoint
        self._complete = complete
        self._queue: deque[Transfer] = deque()
        self._condition = threading.Condition()
        self._closed = False

    def arrived(self, transfer: Transfer) -> None:
        """Bus side: one more URB. :class:`LinkGone` for a host that queues without bound."""
        with self._condition:
            queued_bytes = sum(len(urb.data) for urb in self._queue)
            if len(self._queue) >= _MAX_QUEUED or queued_bytes > _MAX_QUEUED_BYTES:
                raise LinkGone("the host queues more than it may")
            self._queue.append(transfer)
            self._condition.notify_all()

    def cancel(self, sequence: int) -> bool:
        """Bus side: forget a URB (CMD_UNLINK); False where it was completed already."""
        with self._condition:
            found = next((urb for urb in self._queue if urb.sequence == sequence), None)
            if found is not None:
                self._queue.remove(found)
            return found is not None

    def close(self) -> None:
        """Bus side: the cable is out; whoever waits gets :class:`LinkGone`."""
        with self._condition:
            self._closed = True
            self._condition.notify_all()


class OutPipe(_Pipe):
    """Host to device."""

    def __init__(self, endpoint: Endpoint, complete: Complete) -> None:
        super().__init__(endpoint, complete)
        self._target: memoryview | None = None
        self._landed = 0

    def place_for(self, length: int) -> memoryview | None:
        """Bus side: where the next URB's data may go directly, or None to queue it."""
        with self._condition:
            if self._target is None or self._queue or len(self._target) - self._landed < length:
                return None
            return self._target[self._landed : self._landed + length]

    def landed(self, length: int) -> None:
        """Bus side: a URB's data is in the place :meth:`place_for` gave."""
        with self._condition:
            self._landed += length
            if self._target is not None and self._landed >= len(self._target):
                self._target = None
                self._condition.notify_all()

    def read(self) -> bytes:
        """One transfer as the host sent it, completed."""
        transfer = self._next()
        data = bytes(transfer.data[transfer.taken :])
        self._finish(transfer)
        return data

    def read_into(self, view: memoryview, gate: Callable[[int], None] | None) -> None:
        """Fill ``view`` exactly; a ``gate`` (slow, stall, cut) is passed before a transfer completes."""
        filled = 0
        while filled < len(view):
            if gate is None and (landed := self._direct(view[filled:])):
                filled += landed
                continue
            transfer = self._next()
            step = min(len(view) - filled, len(transfer.data) - transfer.taken)
            view[filled : filled + step] = transfer.data[transfer.taken : transfer.taken + step]
            transfer.taken += step
            filled += step
            if gate is not None:
                gate(step)
            if transfer.taken == len(transfer.data):
                self._finish(transfer)

    def _direct(self, view: memoryview) -> int:
        """Let the bus's thread receive into ``view`` while nothing is queued; how many bytes it did."""
        with self._condition:
            if self._queue or self._closed:
                return 0
            self._target, self._landed = view, 0
            self._condition.wait_for(lambda: self._target is None or self._queue or self._closed)
            self._target = None
            if self._closed:
                raise LinkGone("the cable was pulled")
            return self._landed

    def _next(self) -> Transfer:
        with self._condition:
            self._condition.wait_for(lambda: self._queue or self._closed)
            if self._closed:
                raise LinkGone("the cable was pulled")
            return self._queue[0]

    def _finish(self, transfer: Transfer) -> None:
        with self._condition:
            if not self._queue or self._queue[0] is not transfer:
                return  # unlinked by the host meanwhile
            self._queue.popleft()
        self._complete(transfer, OK, b"", len(transfer.data))


class InPipe(_Pipe):
    """Device to host."""

    def __init__(self, endpoint: Endpoint, complete: Complete) -> None:
        super().__init__(endpoint, complete)
        self._aborted = False

    def abort(self) -> None:
        """Bus side: the host cancelled; the send under way raises :class:`TransferCancelled`."""
        with self._condition:
            self._aborted = True
            self._condition.notify_all()

    def abort_done(self) -> None:
        """Function side: the cancellation was honoured (or there was nothing to cancel)."""
        with self._condition:
            self._aborted = False

    def send(self, data: bytes | memoryview, end_with_zlp: bool = True) -> None:
        """Send ``data`` as one transfer of its own."""
        view = memoryview(data)
        sent = 0

        def pull(size_bytes: int) -> memoryview:
            nonlocal sent
            sent += size_bytes
            return view[sent - size_bytes : sent]

        self.stream(pull, len(view), end_with_zlp)

    def stream(self, pull: Pull, size_bytes: int, end_with_zlp: bool = True) -> None:
        """Send ``size_bytes`` from ``pull``, asked only as the host asks; ends short or with a ZLP."""
        packet = self.endpoint.packet_bytes
        left = size_bytes
        while True:
            transfer = self._take()
            if left > transfer.length and transfer.length % packet:
                self._complete(transfer, OVERFLOW, b"", 0)  # babble: the host asked for less than a packet
                return
            step = min(left, transfer.length)
            self._complete(transfer, OK, pull(step) if step else b"", step)
            left -= step
            if left == 0 and (step < transfer.length or not end_with_zlp or size_bytes % packet):
                return

    def _take(self) -> Transfer:
        with self._condition:
            self._condition.wait_for(lambda: self._queue or self._closed or self._aborted)
            if self._closed:
                raise LinkGone("the cable was pulled")
            if self._aborted:
                raise TransferCancelled("cancelled by the host")
            return self._queue.popleft()


class Pipes:
    """All pipes of one import of a device, by endpoint address."""

    def __init__(self, endpoints: Iterable[Endpoint], complete: Complete) -> None:
        self.outs: dict[int, OutPipe] = {}
        self.ins: dict[int, InPipe] = {}
        for endpoint in endpoints:
            number = endpoint.address & 0x0F
            if endpoint.address & DIRECTION_IN:
                self.ins[number] = InPipe(endpoint, complete)
            else:
                self.outs[number] = OutPipe(endpoint, complete)

    def cancel(self, sequence: int) -> bool:
        """Forget a URB wherever it waits; False where none of that number does."""
        return any(pipe.cancel(sequence) for pipe in (*self.outs.values(), *self.ins.values()))

    def close(self) -> None:
        """The cable is out."""
        for pipe in (*self.outs.values(), *self.ins.values()):
            pipe.close()
