"""Corrections of a sealed parcel, and another processor for a draft: panels. Values only."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from kiosk.flow.counter.view import ItemView, ManifestView
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
    Tile,
    Tiles,
    touch,
)
from kiosk.ui.staff.scene import Scene, back, deed, other, slot, strips
from kiosk.ui.staff.stock_acts import new_masses

REASONS: Final = ("weighed_again", "counted_again", "typed_wrong")
AWAY: Final = ("sealed", "picked_up", "received", "accepted", "partial")
"""States in which a mass may be corrected, by both sides' word (recycling.manifests)."""
PER_PAGE: Final = 5
PROPOSED_PER_PAGE: Final = 4


def may_correct(one: ManifestView) -> bool:
    """One correction at a time."""
    return one.state in AWAY and one.revision not in ("ours", "theirs") and bool(one.lines)


def correct(scene: Scene) -> Panel:
    """Touch a line, type its grams; all that changed is proposed at once."""
    say, one = scene.say, scene.desk.manifest
    if one is None:
        return Panel(lead=(Head(say("manifest.gone")),), deeds=(back(scene, "manifests"),))
    draft, changes = scene.desk.draft, new_masses(scene.desk.draft)
    line = next((line for line in one.lines if line.item == draft.choice("line")), None)
    if line is not None:
        return _weigh(scene, one, line)
    why = tuple(
        Tile(
            f"because_{name}",
            say(f"correct.why.{name}"),
            touch("choose", "wrong_because", name),
            chosen=draft.choice("wrong_because") == name,
        )
        for name in REASONS
    )
    ready = bool(changes) and bool(draft.choice("wrong_because"))
    words = say("correct.go", n=len(changes)) if changes else say("correct.none")
    shown, turns = _paged(scene, one.lines, PER_PAGE)
    return Panel(
        lead=(
            Head(scene.processor(one), say("correct.body")),
            *strips(scene),
            Rows(tuple(_line(scene, one, line, changes) for line in shown)),
        ),
        side=(Tiles(why, say("correct.because"), 2), _sums(scene, one, changes)),
        deeds=(
            deed(scene, "revise", words, touch("revise"), "check", ready),
            *_before(scene, one.lines),
            *turns,
            other("back", say("staff.back"), touch("open_manifest", one.manifest), "arrow-left"),
        ),
    )


