"""Where an item is, and where it may go from there: exactly one place at any time. It opens no lock."""

from __future__ import annotations

from dataclasses import dataclass, replace

from recycling.errors import Refused
from recycling.goods import Category, Hazard, Lodging

L = Lodging


@dataclass(frozen=True, slots=True)
class Place:
    """A place of a kind: bin 2, shelf A3, the parcel of a manifest. ``name`` "" where there is only one."""

    lodging: Lodging
    name: str = ""

    def __str__(self) -> str:
        return f"{self.lodging}:{self.name}" if self.name else self.lodging.value


def place(text: str) -> Place:
    """The place that ``str`` wrote. Raises ValueError."""
    lodging, _, name = text.partition(":")
    return Place(Lodging(lodging), name)


@dataclass(frozen=True, slots=True)
class Item:
    """One physical thing in our hands, or once in them. ``mass_g`` 0 = not weighed yet."""

    item: str  # a ULID; a phone in trade-in has its trade's
    category: Category
    hazard: Hazard
    mass_g: int
    place: Place
    at_ms: int
    trade: str = ""
    manifest: str = ""
    drop: str = ""
    package: str = ""  # a damaged one's own


MOVES: frozenset[tuple[Lodging, Lodging]] = frozenset(
    {
        # the person who brings it
        (L.SCALE, L.ENTERING),
        (L.SCALE, L.OWNER),
        (L.ENTERING, L.SCALE),
        (L.ENTERING, L.BIN),
        (L.ENTERING, L.DRAWER),
        (L.ENTERING, L.OWNER),
        (L.ENTERING, L.QUARANTINE),
        (L.DRAWER, L.QUARANTINE),
        # a phone in trade-in
        (L.COUNTER, L.OWNER),
        (L.COUNTER, L.SHELF),
        (L.COUNTER, L.QUARANTINE),
        (L.SHELF, L.BIN),
        (L.SHELF, L.PARCEL),
        # out, under a manifest only
        (L.BIN, L.PARCEL),
        (L.QUARANTINE, L.PARCEL),
        (L.PARCEL, L.TRANSIT),
        (L.TRANSIT, L.PROCESSOR),
        (L.TRANSIT, L.QUARANTINE),
        (L.PROCESSOR, L.QUARANTINE),
        (L.PROCESSOR, L.GONE),
    }
)
"""From where to where; the database refuses every other move."""

BEGINS = frozenset({L.SCALE, L.COUNTER})
"""Where an item is when it is first known."""

UNWEIGHED = frozenset({L.SCALE, L.ENTERING, L.DRAWER, L.COUNTER, L.OWNER})
"""Where an item may be that nobody has weighed yet."""

UNDER_MANIFEST = frozenset({L.PARCEL, L.TRANSIT, L.PROCESSOR, L.GONE})
"""Where an item can only be under a manifest."""

ENDS = frozenset({L.OWNER, L.GONE})


def moved(item: Item, to: Place, at_ms: int) -> Item:
    """The item in its new place. :class:`Refused` "no_such_move", "not_weighed", "no_manifest"."""
    if (item.place.lodging, to.lodging) not in MOVES:
        raise Refused(
            "no_such_move",
            f"item {item.item}: {item.place} to {to}",
            {"from": str(item.place), "to": str(to)},
        )
    if item.mass_g <= 0 and to.lodging not in UNWEIGHED:
        raise Refused("not_weighed", f"item {item.item} has no mass")
    if to.lodging in UNDER_MANIFEST and not item.manifest:
        raise Refused("no_manifest", f"item {item.item} stands on no manifest")
    return replace(
        item, place=to, at_ms=at_ms, manifest=item.manifest if to.lodging in UNDER_MANIFEST else ""
    )


def joined(item: Item, manifest: str, at_ms: int) -> Item:
    """The item in the parcel of a manifest."""
    return moved(replace(item, manifest=manifest), Place(L.PARCEL, manifest), at_ms)


def weighed(item: Item, mass_g: int, at_ms: int) -> Item:
    """The item with its mass in g. :class:`Refused` "mass_zero"."""
    if mass_g <= 0:
        raise Refused("mass_zero", "an item weighs more than nothing")
    return replace(item, mass_g=mass_g, at_ms=at_ms)
