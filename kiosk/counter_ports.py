"""What the counter needs from the world beside phones: dock, printer, camera, register, claims, payments, eraser.

Adapters match by shape. Methods block; they run on the counter's worker, never on the screen's thread.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Literal, Protocol


class Trouble(Protocol):
    """The attributes every exception of these adapters has."""

    @property
    def reason(
        self,
    ) -> str: ...  # machine name with words: "dock_offline", "printer_no_paper", "camera_missing", ...
    @property
    def detail(self) -> str: ...  # one line for staff and logs


# -- the dock


class BinFacts(Protocol):
    """One bin as its controller sees it."""

    @property
    def number(self) -> int: ...
    @property
    def lock(self) -> Literal["locked", "released", "jammed"]: ...  # of the flap that customers use
    @property
    def flap(self) -> Literal["closed", "open", "jammed"]: ...
    @property
    def door(self) -> Literal["locked", "released", "open"]: ...  # that staff empty it by
    @property
    def fill_percent(self) -> int: ...
    @property
    def falls(
        self,
    ) -> int: ...  # things that fell past the flap's light barrier since power on; wraps at 2**16


class ScaleFacts(Protocol):
    """The drop-off scale."""

    @property
    def mass_g(self) -> int: ...
    @property
    def stable(self) -> bool: ...
    @property
    def trouble(self) -> str: ...  # "", "drift" (empty but not zero), "overload", "silent"


class BayFacts(Protocol):
    """A phone bay's power."""

    @property
    def number(self) -> int: ...
    @property
    def power(self) -> bool: ...
    @property
    def temperature_c(self) -> int: ...
    @property
    def hot(self) -> bool: ...  # switched off by the controller itself
    @property
    def light(self) -> Literal["off", "white", "green", "amber", "red"]: ...


class DockFacts(Protocol):
    """The dock at one moment."""

    @property
    def online(self) -> bool: ...
    @property
    def boots(self) -> int: ...  # of the controller; a change means it was restarted meanwhile
    @property
    def bins(self) -> Sequence[BinFacts]: ...
    @property
    def drawer(self) -> Literal["locked", "released", "open"]: ...
    @property
    def drawer_full(self) -> bool: ...
    @property
    def scale(self) -> ScaleFacts: ...
    @property
    def bays(self) -> Sequence[BayFacts]: ...
    @property
    def tampered(self) -> bool: ...
    @property
    def tampers(self) -> int: ...  # times the housing was opened, ever
    @property
    def stopped(self) -> bool: ...  # emergency stop pressed


class Dock(Protocol):
    """Every method may raise a :class:`Trouble`. ``intent`` makes a repeated order harmless: done once."""

    def facts(self) -> DockFacts:
        """The latest; never blocks. ``online`` False when the controller has been silent for two seconds."""
        ...

    def wait(self, after: int, timeout_s: float) -> int:
        """Until the facts changed since change number ``after``; the number now."""
        ...

    def told_tampered(self, tampers: int) -> None:
        """So many openings of the housing are in the ledger; until then the controller says them, also anew."""
        ...

    def release_flap(self, bin: int, intent: str) -> None: ...
    def lock_flap(self, bin: int, intent: str) -> None: ...
    def release_door(self, bin: int, intent: str) -> None: ...
    def lock_door(self, bin: int, intent: str) -> None: ...
    def release_drawer(self, intent: str) -> None: ...
    def lock_drawer(self, intent: str) -> None: ...
    def tare(self, intent: str) -> None: ...
    def power(self, bay: int, on: bool, intent: str) -> None: ...
    def light(
        self, bay: int, colour: Literal["off", "white", "green", "amber", "red"], intent: str
    ) -> None: ...
    def close(self) -> None: ...


# -- paper


class SlipLine(Protocol):
    """One line of a slip. ``kind``: heading, text, small, pair, rule, space, qr, barcode, cut."""

    @property
    def kind(self) -> str: ...
    @property
    def text(self) -> str: ...
    @property
    def right(self) -> str: ...  # of a pair


class Printer(Protocol):
    """The receipt printer."""

    def state(self) -> str:
        """One of "ready", "paper_low", "no_paper", "cover_open", "off". Never raises."""
        ...

    def print(self, lines: Sequence[SlipLine]) -> None:
        """Returns once the printer has taken it and still answers; raises a :class:`Trouble` otherwise."""
        ...


class Camera(Protocol):
    """The camera over the counter."""

    def take(self) -> bytes:
        """One JPEG of at most 4 MiB; raises a :class:`Trouble` ("camera_missing", "camera_dark")."""
        ...


# -- other people's books


class Register(Protocol):
    """Blacklist and lock register, a file or a service of the GSMA kind."""

    def look(self, imei: str) -> tuple[Literal["clean", "blacklisted", "unknown"], str]:
        """Result and source (name and version). "unknown": it did not answer."""
        ...


class Claims(Protocol):
    """Headquarters' network-wide answer: one live trade-in per IMEI. Asking again with the same trade is harmless."""

    def claim(self, imei: str, trade: str) -> Literal["granted", "elsewhere", "processed", "offline"]: ...
    def redeem(
        self, voucher: str, station: str
    ) -> Literal["granted", "used", "forged", "expired", "offline"]: ...


class Payments(Protocol):
    """Money that leaves. The key makes a payment happen once however often it is asked for."""

    def pay(self, key: str, amount_fen: int, method: str) -> Literal["paid", "refused", "unknown"]: ...
    def state(self, key: str) -> Literal["paid", "refused", "unknown", "never_asked"]: ...


# -- erasing


class PhoneLook(Protocol):
    """What can be told of a phone at the counter without its owner's help."""

    @property
    def mode(self) -> str: ...  # as kiosk.ports.Mode
    @property
    def product(self) -> str: ...
    @property
    def serial(self) -> str: ...  # of its bootloader
    @property
    def mtp_serial(
        self,
    ) -> str: ...  # in normal mode only: another number than the bootloader's on many models
    @property
    def imei(self) -> str: ...  # "" = the phone does not say
    @property
    def unlocked(self) -> bool | None: ...  # its bootloader
    @property
    def files(self) -> int | None: ...  # the owner's, over MTP; None = cannot be listed
    @property
    def wizard(self) -> bool | None: ...  # the set-up wizard is showing; None = cannot be told


class EraseOrder(Protocol):
    """Made by :func:`recycling.erasure.order` from an accepted trade-in and by nothing else."""

    @property
    def trade(self) -> str: ...
    @property
    def product(self) -> str: ...
    @property
    def serial(self) -> str: ...
    @property
    def partitions(self) -> tuple[str, ...]: ...  # userdata, metadata


class Eraser(Protocol):
    """Erases phones and looks at them again. Errors as :class:`kiosk.ports.PhoneError`."""

    def look(self, where: str, timeout_s: float, stop: threading.Event | None = None) -> PhoneLook: ...

    def erase(self, where: str, order: EraseOrder, on_step: Callable[[str, int], None]) -> None:
        """``on_step(step, percent)``. Checks product and serial first; restarts the phone at the end. Repeatable."""
        ...
