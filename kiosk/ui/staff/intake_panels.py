"""Which phone, is it clean, what state is it in: panels of a trade-in up to the grade. Values only."""

from __future__ import annotations

from typing import Final

from kiosk.flow.counter.view import QuestionView
from kiosk.ui.staff.figures import mass, spaced
from kiosk.ui.staff.panel import (
    Block,
    Deed,
    Head,
    Keypad,
    Pairs,
    Panel,
    Row,
    Rows,
    Segment,
    Slots,
    Strip,
    Tile,
    Tiles,
    touch,
)
from kiosk.ui.staff.scene import Scene, back, deed, other, quiet, slot, strips
from kiosk.ui.staff.trade_acts import given_to

LOCKS: Final = (
    ("none", "lock-open-outline"),
    ("activation", "lock"),
    ("frp", "account"),
    ("mdm", "account-multiple"),
)
SIDES: Final = ("front", "back", "edge", "damage")
CHECKS: Final = ("register", "claim", "phone", "lock")
GOOD: Final = ("clean", "granted", "none", "same", "match", "good", "ok", "passed")
BAD: Final = (
    "blacklisted",
    "elsewhere",
    "processed",
    "activation",
    "frp",
    "mdm",
    "mismatch",
    "differs",
    "locked",
)


def identify(scene: Scene) -> Panel:
    """The IMEI as dialled and as printed, and the model."""
    say, draft = scene.say, scene.desk.draft
    bays = scene.plugged
    bay = next((one for one in bays if len(bays) == 1 or draft.choice("bay") == one.bay), None)
    tiles = tuple(
        Tile(
            f"model_{one.model}",
            say.pick(one.names),
            touch("choose", "model", one.model),
            more=one.storage,
            chosen=scene.desk.model == one.model,
        )
        for one in scene.desk.models
    )
    slots = Slots(
        (
            slot(
                scene,
                "imei_dialled",
                shown=spaced(scene.text("imei_dialled")),
                hint=say("staff.identify.dial"),
            ),
            slot(
                scene, "imei_label", shown=spaced(scene.text("imei_label")), hint=say("staff.identify.label")
            ),
        )
    )
    plugged = say("staff.identify.plugged", n=bay.number) if bay else say("staff.identify.unplugged")
    go = touch("identify", bay.bay if bay else "", "")
    return Panel(
        lead=(
            Head(say("staff.identify.title"), plugged),
            *strips(scene),
            slots,
            *_which_bay(scene),
            Tiles(tiles, say("staff.identify.model"), 4),
        ),
        pad=(Keypad(),),
        deeds=(
            deed(scene, "identify", say("staff.next"), go, "arrow-right"),
            other("papers", say("staff.identify.papers"), touch("step", "papers"), "file-find"),
            back(scene),
        ),
    )


def _which_bay(scene: Scene) -> tuple[Block, ...]:
    """Of several phones that are plugged in staff say which is meant: another one's number would stop the trade."""
    if len(scene.plugged) < 2:
        return ()
    tiles = tuple(
        Tile(
            f"identify_bay_{bay.number}",
            scene.say("erase.bay", n=bay.number),
            touch("choose", "bay", bay.bay),
            icon="usb",
            chosen=scene.desk.draft.choice("bay") == bay.bay,
        )
        for bay in scene.plugged
    )
    return (Tiles(tiles, scene.say("erase.which"), 4),)


def papers(scene: Scene) -> Panel:
    """Dates of invoice, first use and manufacture, as eight digits."""
    say = scene.say
    names = ("invoice_date", "first_use", "made")
    hint = say("staff.papers.hint")
    return Panel(
        lead=(
            Head(say("staff.papers.title"), say("staff.papers.body")),
            *strips(scene),
            Slots(tuple(slot(scene, name, shown=_day(scene.text(name)), hint=hint) for name in names)),
        ),
        pad=(Keypad(),),
        deeds=(deed(scene, "papers_done", say("staff.papers.done"), touch("step", ""), "check"),),
    )


def _day(text: str) -> str:
    return "-".join(part for part in (text[:4], text[4:6], text[6:]) if part)


def check(scene: Scene) -> Panel:
    """What its screen shows is the one question; register and headquarters are asked with it."""
    say, trade = scene.say, scene.trade
    tiles = tuple(
        Tile(
            f"lock_{name}",
            say(f"staff.lock.{name}"),
            touch("check", name),
            more=say(f"staff.lock.{name}_more"),
            icon=icon,
            chosen=scene.desk.draft.choice("lock_seen") == name,
            open=not scene.desk.waiting,
        )
        for name, icon in LOCKS
    )
    found: tuple[Block, ...] = (Rows(check_rows(scene), say("staff.check.results")),) if trade.checks else ()
    waiting = (quiet(say("staff.check.asking")),) if scene.desk.waiting else ()
    return Panel(
        lead=(
            Head(scene.model(trade), spaced(trade.imei)),
            *_repeat(scene),
            *strips(scene),
            Tiles(tiles, say("staff.check.lock"), 2),
            *waiting,
        ),
        side=found,
        deeds=(
            back(scene),
            other("decline", say("staff.check.stop"), touch("decline"), "close-circle"),
        ),
    )


