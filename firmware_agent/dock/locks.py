"""A bolt, and a gate: a bolt with the flap, door or drawer it holds. Says what sensors say, never what was ordered.

They refuse nothing: the controller decides what may be ordered.
"""

from firmware_agent.dock.hardware import BETWEEN
from firmware_agent.dock_wire import (
    CLOSED,
    LEAF_JAMMED,
    LOCK_JAMMED,
    LOCKED,
    OPEN,
    RELEASED,
)

TRIES = 3
TRY_MS = 400
"""A motor bolt is there within 150 ms; what is not there by then is tried again."""
RELOCK_MS = 30000
"""A flap that was released and not opened locks again."""
AJAR_MS = 5000
"""Neither closed nor open for longer than a hand needs."""
OPEN_MS = 60000
"""Something keeps it open."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable


class Bolt:
    """One bistable bolt. ``drive(position)`` starts its motor, ``sense()`` gives LOCKED, RELEASED or BETWEEN.

    A start moves nothing: whatever the sensor says then is how it stays until something is ordered.
    """

    def __init__(self, drive: "Callable[[int], None]", sense: "Callable[[], int]") -> None:
        self._drive = drive
        self._sense = sense
        self._wanted = BETWEEN
        self._tries = 0
        self._tried_ms = 0
        self._before = LOCK_JAMMED
        self.is_moving = False

    @property
    def state(self) -> int:
        """LOCKED, RELEASED or LOCK_JAMMED; while it moves, what it was."""
        found = self._sense()
        if self.is_moving:
            return self._before
        return LOCK_JAMMED if found not in {LOCKED, RELEASED} or self._has_failed(found) else found

    def move(self, position: int, now_ms: int) -> None:
        """Begin to move; :meth:`tick` says when it is there."""
        self._before = self.state
        self._wanted, self._tries, self.is_moving = position, 0, True
        self._try(now_ms)

    def tick(self, now_ms: int) -> None:
        """Look again; drive again where it is not there."""
        if not self.is_moving:
            return
        if self._sense() == self._wanted:
            self.is_moving = False
            self._tries = 0
        elif now_ms - self._tried_ms >= TRY_MS:
            if self._tries < TRIES:
                self._try(now_ms)
            else:
                self.is_moving = False

    def halt(self) -> None:
        """Try no more."""
        self.is_moving = False

    @property
    def may_be_released(self) -> bool:
        """Released, or on its way: its state is still what it was before it moved. A jammed one is not."""
        return self.is_moving or self.state == RELEASED

    def _try(self, now_ms: int) -> None:
        self._tries += 1
        self._tried_ms = now_ms
        self._drive(self._wanted)

    def _has_failed(self, found: int) -> bool:
        return self._tries >= TRIES and found != self._wanted


class Gate:
    """A bolt and the leaf behind it. ``locks_itself``: flaps and the drawer, which customers use, not doors."""

    def __init__(
        self, bolt: Bolt, leaf: "Callable[[], tuple[bool, bool]]", locks_itself: bool, now_ms: int
    ) -> None:
        self.bolt = bolt
        self._leaf = leaf
        self._locks_itself = locks_itself
        self._closed_ms = now_ms  # released and closed since
        self._moved_ms = now_ms  # its leaf is in this position since
        self._seen = CLOSED
        self.leaf = CLOSED
        self.locks_when_closed = False

    def release(self, now_ms: int) -> None:
        """Let it be opened."""
        self.locks_when_closed = False
        self._closed_ms = now_ms
        self.bolt.move(RELEASED, now_ms)

    def lock(self, now_ms: int) -> bool:
        """Lock it; False: it is open, and locks once it is closed."""
        self._look(now_ms)
        if self.leaf != CLOSED:
            self.locks_when_closed = True
            return False
        self.locks_when_closed = False
        if self.bolt.state != LOCKED or self.bolt.is_moving:
            self.bolt.move(LOCKED, now_ms)
        return True

    def is_locked(self, now_ms: int) -> bool:
        """Closed, and its bolt is home and stays there."""
        self._look(now_ms)
        return self.leaf == CLOSED and self.bolt.state == LOCKED and not self.bolt.is_moving

    def may_be_opened(self, now_ms: int) -> bool:
        """Open, released, or about to be. One whose bolt is jammed is not: a broken flap must not keep a door shut."""
        self._look(now_ms)
        return self.leaf != CLOSED or self.bolt.may_be_released

    def tick(self, now_ms: int, host_is_silent: bool, is_stopped: bool) -> None:
        """Look at the leaf, go on with the bolt, lock what is due. With the emergency stop pressed nothing moves."""
        self._look(now_ms)
        if is_stopped:
            self.bolt.halt()
            return
        self.bolt.tick(now_ms)
        if self.leaf != CLOSED or self.bolt.is_moving or self.bolt.state == LOCKED:
            return
        due = self._locks_itself and (host_is_silent or now_ms - self._closed_ms >= RELOCK_MS)
        if self.bolt.state == RELEASED and (self.locks_when_closed or due):
            self.lock(now_ms)

    def _look(self, now_ms: int) -> None:
        is_closed, is_open = self._leaf()
        seen = CLOSED if is_closed and not is_open else OPEN if is_open and not is_closed else LEAF_JAMMED
        if seen != self._seen:
            self._seen, self._moved_ms = seen, now_ms
        if seen == CLOSED:
            if self.leaf != CLOSED:
                self._closed_ms = now_ms
            self.leaf = CLOSED
            return
        limit_ms = AJAR_MS if seen == LEAF_JAMMED else OPEN_MS
        is_stuck = (self._locks_itself or seen == LEAF_JAMMED) and now_ms - self._moved_ms >= limit_ms
        self.leaf = LEAF_JAMMED if is_stuck else OPEN
