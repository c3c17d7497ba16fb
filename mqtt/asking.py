"""Questions that wait for headquarters' answer, shared by whoever asks and the reporter. It opens no socket."""

from __future__ import annotations

import os
import threading
import time
from dataclasses import dataclass, field

from mqtt.fields import ID_BYTES
from mqtt.questions import Answer, Ask

MAX_PENDING = 64


@dataclass(slots=True, eq=False)
class Pending:
    """One question and the caller that waits for it. ``deadline_s`` by the monotonic clock."""

    id: bytes
    ask: Ask
    deadline_s: float
    answer: Answer | None = None
    done: threading.Event = field(default_factory=threading.Event)

    def left_s(self) -> float:
        """Seconds that the caller still waits."""
        return self.deadline_s - time.monotonic()


class Asking:
    """From any thread. What was asked survives a break of the connection until its caller gives up."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._pending: dict[bytes, Pending] = {}
        self._closed = False

    def begin(self, ask: Ask, timeout_s: float) -> Pending | None:
        """Wait for the answer to ``ask``; None when too many wait already, or nobody will ever answer."""
        pending = Pending(os.urandom(ID_BYTES), ask, time.monotonic() + timeout_s)
        with self._lock:
            if self._closed or len(self._pending) >= MAX_PENDING:
                return None
            self._pending[pending.id] = pending
        return pending

    def waiting(self) -> list[Pending]:
        """Those whose callers still wait, in the order they asked."""
        with self._lock:
            return [pending for pending in self._pending.values() if pending.left_s() > 0]

    def settle(self, answer: Answer) -> bool:
        """Hand ``answer`` to its caller; False when nobody asked or the caller has given up."""
        with self._lock:
            pending = self._pending.pop(answer.id, None)
        if pending is None:
            return False
        pending.answer = answer
        pending.done.set()
        return True

    def end(self, pending: Pending) -> None:
        """The caller waits no more."""
        with self._lock:
            self._pending.pop(pending.id, None)

    def close(self) -> None:
        """Let every caller go without an answer."""
        with self._lock:
            self._closed = True
            pending = list(self._pending.values())
            self._pending.clear()
        for one in pending:
            one.done.set()
