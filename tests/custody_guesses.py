"""Every PIN that one keypad compared, whichever process did: a power cut brings nobody a fresh set of guesses."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from service.technician import next_try
from tests.counter_fakes import FakeClock, right_pin

KEYPAD = ""
FREE_AT_KEYPAD = 2  # more than one number has: a colleague's slip locks nobody else out


class Guesses:
    """Stands where the PIN is compared. ``hashes``: hash -> staff number."""

    def __init__(self, clock: FakeClock, hashes: Mapping[str, str]) -> None:
        self._clock, self._hashes = clock, hashes
        self._failures: dict[str, list[int]] = {}
        self._open: list[tuple[str, int]] = []
        self._told = 0
        self.compared = 0
        self.right: Counter[str] = Counter()  # by staff number
        self.broken = ""  # what was compared though it had to wait

    def compare(self, pin: str, pin_hash: str) -> bool:
        """The comparison itself; noted while the counter may still die before it writes anything."""
        self.compared += 1
        number, now_ms = self._hashes.get(pin_hash, ""), self._clock.wall_ms()
        waits_s = [next_try(self._failures.get(number, []) if number else [], now_ms)]
        waits_s.append(next_try(self._failures.get(KEYPAD, [])[FREE_AT_KEYPAD:], now_ms))
        if any(waits_s):
            self.broken = f"a PIN of {number or 'nobody'} was compared {max(waits_s)} s too early"
        right = right_pin(pin, pin_hash)
        if right:
            self.right[number] += 1
            self._failures.pop(number, None)
            self._failures.pop(KEYPAD, None)
        else:
            self._open.append((number, now_ms))
        return right

    def seen(self, refused: int) -> None:
        """So many refusals stand in the ledger: those that were written down count for good."""
        for number, at_ms in self._open[: refused - self._told]:
            for key in {number, KEYPAD}:
                self._failures.setdefault(key, []).append(at_ms)
        self._open.clear()
        self._told = refused
