"""Parcels to processors: panels of what leaves, with whom, and what they answered. Values only."""

from __future__ import annotations

from kiosk.flow.counter.view import ManifestView
from kiosk.ui.staff.figures import mass
from kiosk.ui.staff.panel import (
    Bill,
    Block,
    Deed,
    Head,
    Keypad,
    Line,
    Panel,
    Row,
    Rows,
    Segment,
    Slots,
    Strip,
    Tile,
    touch,
)
from kiosk.ui.staff.scene import Scene, back, deed, other, quiet, slot, strips
from kiosk.ui.staff.stock_acts import ADDABLE
from kiosk.ui.staff.stock_panels import bin_row


def manifests(scene: Scene) -> Panel:
    """All parcels with their state; a new one goes to a listed processor."""
    say, view = scene.say, scene.desk.view
    rows = tuple(_manifest_row(scene, one) for one in view.manifests)
    return Panel(
        lead=(
            Head(say("manifest.title"), say("manifest.body")),
            *strips(scene),
            Rows(rows, empty=say("manifest.none")),
        ),
        deeds=(
            deed(scene, "new_manifest", say("manifest.new"), touch("go", "processors"), "arrow-right"),
            back(scene),
        ),
    )


def _manifest_row(scene: Scene, one: ManifestView) -> Row:
    say = scene.say
    off = one.discrepancy_g is not None or one.revision == "theirs" or bool(one.refused)
    state = say.either(f"manifest.state.{one.state}", "manifest.state.other")
    return Row(
        key=f"manifest_{one.manifest}",
        words=one.processor_name,
        more=state if not off else say("list.comma").join((state, say("manifest.look"))),
        figure=mass(say, one.mass_g),
        figure_more=say("manifest.items", n=one.items),
        icon="alert" if off else "arrow-right",
        mood="do" if off else "plain",
        touch=touch("open_manifest", one.manifest),
    )


def processors(scene: Scene) -> Panel:
    """Who may take what, until when; one whose licence is over cannot be chosen."""
    say = scene.say
    rows = tuple(
        Row(
            key=f"processor_{one.processor}",
            words=one.name,
            more=say("list.comma").join(
                say.either(f"goods.{kind}", "goods.thing") for kind in one.categories
            ),
            figure=say("manifest.licence" if one.good else "manifest.licence_over"),
            figure_more=one.licence_until,
            icon="check-circle" if one.good else "close-circle",
            mood="plain" if one.good else "stop",
            touch=touch("draft_manifest", one.processor) if one.good else None,
        )
        for one in scene.desk.view.processors
    )
    return Panel(
        lead=(
            Head(say("manifest.to_whom"), say("manifest.to_whom_more")),
            *strips(scene),
            Rows(rows, empty=say("manifest.no_processors")),
        ),
        deeds=(back(scene, "manifests"),),
    )


def manifest(scene: Scene) -> Panel:
    """One parcel: fill it, seal it with a second person, hand it over, read the answer."""
    say, one = scene.say, scene.desk.manifest
    if one is None:
        return Panel(lead=(Head(say("manifest.gone")),), deeds=(back(scene, "manifests"),))
    head = Head(one.processor_name, say.either(f"manifest.state.{one.state}", "manifest.state.other"))
    lead = (head, *strips(scene), _facts(scene, one))
    if one.state == "draft":
        return _draft(scene, one, lead)
    if one.state == "sealed":
        return _sealed(scene, one, lead)
    deeds: tuple[Deed, ...] = ()
    if one.revision == "theirs":
        deeds = (
            deed(scene, "agree", say("manifest.agree"), touch("agree", True), "check"),
            other("disagree", say("manifest.disagree"), touch("agree", False), "close-circle"),
        )
    return Panel(lead=lead, side=_answer(scene, one), deeds=(*deeds, back(scene, "manifests")))


def _facts(scene: Scene, one: ManifestView) -> Bill:
    say = scene.say
    lines = [
        Line(
            say("manifest.sent"),
            f"{mass(say, one.mass_g)} · {say('manifest.items', n=one.items)}",
            strong=True,
        )
    ]
    if one.lithium_g:
        lines.append(Line(say("manifest.lithium"), mass(say, one.lithium_g)))
    if one.received_g is not None:
        lines.append(Line(say("manifest.received"), mass(say, one.received_g), strong=True))
    if one.seals:
        lines.append(Line(say("manifest.seals"), say("list.comma").join(one.seals)))
    return Bill(tuple(lines))


