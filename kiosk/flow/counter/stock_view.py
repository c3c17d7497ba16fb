"""Bins, manifests, items and processors as the screens see them. It asks nobody and changes nothing."""

from __future__ import annotations

from kiosk.flow.counter import dock_orders
from kiosk.flow.counter.view import BinView, ItemView, ManifestView, ProcessorView
from kiosk.flow.counter.work import Work
from recycling.bins import Bin
from recycling.goods import Lodging
from recycling.lithium import lithium_g
from recycling.manifest import Line, Manifest

RESTING = frozenset({Lodging.ENTERING, Lodging.DRAWER, Lodging.SHELF, Lodging.QUARANTINE})


def bin(work: Work, one: Bin) -> BinView:
    """One bin, with what its controller sees now."""
    seen = dock_orders.bin_facts(work.facts, one.bin)
    fill = seen.fill_percent if seen else one.fill_percent
    return BinView(
        one.bin,
        one.category.value,
        one.state.value,
        fill,
        one.mass_g,
        one.items,
        seen.door if seen else "",
        one.why,
    )


def manifest(work: Work, manifest: Manifest) -> ManifestView:
    """One manifest."""
    revision = manifest.revision
    taken = sum(1 for one in manifest.answers if one.accepted)
    said = {"open": revision.by, "agreed": "agreed", "refused": "refused"}[revision.state] if revision else ""
    open_one = revision if revision and revision.state == "open" else None
    listed = {one.processor: one for one in work.processors}.get(manifest.processor)
    return ManifestView(
        manifest.manifest,
        manifest.state.value,
        manifest.processor,
        listed.name if listed else manifest.processor,
        len(manifest.lines),
        manifest.mass_g,
        manifest.received_g,
        taken if manifest.answers else None,
        len(manifest.answers) - taken if manifest.answers else None,
        manifest.discrepancy_g,
        said,
        manifest.seals,
        lithium_g(line.piece for line in manifest.lines),
        manifest.since_ms,
        dict(listed.names) if listed else {},
        tuple(_line(work, manifest, line) for line in manifest.lines),
        dict(open_one.changes) if open_one else {},
        open_one.reason if open_one else "",
        manifest.vehicle,
    )


def _line(work: Work, manifest: Manifest, line: Line) -> ItemView:
    item = work.memory.items.get(line.item)
    return ItemView(
        line.item,
        line.category.value,
        line.hazard.value,
        line.mass_g,
        str(item.place) if item else "",
        item.at_ms if item else manifest.since_ms,
        line.trade,
    )


def items(work: Work) -> tuple[ItemView, ...]:
    """What stands somewhere outside bins and manifests."""
    return tuple(
        ItemView(
            item.item,
            item.category.value,
            item.hazard.value,
            item.mass_g,
            str(item.place),
            item.at_ms,
            item.trade,
        )
        for item in work.memory.items.values()
        if item.place.lodging in RESTING
    )


def processors(work: Work) -> tuple[ProcessorView, ...]:
    """Who is listed, and whether the licence holds today."""
    today = work.tools.shop.today(work.now_ms)
    return tuple(
        ProcessorView(
            one.processor,
            one.name,
            one.licence_until.isoformat(),
            today <= one.licence_until,
            tuple(category.value for category in one.categories),
            dict(one.names),
        )
        for one in work.processors
    )
