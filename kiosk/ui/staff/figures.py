"""Money, mass and time as staff read them. Figures only; the words around them come from the locale."""

from __future__ import annotations

from kiosk.ui.words import Words


def money(fen: int) -> str:
    """Fen as yuan: ¥1,092, and ¥0.50 where there are fen; a minus stands in front."""
    sign, whole, rest = "-" if fen < 0 else "", abs(fen) // 100, abs(fen) % 100
    return f"{sign}¥{whole:,}.{rest:02d}" if rest else f"{sign}¥{whole:,}"


def mass(say: Words, mass_g: int) -> str:
    """Grams, from one kilogram on in kilograms."""
    if mass_g < 1000:
        return say("staff.mass_g", n=mass_g)
    return say("staff.mass_kg", kg=f"{mass_g / 1000:,.1f}")


def age(say: Words, since_ms: int, now_ms: int) -> str:
    """How long ago: minutes, hours from one on, days from two on."""
    seconds = max(0, now_ms - since_ms) // 1000
    if seconds < 3600:
        return say.span(max(60, seconds))
    if seconds < 48 * 3600:
        return say("staff.hours", n=seconds // 3600)
    return say("staff.days", n=seconds // 86400)


def rate(bp: int) -> str:
    """Basis points as percent."""
    return f"{bp / 100:g}%"


def ending(text: str, count: int = 4) -> str:
    """The last characters of a number that is not shown whole."""
    return f"…{text[-count:]}" if len(text) > count else text


def spaced(text: str, group: int = 4) -> str:
    """A long number in groups, as it is read aloud."""
    return " ".join(text[i : i + group] for i in range(0, len(text), group))
