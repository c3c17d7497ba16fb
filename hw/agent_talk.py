"""A conversation with a device's update agent: pumps its protocol core over a link, one question at a time.

It chooses no update; the device judges what it is given, and a refusal becomes one line for people.
"""

from __future__ import annotations

import contextlib
import secrets
import time
from collections import deque
from collections.abc import Callable, Iterator
from functools import partial
from typing import TypeVar

from firmware_agent import wire
from firmware_agent.order import Order, parse
from hw.errors import HwError, LinkLost, LocalProtocolError, PhoneRefused, PhoneTimeout, RemoteProtocolError
from hw.facts import Timeouts
from hw.link.base import PacketLink
from hw.proto import agent
from hw.proto.agent_facts import Event, Files, Ordered, Rebooting, Refused, Taken, Welcomed, Working

GREETING_S = 1.0
"""A HELLO that has had no answer for so long is said again, after bytes that end any frame begun before it."""

MAX_LOST_STEPS = 3
_READ_BYTES = 4096

_Result = TypeVar("_Result")

OnBytes = Callable[[int, int], None]
Patch = Callable[[int], Iterator[bytes | memoryview]]
"""``patch(offset)`` gives the patch's bytes from there on, in pieces of any size."""


class AgentRefused(PhoneRefused):
    """The agent said no. ``code`` is one of wire's, ``detail_number`` what came with it."""

    def __init__(self, refusal: Refused) -> None:
        super().__init__(refusal.line)
        self.code = refusal.code
        self.detail_number = refusal.detail
        self.out_of_step = refusal.out_of_step