def _repeat(scene: Scene) -> tuple[Block, ...]:
    say = scene.say
    if not scene.trade.repeat:
        return ()
    return (Strip(say("staff.repeat.what"), say("staff.repeat.next"), "stop", "backup-restore"),)


def check_rows(scene: Scene) -> tuple[Row, ...]:
    """Each source and its answer, as icon and words."""
    say, checks = scene.say, scene.trade.checks
    rows = []
    for name in (*CHECKS, *(key for key in checks if key not in CHECKS)):
        if name not in checks:
            continue
        result = checks[name]
        mood = "safe" if result in GOOD else "stop" if result in BAD else "do"
        icon = {"safe": "check-circle", "stop": "close-circle"}.get(mood, "help-circle")
        words = say.either(f"staff.result.{result}", "staff.result.other")
        rows.append(
            Row(
                f"check_{name}",
                say.either(f"staff.source.{name}", "staff.source.other"),
                words,
                icon=icon,
                mood=mood,
            )
        )
    return tuple(rows)


def _clear(scene: Scene) -> str:
    """The checks in one quiet line."""
    say, checks = scene.say, scene.trade.checks
    said = [
        say.either(f"staff.result.{checks[name]}", "staff.result.other") for name in CHECKS if name in checks
    ]
    return str(say("list.comma")).join(dict.fromkeys(said))


def inspect(scene: Scene) -> Panel:
    """Every question as one row of answers, photos, and the mass by the scale."""
    say, trade = scene.say, scene.trade
    pairs = Pairs(tuple(_question(scene, one) for one in trade.questions if len(one.answers) == 2))
    rows = tuple(_question(scene, one) for one in trade.questions if len(one.answers) != 2)
    photos = tuple(
        Tile(
            f"photo_{side}",
            say(f"staff.photo.{side}"),
            touch("photo", side),
            chosen=side in trade.photos,
            open=not scene.desk.waiting,
        )
        for side in SIDES
    )
    weighed = (
        say("staff.inspect.mass", mass=mass(say, trade.mass_g))
        if trade.mass_g
        else say("staff.inspect.weigh")
    )
    left = sum(1 for one in trade.questions if not given_to(scene.desk.draft, scene.trade, one))
    words = say("staff.inspect.left", n=left) if left else say("staff.inspect.go")
    return Panel(
        lead=(Head(scene.model(trade), _clear(scene)), *_repeat(scene), *strips(scene), pairs),
        side=(*rows, Segment("photos", say("staff.photo.title"), photos), quiet(weighed)),
        deeds=(
            deed(scene, "inspect", words, touch("inspect"), "check", not left),
            *_walk_away(scene),
        ),
        under="left",
    )


def _walk_away(scene: Scene) -> tuple[Deed, ...]:
    return (
        back(scene),
        other("decline", scene.say("staff.check.stop"), touch("decline"), "close-circle"),
    )


def _question(scene: Scene, one: QuestionView) -> Segment:
    say = scene.say
    given = given_to(scene.desk.draft, scene.trade, one)
    return Segment(
        key=one.key,
        label=say.either(f"inspection.{one.key}.question", "staff.inspect.other"),
        tiles=tuple(
            Tile(
                f"{one.key}_{answer}",
                say.either(f"inspection.{one.key}.{answer}", "staff.result.other"),
                touch("answer", one.key, answer),
                chosen=given == answer,
                mood="plain" if index == 0 else "do",
            )
            for index, answer in enumerate(one.answers)
        ),
    )


def handback(scene: Scene) -> Panel:
    """Nothing is traded in: the phone goes back to its owner. Staff only: the rule that stopped it."""
    say, trade = scene.say, scene.trade
    why: tuple[Block, ...] = ()
    if trade.stopped:
        rule = say.either(f"staff.rule.{trade.stopped}", "staff.rule.other")
        why = (Strip(say("staff.stopped.title"), rule, "stop", "alert-circle"),)
    title = say.either(f"staff.handback.{trade.state}", "staff.handback.declined")
    return Panel(
        lead=(
            Head(title, scene.model(trade)),
            *strips(scene),
            *why,
            quiet(say("staff.handback.quietly" if trade.stopped else "staff.handback.body")),
        ),
        side=(Rows(check_rows(scene), say("staff.check.results")),) if trade.checks else (),
        deeds=(
            deed(scene, "hand_back", say("staff.handback.done"), touch("hand_back"), "check"),
            back(scene),
        ),
    )
