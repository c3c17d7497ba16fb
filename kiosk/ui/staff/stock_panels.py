"""Bins, hazard drawer: panels of what stands here. Values only."""

from __future__ import annotations

from typing import Final

from kiosk.flow.counter.view import BinView, ItemView, ManifestView
from kiosk.ui.staff.figures import age, mass
from kiosk.ui.staff.panel import (
    Block,
    Deed,
    Head,
    Keypad,
    Panel,
    Row,
    Rows,
    Slots,
    Strip,
    Tile,
    Tiles,
    touch,
)
from kiosk.ui.staff.scene import Scene, back, deed, other, slot, strips

NEARLY_PERCENT: Final = 75
PAGES: Final = {"drawer": "drawer", "entering": "resolve"}
"""Places whose items want a hand, and the page for it."""


def bins(scene: Scene) -> Panel:
    """Every bin with its level, and what stands outside the bins."""
    say, view = scene.say, scene.desk.view
    items = Rows(
        tuple(_item_row(scene, one) for one in view.items), say("bins.outside"), say("bins.outside_none")
    )
    return Panel(
        lead=(Head(say("bins.title"), say("bins.body")), *strips(scene), _bin_rows(scene)),
        side=(items,),
        deeds=(
            deed(scene, "manifests", say("staff.tab.manifests"), touch("go", "manifests"), "file-multiple"),
            back(scene),
        ),
    )


def _bin_rows(scene: Scene) -> Rows:
    say = scene.say
    return Rows(tuple(bin_row(scene, one) for one in scene.desk.view.bins), empty=say("bins.none"))


def bin_row(scene: Scene, one: BinView) -> Row:
    """One bin with its level, as it is drawn in any list."""
    say = scene.say
    bad = one.state != "open"
    mood = (
        "stop"
        if one.why in ("hazard", "fault")
        else "do"
        if bad or one.fill_percent >= NEARLY_PERCENT
        else "plain"
    )
    state = say.either(f"bins.state.{one.state}", "bins.state.other")
    why = say.either(f"bins.why.{one.why}", "bins.why.other") if one.why not in ("", one.state) else ""
    return Row(
        key=f"bin_{one.number}",
        words=say.either(f"goods.{one.category}", "goods.thing"),
        more=say("list.comma").join(part for part in (state, why) if part),
        figure=f"{one.fill_percent}%",
        figure_more=say("bins.load", mass=mass(say, one.mass_g), n=one.items),
        mood=mood,
        touch=touch("open_bin", one.number),
        percent=one.fill_percent,
        badge=one.number,
    )


def _item_row(scene: Scene, one: ItemView) -> Row:
    say = scene.say
    kind, _, name = one.place.partition(":")
    dangerous = one.hazard not in ("", "none")
    words = say.either(f"goods.{one.category}", "goods.thing")
    where = say.either(f"staff.place.{kind}", "staff.place.other", n=name)
    hazard = say.either(f"hazard.{one.hazard}", "hazard.none") if dangerous else ""
    return Row(
        key=f"item_{one.item}",
        words=words,
        more=say("list.comma").join(part for part in (where, hazard) if part),
        figure=mass(say, one.mass_g),
        figure_more=age(say, one.since_ms, scene.desk.now_ms),
        icon="alert" if dangerous else "apps",
        mood="do" if dangerous else "plain",
        touch=touch("open_item", one.item, PAGES[kind]) if kind in PAGES else None,
    )


def one_bin(scene: Scene) -> Panel:
    """Lock it, empty it with a second person, put it back."""
    say, one = scene.say, scene.desk.bin
    if one is None:
        return Panel(lead=(Head(say("bins.gone")),), deeds=(back(scene, "bins"),))
    return Panel(
        lead=(
            Head(say("bins.number", n=one.number), say.either(f"bins.state.{one.state}", "bins.state.other")),
            *strips(scene),
            Rows((bin_row(scene, one),)),
            *_bin_doing(scene, one),
        ),
        deeds=(*_bin_deeds(scene, one), back(scene, "bins")),
    )


def _drafts(scene: Scene) -> tuple[ManifestView, ...]:
    return tuple(one for one in scene.desk.view.manifests if one.state == "draft")


def _bin_doing(scene: Scene, one: BinView) -> tuple[Block, ...]:
    say = scene.say
    if one.state == "emptying":
        return (Strip(say("bins.emptying"), say("bins.emptying_next"), "do", "alert"),)
    drafts = _drafts(scene)
    if one.state == "open":
        # It may be emptied before it is full: a carrier comes when a carrier comes.
        return (*(_into(scene, drafts) if drafts and one.items else ()), _lock(scene))
    if not drafts:
        return (Strip(say("bins.no_draft"), say("bins.no_draft_next"), "do", "file-multiple"),)
    return _into(scene, drafts)


def _lock(scene: Scene) -> Tiles:
    say = scene.say
    tiles = tuple(
        Tile(f"lock_{why}", say(f"bins.lock.{why}"), touch("lock_bin", why), icon="lock")
        for why in ("hazard", "fault")
    )
    return Tiles(tiles, say("bins.lock.title"), 2)


def _into(scene: Scene, drafts: tuple[ManifestView, ...]) -> tuple[Block, ...]:
    say = scene.say
    chosen = scene.desk.manifest.manifest if scene.desk.manifest else ""
    tiles = tuple(
        Tile(
            f"into_{draft.manifest}",
            scene.processor(draft),
            touch("choose_manifest", draft.manifest),
            mass(say, draft.mass_g),
            chosen=draft.manifest == chosen,
        )
        for draft in drafts
    )
    return (Tiles(tiles, say("bins.into"), 2),)


def _bin_deeds(scene: Scene, one: BinView) -> tuple[Deed, ...]:
    say = scene.say
    if one.state == "emptying":
        return (deed(scene, "close_bin", say("bins.closed"), touch("close_bin"), "lock"),)
    if not _drafts(scene) or (one.state == "open" and not one.items):
        return ()
    ready = scene.desk.manifest is not None and scene.desk.manifest.state == "draft"
    return (
        deed(scene, "empty_bin", say("bins.empty"), touch("ask_second", "empty"), "account-multiple", ready),
    )


def drawer(scene: Scene) -> Panel:
    """The hazard drawer's one item: alone into a package of its own."""
    say = scene.say
    return Panel(
        lead=(
            Head(say("drawer.title"), say("drawer.body")),
            Strip(say("drawer.warn"), say("drawer.warn_more"), "stop", "alert-circle"),
            *strips(scene),
            Slots((slot(scene, "package", hint=say("drawer.hint")),)),
        ),
        pad=(Keypad(letters=True),),
        deeds=(
            deed(scene, "pack", say("drawer.go"), touch("pack_drawer"), "check"),
            other("open_drawer", say("drawer.open"), touch("open_drawer"), "lock-open-outline"),
            back(scene, "bins"),
        ),
    )


def resolve(scene: Scene) -> Panel:
    """Staff looked where the thing is that nobody saw falling."""
    say = scene.say
    tiles = tuple(
        Tile(f"is_{where}", say(f"resolve.{where}"), touch("resolve", where))
        for where in ("bin", "owner", "quarantine")
    )
    return Panel(
        lead=(Head(say("resolve.title"), say("resolve.body")), *strips(scene), Tiles(tiles, columns=1)),
        deeds=(back(scene, "bins"),),
    )
