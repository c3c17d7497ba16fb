"""What the reporter needs from the station, as structural types: the outbox, signatures, and who is told
what.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from mqtt.messages import Command, Receipt

log = logging.getLogger(__name__)

Sign = Callable[[bytes, str], bytes]
"""``(payload, topic) -> signed message``."""
Verify = Callable[[bytes, str], bytes | None]
"""``(message, topic) -> payload`` once headquarters' signature holds for that topic, else None."""
OnCommand = Callable[[Command], str]
"""Carries a command out; returns "" when done, or one line saying why it was refused. Runs on the reporter's
thread. Must be idempotent by ``command.id``: an unanswered command is sent again after the next
connection."""


class Batch(Protocol):
    """Signed bytes; indices are inclusive."""

    @property
    def first_index(self) -> int: ...
    @property
    def last_index(self) -> int: ...
    @property
    def data(self) -> bytes: ...


class Outbox(Protocol):
    """The ledger as the reporter sees it. Called on the reporter's thread only."""

    def next_batch(self, topic: str, after_index: int | None = None) -> Batch | None:
        """Entries after ``after_index`` (default: the watermark), signed for ``topic``; None at the head."""
        ...

    def settle(self, receipt: Receipt) -> str:
        """Keep a receipt: "moved", "same", "other_epoch" or "not_ours"."""
        ...

    def watermark(self) -> int:
        """The last index headquarters holds."""
        ...

    def head(self) -> tuple[str, int]:
        """``(epoch, last index)``."""
        ...


@dataclass(frozen=True, slots=True)
class Broker:
    """Where the broker listens and how patient to be with it."""

    host: str
    port: int
    keepalive_s: int = 15
    resend_s: float = 5.0  # without a receipt for this long, send again; doubles up to a minute
    health_s: float = 30.0


def _nothing(_: object) -> None:
    """Stand-in for a callback nobody asked for."""


@dataclass(frozen=True, slots=True)
class Callbacks:
    """Who is told what; all run on the reporter's thread and must return soon."""

    on_command: OnCommand | None = None
    on_receipt: Callable[[int], None] = _nothing  # the new watermark
    on_online: Callable[[bool], None] = _nothing
    on_trouble: Callable[[str], None] = log.warning  # one line that needs a person's eye
