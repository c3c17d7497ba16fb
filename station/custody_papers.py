"""Manifests of the custody matrix: emptied bins, corrections by both sides, another processor. They know no cut."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from kiosk.flow.counter import commands as c
from kiosk.flow.counter.view import ManifestView
from ledger import cose
from recycling.manifest import LineAnswer
from recycling.processor_answer import AAD, Answer, encode
from station.custody_floor import SECOND, Floor
from station.custody_rig import BEGIN_MS, OTHER_PROCESSOR
from station.custody_trades import MOST_STEPS
from station.errors import NEEDS_STAFF, StationError
from station.sample_shop import PROCESSOR, processor_key

CHARGERS = 3
OURS_G, THEIRS_G, TYPED_G = 123, 125, 1250
"""What our scale, theirs, and a slip of their finger say that a charger weighs."""


def ship(number: int, is_done: Callable[[Floor], bool] | None = None) -> Callable[[Floor], None]:
    """A bin into a manifest, until the processor has processed it, or until ``is_done``."""
    enough = is_done or _in_state("processed")

    def run(floor: Floor) -> None:
        for _ in range(MOST_STEPS):
            floor.staff()
            if enough(floor):
                return
            live = floor.view.manifests
            if floor.view.bins[number - 1].state == "emptying":
                _carry_out(floor, number)
            elif not floor.truth.manifests():
                floor.press(c.ManifestDraft(PROCESSOR))
            elif live:
                _send(floor, live[0], number)
        raise StationError("the manifest does not go on", NEEDS_STAFF)

    return run


def _in_state(state: str) -> Callable[[Floor], bool]:
    return lambda floor: any(row["state"] == state for row in floor.truth.manifests())


def _is_packed(floor: Floor) -> bool:
    return any(row["lodging"] == "parcel" for row in floor.truth.items())


def _carry_out(floor: Floor, number: int) -> None:
    status = floor.dock.status()
    if status[f"bin{number}_door_lock"] == "released" or status[f"bin{number}_door"] == "open":
        if status[f"bin{number}_g"]:
            floor.dock.act("open_door", bin=number)
            floor.dock.act("empty", bin=number)
        floor.dock.act("close_door", bin=number)
    floor.press(c.BinClosed(number), "bin_not_opened")


def _send(floor: Floor, manifest: ManifestView, number: int) -> None:
    name = manifest.manifest
    if manifest.state == "draft":
        if floor.view.bins[number - 1].items:
            floor.press(c.BinEmpty(number, name, SECOND))
            floor.wait(lambda: floor.dock.status()[f"bin{number}_door_lock"] == "released", "the bin's door")
            return
        floor.press(c.ManifestSeal(name, (f"M-{name[-8:]}",), SECOND))
    elif manifest.state == "sealed":
        floor.press(c.ManifestPickUp(name, "Sample Carriers", "SH-A10086"))
    elif manifest.state == "picked_up":
        _told(floor, manifest, "answered", items=_verdict(floor, name))
    else:
        _told(floor, manifest, "processed")


def _verdict(floor: Floor, manifest: str) -> tuple[LineAnswer, ...]:
    """Everything is there; of more than one thing the last is refused."""
    rows = sorted(
        (row for row in floor.truth.items() if row["manifest"] == manifest), key=lambda row: str(row["item"])
    )
    refused = rows[-1]["item"] if len(rows) > 1 else ""
    return tuple(LineAnswer(row["item"], row["item"] != refused, int(row["mass_g"])) for row in rows)


def _told(floor: Floor, manifest: ManifestView, stage: str, **said: Any) -> None:
    """The processor's word, as it arrives from headquarters."""
    answer = Answer(manifest.manifest, manifest.processor, stage, BEGIN_MS, **said)
    floor.press(c.ManifestAnswer(cose.sign1(encode(answer), processor_key(manifest.processor), AAD)))


packed, sealed = ship(CHARGERS, _is_packed), ship(CHARGERS, _in_state("sealed"))


def redirected(floor: Floor) -> None:
    """A draft with everything on it goes to another processor, whose answers alone count from then on."""
    floor.staff()
    for manifest in floor.view.manifests:
        if manifest.state == "draft" and manifest.processor != OTHER_PROCESSOR:
            floor.press(c.ManifestRedirect(manifest.manifest, OTHER_PROCESSOR))
    ship(CHARGERS)(floor)
    if any(row["processor"] != OTHER_PROCESSOR for row in floor.truth.manifests()):
        raise StationError("the first processor got the manifest", NEEDS_STAFF)


def corrected(floor: Floor) -> None:
    """Ours, which they agree to; theirs, mistyped and refused; theirs again, which we agree to."""
    for _ in range(MOST_STEPS):
        floor.staff()
        live = [one for one in floor.view.manifests if one.state in ("sealed", "picked_up")]
        if not live:
            break
        first, last = sorted(live[0].lines, key=lambda line: line.item)
        if live[0].state == "sealed" and first.mass_g != OURS_G:
            _our_correction(floor, live[0], first.item)
        elif live[0].state == "picked_up" and last.mass_g != THEIRS_G:
            _their_correction(floor, live[0], last.item)
        else:
            _send(floor, live[0], CHARGERS)
    ship(CHARGERS)(floor)
    masses = sorted(row["mass_g"] for row in floor.truth.items())
    if masses != [OURS_G, THEIRS_G]:
        raise StationError(f"both sides agreed, and the masses are {masses}", NEEDS_STAFF)


def _our_correction(floor: Floor, manifest: ManifestView, item: str) -> None:
    if manifest.revision == "ours":
        _told(floor, manifest, "agrees")
    else:
        floor.press(c.ManifestRevise(manifest.manifest, {item: OURS_G}, "weighed again"))


def _their_correction(floor: Floor, manifest: ManifestView, item: str) -> None:
    if manifest.revision == "theirs":
        agreed = manifest.changes[item] == THEIRS_G
        floor.press(c.ManifestReviseAnswer(manifest.manifest, agreed))
    else:
        mass_g = THEIRS_G if manifest.revision == "refused" else TYPED_G
        _told(floor, manifest, "proposes", changes={item: mass_g}, note="weighed again")