def _draft(scene: Scene, one: ManifestView, lead: tuple[Block, ...]) -> Panel:
    say, draft = scene.say, scene.desk.draft
    rows = tuple(
        Row(
            f"add_{item.item}",
            say.either(f"goods.{item.category}", "goods.thing"),
            say.either(
                f"staff.place.{item.place.partition(':')[0]}",
                "staff.place.other",
                n=item.place.partition(":")[2],
            ),
            mass(say, item.mass_g),
            icon="arrow-right",
            touch=touch("add_item", item.item),
        )
        for item in scene.desk.view.items
        if item.place.partition(":")[0] in ADDABLE
    )
    waiting = tuple(
        bin_row(scene, bin)
        for bin in scene.desk.view.bins
        if bin.state in ("full", "locked", "hazard", "fault")
    )
    seals = say("list.comma").join(draft.seals)
    typing = draft.choice("typing") == "yes"
    field = Slots((slot(scene, "seal", hint=seals or say("manifest.seal_hint")),))
    if typing:
        return Panel(
            lead=(*lead, field),
            pad=(Keypad(letters=True),),
            deeds=(
                deed(scene, "add_seal", say("manifest.add_seal"), touch("add_seal"), "check"),
                other("typed", say("offer.type_done"), touch("choose", "typing", "no"), "arrow-left"),
            ),
        )
    full = bool(draft.seals) and one.items > 0
    act = touch("ask_second", "seal")
    return Panel(
        lead=(*lead, field),
        side=(
            *((Rows(rows, say("manifest.add")),) if rows else ()),
            Rows(waiting, say("manifest.bins"), say("manifest.bins_none")),
        ),
        deeds=(
            deed(scene, "seal_manifest", say("manifest.seal"), act, "account-multiple", full),
            other("type_seal", say("manifest.type_seal"), touch("choose", "typing", "yes"), "apps"),
            back(scene, "manifests"),
        ),
    )


def _sealed(scene: Scene, one: ManifestView, lead: tuple[Block, ...]) -> Panel:
    say, draft = scene.say, scene.desk.draft
    kind, by = draft.choice("carrier_kind", "own"), draft.choice("by", "road")
    ways = Segment(
        "by",
        say("manifest.by"),
        tuple(
            Tile(f"by_{way}", say(f"manifest.way.{way}"), touch("choose", "by", way), chosen=by == way)
            for way in ("road", "sea")
        ),
    )
    kinds = Segment(
        "carrier_kind",
        say("manifest.carrier"),
        tuple(
            Tile(
                f"carrier_{name}",
                say(f"manifest.carrier_{name}"),
                touch("choose", "carrier_kind", name),
                chosen=kind == name,
            )
            for name in ("own", "other")
        ),
    )
    names = ("carrier", "vehicle") if kind == "other" else ("vehicle",)
    note = (quiet(say("manifest.no_air")),) if one.lithium_g else ()
    return Panel(
        lead=(*lead, kinds, ways, *note, Slots(tuple(slot(scene, name) for name in names))),
        pad=(Keypad(letters=True),),
        deeds=(
            deed(scene, "pick_up", say("manifest.pick_up"), touch("pick_up", one.processor_name), "check"),
            back(scene, "manifests"),
        ),
    )


def _answer(scene: Scene, one: ManifestView) -> tuple[Block, ...]:
    """What the processor said, and what is still open between us."""
    say, found = scene.say, []
    if one.accepted is not None:
        mood = "do" if one.refused else "safe"
        what = say("manifest.accepted", n=one.accepted)
        then = say("manifest.refused", n=one.refused) if one.refused else say("manifest.refused_none")
        found.append(Strip(what, then, mood, "alert" if one.refused else "check-circle"))
    if one.discrepancy_g is not None:
        grams = mass(say, abs(one.discrepancy_g))
        words = say("manifest.less" if one.discrepancy_g < 0 else "manifest.greater", mass=grams)
        found.append(Strip(words, say("manifest.discrepancy_next"), "do", "alert"))
    if one.revision:
        key = f"manifest.revision.{one.revision}"
        found.append(
            Strip(
                say("manifest.revision.title"),
                say.either(key, "manifest.revision.ours"),
                "plain",
                "information",
            )
        )
    if not found:
        found.append(Strip(say("manifest.waits"), say("manifest.waits_next"), "plain", "clock"))
    return tuple(found)
