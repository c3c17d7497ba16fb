"""Sample moments of bins, parcels and the till, for the gallery and for tests. No flow, no device."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Final

from kiosk.flow.counter.view import BinView, CounterView, ItemView, ManifestView, ProcessorView, StaffView
from kiosk.flow.view import BayView, DeskView
from kiosk.ui.sample import Sample, Step, desk_view

NOW_MS: Final = time.time_ns() // 1_000_000
PARCEL: Final = "01K9Z3V5Q0J8M4PARCEL"
STAFF: Final = StaffView("1001", "李敏", "technician", 212, "01K9SHIFT", NOW_MS - 9_000_000, 318_000)
BINS: Final = (
    BinView(1, "phone", "open", 34, 5_200, 31),
    BinView(2, "battery", "full", 91, 18_450, 340, why="full"),
    BinView(3, "charger", "open", 78, 6_100, 58),
    BinView(4, "accessory", "fault", 45, 6_030, 77, door="jammed", why="fault"),
)
ITEMS: Final = (
    ItemView("01K9ITEM1", "battery", "swollen", 46, "drawer", NOW_MS - 2_400_000),
    ItemView("01K9ITEM2", "phone", "swollen", 171, "quarantine:Q-0007", NOW_MS - 90_000_000),
)
NAMES: Final = {"zh": "绿源", "en": "Lvyuan"}
FORMER: Final = {"zh": "恒达", "en": "Hengda"}
LINES: Final = tuple(
    ItemView(
        f"01K9LINE{number}",
        "battery" if number % 3 else "phone",
        "swollen" if number == 4 else "none",
        900 + 37 * number,
        "transit",
        NOW_MS,
    )
    for number in range(1, 13)
)
DRAFT: Final = ManifestView(
    PARCEL,
    "draft",
    "P1",
    "Lvyuan",
    340,
    18_450,
    lithium_g=18_450,
    since_ms=NOW_MS,
    processor_names=NAMES,
)
PARTIAL: Final = ManifestView(
    "01K9Z3V5Q0J8M4OLDONE",
    "partial",
    "P1",
    "Lvyuan",
    items=12,
    mass_g=13_686,
    received_g=13_134,
    accepted=9,
    refused=3,
    discrepancy_g=-552,
    revision="theirs",
    seals=("KS-004512", "KS-004513"),
    lithium_g=9_800,
    since_ms=NOW_MS - 500_000_000,
    processor_names=NAMES,
    lines=LINES,
    changes={line.item: line.mass_g - 69 for line in LINES[:8]},
    change_reason="discrepancy",
    vehicle="沪A12345",
)
AWAY: Final = replace(
    PARTIAL, state="picked_up", received_g=None, accepted=None, refused=None, discrepancy_g=None
)
AWAY_QUIET: Final = replace(AWAY, revision="", changes={}, change_reason="")
PROCESSORS: Final = (
    ProcessorView("P1", "Lvyuan", "2027-06-30", True, ("phone", "battery", "charger", "accessory"), NAMES),
    ProcessorView("P2", "Hengda", "2026-03-31", False, ("battery",), FORMER),
    ProcessorView(
        "P3", "Xinsheng", "2028-01-31", True, ("phone", "battery"), {"zh": "新生", "en": "Xinsheng"}
    ),
)
HERE: Final = CounterView(staff=STAFF, bins=BINS, items=ITEMS, processors=PROCESSORS, dock=True, trading=True)
PLUGGED: Final = replace(
    desk_view(), bays=(BayView(1, "usb:1-1.1", False, ""), BayView(2, "usb:1-1.2", True, ""))
)


def at(name: str, view: CounterView, *steps: Step, desk: DeskView | None = None) -> Sample:
    return Sample(f"staff_{name}", desk or desk_view(), "staff", counter=view, steps=steps)


def typed(text: str) -> tuple[Step, ...]:
    return tuple(("staff", "key", char) for char in text)


def stock_samples() -> list[Sample]:
    def binat(number: int) -> tuple[Step, ...]:
        return (("staff", "open_bin", number),)

    drafts = replace(HERE, manifests=(DRAFT, PARTIAL))
    over = replace(
        HERE, manifests=(replace(DRAFT, processor="P2", processor_name="Hengda", processor_names=FORMER),)
    )
    away = replace(HERE, manifests=(AWAY_QUIET,))
    at_away: tuple[Step, ...] = (("staff", "open_manifest", AWAY.manifest),)
    correcting: tuple[Step, ...] = (
        ("staff", "go", "correct"),
        ("staff", "weigh_line", LINES[1].item),
        *typed("940"),
        ("staff", "take_mass"),
    )
    cash: tuple[Step, ...] = (("staff", "go", "cash"),)
    to_safe = (("staff", "cash_way", "out"), ("staff", "choose", "cash_reason", "safe"), *typed("2000"))
    booked: tuple[Step, ...] = (
        ("staff", "choose", "booked", "out"),
        ("staff", "choose", "booked_yuan", "2000"),
    )
    sealed = replace(HERE, manifests=(replace(DRAFT, state="sealed", seals=("KS-004512",)),))
    notes: tuple[Step, ...] = (
        ("staff", "go", "shift"),
        *typed("21"),
        ("staff", "focus", "note_5000"),
        *typed("20"),
    )
    return [
        at("bins", HERE, ("staff", "go", "bins")),
        at("bin_open", HERE, *binat(1)),
        at("bin_early", drafts, *binat(1), ("staff", "choose_manifest", PARCEL)),
        at("bin_full", drafts, *binat(2), ("staff", "choose_manifest", PARCEL)),
        at("drawer", HERE, ("staff", "open_item", "01K9ITEM1", "drawer")),
        at("resolve", HERE, ("staff", "open_item", "01K9ITEM1", "resolve")),
        at("manifests", drafts, ("staff", "go", "manifests")),
        at("processors", HERE, ("staff", "go", "processors")),
        at("manifest_draft", drafts, ("staff", "open_manifest", PARCEL), ("staff", "scanned", "seal", "KS-004512")),
        at("manifest_sealed", sealed, ("staff", "open_manifest", PARCEL)),
        at("manifest_province", sealed, ("staff", "open_manifest", PARCEL), ("staff", "choose", "typing", "province")),
        at("manifest_plate", sealed, ("staff", "open_manifest", PARCEL), ("staff", "choose", "carrier_kind", "other"),
           ("staff", "choose_province", "沪"), *typed("A12345")),
        at("manifest_over", over, ("staff", "open_manifest", PARCEL)),
        at("redirect", over, ("staff", "open_manifest", PARCEL), ("staff", "go", "redirect")),
        at("manifest_away", away, *at_away),
        at("correct", away, *at_away, *correcting, ("staff", "choose", "wrong_because", "weighed_again")),
        at("correct_line", away, *at_away, *correcting[:-1]),
        at("manifest_theirs", replace(HERE, manifests=(AWAY,)), *at_away),
        at("manifest_partial", drafts, ("staff", "open_manifest", PARTIAL.manifest)),
        at("shift", HERE, *notes),
        at("cash", HERE, *cash, *to_safe),
        at("cash_booked", HERE, *cash, *booked),
        at("shift_differs", HERE, *notes, ("staff", "close_shift")),
        at("voucher", HERE, ("staff", "go", "voucher"), ("staff", "scanned", "voucher", "VABC234"), *typed("500")),
    ]  # fmt: skip
