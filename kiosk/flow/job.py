"""One effect handed to the hands: where its facts go, and what an error means to the visit. Performs nothing."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from kiosk.flow import effects as do
from kiosk.flow.events import Event, Left, OurFailure, PhoneGone, PhoneRefused, TimeUp, WrongPhone
from kiosk.flow.visit import Visit
from kiosk.ports import OnBytes

_PROGRESS_EVERY_S = 0.05
_REASON = re.compile(r"[a-z][a-z_]{1,39}")

Post = Callable[[Event], None]


@dataclass(frozen=True, slots=True)
class Job:
    """One effect to perform for the visit as it was when the effect was committed."""

    effect: do.WireEffect | do.SupplyEffect
    visit: Visit
    post: Post
    stop: threading.Event


def event_of(exc: Exception, effect: do.WireEffect | do.SupplyEffect) -> Event:
    """What an error means to the visit, by its ``fault``; see :class:`kiosk.ports.PhoneError`."""
    detail = detail_of(exc)
    if isinstance(effect, do.Leave):
        return Left()
    match getattr(exc, "fault", "ours"):
        case "timeout" if not isinstance(effect, do.AwaitUnlock):
            return TimeUp()
        case "link" | "timeout" | "foreign":
            # "foreign" in the middle of a question: the phone has left the mode it was asked in.
            return PhoneGone(detail)
        case "phone":
            return PhoneRefused(detail)
        case "swapped":
            return WrongPhone(detail)
    return OurFailure(reason_of(exc) or "our_error", detail)


def reason_of(exc: Exception) -> str | None:
    """The machine name an adapter's error carries; None for any other (some of Python's have a ``reason``, too)."""
    reason = getattr(exc, "reason", None)
    return reason if isinstance(reason, str) and _REASON.fullmatch(reason) else None


def detail_of(exc: Exception) -> str:
    """One line."""
    return str(getattr(exc, "detail", "") or f"{type(exc).__name__}: {exc}")


def throttled(post: Post, kind: Callable[[int, int], Event]) -> OnBytes:
    """Progress as events, at most one in :data:`_PROGRESS_EVERY_S`, but for the one that says all is done."""
    last_s = 0.0
    whole = False

    def on_bytes(done: int, total: int) -> None:
        nonlocal last_s, whole
        now_s = time.monotonic()
        first_whole = done >= total and not whole
        whole = done >= total
        if first_whole or now_s - last_s >= _PROGRESS_EVERY_S:
            last_s = now_s
            post(kind(done, total))

    return on_bytes
