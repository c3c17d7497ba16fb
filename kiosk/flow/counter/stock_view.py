"""Bins, manifests, items and processors as the screens see them. It asks nobody and changes nothing."""

from __future__ import annotations

from kiosk.flow.counter import dock_orders
from kiosk.flow.counter.view import BinView, ItemView, ManifestView, ProcessorView
from kiosk.flow.counter.work import Work
from recycling.bins import Bin
from recycling.goods import Lodging
from recycling.lithium import lithium_g
from recycling.manifest import Manifest

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
    names = {one.processor: one.name for one in work.processors}
    return ManifestView(
        manifest.manifest,
        manifest.state.value,
        manifest.processor,
        names.get(manifest.processor, manifest.processor),
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
        )
        for one in work.processors
    )
