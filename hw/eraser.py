"""Erases a phone under an accepted trade-in's order, and looks at phones before and after. Decides nothing.

Fastboot cannot read a partition back: that a phone answered OKAY is no proof. Proof is what :meth:`UsbEraser.look`
sees after the restart: the set-up assistant, and not one file.
"""

from __future__ import annotations

import contextlib
import re
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from hw import bays
from hw.bootloader import Bootloader
from hw.errors import Forbidden, HwError, PhoneRefused, PhoneTimeout
from hw.facts import Sighting, Timeouts
from hw.link import pyusb
from hw.link.base import PacketLink
from hw.phone import TcpPhone, UsbPhone
from hw.proto import fastboot
from hw.proto.erase import ERASABLE, ErasingHost
from hw.quirks import Model, model_by_mtp, model_of

OnStep = Callable[[str, int], None]
"""``(step, percent)``. Steps: check, userdata, metadata, metadata_absent, restart, done. Percent only rises."""

_ANSWERING: tuple[Literal["normal", "bootloader", "agent", "foreign"], ...] = (
    "normal",
    "bootloader",
    "agent",
    "foreign",
)
_AGAIN_S = 0.2
_IMEI = re.compile(r"[0-9]{15}\Z", re.ASCII)


class Order(Protocol):
    """What an accepted trade-in orders: which phone, and what of it."""

    @property
    def trade(self) -> str: ...
    @property
    def product(self) -> str: ...
    @property
    def serial(self) -> str: ...
    @property
    def partitions(self) -> tuple[str, ...]: ...


@dataclass(frozen=True, slots=True)
class Look:
    """What can be told of a phone by its cable. ``serial`` is fastboot's, which only the bootloader says.

    ``mtp_serial`` is that of its USB descriptor while it is in use, on many models another one: it stays through an
    erase, so it tells whether a second look meets the phone of the first. The one in MTP's own DeviceInfo does not
    do: AOSP makes it up and keeps it in userdata.
    """

    mode: str  # as hw.facts.Mode
    product: str = ""  # "" = an unknown model, or it does not say
    serial: str = ""
    imei: str = ""  # 15 digits; only some bootloaders say it, and MTP never does
    unlocked: bool | None = None  # its bootloader
    files: int | None = None  # objects that are no folders, unreadable ones included; None = cannot be listed
    wizard: bool | None = None  # None = this model has no way to say it: staff must look at its screen
    mtp_serial: str = ""


@dataclass(frozen=True, slots=True)
class _Who:
    product: str
    serialno: str


class _Talk(Bootloader):
    """A bootloader's conversation that may erase."""

    def __init__(self, link: PacketLink, timeouts: Timeouts) -> None:
        self._eraser = ErasingHost()
        super().__init__(link, timeouts, self._eraser)

    def may(self, who: _Who) -> None:
        """The right phone, and one that lets itself be erased; raises otherwise. Nothing is written."""
        self.check(who)
        if fastboot.yes_no(self.variable("unlocked") or "") is False:
            raise PhoneRefused("its bootloader is locked: only its own factory reset can erase it")
        merge = self.variable("snapshot-update-status")
        if merge == "merging":
            raise PhoneRefused("an update is being merged: let the phone start once, then try again")

    def has(self, partition: str) -> bool:
        """False where the phone does not know the partition's size: older phones have no metadata."""
        return self.variable(f"partition-size:{partition}") is not None

    def erase(self, partition: str) -> None:
        """Erase ``partition``; returns after the phone's OKAY."""
        packet = self._eraser.erase(partition)
        self._ask(packet, f"to erase {partition}", timeout_s=self._timeouts.flash_s)


class _CounterPhone(UsbPhone):
    """A phone on the counter: what a visit's phone can, and the set-up assistant."""

    _device: Any = None  # of the open link

    def _find(self) -> tuple[Any, Any]:
        self._device, backend = super()._find()
        return self._device, backend

    def seen_in_use(self, stop: threading.Event) -> Look:
        """Over MTP. A locked phone's files cannot be listed, and that is said."""
        with self._viewing() as media:
            model = model_by_mtp(media.info.manufacturer, media.info.model)
            serial, wizard = pyusb.serial_of(self._device), None
            if model is not None and model.setup_property is not None:
                said = media.small_property(model.setup_property)
                wizard = None if said not in (0, 1) else said == 1
            is_open = bool(media.storages())
        files = self._count(stop) if is_open else None
        product = model.product if model is not None else ""
        return Look("normal", product, files=files, wizard=wizard, mtp_serial=serial)

    def _count(self, stop: threading.Event) -> int | None:
        listed = self.inventory(0.0, 0, frozenset(), lambda _done, _total: None, stop)
        found = len(listed.objects) + listed.unreadable
        return None if listed.truncated and not found else found

    def seen_with_agent(self, stop: threading.Event) -> Look:
        """Through its update agent, which has no lock and no bootloader."""
        who = self.recognise()
        files, serial = self._count(stop), who.mtp_serial
        return Look("agent", who.product or "", serial, files=files, mtp_serial=serial)


