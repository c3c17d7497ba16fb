"""Faults as values, and the box of armed ones that flash, links and boot ask. Decides no recovery."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from hw.virtual.errors import BadState


@dataclass(frozen=True, slots=True)
class DropAfter:
    """The cable is cut after ``size_bytes`` of download data; with ``replug`` it comes back by itself."""

    size_bytes: int
    replug: bool = False


@dataclass(frozen=True, slots=True)
class FailFlash:
    """Every flash of this partition (any slot) is answered FAIL."""

    partition: str


@dataclass(frozen=True, slots=True)
class Stall:
    """The phone stops taking data once, for ``seconds``."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Slow:
    """Download data is taken at this rate, as over an old cable."""

    bytes_per_s: float


@dataclass(frozen=True, slots=True)
class DieAtWrite:
    """Power is lost in the middle of the n-th flash block write from now (1 = the next)."""

    nth: int


@dataclass(frozen=True, slots=True)
class CorruptFlash:
    """One byte flips while this partition (any slot) is written next; the phone still answers OKAY."""

    partition: str


@dataclass(frozen=True, slots=True)
class UserDataFault:
    """What the first boot after a flash does to that many of the owner's files."""

    alter: int = 0
    lose: int = 0
    touch: int = 0


@dataclass(frozen=True, slots=True)
class EraseFault:
    """What befalls an erase of this partition (base name). fail: answered FAIL, lie: OKAY and nothing done, both
    until disarmed; once: drop: the cable is out before the answer, off: the power before the erase, die: half-way.
    """

    kind: str
    partition: str


@dataclass(frozen=True, slots=True)
class Garbage:
    """Every answer on every protocol is random bytes."""


Fault = (
    DropAfter | FailFlash | Stall | Slow | DieAtWrite | CorruptFlash | UserDataFault | EraseFault | Garbage
)
_F = TypeVar(
    "_F", DropAfter, FailFlash, Stall, Slow, DieAtWrite, CorruptFlash, UserDataFault, EraseFault, Garbage
)

SPECS = (
    "drop-after:BYTES[,replug] fail-flash:PARTITION stall:SECONDS slow:BYTES_PER_S die-at-write:N "
    "corrupt-flash:PARTITION userdata:alter=N|lose=N|touch=N erase:fail|lie|drop|off|die=PARTITION garbage"
)
"""Every form :func:`parse` understands, for help and errors."""
LYING_ERASE = "erase:lie=userdata"
"""Says that it erased its owner's files, and did nothing."""


def _userdata(value: str) -> UserDataFault:
    counts = {"alter": 0, "lose": 0, "touch": 0}
    for word in value.split(","):
        what, _, number = word.partition("=")
        if what not in counts:
            raise ValueError(what)
        counts[what] = int(number)
    if min(counts.values()) < 0 or not any(counts.values()):
        raise ValueError(value)
    return UserDataFault(**counts)


def _positive(text: str) -> float:
    value = float(text)
    if not 0 < value < float("inf"):
        raise ValueError(text)
    return value


def _name(text: str) -> str:
    if not text.isidentifier():
        raise ValueError(text)
    return text


def _erase(value: str) -> EraseFault:
    kind, _, partition = value.partition("=")
    if kind not in ("fail", "lie", "drop", "off", "die"):
        raise ValueError(kind)
    return EraseFault(kind, _name(partition))


def _drop_after(value: str) -> DropAfter:
    size, _, rest = value.partition(",")
    if rest not in ("", "replug"):
        raise ValueError(rest)
    return DropAfter(int(_positive(size)), replug=bool(rest))


def parse(spec: str) -> Fault:
    """One fault from its specification; :class:`BadState` says which forms there are."""
    kind, _, value = spec.partition(":")
    makers: dict[str, Callable[[str], Fault]] = {
        "drop-after": _drop_after,
        "fail-flash": lambda text: FailFlash(_name(text)),
        "stall": lambda text: Stall(_positive(text)),
        "slow": lambda text: Slow(_positive(text)),
        "die-at-write": lambda text: DieAtWrite(max(1, int(_positive(text)))),
        "corrupt-flash": lambda text: CorruptFlash(_name(text)),
        "userdata": _userdata,
        "erase": _erase,
    }
    if spec == "garbage":
        return Garbage()
    if kind not in makers:
        raise BadState(f"no fault is called {kind!r}; there are: {SPECS}")
    try:
        return makers[kind](value)
    except (ValueError, OverflowError) as exc:
        raise BadState(f"fault {spec!r} is not of the form it takes; there are: {SPECS}") from exc


