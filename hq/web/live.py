"""Wakes the open pages when something was committed. It carries no data; each page reads what it shows."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager

MAX_LISTENERS = 128
"""Open pages at the same time; each holds one connection."""


class TooManyListenersError(Exception):
    """As many pages are open as are served."""


class Feed:
    """``changed`` may be called from any thread; everything else belongs to the event loop."""

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._listeners: set[asyncio.Event] = set()
        self._closed = threading.Event()

    @property
    def closed(self) -> bool:
        """Whether headquarters is going down, so that streams must end."""
        return self._closed.is_set()

    def admit(self) -> None:
        """Refuse one page too many, before its answer begins."""
        if len(self._listeners) >= MAX_LISTENERS:
            raise TooManyListenersError

    @contextmanager
    def listen(self) -> Iterator[asyncio.Event]:
        """An event that is set at every change; the listener clears it before it reads."""
        self._loop = asyncio.get_running_loop()
        event = asyncio.Event()
        self._listeners.add(event)
        try:
            yield event
        finally:
            self._listeners.discard(event)

    def changed(self) -> None:
        """Something was committed."""
        loop = self._loop
        if loop is None:
            return
        try:
            loop.call_soon_threadsafe(self._wake)
        except RuntimeError:
            self._loop = None  # that loop is closed: nobody listens any more

    def _wake(self) -> None:
        for event in self._listeners:
            event.set()

    def close(self) -> None:
        """End every stream."""
        self._closed.set()
        self.changed()


async def pause(event: asyncio.Event, timeout_s: float) -> bool:
    """Wait for the next change; False after ``timeout_s`` without one."""
    try:
        await asyncio.wait_for(event.wait(), timeout_s)
    except TimeoutError:
        return False
    event.clear()
    return True
