"""What people bring: kinds of goods, what is dangerous about them, and where a thing can be. Words only, no rule."""

from __future__ import annotations

from enum import StrEnum


class Category(StrEnum):
    """The four bins' kinds of goods."""

    PHONE = "phone"
    BATTERY = "battery"  # loose, out of its phone
    CHARGER = "charger"
    ACCESSORY = "accessory"  # cables, headsets, cases


class Hazard(StrEnum):
    """What the person who brings it, or staff, says of its battery."""

    NONE = "none"
    DAMAGED = "damaged"  # crushed, leaking, pierced, wet
    SWOLLEN = "swollen"
    HOT = "hot"  # warm by itself, smoking, smelling


class Lodging(StrEnum):
    """Kinds of places; a :class:`Place` names one of that kind. An item is in exactly one place at any time."""

    SCALE = "scale"  # on the drop-off scale, with the person who brings it
    ENTERING = "entering"  # a flap was released for it and its fall was not seen yet
    BIN = "bin"
    DRAWER = "drawer"  # hazard drawer: one item, alone in its package
    COUNTER = "counter"  # on the counter between staff and customer
    SHELF = "shelf"  # held 30 days
    QUARANTINE = "quarantine"  # swollen or damaged units, away from the others
    PARCEL = "parcel"  # packed under a manifest, still here
    TRANSIT = "transit"  # with the carrier
    PROCESSOR = "processor"
    OWNER = "owner"  # given back
    GONE = "gone"  # processed, by the processor's word
