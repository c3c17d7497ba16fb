"""Parcels to processors: panels of what leaves, with whom, and what they answered. Values only."""

from __future__ import annotations

from kiosk.flow.counter.view import ItemView, ManifestView
from kiosk.ui.staff.carrier_panels import pick_up
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
    Slots,
    Strip,
    touch,
)
from kiosk.ui.staff.revision_panels import AWAY, ended_licence, may_correct, processor_rows, proposal
from kiosk.ui.staff.scene import Scene, back, deed, other, slot, strips
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
        words=scene.processor(one),
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
    return Panel(
        lead=(
            Head(say("manifest.to_whom"), say("manifest.to_whom_more")),
            *strips(scene),
            Rows(processor_rows(scene, "draft_manifest"), empty=say("manifest.no_processors")),
        ),
        deeds=(back(scene, "manifests"),),
    )


def manifest(scene: Scene) -> Panel:
    """One parcel: fill it, seal it with a second person, hand it over, read the answer."""
    say, one = scene.say, scene.desk.manifest
    if one is None:
        return Panel(lead=(Head(say("manifest.gone")),), deeds=(back(scene, "manifests"),))
    head = Head(scene.processor(one), say.either(f"manifest.state.{one.state}", "manifest.state.other"))
    lead = (head, *strips(scene), _facts(scene, one))
    if one.state == "draft":
        return _draft(scene, one, lead)
    if one.state == "sealed" and one.revision != "theirs":
        return pick_up(scene, one, (*lead, *(_revision(scene, one) if one.revision == "ours" else ())))
    changes, turns = proposal(scene, one)
    deeds: tuple[Deed, ...] = ()
    if one.revision == "theirs" and one.state in AWAY:
        deeds = (
            deed(scene, "agree", say("manifest.agree"), touch("agree", True), "check"),
            other("disagree", say("manifest.disagree"), touch("agree", False), "close-circle"),
        )
    return Panel(
        lead=lead,
        side=(*changes, *_answer(scene, one)),
        deeds=(*deeds, *turns, *_correcting(scene, one), back(scene, "manifests")),
    )


def _correcting(scene: Scene, one: ManifestView) -> tuple[Deed, ...]:
    if not may_correct(one):
        return ()
    return (other("correct", scene.say("correct.open"), touch("go", "correct"), "settings"),)


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
    if one.vehicle:
        lines.append(Line(say("staff.field.vehicle"), one.vehicle))
    if one.seals:
        lines.append(Line(say("manifest.seals"), say("list.comma").join(one.seals)))
    return Bill(tuple(lines))


def _held(scene: Scene, item: ItemView) -> bool:
    """A phone within its days of hold joins nothing."""
    trade = scene.desk.view.trade(item.trade)
    return trade is not None and trade.state == "held"


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
        if item.place.partition(":")[0] in ADDABLE and not _held(scene, item)
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
    elsewhere = other("redirect", say("redirect.open"), touch("go", "redirect"), "arrow-right")
    act = touch("ask_second", "seal")
    return Panel(
        lead=(*lead, *ended_licence(scene, one), field),
        side=(
            *((Rows(rows, say("manifest.add")),) if rows else ()),
            Rows(waiting, say("manifest.bins"), say("manifest.bins_none")),
        ),
        deeds=(
            deed(scene, "seal_manifest", say("manifest.seal"), act, "account-multiple", full),
            other("type_seal", say("manifest.type_seal"), touch("choose", "typing", "yes"), "apps"),
            elsewhere,
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
    if one.revision and not one.changes:
        found += _revision(scene, one)
    if not found and not one.changes:
        found.append(Strip(say("manifest.waits"), say("manifest.waits_next"), "plain", "clock"))
    return tuple(found)


def _revision(scene: Scene, one: ManifestView) -> tuple[Strip, ...]:
    words = scene.say.either(f"manifest.revision.{one.revision}", "manifest.revision.ours")
    return (Strip(scene.say("manifest.revision.title"), words, "plain", "information"),)
