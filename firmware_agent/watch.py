"""What whoever waits for a download hears of it, and how it says stop. Values only."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

Method = Literal["cached", "delta", "full"]
"""Where a release's images come from: all here already; at least one rebuilt from a difference; whole."""


def _nothing(*_: object) -> None:
    """Nobody listens."""


@dataclass(frozen=True, slots=True)
class Note:
    """One thing worth an entry in the audit log. ``body`` holds counts, bytes, versions and words."""

    kind: str  # "catalogue.refreshed", "catalogue.refused", "fetch.begun", "fetch.moved", "fetch.done", ...
    body: Mapping[str, str | int] = field(default_factory=dict)


MAX_NOTES = 200
"""Of one download or one night: a mirror that lies all day must not fill the audit log."""


class FewNotes:
    """Passes notes on, up to a number of them; the last one says that more were left out. For one thread."""

    def __init__(self, on_note: Callable[[Note], None], most: int = MAX_NOTES) -> None:
        self._on_note = on_note
        self._left = most

    def __call__(self, note: Note) -> None:
        if self._left > 0:
            self._left -= 1
            self._on_note(note if self._left else Note("fetch.notes_left_out"))


@dataclass(frozen=True, slots=True)
class Watch:
    """Handed to long work. Called on the worker's thread; ``stop`` set from outside ends it with ``Stopped``."""

    on_bytes: Callable[[int, int], None] = _nothing
    """``(done_bytes, total_bytes)``: done only rises, total stays as first said."""
    on_note: Callable[[Note], None] = _nothing
    stop: threading.Event = field(default_factory=threading.Event)

    def note(self, kind: str, **body: str | int) -> None:
        """Say one thing."""
        self.on_note(Note(kind, body))


@dataclass(frozen=True, slots=True)
class Offer:
    """How a release's images would come here, decided from the catalogue and the cache; nothing fetched yet."""

    method: Method
    fetch_bytes: int  # over the shop's line
    full_bytes: int  # of the images themselves
    base_version: str = ""  # "" = nothing is rebuilt from an older version
    why: str = ""  # "images_here", "base_here", "no_base", "delta_not_cheaper", "no_delta"
