"""A gate of a virtual dock: a bistable bolt and the flap, door or drawer behind it. It has no clock of its own."""

from __future__ import annotations

from dataclasses import dataclass

from hw.virtual.errors import Refused

LOCKED, RELEASED, BETWEEN = 0, 1, 9
BOLT_MS = 120
"""What a motor needs from one end to the other."""


@dataclass(slots=True)
class Gate:
    """A bistable bolt and the leaf behind it: flap, door or drawer. ``leaf``: closed, open, or ajar (stuck)."""

    name: str
    bolt: int = LOCKED
    target: int = LOCKED
    due_ms: int = 0
    leaf: str = "closed"
    bolt_is_jammed: bool = False
    leaf_is_jammed: bool = False

    def drive(self, position: int, now_ms: int) -> None:
        """The motor starts; a jammed bolt stays between."""
        if position not in (LOCKED, RELEASED) or (self.bolt == position and not self.bolt_is_jammed):
            return
        self.target, self.due_ms = position, now_ms + BOLT_MS
        self.bolt = BETWEEN

    def advance(self, now_ms: int) -> None:
        """Get there, if nothing is in the way; a bolt cannot come out behind an open leaf."""
        is_free = not self.bolt_is_jammed and (self.target == RELEASED or self.leaf == "closed")
        if self.bolt == BETWEEN and now_ms >= self.due_ms and is_free:
            self.bolt = self.target

    def open(self) -> None:
        """A hand pulls."""
        if self.leaf != "open" and self.bolt != RELEASED:
            raise Refused(f"the {self.name} is locked")
        self.leaf = "ajar" if self.leaf_is_jammed else "open"

    def close(self) -> None:
        """A hand pushes."""
        if self.leaf != "closed":
            self.leaf = "ajar" if self.leaf_is_jammed else "closed"

    def switches(self) -> list[bool]:
        """Is closed, is open."""
        return [self.leaf == "closed", self.leaf == "open"]
