"""The one theme: colours, sizes in millimetres made pixels by the panel's dpi, type scale, motion. Knows no widget."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Final

Colour = tuple[float, float, float, float]


def _hex(code: str) -> Colour:
    return (int(code[0:2], 16) / 255, int(code[2:4], 16) / 255, int(code[4:6], 16) / 255, 1.0)


class Palette:
    """Every colour there is. One accent for the next step; green: your data is safe; amber: do this; red: stop."""

    GROUND: Final = _hex("F5F6F8")
    CARD: Final = _hex("FFFFFF")
    WELL: Final = _hex("E8EBF0")  # quiet buttons, empty tracks
    RULE: Final = _hex("CDD3DC")  # hairlines only, never text
    INK: Final = _hex("10161F")
    MUTED: Final = _hex("424B59")
    ON_DARK: Final = _hex("FFFFFF")
    ACCENT: Final = _hex("0B46B3")
    ACCENT_DOWN: Final = _hex("083384")
    ACCENT_TINT: Final = _hex("DEE9FF")
    SAFE: Final = _hex("0A5C36")
    SAFE_TINT: Final = _hex("D9F2E3")
    DO: Final = _hex("F5A800")  # carries ink, never white
    DO_INK: Final = _hex("5E3A00")
    DO_TINT: Final = _hex("FFEFC9")
    STOP: Final = _hex("99141B")
    STOP_TINT: Final = _hex("FBE3E3")
    NIGHT: Final = _hex("0B1A38")  # attract and privacy cover
    NIGHT_DISC: Final = _hex("13264F")
    NIGHT_DISC_INNER: Final = _hex("1A3266")
    NIGHT_LINE: Final = _hex("3D5585")
    NIGHT_SOFT: Final = _hex("B9CBF2")
    NIGHT_GLOW: Final = _hex("8FB4FF")


TEXT_ON_GROUND: Final[tuple[tuple[str, str], ...]] = (
    ("INK", "GROUND"),
    ("INK", "CARD"),
    ("INK", "WELL"),
    ("INK", "ACCENT_TINT"),
    ("INK", "SAFE_TINT"),
    ("INK", "DO_TINT"),
    ("INK", "STOP_TINT"),
    ("INK", "DO"),
    ("MUTED", "GROUND"),
    ("MUTED", "CARD"),
    ("MUTED", "WELL"),
    ("ACCENT", "GROUND"),
    ("ACCENT", "CARD"),
    ("ACCENT_DOWN", "ACCENT_TINT"),
    ("SAFE", "GROUND"),
    ("SAFE", "CARD"),
    ("DO_INK", "DO_TINT"),
    ("DO_INK", "CARD"),
    ("STOP", "CARD"),
    ("STOP", "GROUND"),
    ("ON_DARK", "ACCENT"),
    ("ON_DARK", "ACCENT_DOWN"),
    ("ON_DARK", "SAFE"),
    ("ON_DARK", "STOP"),
    ("ON_DARK", "NIGHT"),
    ("NIGHT_SOFT", "NIGHT"),
    ("INK", "NIGHT_GLOW"),
)
"""Every (text, ground) pair the screens use; a test holds each to 7:1 (WCAG 2.2, 1.4.6)."""


def contrast(one: Colour, other: Colour) -> float:
    """Contrast ratio of two opaque colours, 1..21 (WCAG 2.2, relative luminance)."""

    def luminance(colour: Colour) -> float:
        linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in colour[:3]]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


MM_PER_INCH: Final = 25.4
SHOP_PANEL_INCH: Final = 21.5
COUNTER_PANEL_INCH: Final = 10.1
CAP_HEIGHT_EM: Final = 0.733  # Noto Sans CJK, OS/2 sCapHeight
TEXT_SIZES_PERCENT: Final = (100, 150)
LOW_REACH_MM: Final = 1220.0  # above the floor; EN 301 549 / ADA side reach
MOTION_S: Final = 0.2
MOTION_EASE: Final = "out_cubic"


def guess_dpi(width_px: int, height_px: int) -> float:
    """Dots per inch of the panel this shape is sold as: 21.5 inch at 16:9 (or a window like it), 10.1 at 16:10."""
    diagonal_px = math.hypot(width_px, height_px)
    wide = max(width_px, height_px) / min(width_px, height_px)
    return diagonal_px / (SHOP_PANEL_INCH if wide > 1.7 else COUNTER_PANEL_INCH)


@dataclass(frozen=True)
class Theme:
    """Sizes for one panel and one customer's wishes; every length property is in pixels."""

    width_px: int
    height_px: int
    dpi: float
    text_percent: int = 100
    low_reach: bool = False
    panel_bottom_mm: float = 850.0  # the panel's lower edge above the floor

    def mm(self, length_mm: float) -> float:
        """Pixels of a length in millimetres, whole where it matters for crisp edges."""
        return round(length_mm * self.dpi / MM_PER_INCH)

    @property
    def portrait(self) -> bool:
        return self.height_px > self.width_px

    @property
    def compact(self) -> bool:
        """A counter panel: less than 200 mm high, read from a forearm's distance."""
        return self.height_px * MM_PER_INCH / self.dpi < 200

    @property
    def _grow(self) -> float:
        return self.text_percent / 100

    @property
    def _grow_display(self) -> float:
        """Headings are large already: they grow half as much, so that they still break at words."""
        return 1 + (self._grow - 1) / 2

    @cached_property
    def body(self) -> float:
        """Font size with a cap height of 6.2 mm (3.2 mm on a counter panel) at 100 %."""
        cap_mm = 3.2 if self.compact else 6.2
        return round(cap_mm / CAP_HEIGHT_EM * self.dpi / MM_PER_INCH * self._grow)

    @property
    def small(self) -> float:
        return round(self.body * 0.8)

    @property
    def lead(self) -> float:
        """Between body and heading: card headings, big answers."""
        return round(self.body * 1.3)

    @property
    def step(self) -> float:
        """What to do with the phone in hand."""
        return self.body if self.compact else self.lead

    @property
    def title(self) -> float:
        return round(self.body / self._grow * (1.7 if self.compact else 2.0) * self._grow_display)

    @property
    def hero(self) -> float:
        """The one huge thing a screen may have."""
        factor = 5.5 if self.compact else 6.0
        return round(self.body / self._grow * factor * self._grow_display)

    @property
    def target(self) -> float:
        """Least side of anything to be touched: 20 mm and a pixel for rounding."""
        return self.mm(20) + 1

    @property
    def primary_height(self) -> float:
        return self.target if self.compact else self.mm(26)

    @property
    def gap(self) -> float:
        """Least distance between two targets: 4 mm and a pixel."""
        return self.mm(4) + 1

    @property
    def margin(self) -> float:
        return self.mm(6 if self.compact else 14)

    @property
    def space(self) -> float:
        """Between a heading and its text, between rows."""
        return self.mm(3 if self.compact else 5)

    @property
    def section(self) -> float:
        """Between groups."""
        if self.compact:
            return self.mm(5)
        return self.mm(10 if self.portrait else 7)

    @property
    def radius(self) -> float:
        return self.mm(3.5 if self.compact else 5)

    @property
    def stroke(self) -> float:
        """Line width of drawings."""
        return max(2.0, self.dpi / MM_PER_INCH * 0.8)

    @property
    def line_length(self) -> float:
        """Widest a paragraph may run: about 26 Chinese characters, 50 Latin letters."""
        return self.body * 26

    @property
    def reach_drop(self) -> float:
        """Empty pixels at the top in low-reach mode, so that nothing to touch is above 1220 mm."""
        if not self.low_reach:
            return 0.0
        above_mm = self.panel_bottom_mm + self.height_px * MM_PER_INCH / self.dpi - LOW_REACH_MM
        return max(0.0, self.mm(above_mm))