class AgentTalk:
    """One connection to one agent, greeted first. After a link error it is useless; connect anew."""

    def __init__(self, link: PacketLink, timeouts: Timeouts, sequence: int | None = None) -> None:
        self._link = link
        self._timeouts = timeouts
        self._core = agent.Host(secrets.randbelow(65536) if sequence is None else sequence)
        self._events: deque[Event] = deque()
        self._committed = False

    @property
    def welcome(self) -> wire.Welcome:
        """What the device said of itself last."""
        if self._core.welcome is None:
            raise LocalProtocolError("the phone's agent was not greeted")
        return self._core.welcome

    @property
    def wire_bytes(self) -> tuple[int, int]:
        """Bytes that went to the device and that came from it, frames and all."""
        return self._core.went_bytes, self._core.came_bytes

    def greet(self) -> wire.Welcome:
        """Say HELLO until the device answers. One that still builds an image is waited for.

        Raises PhoneTimeout, RemoteProtocolError where it only talks nonsense, AgentRefused, LinkLost.
        """
        now = time.monotonic()
        silent_until, deadline = now + self._timeouts.command_s, now + self._timeouts.flash_s
        self._events.clear()
        self._send(self._core.hello())
        wait_s = min(GREETING_S, self._timeouts.command_s)
        while True:
            before = self._core.late_work
            try:
                event = self._event(wait_s)
            except PhoneTimeout:
                now = time.monotonic()
                if self._core.late_work > before and now < deadline:
                    wait_s = self._timeouts.command_s  # it reads nothing while it works: do not pile up
                    silent_until = now + 2 * wait_s
                    continue
                if now >= min(silent_until, deadline):
                    if self._core.stale_bytes:
                        raise RemoteProtocolError("the phone does not speak the agent's protocol") from None
                    raise
                wait_s = min(GREETING_S, self._timeouts.command_s)
                self._send(self._core.flush() + self._core.hello())
                continue
            if isinstance(event, Welcomed):
                return event.welcome
            raise _unexpected(event)

    def update(self, order: bytes, signature: bytes, patch: Patch, on_progress: OnBytes) -> None:
        """Have the device become what ``order`` says; returns when the new image is written, before a reboot.

        ``on_progress(done, total)``: bytes of the patch acknowledged and bytes of the image built. Bytes the
        device already has for good are not sent again. Raises AgentRefused and the link's errors; ``written``
        is True on those that came after the commit was sent.
        """
        rising = _Rising(on_progress)
        self._committed = False
        self._in_step(lambda: self._transfer(order, signature, patch, rising))
        try:
            self._in_step(lambda: self._commit(parse(order), rising))
        except HwError as exc:
            exc.written = True
            raise

    def files(self, with_hash: bool) -> Iterator[Files]:
        """The owner's files, page by page."""
        first, total = 0, 1
        while first < total:
            event = self._in_step(partial(self._page, first, with_hash))
            if not isinstance(event, Files):
                raise _unexpected(event)
            if not event.files and first < event.total:
                raise RemoteProtocolError(
                    "the phone lists no more files than it has named, but says it has more"
                )
            yield event
            first, total = first + len(event.files), event.total

    def abort(self) -> None:
        """Have the device drop what it staged."""
        self._in_step(lambda: self._ask(self._core.abort(), self._timeouts.transfer_s))

    def reboot(self) -> bool | None:
        """Have it restart: False when it said that it will, True when it was seen to have begun anew already.
        None: the link ended after the question, which is how some say yes; before it LinkLost is raised.
        """
        before, is_asked = self.welcome.boots, False

        def restart() -> bool:
            nonlocal is_asked
            if self.welcome.boots != before:
                return True  # its answer came damaged, but it had heard the question
            self._send(self._core.reboot())
            is_asked = True
            event = self._event(self._timeouts.command_s)
            if not isinstance(event, Rebooting):
                raise _unexpected(event)
            return False

        try:
            return self._in_step(restart)
        except LinkLost:
            if not is_asked:
                raise
            return None

    def wait_gone(self, timeout_s: float) -> bool:
        """Whether the device left the bus within this time, whatever it may still say."""
        deadline = time.monotonic() + timeout_s
        try:
            while (left := deadline - time.monotonic()) > 0:
                with contextlib.suppress(PhoneTimeout):
                    self._link.read(_READ_BYTES, left)
        except LinkLost:
            return True
        return False

    def _transfer(self, order: bytes, signature: bytes, patch: Patch, rising: _Rising) -> None:
        event = self._ask(self._core.place_order(order, signature), self._timeouts.transfer_s)
        placed = self._core.order
        if not isinstance(event, Ordered) or placed is None:
            raise _unexpected(event)
        rising.total = placed.patch_size + placed.image_size
        rising.to(event.received)
        with contextlib.closing(_Pieces(patch(event.received))) as pieces:
            while event.received < placed.patch_size:
                while (count := self._core.room()) > 0:
                    self._send(self._core.data(pieces.take(count)))
                event = self._event(self._timeouts.transfer_s)
                if not isinstance(event, Taken):
                    raise _unexpected(event)
                rising.to(event.received)

    def _commit(self, order: Order, rising: _Rising) -> None:
        """Build the image; work that does not rise is no sign of life. Asked anew, first see what came of it."""
        if self._committed:
            welcome = self.welcome
            if welcome.state == wire.INSTALLED or welcome.image_sha256 == order.image_sha256:
                rising.to(rising.total)
                return
            if welcome.state != wire.READY and welcome.last_code:
                raise AgentRefused(Refused(welcome.last_code, 0, wire.COMMIT))  # its refusal came damaged
        self._committed = True
        before, done = order.patch_size, 0
        self._send(self._core.commit())
        deadline = time.monotonic() + self._timeouts.flash_s
        while isinstance(event := self._event(self._timeouts.flash_s, deadline), Working):
            if event.done == event.total:
                rising.to(rising.total)
                return
            if event.done > done:
                done, deadline = event.done, time.monotonic() + self._timeouts.flash_s
            rising.to(min(before + order.image_size * event.done // event.total, rising.total - 1))
        raise _unexpected(event)

    def _page(self, first: int, with_hash: bool) -> Event:
        return self._ask(self._core.user_files(first, with_hash), self._timeouts.flash_s)

    def _in_step(self, act: Callable[[], _Result]) -> _Result:
        """What ``act`` gives. A frame that was harmed on its way, either way, costs a HELLO and ``act`` again;
        what the device has for good it keeps.
        """
        for _ in range(MAX_LOST_STEPS):
            if self._core.needs_hello:
                self.greet()
            try:
                return act()
            except AgentRefused as exc:
                if not exc.out_of_step:
                    raise
        raise RemoteProtocolError("the phone's agent and this station cannot stay in step")

    def _ask(self, frame: bytes, timeout_s: float) -> Event:
        self._send(frame)
        return self._event(timeout_s)

    def _send(self, frame: bytes) -> None:
        self._link.write(frame, self._timeouts.transfer_s)

    def _event(self, timeout_s: float, deadline: float | None = None) -> Event:
        """The next whole answer within this time, or by ``deadline``: bytes alone win none. A refusal is raised."""
        if deadline is None:
            deadline = time.monotonic() + timeout_s
        while not self._events:
            left = deadline - time.monotonic()
            if left <= 0:
                raise PhoneTimeout("the phone's agent does not come to an end")
            self._events += self._core.receive(self._link.read(_READ_BYTES, left))
        event = self._events.popleft()
        if isinstance(event, Refused):
            self._events.clear()
            raise AgentRefused(event)
        return event


class _Rising:
    """Progress that only rises, whatever is sent twice."""

    def __init__(self, on_progress: OnBytes) -> None:
        self._on_progress = on_progress
        self._done = 0
        self.total = 0

    def to(self, done: int) -> None:
        if done > self._done:
            self._done = done
            self._on_progress(done, self.total)


class _Pieces:
    """An iterator of pieces, taken in other sizes."""

    def __init__(self, source: Iterator[bytes | memoryview]) -> None:
        self._source = source
        self._held = bytearray()

    def take(self, count: int) -> bytes:
        """Exactly ``count`` bytes. Raises LocalProtocolError at the end."""
        while len(self._held) < count:
            piece = next(self._source, None)
            if piece is None:
                raise LocalProtocolError("the update's file became shorter while it was sent")
            self._held += piece
        out = bytes(self._held[:count])
        del self._held[:count]
        return out

    def close(self) -> None:
        """Let go of what the pieces come from."""
        close = getattr(self._source, "close", None)
        if close is not None:
            close()


def _unexpected(event: Event) -> RemoteProtocolError:
    return RemoteProtocolError(f"the phone's agent answered with {type(event).__name__.lower()} out of turn")
