"""What can be wrong with a mirror, as ``--fault`` says it. It serves nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any, Literal

from station.errors import USAGE, StationError

SPECS = (
    "die-after:BYTES slow:BYTES_PER_S trickle[:SECONDS] endless wrong:OFFSET short[:BYTES] no-range status:CODE "
    "first-byte:SECONDS redirect:URL wrong-range gzip silent only:metadata|targets"
)


@dataclass(frozen=True, slots=True)
class Faults:
    """All that is wrong with one mirror at a time."""

    die_after: int | None = None  # bytes of targets sent, then the server is gone
    slow: float | None = None  # bytes a second
    trickle: float | None = None  # seconds between one byte and the next
    endless: bool = False
    wrong: int | None = None  # offset in every target where a byte is flipped
    short: int | None = None  # bytes sent of each body; the length said stays
    no_range: bool = False
    status: int | None = None
    first_byte: float = 0.0  # seconds until the status line
    redirect: str = ""
    wrong_range: bool = False
    gzip: bool = False
    silent: bool = False  # takes the connection and never answers
    only: Literal["", "metadata", "targets"] = ""

    def at(self, path: str) -> Faults:
        """Those that hold for a path below the root."""
        return self if not self.only or path.startswith(f"{self.only}/") else NONE


NONE = Faults()
_FLAGS = ("endless", "no-range", "wrong-range", "gzip", "silent")
_MOST_BYTES = 1 << 50


def parse_faults(specs: Iterable[str]) -> Faults:
    """From the command line's words; :class:`StationError` says which is none."""
    faults = NONE
    for spec in specs:
        name, _, value = spec.partition(":")
        field = name.replace("-", "_")
        try:
            found: Any = (
                True if name in _FLAGS and not value else _VALUES[name](value or _DEFAULTS.get(name, ""))
            )
        except (KeyError, ValueError) as exc:
            raise StationError(f"{spec!r} is not a fault; there are: {SPECS}", USAGE) from exc
        faults = replace(faults, **{field: found})
    return faults


def _bytes(text: str) -> int:
    number = int(text)
    if not 0 <= number <= _MOST_BYTES:
        raise ValueError(text)
    return number


def _seconds(text: str) -> float:
    number = float(text)
    if not 0 <= number <= 3600:  # refuses "nan", too
        raise ValueError(text)
    return number


def _rate(text: str) -> float:
    number = float(text)
    if not 1 <= number <= _MOST_BYTES:
        raise ValueError(text)
    return number


def _status(text: str) -> int:
    number = int(text)
    if not 400 <= number <= 599:
        raise ValueError(text)
    return number


def _url(text: str) -> str:
    if not text.startswith(("http://", "https://")) or not text.isprintable() or " " in text:
        raise ValueError(text)
    return text


def _kind(text: str) -> str:
    if text not in ("metadata", "targets"):
        raise ValueError(text)
    return text


_VALUES: dict[str, Callable[[str], Any]] = {
    "die-after": _bytes,
    "slow": _rate,
    "trickle": _seconds,
    "wrong": _bytes,
    "short": _bytes,
    "status": _status,
    "first-byte": _seconds,
    "redirect": _url,
    "only": _kind,
}
_DEFAULTS = {"trickle": "0.2", "short": "1000"}
