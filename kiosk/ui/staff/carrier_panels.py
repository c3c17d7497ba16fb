"""A sealed parcel goes to its carrier: who, by what way, with which plate. Values only."""

from __future__ import annotations

from kiosk.flow.counter.view import ManifestView
from kiosk.ui.staff.panel import Block, Deed, Keypad, Panel, Segment, Slots, Tile, Tiles, touch
from kiosk.ui.staff.revision_panels import may_correct
from kiosk.ui.staff.scene import Scene, back, deed, other, quiet, slot
from kiosk.ui.staff.stock_acts import FOREIGN
from recycling.plate import PROVINCES


def pick_up(scene: Scene, one: ManifestView, lead: tuple[Block, ...]) -> Panel:
    """The carrier is here."""
    say, draft = scene.say, scene.desk.draft
    if draft.choice("typing") == "province":
        return _provinces(scene, lead)
    other_carrier = draft.choice("carrier_kind", "own") == "other"
    note = (quiet(say("manifest.no_air")),) if one.lithium_g else ()
    vehicle = slot(scene, "vehicle", shown=_plate(scene), hint=say("plate.hint"))
    fields = (slot(scene, "carrier"), vehicle) if other_carrier else (vehicle,)
    correcting: tuple[Deed, ...] = ()
    if may_correct(one):
        correcting = (other("correct", say("correct.open"), touch("go", "correct"), "settings"),)
    return Panel(
        lead=(*lead, Slots(fields), _carriers(scene), _ways(scene), *note),
        pad=(Keypad(letters=True),),
        deeds=(
            deed(scene, "pick_up", say("manifest.pick_up"), touch("pick_up", one.processor_name), "check"),
            other("province", _province(scene), touch("choose", "typing", "province"), "apps"),
            *correcting,
            back(scene, "manifests"),
        ),
    )


def _plate(scene: Scene) -> str:
    known = scene.desk.province
    before = "" if known == FOREIGN else known
    text = scene.text("vehicle")
    return f"{before}{text[:1]} {text[1:]}".strip() if before else text


def _province(scene: Scene) -> str:
    say, known = scene.say, scene.desk.province
    if not known:
        return str(say("plate.choose"))
    return str(say("plate.foreign")) if known == FOREIGN else str(say("plate.province", name=known))


def _provinces(scene: Scene, lead: tuple[Block, ...]) -> Panel:
    """What a plate of the mainland begins with, one tile each; another country's begins with none."""
    say, known = scene.say, scene.desk.province
    tiles = tuple(
        Tile(f"province_{one}", one, touch("choose_province", one), chosen=known == one) for one in PROVINCES
    )
    foreign = Tile(
        "province_other", say("plate.foreign"), touch("choose_province", ""), chosen=known == FOREIGN
    )
    return Panel(
        lead=lead[:1],
        side=(Tiles(tiles, say("plate.choose"), 8, small=True), Tiles((foreign,), columns=1)),
        deeds=(other("province_back", say("staff.back"), touch("choose", "typing", "no"), "arrow-left"),),
    )


def _carriers(scene: Scene) -> Segment:
    say, kind = scene.say, scene.desk.draft.choice("carrier_kind", "own")
    return Segment(
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


def _ways(scene: Scene) -> Segment:
    say, by = scene.say, scene.desk.draft.choice("by", "road")
    return Segment(
        "by",
        say("manifest.by"),
        tuple(
            Tile(f"by_{way}", say(f"manifest.way.{way}"), touch("choose", "by", way), chosen=by == way)
            for way in ("road", "sea")
        ),
    )
