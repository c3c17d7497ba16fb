"""Acts at the bins and of manifests: what hands, mechanisms, carriers and processors can do."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date

from hypothesis import strategies as st
from hypothesis.stateful import rule

from kiosk.flow.counter import commands as c
from recycling.goods import Category
from recycling.manifest import LineAnswer, Manifest
from recycling.manifest import State as Shipping
from recycling.processor_answer import Answer, encode
from tests.custody_shop import Shop
from tests.custody_stage import Stage, bins, numbers, shops

KEYS = {"green": "11" * 32, "small": "33" * 32}


class Goods(Stage):
    """In, and out again."""

    @rule(
        shop=shops,
        category=st.sampled_from(sorted(Category)),
        mass_g=st.sampled_from((35, 90, 480, 501, 14_000)),
    )
    def somebody_drops(self, shop: int, category: Category, mass_g: int) -> None:
        """To the flap, and through it where it is released."""
        place = self.shops[shop]
        self._to_flap(place, category, mass_g)
        drop = next(iter(place.work.memory.drops.values()), None)
        if drop is not None and drop.bin:
            place.dock.hand = drop.item
            self._through(place, drop.bin)

    @rule(shop=shops, category=st.sampled_from(sorted(Category)), mass_g=st.sampled_from((35, 90)))
    def somebody_stands(self, shop: int, category: Category, mass_g: int) -> None:
        """To the flap; the hands are left to other rules."""
        self._to_flap(self.shops[shop], category, mass_g)

    def _to_flap(self, shop: Shop, category: Category, mass_g: int) -> None:
        shop.do(c.DropBegin("zh"))
        for drop in list(shop.work.memory.drops):
            shop.do(c.DropCategory(drop, category))
            shop.do(c.DropHazard(drop, "none"))
            if category is Category.BATTERY:
                shop.do(c.DropTaped(drop, True))
            shop.dock.put(mass_g)
            shop.look()
            shop.do(c.DropOpen(drop))

    @rule(shop=shops, hazard=st.sampled_from(("swollen", "hot")), uses=st.booleans(), empties=st.booleans())
    def somebody_warns(self, shop: int, hazard: str, uses: bool, empties: bool) -> None:
        """Something dangerous, into the drawer or not; staff may pack it."""
        place = self.shops[shop]
        place.do(c.DropBegin("en"))
        for drop in list(place.work.memory.drops):
            place.do(c.DropCategory(drop, "battery"))
            place.do(c.DropHazard(drop, hazard))
        if uses and place.dock.now.drawer == "released":
            place.dock.set(drawer="open")
            place.look()
            place.dock.set(drawer="locked", drawer_full=True)
        place.look()
        if empties and place.dock.now.drawer_full:
            place.log_in()
            place.do(c.DrawerOpen())
            place.dock.set(drawer="locked", drawer_full=False)
            for item in [one for one in place.work.memory.items.values() if str(one.place) == "drawer"]:
                place.do(c.DrawerEmpty(item.item, f"P{len(place.work.memory.items)}", 320))
        place.look()

    @rule(
        shop=shops,
        number=bins,
        act=st.sampled_from(("open", "fall", "shut", "jam", "free", "fill", "door", "empty")),
    )
    def hands(self, shop: int, number: int, act: str) -> None:
        """What hands and a worn mechanism can do."""
        dock = self.shops[shop].dock
        match act:
            case "open" | "fall" | "shut":
                if act == "fall" and not dock.hand:
                    waiting = [
                        one for one in self.shops[shop].work.memory.intents.values() if one.kind == "flap"
                    ]
                    dock.hand = next((one.subject for one in waiting if one.figures.get("bin") == number), "")
                getattr(dock, act)(number)
            case "jam":
                dock.bin(number, lambda one: replace(one, flap="jammed"))
            case "free":
                dock.bin(number, lambda one: replace(one, flap="closed", lock="locked"))
            case "fill":
                dock.bin(number, lambda one: replace(one, fill_percent=91))
            case "door" if dock.of(number).door == "released":
                dock.bin(number, lambda one: replace(one, door="open"))
            case "empty" if dock.of(number).door == "open":
                dock.inside = {item: where for item, where in dock.inside.items() if where != number}
                dock.bin(number, lambda one: replace(one, door="released", fill_percent=0))
        self.shops[shop].look()

    @rule(shop=shops, another=st.booleans())
    def person_leaves(self, shop: int, another: bool) -> None:
        place = self.shops[shop]
        for drop in list(place.work.memory.drops):
            place.do(c.DropAnother(drop) if another else c.DropDone(drop))

    # -- out

    @rule(shop=shops, processor=st.sampled_from(("green", "small", "late")))
    def manifest_begins(self, shop: int, processor: str) -> None:
        self.shops[shop].do(c.ManifestDraft(processor))

    @rule(shop=shops, which=numbers, processor=st.sampled_from(("green", "small", "late", "late")))
    def manifest_turns(self, shop: int, which: int, processor: str) -> None:
        """To another processor, whether it may or not."""
        place = self.shops[shop]
        place.log_in()
        known = self._manifests(place, Shipping.DRAFT) or self._manifests(place)
        if known:
            place.do(c.ManifestRedirect(known[which % len(known)].manifest, processor))

    @rule(shop=shops, processor=st.sampled_from(("green", "green", "small", "late")), holds=st.booleans())
    def licence(self, shop: int, processor: str, holds: bool) -> None:
        """The list says so from now on."""
        place = self.shops[shop]
        place.world.reference.licence(processor, date(2090, 1, 1) if holds else date(2026, 7, 1))
        place.work.read_lists()

    @rule(shop=shops, which=numbers, number=bins, closes=st.booleans())
    def bin_is_emptied(self, shop: int, which: int, number: int, closes: bool) -> None:
        """Locked, opened by two, emptied, closed."""
        place = self.shops[shop]
        place.log_in()
        drafts = self._manifests(place, Shipping.DRAFT) or self._manifests(place)
        if not drafts:
            return
        place.do(c.BinEmpty(number, drafts[which % len(drafts)].manifest, place.second()))
        self.hands(shop, number, "door")
        self.hands(shop, number, "empty")
        if closes:
            place.do(c.BinClosed(number))

    @rule(
        shop=shops,
        number=bins,
        steps=st.integers(1, 12),
        refused=st.integers(0, 7),
        apart_g=st.sampled_from((0, 0, 70)),
        corrected=st.sampled_from(("", "ours", "theirs")),
        agreed=st.booleans(),
        ends=st.sampled_from(("", "", "", "seal", "pick-up")),
        first=st.sampled_from(("green", "also")),
    )
    def goods_go_out(
        self,
        shop: int,
        number: int,
        steps: int,
        refused: int,
        apart_g: int,
        corrected: str,
        agreed: bool,
        ends: str,
        first: str,
    ) -> None:
        """The usual way of a manifest, some steps of it.

        ``corrected``: who found a mass wrong on the way; ``ends``: before what the licence does; ``first``: to whom
        it was to go when it was begun.
        """
        place = self.shops[shop]
        place.log_in()
        self.licence(shop, "green", True)
        if not self._manifests(place):
            place.do(c.ManifestDraft(first))
        if not self._manifests(place):
            return
        manifest = self._manifests(place)[-1]
        name = manifest.manifest
        if manifest.state is Shipping.DRAFT:
            filled = [one.bin for one in place.work.memory.bins.values() if one.items]
            self.bin_is_emptied(shop, 0, filled[number % len(filled)] if filled else number, True)
            for item in place.packable:
                place.do(c.ManifestAdd(name, item))
            place.do(c.ManifestRedirect(name, "green"))
        acts: tuple[Callable[[], None], ...] = (
            lambda: self.licence(shop, "green", ends != "seal"),
            lambda: place.do(c.ManifestSeal(name, (self._seal(),), place.second())),
            lambda: self._corrects(shop, corrected, agreed),
            lambda: self.licence(shop, "green", ends != "pick-up"),
            lambda: place.do(c.ManifestPickUp(name, "Hauler", "B-12345")),
            lambda: self.processor_answers(shop, -1, "answered", refused, apart_g, "green"),
            lambda: place.do(c.ManifestReviseAnswer(name, True)),
            lambda: self.processor_answers(shop, -1, "processed", 0, 0, "green"),
        )
        for act in acts[: max(0, steps - 2)]:
            act()

    def _corrects(self, shop: int, by: str, agreed: bool) -> None:
        """One side proposes, tries to agree with itself, and the other answers."""
        if by == "ours":
            self.correction(shop, -1, 0)
            self.correction(shop, -1, 1)
            self.processor_answers(shop, -1, "agrees" if agreed else "refuses", 0, 0, "green")
        elif by == "theirs":
            self.processor_answers(shop, -1, "proposes", 0, 0, "green")
            self.processor_answers(shop, -1, "agrees", 0, 0, "green")
            self.correction(shop, -1, 1 if agreed else 2)

    @rule(shop=shops, number=bins, what=st.sampled_from(("fault", "hazard", "closed")))
    def bin_is_touched(self, shop: int, number: int, what: str) -> None:
        self.shops[shop].do(c.BinClosed(number) if what == "closed" else c.BinLock(number, what))

    @rule(shop=shops, which=numbers, item=numbers)
    def item_joins(self, shop: int, which: int, item: int) -> None:
        place = self.shops[shop]
        known, items = self._manifests(place), sorted(place.work.memory.items)
        if known and items:
            place.do(c.ManifestAdd(known[which % len(known)].manifest, items[item % len(items)]))

    @rule(shop=shops, which=numbers, means=st.sampled_from(("road", "road", "air")), fresh=st.booleans())
    def manifest_leaves(self, shop: int, which: int, means: str, fresh: bool) -> None:
        place = self.shops[shop]
        place.log_in()
        known = self._manifests(place)
        if not known:
            return
        name = known[which % len(known)].manifest
        place.do(c.ManifestSeal(name, (self._seal() if fresh else "SEAL-0001",), place.second()))
        place.do(c.ManifestPickUp(name, "Hauler", "B-12345", means))

    @rule(
        shop=shops,
        which=numbers,
        stage=st.sampled_from(
            ("received", "answered", "answered", "processed", "proposes", "agrees", "refuses")
        ),
        refused=st.integers(0, 7),
        apart_g=st.sampled_from((0, 0, 40, 4_000)),
        key=st.sampled_from(("green", "green", "small")),
    )
    def processor_answers(
        self, shop: int, which: int, stage: str, refused: int, apart_g: int, key: str
    ) -> None:
        place = self.shops[shop]
        known = self._manifests(place)
        if not known:
            return
        manifest = known[which % len(known)]
        items = tuple(
            LineAnswer(line.item, not refused >> (at % 3) & 1, line.mass_g + (apart_g if at == 0 else 0))
            for at, line in enumerate(manifest.lines)
        )
        changes = {line.item: line.mass_g + 7 for line in manifest.lines[:1]}
        answer = Answer(
            manifest.manifest,
            key,
            stage,
            self.clock.wall_ms(),
            items if stage == "answered" else (),
            changes if stage == "proposes" else {},
            manifest.mass_g if stage == "received" else 0,
        )
        place.do(c.ManifestAnswer(bytes.fromhex(KEYS[key]) + encode(answer)))

    @rule(shop=shops, which=numbers, what=st.integers(0, 2))
    def correction(self, shop: int, which: int, what: int) -> None:
        place = self.shops[shop]
        known = self._manifests(place)
        if not known:
            return
        name = known[which % len(known)].manifest
        lines = known[which % len(known)].lines
        if what == 0 and lines:
            place.do(c.ManifestRevise(name, {lines[0].item: lines[0].mass_g + 5}, "scale"))
        else:
            place.do(c.ManifestReviseAnswer(name, what == 1))

    def _manifests(self, shop: Shop, *states: Shipping) -> list[Manifest]:
        known = sorted(shop.work.memory.manifests.values(), key=lambda one: one.manifest)
        return [one for one in known if not states or one.state in states]
