"""The drop-off scale: raw ticks to grams, at rest or not, and whether it can be believed. Weighs nothing itself."""

from firmware_agent.dock.hardware import Calibration
from firmware_agent.dock_wire import MAX_MASS_G, SCALE_DRIFT, SCALE_FINE, SCALE_OVERLOAD, SCALE_SILENT

READINGS = 5
BAND_G = 1
"""At rest: the last five readings within one gram."""
READ_MS = 100
SILENT_MS = 1000
DRIFT_G = 5
DRIFT_MS = 10000
"""An empty plate that is off zero for so long."""
TARE_MAX_G = 200
"""A plate has dust on it, not a phone; more than this is for the workshop."""


class Scale:
    """One scale. ``tare_ticks`` is what a tare moved the factory's zero by."""

    def __init__(self, calibration: Calibration, tare_ticks: int) -> None:
        self._calibration = calibration
        limit = abs(TARE_MAX_G * calibration.ticks_per_kg // 1000)
        self.tare_ticks = tare_ticks if abs(tare_ticks) <= limit else 0
        self._last: list[int] = []
        self._ticks = 0
        self._read_ms = -READ_MS
        self._heard_ms = 0
        self._level_ms = 0  # empty and off zero since
        self._is_off = self._is_silent = self._drifts = self._is_covered = False
        self.mass_g = 0

    @property
    def is_stable(self) -> bool:
        """Whether the reading is at rest and can be believed."""
        return (
            len(self._last) == READINGS
            and max(self._last) - min(self._last) <= BAND_G
            and not self._is_silent
            and not self._is_over()
        )

    def trouble(self) -> int:
        """One of dock_wire's SCALE_ values."""
        if self._is_silent:
            return SCALE_SILENT
        if self._is_over():
            return SCALE_OVERLOAD
        return SCALE_DRIFT if self._drifts else SCALE_FINE

    def is_due(self, now_ms: int) -> bool:
        """Whether it is time for the next reading."""
        return now_ms - self._read_ms >= READ_MS

    def read(self, ticks: "int | None", is_covered: bool, now_ms: int) -> None:
        """Take a reading, None where the converter gave none; ``is_covered``: something lies on the plate."""
        self._read_ms = now_ms
        if ticks is None:
            if now_ms - self._heard_ms >= SILENT_MS:
                self._is_silent = True
                self._last.clear()
            return
        self._heard_ms, self._is_silent, self._ticks = now_ms, False, ticks
        figures = self._calibration
        mass_g = _nearest((ticks - figures.zero_ticks - self.tare_ticks) * 1000, figures.ticks_per_kg)
        self.mass_g = max(-MAX_MASS_G, min(MAX_MASS_G, mass_g))
        self._last.append(self.mass_g)
        if len(self._last) > READINGS:
            self._last.pop(0)
        self._is_covered = is_covered
        if is_covered:
            # What was known of the empty plate still holds: a load does not make a false zero a right one.
            self._is_off = self._drifts
            return
        is_off = abs(self.mass_g) > DRIFT_G
        if not is_off or not self._is_off:
            self._level_ms = now_ms
        self._is_off = is_off
        self._drifts = is_off and now_ms - self._level_ms >= DRIFT_MS

    @property
    def may_be_tared(self) -> bool:
        """Empty, at rest, and not too far from the factory's zero."""
        ticks = self._ticks - self._calibration.zero_ticks
        return (
            self.is_stable
            and not self._is_covered
            and abs(ticks * 1000) <= TARE_MAX_G * abs(self._calibration.ticks_per_kg)
        )

    def tare(self) -> None:
        """Call what is on the plate zero."""
        self.tare_ticks = self._ticks - self._calibration.zero_ticks
        self._last.clear()
        self._is_off = self._drifts = False
        self.mass_g = 0

    def _is_over(self) -> bool:
        return self.mass_g > self._calibration.max_g


def _nearest(numerator: int, denominator: int) -> int:
    """The nearest whole number, halves away from zero."""
    if denominator < 0:
        numerator, denominator = -numerator, -denominator
    half = denominator // 2
    return (numerator + half) // denominator if numerator >= 0 else -((half - numerator) // denominator)
