"""What any bay does with the phone in it: one conversation at a time, let go when it is out of step.

How the phone is reached, and what it shows in normal mode, is for the two kinds of bay in ``hw.phone``.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TypeVar

from hw import bays
from hw.bootloader import Bootloader
from hw.errors import Forbidden, HwError, LinkLost, PhoneRefused, SwappedPhone
from hw.facts import Identity, Mode, Sighting, Timeouts, Who
from hw.flashing import Image, OnBytes, flash
from hw.link.base import PacketLink
from hw.proto import fastboot

_Link = TypeVar("_Link", bound=PacketLink)
_Talk = TypeVar("_Talk")

_RETRY_S = 0.05

_STILL_TALKING = (PhoneRefused, SwappedPhone, Forbidden)
"""Errors after which the conversation is in step: the phone answered, or nothing was sent."""


class WrongMode(LinkLost):
    """Something is in the bay, but not in the mode this step needs. Waiting is the flow's business."""


class BayPhone:
    """What both kinds of bay do with a bootloader."""

    def __init__(self, place: bays.Place, timeouts: Timeouts, transcript: Path | None) -> None:
        self._place = place
        self._timeouts = timeouts
        self._transcript = transcript
        self._lock = threading.RLock()
        self._link: PacketLink | None = None
        self._alive: Callable[[], bool] = lambda: False
        self._bootloader: Bootloader | None = None
        self._seen: Sighting | None = None  # of the open link
        self._sent_bytes = 0

    @property
    def bay(self) -> str:
        """WHERE, as it was given."""
        return self._place.bay

    def look(self) -> Sighting | None:
        """What is in the bay now; None = nothing, or its bus does not answer."""
        seen = self._seen
        if self._link is not None and seen is not None and self._alive():
            return seen  # we hold it: others may no longer list it
        return bays.look(self._place)

    def wait_for(self, modes: Iterable[Mode], timeout_s: float, stop: threading.Event) -> Sighting | None:
        """The first sighting in one of ``modes``; None on timeout or stop. ``()`` waits for an empty bay."""
        return bays.wait_for(self._place, self.look, modes, timeout_s, stop)

    def identify(self) -> Identity:
        """What the bootloader says."""
        with self._talking() as bootloader:
            return bootloader.identify()

    def write(
        self, partition: str, image: Image, who: Who, on_progress: OnBytes, base: Image | None = None
    ) -> None:
        """Download and flash one partition, and nothing else. ``base``: what is proven to be in it now."""
        fastboot.check_command(f"flash:{partition}")
        with self._talking() as bootloader:
            bootloader.check(who)
            flash(bootloader, partition, image, self._counted(on_progress), base)

    @property
    def sent_bytes(self) -> int:
        """Bytes that went over the cable to be written, since this object was made."""
        return self._sent_bytes

    def _counted(self, on_progress: OnBytes) -> OnBytes:
        before = self._sent_bytes

        def counted(done: int, total: int) -> None:
            self._sent_bytes = max(self._sent_bytes, before + done)
            on_progress(done, total)

        return counted

    def set_active(self, slot: str, who: Who) -> None:
        """Boot ``slot`` next time."""
        with self._talking() as bootloader:
            bootloader.check(who)
            bootloader.set_active(slot)

    def reboot(self, who: Who) -> None:
        """Leave the bootloader; the link is let go."""
        with self._talking() as bootloader:
            bootloader.check(who)
            bootloader.reboot()
            self._drop()

    def close(self) -> None:
        """Let go of the device and the bus; the phone is left as it is."""
        link = self._link
        if link is not None and not self._lock.acquire(timeout=0.5):
            link.close()  # a transfer in flight on another thread: it ends with LinkLost
            self._lock.acquire()
        elif link is None:
            self._lock.acquire()
        try:
            self._drop()
        finally:
            self._lock.release()

    def _connect(self) -> PacketLink:
        raise NotImplementedError

    def patiently(self, open_link: Callable[[], _Link]) -> _Link:
        """A device that has just appeared, or that another just let go, gets ``open_s`` to become usable."""
        deadline = time.monotonic() + self._timeouts.open_s
        while True:
            try:
                return open_link()
            except WrongMode:
                raise
            except HwError as exc:
                if exc.fault not in ("link", "timeout") or time.monotonic() >= deadline:
                    raise
                time.sleep(_RETRY_S)

    @contextlib.contextmanager
    def speaking(self, speak: Callable[[PacketLink, Timeouts], _Talk]) -> Iterator[_Talk]:
        """Another kind of conversation with the bootloader, on a link of its own that is let go at the end."""
        with self._lock:
            self._drop()
            try:
                self._link = self.patiently(self._connect)
                yield speak(self._link, self._timeouts)
            finally:
                self._drop()

    @contextlib.contextmanager
    def _talking(self) -> Iterator[Bootloader]:
        """The bootloader's conversation, opened if need be; dropped when it may be out of step."""
        with self._lock:
            if self._bootloader is None or not self._alive():
                self._drop()
                self._link = self.patiently(self._connect)
                self._bootloader = Bootloader(self._link, self._timeouts)
            try:
                yield self._bootloader
            except _STILL_TALKING:
                raise
            except BaseException:
                self._drop()
                raise

    def _drop(self) -> None:
        link, self._link = self._link, None
        self._bootloader = None
        self._seen = None
        if link is not None:
            link.close()
