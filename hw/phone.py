"""A phone in a bay: opens what is there, keeps one conversation at a time, and does what a visit asks.

Fits the kiosk's port by shape. It neither chooses what to write nor decides what an error means.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from hw import bays, inventory
from hw.agent_phone import AgentPhone
from hw.agent_talk import AgentRefused
from hw.bay_phone import BayPhone, WrongMode
from hw.errors import CannotSee, Forbidden, ForeignDevice, LinkLost, PhoneRefused, PhoneTimeout, SwappedPhone
from hw.facts import Identity, Inventory, Mode, Recognised, Sighting, Timeouts, Who
from hw.flashing import Image, OnBytes
from hw.link import pyusb
from hw.link.base import PacketLink, UsbLink
from hw.link.recorder import PacketRecorder, UsbRecorder
from hw.link.tcp import TcpLink
from hw.media import MediaSession, MtpRefused
from hw.quirks import model_by_mtp

_UNLOCK_POLL_S = 0.3
RESTART_S = 20.0  # for an agent to come back after a restart that was needed to see what it runs


class TcpPhone(BayPhone):
    """A bootloader that serves fastboot over TCP. It cannot see user data."""

    def __init__(
        self, place: bays.TcpPlace, timeouts: Timeouts | None = None, transcript: Path | None = None
    ) -> None:
        super().__init__(place, timeouts or Timeouts(), transcript)
        self._tcp_place = place

    def recognise(self) -> Recognised:
        """Always CannotSee."""
        raise CannotSee("over TCP only the bootloader answers: the phone cannot be seen in normal mode")

    def wait_unlocked(self, timeout_s: float, stop: threading.Event) -> bool:  # noqa: ARG002 - the port's shape
        """Always CannotSee."""
        raise CannotSee("over TCP only the bootloader answers: an unlocked screen cannot be seen")

    def inventory(
        self,
        hash_budget_s: float,  # noqa: ARG002
        seed: int,  # noqa: ARG002
        hash_paths: frozenset[str] | None,  # noqa: ARG002
        on_progress: OnBytes,  # noqa: ARG002
        stop: threading.Event,  # noqa: ARG002
    ) -> Inventory:
        """Always CannotSee."""
        raise CannotSee("over TCP only the bootloader answers: user data cannot be seen")

    def _connect(self) -> PacketLink:
        place = self._tcp_place
        link = TcpLink.connect(place.host, place.port, self._timeouts.connect_s)
        self._alive = lambda: link.alive
        self._seen = bays.tcp_sighting(place)
        return link if self._transcript is None else PacketRecorder(link, self._transcript)


class UsbPhone(BayPhone):
    """A phone on a USB port or on a USB/IP bus id."""

    def __init__(
        self,
        place: bays.UsbPlace | bays.UsbipPlace,
        timeouts: Timeouts | None = None,
        transcript: Path | None = None,
    ) -> None:
        super().__init__(place, timeouts or Timeouts(), transcript)
        self._usb_place = place
        self._media: MediaSession | None = None
        self._agent: AgentPhone | None = None
        self._was_agent = False

    def recognise(self) -> Recognised:
        """What MTP's DeviceInfo says; ``product`` is None for a model nobody told this station about."""
        if self._shows_agent():
            with self._at_agent() as agent:
                return agent.recognise()
        with self._viewing() as media:
            model = model_by_mtp(media.info.manufacturer, media.info.model)
            return Recognised(
                manufacturer=media.info.manufacturer,
                mtp_model=media.info.model,
                mtp_serial=media.info.serial,
                product=model.product if model is not None else None,
                battery_percent=media.battery_percent(),
            )

    def wait_unlocked(self, timeout_s: float, stop: threading.Event) -> bool:
        """True once a storage appears; an update agent, which has no lock, only has to be there. A phone that
        re-appears on "file transfer", as many do, is kept.
        """
        if self._shows_agent():
            return self.wait_for(("agent",), timeout_s, stop) is not None
        deadline = time.monotonic() + timeout_s
        while not stop.is_set():
            with contextlib.suppress(LinkLost), self._viewing() as media:
                if media.storages():
                    return True
                media.wait_event(_UNLOCK_POLL_S)
            left = deadline - time.monotonic()
            if left <= 0:
                return False
            if self._media is None:
                stop.wait(min(_UNLOCK_POLL_S, left))
        return False

    def inventory(
        self,
        hash_budget_s: float,
        seed: int,
        hash_paths: frozenset[str] | None,
        on_progress: OnBytes,
        stop: threading.Event,
    ) -> Inventory:
        """List every object; read in full a sample for ``hash_budget_s``, or exactly ``hash_paths``."""
        if self._shows_agent():
            with self._at_agent() as agent:
                return agent.inventory(hash_budget_s, hash_paths, on_progress, stop)
        with self._viewing() as media:
            return inventory.take(media, hash_budget_s, seed, hash_paths, on_progress, stop)

    def identify(self) -> Identity:
        """What the bootloader says, or the agent; one with an image that was never started is restarted first."""
        if not self._shows_agent():
            return super().identify()
        with self._at_agent() as agent:
            said, boots = agent.identify(), agent.boots
            if not agent.is_unstarted:
                return said
            agent.reboot(said)
            self._drop()
        return self._restarted(said, boots)

    def _restarted(self, who: Who, boots: int) -> Identity:
        """What the same agent says once it is back, however often it restarts by itself until then."""
        deadline, never = time.monotonic() + RESTART_S, threading.Event()
        while (left := deadline - time.monotonic()) > 0:
            with contextlib.suppress(LinkLost, PhoneTimeout):
                self.wait_for(("agent",), left, never)
                with self._at_agent() as agent:
                    agent.check(who)
                    said, is_new = agent.identify(), agent.boots != boots
                break
            never.wait(_UNLOCK_POLL_S)
        else:
            raise PhoneTimeout("the phone was told to restart and has not come back")
        if not is_new:
            raise LinkLost("the phone was away, but has not restarted")
        return replace(said, restarted=True)

    def write(
        self, partition: str, image: Image, who: Who, on_progress: OnBytes, base: Image | None = None
    ) -> None:
        """As a bootloader's; an agent is given a bundle, picks its base itself and needs no ``base``."""
        if not self._shows_agent():
            super().write(partition, image, who, on_progress, base)
            return
        with self._at_agent() as agent:
            before = self._sent_bytes - agent.wire_bytes[0]

            def counted(done: int, total: int) -> None:
                self._sent_bytes = before + agent.wire_bytes[0]
                on_progress(done, total)

            agent.write(partition, image, who, counted)

    def set_active(self, slot: str, who: Who) -> None:
        """As a bootloader's; an agent switches by itself once the image is proven."""
        if self._shows_agent():
            raise Forbidden("a phone with an update agent chooses its own slot")
        super().set_active(slot, who)

    def reboot(self, who: Who) -> None:
        """As a bootloader's; an agent has left the bus, or has started again, when this returns."""
        if not self._shows_agent():
            super().reboot(who)
            return
        with self._at_agent() as agent:
            boots, is_told = agent.boots, agent.reboot(who)
            self._drop()
        if not is_told:  # it went before it could say yes: by itself, or with its cable
            self._restarted(who, boots)

    def _shows_agent(self) -> bool:
        """Whether the phone in the bay is an agent's; one that is away for a moment is what it was."""
        seen = self.look()
        if seen is not None:
            self._was_agent = seen.mode == "agent"
        return self._was_agent

    @contextlib.contextmanager
    def _at_agent(self) -> Iterator[AgentPhone]:
        """The agent's conversation, opened if need be; dropped when it may be out of step."""
        with self._lock:
            if self._agent is None or not self._alive():
                self._drop()
                link = self.patiently(lambda: self._open(bays.CDC_DATA, "agent", bays.CDC_COMMANDS))
                self._link = link
                try:
                    self._agent = AgentPhone.over(link, self._timeouts)
                except BaseException:
                    self._drop()
                    raise
            try:
                yield self._agent
            except BaseException as exc:
                is_in_step = isinstance(exc, PhoneRefused | SwappedPhone | Forbidden)
                if not is_in_step or isinstance(exc, AgentRefused):
                    self._drop()
                raise

    @contextlib.contextmanager
    def _viewing(self) -> Iterator[MediaSession]:
        """The MTP session, opened if need be; dropped when it may be out of step."""
        with self._lock:
            if self._media is None or not self._alive():
                self._drop()
                link = self.patiently(lambda: self._open(bays.MTP, "normal"))
                self._link = link
                try:
                    self._media = MediaSession(link, self._timeouts)
                except BaseException:
                    self._drop()
                    raise
            try:
                yield self._media
            except MtpRefused:
                raise
            except BaseException:
                self._drop()
                raise

    def _drop(self) -> None:
        media, self._media = self._media, None
        if media is not None and self._alive():
            media.close()
        agent, self._agent = self._agent, None
        if agent is not None and self._alive():
            agent.close()
        super()._drop()

    def _connect(self) -> PacketLink:
        return self._open(bays.FASTBOOT, "bootloader")

    def _open(
        self, wanted: pyusb.Triple, mode: Mode, commands: frozenset[pyusb.Triple] = frozenset()
    ) -> UsbLink:
        """Claim the interface ``wanted`` of a phone that is in ``mode``, and that of its ``commands``."""
        device, backend = self._find()
        try:
            seen = self._check(device, mode)
        except BaseException:
            if backend is not None:
                backend.close()
            raise
        link = pyusb.PyUsbLink(
            device, lambda triple: triple == wanted, backend, commands.__contains__ if commands else None
        )
        self._alive = lambda: link.alive
        self._seen = seen if backend is not None else None
        return link if self._transcript is None else UsbRecorder(link, self._transcript)

    def _check(self, device: Any, mode: Mode) -> Sighting:
        """The device's own descriptors must say what the list of its bus said."""
        seen = bays.sighting(self.bay, device.idVendor, device.idProduct, pyusb.triples(device))
        if seen.mode == "foreign":
            raise ForeignDevice(f"in the bay is a {seen.what}: it is not served")
        if seen.mode != mode:
            raise WrongMode(f"in the bay is a {seen.what}, not a phone in {mode} mode")
        return seen

    def _find(self) -> tuple[Any, Any]:
        place = self._usb_place
        if isinstance(place, bays.UsbipPlace):
            return pyusb.find_usbip(place.host, place.port, place.busid, self._timeouts.connect_s)
        for device in pyusb.libusb_devices():
            if bays.usb_bay(device) == place.bay:
                return device, None
        raise LinkLost(f"nothing is plugged in at {place.bay}")


def open_phone(
    where: str, *, timeouts: Timeouts | None = None, transcript: Path | None = None
) -> UsbPhone | TcpPhone:
    """The phone at ``where``, not opened yet; ``transcript`` records every transfer. Raises BadWhere."""
    place = bays.parse_where(where)
    if isinstance(place, bays.TcpPlace):
        return TcpPhone(place, timeouts, transcript)
    return UsbPhone(place, timeouts, transcript)
