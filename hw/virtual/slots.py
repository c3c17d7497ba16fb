"""Slot metadata of an A/B phone and the choice of what to boot. One small file, replaced atomically.

The rules are those of AOSP's boot control: set_active gives a slot the highest priority and a few tries; each
try to boot costs one until the system reports success; a slot that fails verification is unbootable.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from hw.virtual.errors import BadState, Refused

_HIGHEST, _LOWER = 15, 14
_TRIES = 3


@dataclass(frozen=True, slots=True)
class Slot:
    """One slot as the bootloader remembers it."""

    priority: int = 0
    tries: int = 0
    successful: bool = False
    unbootable: bool = True

    @property
    def bootable(self) -> bool:
        """Whether the bootloader would try it."""
        return not self.unbootable and (self.successful or self.tries > 0)


class SlotTable:
    """The slots and the stored rollback index, kept in ``path``. A single-slot phone has one slot, ``""``."""

    def __init__(self, path: Path, letters: Sequence[str]) -> None:
        self._path = path
        self.letters = tuple(letters) or ("",)
        self.rollback_index = 0
        self._slots = {letter: Slot() for letter in self.letters}
        if path.exists():
            self._load()

    def _load(self) -> None:
        try:
            stored = json.loads(self._path.read_text("utf-8"))
            self._slots = {letter: Slot(**stored["slots"][letter]) for letter in self.letters}
            self.rollback_index = int(stored["rollback_index"])
        except (OSError, ValueError, KeyError, TypeError) as exc:
            raise BadState(f"{self._path} is not a virtual phone's slot table") from exc

    def _save(self) -> None:
        body = {
            "slots": {letter: asdict(slot) for letter, slot in self._slots.items()},
            "rollback_index": self.rollback_index,
        }
        fresh = self._path.with_suffix(".new")
        with fresh.open("w", encoding="utf-8") as file:
            json.dump(body, file)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(self._path)

    def __getitem__(self, letter: str) -> Slot:
        return self._slots[letter]

    def _change(self, letter: str, slot: Slot) -> None:
        self._slots[letter] = slot
        self._save()

    @property
    def current(self) -> str:
        """The slot the bootloader would boot: the highest priority that is bootable, else the highest."""
        bootable = [letter for letter in self.letters if self._slots[letter].bootable]
        return max(bootable or self.letters, key=lambda letter: self._slots[letter].priority)

    def next_to_boot(self) -> str | None:
        """The slot to try now, or None when nothing is bootable."""
        return self.current if self._slots[self.current].bootable else None

    def set_active(self, letter: str) -> None:
        """Make ``letter`` the next to boot, with fresh tries. :class:`Refused` for no such slot."""
        if letter not in self.letters or letter == "":
            raise Refused(f"no slot is called {letter or 'that'}")
        for other in self.letters:
            if other != letter:
                slot = self._slots[other]
                self._slots[other] = replace(slot, priority=min(slot.priority, _LOWER))
        self._change(letter, Slot(priority=_HIGHEST, tries=_TRIES, successful=False, unbootable=False))

    def written(self, letter: str) -> None:
        """Something in this slot was written: on a single-slot phone it is to be tried anew."""
        if letter in ("", self.current):
            slot = self._slots[letter]
            self._change(letter, replace(slot, tries=_TRIES, successful=False, unbootable=False))

    def trying(self, letter: str) -> None:
        """One try is spent before the slot is even read, so that a crash counts."""
        slot = self._slots[letter]
        if not slot.successful:
            self._change(letter, replace(slot, tries=max(0, slot.tries - 1)))

    def failed(self, letter: str) -> None:
        """Verification failed: never again, until it is written and made active."""
        self._change(letter, replace(self._slots[letter], unbootable=True, successful=False, tries=0))

    def booted(self, letter: str, rollback_index: int) -> None:
        """The system reports success: keep the slot, and refuse anything older from now on."""
        self.rollback_index = max(self.rollback_index, rollback_index)
        self._change(letter, replace(self._slots[letter], successful=True, unbootable=False))

    def factory(self) -> None:
        """As the phone leaves the factory: the first slot works, the other is empty."""
        first = self.letters[0]
        self._slots = {letter: Slot() for letter in self.letters}
        self._change(first, Slot(priority=_HIGHEST, tries=_TRIES, successful=False, unbootable=False))
