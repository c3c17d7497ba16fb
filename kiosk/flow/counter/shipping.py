"""Manifests until they leave: draft, add, seal, pick-up. What the processor says of them is in answers.py."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from kiosk.flow.counter import commands as c
from kiosk.flow.counter import slip_desk
from kiosk.flow.counter.bin_watch import placed
from kiosk.flow.counter.paper_record import ManifestLine, ManifestRecord
from kiosk.flow.counter.staffing import second_of
from kiosk.flow.counter.things import Noted, Seal, Thing
from kiosk.flow.counter.work import Work
from recycling import manifest_moves as m
from recycling import trade_events as te
from recycling.bins import State as BinState
from recycling.custody import Item, Place, moved
from recycling.custody import joined as into_parcel
from recycling.errors import Refused
from recycling.goods import Hazard, Lodging
from recycling.lithium import lithium_g, un_number
from recycling.manifests import MACHINE, Line, Manifest
from recycling.plate import plate
from recycling.processor import Processor
from recycling.trade_in import MACHINE as TRADE
from service.technician import Action

STEP = MACHINE.step
MAX_TEXT = 40


def draft(work: Work, command: c.ManifestDraft) -> None:
    """To a listed processor whose licence holds today."""
    staff = work.staff(Action.SIGN)
    processor = _licence_holds(work, command.processor)
    manifest = Manifest(work.tools.new_id(), processor.processor, staff.staff, work.now_ms, work.now_ms)
    note = work.note("manifest.drafted", manifest.manifest, {"processor": processor.processor})
    work.commit(manifest, notes=[note])


def redirect(work: Work, command: c.ManifestRedirect) -> None:
    """To another one that may take all of it: what was packed must never be stuck with a licence that ended."""
    work.staff(Action.SIGN)
    manifest = work.memory.manifest(command.manifest)
    processor = _licence_holds(work, command.processor)
    after = STEP(manifest, m.Redirected(work.now_ms, processor, _today(work)))
    note = work.note("manifest.redirected", manifest.manifest, {"processor": processor.processor})
    work.commit(after, notes=[note])


def _licence_holds(work: Work, name: str) -> Processor:
    processor = listed(work, name)
    if _today(work) > processor.licence_until:
        values = {"processor": processor.name, "until": processor.licence_until.isoformat()}
        raise Refused("licence_expired", f"{processor.processor}: {processor.licence_until}", values)
    return processor


def add(work: Work, command: c.ManifestAdd) -> None:
    """From quarantine, or from the shelf once released. The book does not offer held stock."""
    work.staff(Action.SIGN)
    manifest = work.memory.manifest(command.manifest)
    item = work.memory.item(command.item)
    free = {one.item for one in work.tools.book.packable(work.now_ms)}
    if item.item not in free or item.place.lodging is Lodging.BIN:
        raise Refused("not_packable", f"{item.item}: {item.place}", {"place": str(item.place)})
    if work.memory.intent_for(item.item, "trade_flap"):
        raise Refused("bin_busy", f"{item.item} is on its way into a bin", {"bin": 0})
    package = item.package or item.item if item.hazard is not Hazard.NONE else "loose"
    things, notes = joined(work, manifest, [item], package)
    work.commit(*things, notes=notes)


def joined(
    work: Work, manifest: Manifest, items: Sequence[Item], package: str, *, taken_out: bool = False
) -> tuple[list[Thing], list[Noted]]:
    """What it means that those items join a draft; nothing is committed. Raises what forbids it.

    ``taken_out``: they left a bin under this manifest already, so no licence keeps them from standing on it.
    """
    now_ms = work.now_ms
    named = f"{package}/{sum(1 for line in manifest.lines if line.package.startswith(package)) and now_ms}"
    own = package if package == "loose" else named.removesuffix("/0")
    lines = tuple(Line(item.item, item.category, item.hazard, item.mass_g, own, item.trade) for item in items)
    processor = None if taken_out else listed(work, manifest.processor)
    event = m.Added(now_ms, lines, processor, _today(work))
    things: list[Thing] = [STEP(manifest, event)]
    notes: list[Noted] = []
    for item in items:
        after = into_parcel(item, manifest.manifest, now_ms)
        if item.trade:
            trade = work.memory.trade(item.trade)
            things.append(TRADE.step(trade, te.Manifested(now_ms, manifest.manifest)))
        things.append(after)
        notes.append(placed(work, after, str(item.place)))
    return things, notes


def seal(work: Work, command: c.ManifestSeal) -> None:
    """Two people; every seal number is used once; four copies are printed."""
    first = work.staff(Action.SEAL_MANIFEST)
    manifest = work.memory.manifest(command.manifest)
    if any(
        one.state is BinState.EMPTYING and one.manifest == manifest.manifest
        for one in work.memory.bins.values()
    ):
        raise Refused("bin_open", f"{manifest.manifest}: a bin is still being emptied into it")
    seals = tuple(number.strip().upper() for number in command.seals)
    for number in seals:
        if not 4 <= len(number) <= MAX_TEXT or not number.isascii() or not number.replace("-", "").isalnum():
            raise Refused("seal_unreadable", "a seal has letters, digits and dashes")
        if work.tools.book.seal_used(number):
            raise Refused("seal_used", f"seal {number} was used before", {"seal": number})
    processor = listed(work, manifest.processor)
    second = second_of(work, command.second, Action.SEAL_MANIFEST)
    after = STEP(manifest, m.Sealed(work.now_ms, seals, first.staff, second, processor, _today(work)))
    body = {
        "items": len(after.lines),
        "mass_g": after.mass_g,
        "lithium_g": lithium_g(line.piece for line in after.lines),
        "seals": list(seals),
        "second": second,
    }
    used = [Seal(number, manifest.manifest, work.now_ms) for number in seals]
    copies = slip_desk.manifest_copies(work, after, record(work, after, processor))
    work.commit(after, *used, *copies, notes=[work.note("manifest.sealed", manifest.manifest, body)])
    slip_desk.print_waiting(work)


def record(work: Work, manifest: Manifest, processor: Processor) -> ManifestRecord:
    """What stands on the four copies."""
    groups: dict[tuple[str, str], list[Line]] = {}
    for line in manifest.lines:
        key = (line.category.value, un_number(line.category, line.hazard))
        groups.setdefault(key, []).append(line)
    lines = tuple(
        ManifestLine(category, len(inside), sum(line.mass_g for line in inside), un)
        for (category, un), inside in sorted(groups.items())
    )
    shop = work.tools.shop
    return ManifestRecord(
        manifest.manifest,
        processor.name,
        processor.licence,
        processor.licence_until.isoformat(),
        lines,
        manifest.seals,
        (manifest.by, manifest.second),
        work.now_ms,
        shop.zone,
        shop.station,
        slip_desk.code(work, "M", manifest.manifest, len(manifest.lines), manifest.mass_g),
        lithium_g(line.piece for line in manifest.lines),
        hotline=shop.hotline,
    )


def pick_up(work: Work, command: c.ManifestPickUp) -> None:
    """The carrier has it: from now on its items are on the road."""
    work.staff(Action.SIGN)
    manifest = work.memory.manifest(command.manifest)
    carrier, vehicle = command.carrier.strip()[:MAX_TEXT], command.vehicle.strip()
    vehicle = plate(vehicle) if vehicle else ""
    processor = listed(work, manifest.processor)
    after = STEP(manifest, m.PickedUp(work.now_ms, carrier, vehicle, command.by, processor, _today(work)))
    things: list[Thing] = [after]
    notes = [
        work.note(
            "manifest.picked_up",
            manifest.manifest,
            {"carrier": carrier, "vehicle": vehicle, "by": command.by},
        )
    ]
    for item in work.tools.book.items_of(manifest.manifest):
        on_road = moved(item, Place(Lodging.TRANSIT, manifest.manifest), work.now_ms)
        things.append(on_road)
        notes.append(placed(work, on_road, str(item.place)))
    work.commit(*things, notes=notes)


def listed(work: Work, name: str) -> Processor:
    processor = work.tools.reference.processor(name)
    if processor is None:
        raise Refused("processor_unlisted", f"{name[:32]!r} is not listed", {"processor": name[:32]})
    return processor


def _today(work: Work) -> date:
    return work.tools.shop.today(work.now_ms)