class FaultBox:
    """The armed faults. Thread-safe; faults that strike once leave the box when they do."""

    def __init__(self, seed: int = 0) -> None:
        self._lock = threading.Condition()
        self._armed: list[Fault] = []
        self._data_left = 0
        self._writes_left = 0
        self._noise = random.Random(seed)  # noqa: S311 - noise, not secrets
        self._links = 0

    def arm(self, fault: Fault) -> None:
        """Put one more fault in; counts begin now. A fault of the same kind is replaced."""
        with self._lock:
            self._armed = [old for old in self._armed if type(old) is not type(fault)]
            self._armed.append(fault)
            if isinstance(fault, DropAfter):
                self._data_left = fault.size_bytes
            elif isinstance(fault, DieAtWrite):
                self._writes_left = fault.nth

    def order(self, spec: str) -> None:
        """Arm by specification; "none" disarms everything."""
        if spec == "none":
            self.clear()
        else:
            self.arm(parse(spec))

    def clear(self) -> None:
        """Disarm everything."""
        with self._lock:
            self._armed.clear()

    def release(self) -> None:
        """End every pause of the links there are now: the phone lost its power or its cable."""
        with self._lock:
            self._links += 1
            self._lock.notify_all()

    @property
    def link(self) -> int:
        """Which link this is: another number after every :meth:`release`."""
        return self._links

    def specs(self) -> list[str]:
        """The armed faults, for status lines."""
        with self._lock:
            return [repr(fault) for fault in self._armed]

    def _find(self, kind: type[_F]) -> _F | None:
        return next((fault for fault in self._armed if isinstance(fault, kind)), None)

    def _take(self, kind: type[_F]) -> _F | None:
        found = self._find(kind)
        if found is not None:
            self._armed.remove(found)
        return found

    # -- the link -------------------------------------------------------------------------------

    def link_is_faulty(self) -> bool:
        """Whether download data must pass :meth:`data` piece by piece."""
        return any(isinstance(fault, (DropAfter, Stall, Slow)) for fault in tuple(self._armed))

    def data(self, size_bytes: int, link: int) -> DropAfter | None:
        """Count download data that came over ``link``; pauses for slow and stall; gives a due cut."""
        if not self._armed:
            return None
        with self._lock:
            slow, stall, drop = self._find(Slow), self._take(Stall), self._find(DropAfter)
            if drop is not None:
                self._data_left -= size_bytes
                if self._data_left > 0:
                    drop = None
                else:
                    self._armed.remove(drop)
            wait_s = (stall.seconds if stall else 0.0) + (size_bytes / slow.bytes_per_s if slow else 0.0)
            if wait_s:
                self._lock.wait_for(lambda: self._links != link, wait_s)
        return drop

    def piece_bytes(self, size_bytes: int) -> int:
        """How much of ``size_bytes`` to take before asking :meth:`data` again: exact cuts, smooth pacing."""
        with self._lock:
            slow, drop = self._find(Slow), self._find(DropAfter)
            piece = size_bytes if slow is None else min(size_bytes, max(1, int(slow.bytes_per_s / 20)))
            return piece if drop is None else max(1, min(piece, self._data_left))

    def noise(self, answer: bytes) -> bytes:
        """``answer``, or as many random bytes where the phone talks garbage."""
        if not self._armed:
            return answer
        with self._lock:
            return answer if self._find(Garbage) is None else self._noise.randbytes(max(1, len(answer)))

    # -- flash ----------------------------------------------------------------------------------

    def fails_flash(self, partition: str) -> bool:
        """Whether a flash of this partition (base name) is to be answered FAIL."""
        with self._lock:
            return any(isinstance(f, FailFlash) and f.partition == partition for f in self._armed)

    def dies_at_this_write(self) -> bool:
        """Count one flash block write; True when the power goes in the middle of it."""
        if not self._armed:
            return False
        with self._lock:
            if self._find(DieAtWrite) is None:
                return False
            self._writes_left -= 1
            if self._writes_left > 0:
                return False
            self._take(DieAtWrite)
            return True

    def erases(self, kind: str, partition: str) -> bool:
        """Whether an erase of this partition (base name) is to meet this kind of :class:`EraseFault` now."""
        with self._lock:
            found = self._find(EraseFault)
            if found is None or (found.kind, found.partition) != (kind, partition):
                return False
            if kind not in ("fail", "lie"):
                self._armed.remove(found)
            return True

    def dying_write(self) -> int:
        """The number (1 = the next) of the write at which power is to be lost, taken out of the box; 0: none."""
        with self._lock:
            found = self._take(DieAtWrite)
            return 0 if found is None else found.nth

    def corrupts(self, partition: str) -> bool:
        """True once, when a byte of this partition (base name) is to flip while it is written."""
        with self._lock:
            found = next((f for f in self._armed if isinstance(f, CorruptFlash)), None)
            if found is None or found.partition != partition:
                return False
            self._armed.remove(found)
            return True

    def user_data(self) -> UserDataFault | None:
        """What the boot after a flash does to the owner's files, once."""
        with self._lock:
            return self._take(UserDataFault)