def _paged(
    scene: Scene, lines: tuple[ItemView, ...], most: int
) -> tuple[tuple[ItemView, ...], tuple[Deed, ...]]:
    """The lines of this page, and the touch that turns it: after the last comes the first."""
    if len(lines) <= most:
        return lines, ()
    pages = -(-len(lines) // most)
    page = _leaf(scene) % pages
    words = scene.say("correct.leaf", page=page + 1, pages=pages)
    turn = other("turn_leaf", words, touch("choose", "leaf", str((page + 1) % pages)), "arrow-right")
    return lines[page * most : (page + 1) * most], (turn,)


def _leaf(scene: Scene) -> int:
    return int(scene.desk.draft.choice("leaf", "0"))


def _before(scene: Scene, lines: tuple[ItemView, ...]) -> tuple[Deed, ...]:
    """Before the first page comes the last: nobody turns through the whole of a long parcel for one line."""
    pages = -(-len(lines) // PER_PAGE)
    if pages < 3:
        return ()
    page = str((_leaf(scene) - 1) % pages)
    return (other("leaf_before", scene.say("correct.before"), touch("choose", "leaf", page), "arrow-left"),)


def _line(scene: Scene, one: ManifestView, line: ItemView, changes: Mapping[str, int]) -> Row:
    say, number = scene.say, one.lines.index(line) + 1
    new_g = changes.get(line.item)
    return Row(
        key=f"line_{line.item}",
        words=_named(scene, line, number),
        more=_hazard(scene, line),
        figure=_changed(scene, line.mass_g, new_g) if new_g else say("staff.mass_g", n=line.mass_g),
        icon="alert" if new_g else "arrow-right",
        mood="do" if new_g else "plain",
        touch=touch("weigh_line", line.item),
    )


def _named(scene: Scene, line: ItemView, number: int) -> str:
    return str(
        scene.say("correct.line", n=number, what=scene.say.either(f"goods.{line.category}", "goods.thing"))
    )


def _hazard(scene: Scene, line: ItemView) -> str:
    return scene.say.either(f"hazard.{line.hazard}", "hazard.none") if line.hazard not in ("", "none") else ""


def _changed(scene: Scene, was_g: int, new_g: int) -> str:
    """Exact, for both sides have to mean the same."""
    return f"{scene.say('staff.mass_g', n=was_g)} → {scene.say('staff.mass_g', n=new_g)}"


def _sums(scene: Scene, one: ManifestView, changes: Mapping[str, int]) -> Bill:
    new_g = sum(changes.get(line.item, line.mass_g) for line in one.lines)
    return Bill((Line(scene.say("correct.sum"), _changed(scene, one.mass_g, new_g), strong=True),))


def _weigh(scene: Scene, one: ManifestView, line: ItemView) -> Panel:
    say = scene.say
    text = scene.text("line_mass")
    field = slot(
        scene,
        "line_mass",
        shown=say("staff.mass_g", n=int(text)) if text else "",
        hint=say("correct.was", mass=say("staff.mass_g", n=line.mass_g)),
    )
    return Panel(
        lead=(
            Head(
                _named(scene, line, one.lines.index(line) + 1), _hazard(scene, line) or scene.processor(one)
            ),
            *strips(scene),
            Slots((field,)),
        ),
        pad=(Keypad(),),
        deeds=(
            deed(scene, "take_mass", say("correct.take"), touch("take_mass"), "check"),
            other("line_back", say("staff.back"), touch("weigh_line", ""), "arrow-left"),
        ),
    )


def proposal(scene: Scene, one: ManifestView) -> tuple[tuple[Block, ...], tuple[Deed, ...]]:
    """What the open correction changes, line by line, and the sum; the touch that turns its page."""
    say = scene.say
    if not one.changes or one.state not in AWAY:
        return (), ()
    numbers = {line.item: number for number, line in enumerate(one.lines, 1)}
    changed = tuple(line for line in one.lines if line.item in one.changes)
    shown, turns = _paged(scene, changed, PROPOSED_PER_PAGE)
    lines = [
        Line(_named(scene, line, numbers[line.item]), _changed(scene, line.mass_g, one.changes[line.item]))
        for line in shown
    ]
    why = say.either(f"correct.why.{one.change_reason}", "correct.why.other")
    new_g = sum(one.changes.get(line.item, line.mass_g) for line in one.lines)
    lines.append(Line(say("correct.sum"), _changed(scene, one.mass_g, new_g), strong=True))
    waits = say.either(f"manifest.revision.{one.revision}", "manifest.revision.ours")
    return (Bill(tuple(lines), say("correct.reason", why=why, waits=waits)),), turns


def redirect(scene: Scene) -> Panel:
    """Who else may take it; one whose licence is over cannot be chosen."""
    say, one = scene.say, scene.desk.manifest
    if one is None:
        return Panel(lead=(Head(say("manifest.gone")),), deeds=(back(scene, "manifests"),))
    rows = processor_rows(scene, "redirect", but=one.processor)
    return Panel(
        lead=(
            Head(say("redirect.title"), say("redirect.body", name=scene.processor(one))),
            *strips(scene),
            Rows(rows, empty=say("redirect.none")),
        ),
        deeds=(other("back", say("staff.back"), touch("open_manifest", one.manifest), "arrow-left"),),
    )


def ended_licence(scene: Scene, one: ManifestView) -> tuple[Block, ...]:
    """The draft's own processor may not take it any more."""
    good = {found.processor for found in scene.desk.view.processors if found.good}
    if one.processor in good:
        return ()
    return (Strip(scene.say("redirect.over"), scene.say("redirect.over_next"), "do", "alert"),)


def processor_rows(scene: Scene, act: str, but: str = "") -> tuple[Row, ...]:
    """Listed processors with what they may take and until when; a touch does ``act`` where the licence holds."""
    say = scene.say
    return tuple(
        Row(
            key=f"processor_{one.processor}",
            words=scene.processor(one),
            more=say("list.comma").join(
                say.either(f"goods.{kind}", "goods.thing") for kind in one.categories
            ),
            figure=say("manifest.licence" if one.good else "manifest.licence_over"),
            figure_more=one.licence_until,
            icon="check-circle" if one.good else "close-circle",
            mood="plain" if one.good else "stop",
            touch=touch(act, one.processor) if one.good else None,
        )
        for one in scene.desk.view.processors
        if one.processor != but
    )