class UsbEraser:
    """The counter's eraser, for phones at any place :func:`hw.bays.parse_where` knows."""

    def __init__(self, timeouts: Timeouts | None = None) -> None:
        self._timeouts = timeouts or Timeouts()

    def look(self, where: str, timeout_s: float, stop: threading.Event | None = None) -> Look:
        """The phone at ``where`` as soon as it answers, within ``timeout_s``. One that only charges is said so.

        Where neither files nor wizard can be told, the rest of the time is for somebody to allow file transfer on
        its screen. ``stop`` ends every wait. Raises PhoneTimeout where nothing came, and what talking to it raises.
        """
        halt, deadline = stop or threading.Event(), time.monotonic() + timeout_s
        while True:
            try:
                return self._look(where, deadline, halt)
            except HwError as exc:
                # One that has just restarted may leave the bus and come back while it is being asked.
                if exc.fault != "link" or time.monotonic() >= deadline or halt.wait(_AGAIN_S):
                    raise

    def _look(self, where: str, deadline: float, halt: threading.Event) -> Look:
        with contextlib.closing(self._open(where)) as phone:
            left = max(0.0, deadline - time.monotonic())
            seen = phone.wait_for(_ANSWERING, left, halt) or phone.look()
            if seen is None:
                raise PhoneTimeout(f"nothing answers at {where}")
            if seen.mode == "bootloader":
                with phone.speaking(Bootloader) as bootloader:
                    return _seen_in_bootloader(bootloader)
            if isinstance(phone, _CounterPhone) and seen.mode == "normal":
                found = phone.seen_in_use(halt)
                if (found.files, found.wizard) != (None, None):
                    return found
                is_open = phone.wait_unlocked(deadline - time.monotonic(), halt)
                return phone.seen_in_use(halt) if is_open else found
            if isinstance(phone, _CounterPhone) and seen.mode == "agent":
                return phone.seen_with_agent(halt)
            return Look(seen.mode)

    def erase(self, where: str, order: Order, on_step: OnStep) -> None:
        """Erase what ``order`` names of the phone that it names, then restart it. Doing it again is harmless.

        Product and serial number are asked on the same link before each command. Raises SwappedPhone,
        PhoneRefused, Forbidden, LinkLost (also: not in its bootloader), PhoneTimeout, RemoteProtocolError; their
        ``written`` is True once an erase command had been sent: what the phone holds then is not known.
        """
        if not order.partitions or not ERASABLE.issuperset(order.partitions) or not order.serial:
            raise Forbidden("an erase order names a phone, and userdata or metadata")
        who = _Who(order.product, order.serial)
        with contextlib.closing(self._open(where)) as phone:
            with phone.speaking(_Talk) as talk:
                on_step("check", 0)
                talk.may(who)
                _erase(talk, who, order.partitions, on_step)
            self._has_left(phone, where)
            on_step("done", 100)

    def _has_left(self, phone: _CounterPhone | TcpPhone, where: str) -> None:
        """A look that follows at once must not meet the bootloader that was just told to go; one that stays shows."""

        def bootloader() -> Sighting | None:
            seen = phone.look()
            return seen if seen is not None and seen.mode == "bootloader" else None

        bays.wait_for(bays.parse_where(where), bootloader, (), self._timeouts.command_s, threading.Event())

    def _open(self, where: str) -> _CounterPhone | TcpPhone:
        place = bays.parse_where(where)
        if isinstance(place, bays.TcpPlace):
            return TcpPhone(place, self._timeouts)
        return _CounterPhone(place, self._timeouts)


def _erase(talk: _Talk, who: _Who, partitions: tuple[str, ...], on_step: OnStep) -> None:
    sent = False
    try:
        for number, partition in enumerate(partitions):
            percent = 10 + 80 * number // len(partitions)
            if partition != "userdata" and not talk.has(partition):
                on_step(f"{partition}_absent", percent)
                continue
            on_step(partition, percent)
            talk.check(who)
            sent = True
            talk.erase(partition)
        on_step("restart", 90)
        talk.check(who)
        talk.reboot()
    except HwError as exc:
        exc.written = sent
        raise


def _seen_in_bootloader(bootloader: Bootloader) -> Look:
    product, serialno = bootloader.who()
    model = model_of(product)
    name = model.getvar("imei") if model is not None else Model.default_getvar("imei")
    imei = (bootloader.variable(name) or "") if name else ""
    unlocked = fastboot.yes_no(bootloader.variable("unlocked") or "")
    return Look("bootloader", product, serialno, imei=imei if _IMEI.match(imei) else "", unlocked=unlocked)
