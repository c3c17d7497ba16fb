"""What the station says about itself on every screen: name, hotline, hours. Values only."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Signboard:
    """Who to ring, and when."""

    hotline: str = "4008100000"
    hours: str = "8:30-20:30"
