"""What a drop-off keeps out of landfill: at least the share that recyclers must recover by law. It promises no more.

Sources: Directive 2012/19/EU, annex V, part 3 (small IT and telecommunication equipment: 75 % recovered); Regulation
(EU) 2023/1542, annex XII, part B (lithium batteries: 65 % recycling efficiency from the end of 2025).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from recycling.goods import Category

_FULL_BP = 10_000


@dataclass(frozen=True, slots=True)
class Impact:
    """``kept_g`` of ``mass_g``; ``source`` is the key of the words that name the source."""

    mass_g: int
    kept_g: int
    source: str


WEEE, BATTERIES = "weee_annex_v", "eu_2023_1542"
MIXED = "weee_and_batteries"

_RATES = {
    Category.PHONE: (7_500, WEEE),
    Category.BATTERY: (6_500, BATTERIES),
    Category.CHARGER: (7_500, WEEE),
    Category.ACCESSORY: (7_500, WEEE),
}


def kept(category: Category, mass_g: int) -> Impact:
    """Of one thing, floored to whole grams."""
    rate_bp, source = _RATES[category]
    return Impact(mass_g, mass_g * rate_bp // _FULL_BP, source)


def total(things: Iterable[Impact]) -> Impact:
    """Of several; two sources get a name of their own."""
    every = tuple(things)
    sources = {one.source for one in every}
    source = sources.pop() if len(sources) == 1 else MIXED if sources else WEEE
    return Impact(sum(one.mass_g for one in every), sum(one.kept_g for one in every), source)
