"""The erase wall: panels that customer and staff look at together. Values only."""

from __future__ import annotations

from typing import Final

from kiosk.flow.counter.view import ErasureView, TradeView
from kiosk.ui.staff.after_panels import provisional
from kiosk.ui.staff.panel import (
    Block,
    Deed,
    Dial,
    Head,
    Numbered,
    Panel,
    Strip,
    Tile,
    Tiles,
    touch,
)
from kiosk.ui.staff.scene import Scene, back, deed, other, quiet, strips
from kiosk.ui.staff.steps import by_hand

GIVE_UP: Final = ("locked_out", "dead", "fails", "policy")


def erase(scene: Scene) -> Panel:
    """The wall of the erasing phone: customer and staff look at it together."""
    erasure = scene.trade.erasure
    if by_hand(erasure):
        return _reset(scene)
    if erasure.state in ("running", "verifying"):
        return _running(scene, erasure)
    if erasure.state == "failed":
        return _failed(scene, erasure)
    return _before(scene, erasure)


def _before(scene: Scene, erasure: ErasureView) -> Panel:
    say = scene.say
    cut = erasure.state == "interrupted"
    title = say("erase.interrupted" if cut else "erase.title")
    words = say("erase.resume" if cut else "erase.start")
    steps = Numbered(tuple(say(f"erase.before{n}") for n in (1, 2, 3)))
    choice, main = _where(scene, words, "power")
    if not may(scene.trade, "EraseStart"):
        main, choice = (), ()
    return Panel(
        lead=(Head(title, say("erase.body")), *provisional(scene), *strips(scene), *choice),
        side=(steps, quiet(say("erase.scope"))),
        deeds=(
            *main,
            *_unheard(scene),
            *_giving_up(scene),
            back(scene),
        ),
    )


def _unheard(scene: Scene) -> tuple[Deed, ...]:
    """No bay sees the phone, though it is plugged in: it is looked for all the same, and may then be given up."""
    free = next((bay.bay for bay in scene.bays if not bay.visit), "")
    if scene.plugged or not free or not may(scene.trade, "EraseStart") or may(scene.trade, "EraseGiveUp"):
        return ()
    return (other("no_answer", scene.say("erase.no_answer"), touch("erase", free), "help-circle"),)


def _where(scene: Scene, words: str, icon: str) -> tuple[tuple[Block, ...], tuple[Deed, ...]]:
    """Begin in the one bay that has a phone; staff say in which where several have."""
    say, bays = scene.say, scene.plugged
    if len(bays) > 1:
        tiles = tuple(
            Tile(
                f"erase_bay_{bay.number}", say("erase.bay", n=bay.number), touch("erase", bay.bay), icon="usb"
            )
            for bay in bays
        )
        return (Tiles(tiles, say("erase.which"), 2),), ()
    choice = () if bays else (Strip(say("erase.plug"), say("erase.plug_next"), "do", "usb"),)
    go = touch("erase", bays[0].bay if bays else "")
    return choice, (deed(scene, "erase", words, go, icon, bool(bays)),)


def may(trade: TradeView, command: str) -> bool:
    """Whether a command may come next; where nothing is said, the counter will say no."""
    return not trade.next or command in trade.next


def _giving_up(scene: Scene) -> tuple[Deed, ...]:
    if not may(scene.trade, "EraseGiveUp"):
        return ()
    return (other("give_up", scene.say("erase.give_up"), touch("step", "give_up"), "close-circle"),)


def _running(scene: Scene, erasure: ErasureView) -> Panel:
    say = scene.say
    looking = erasure.state == "verifying" or erasure.step == "looking"
    step = say.either(f"erase.step.{erasure.step}", "erase.step.erasing")
    dial = Dial(-1 if looking else erasure.percent, "" if looking else f"{erasure.percent}%", step)
    attempt = say("erase.attempt", n=erasure.attempt, of=erasure.attempts) if erasure.attempt > 1 else ""
    return Panel(
        lead=(
            Head(say("erase.looking" if looking else "erase.running"), attempt),
            *strips(scene),
            Strip(say("erase.hold"), say("erase.hold_more"), "do", "usb"),
        ),
        side=(dial,),
    )


def _reset(scene: Scene) -> Panel:
    """A locked phone erases itself by its own settings; the screen leads through it."""
    say = scene.say
    steps = Numbered(tuple(say(f"erase.reset{n}") for n in (1, 2, 3, 4)))
    return Panel(
        lead=(Head(say("erase.reset_title"), say("erase.reset_body")), *strips(scene), steps),
        side=(Strip(say("erase.reset_note"), say("erase.reset_note_more"), "plain", "information"),),
        deeds=(
            deed(scene, "reset_done", say("erase.reset_done"), touch("reset_done"), "eye-off"),
            *_giving_up(scene),
            back(scene),
        ),
    )


def _failed(scene: Scene, erasure: ErasureView) -> Panel:
    say = scene.say
    left = erasure.attempts - erasure.attempt
    files = (
        say("erase.files_left", n=erasure.files_after) if erasure.files_after else say("erase.failed_body")
    )
    again = _where(scene, say("erase.again", n=left), "backup-restore")
    choice, main = again if left > 0 else ((), ())
    return Panel(
        lead=(
            Head(say("erase.failed"), say("erase.attempt", n=erasure.attempt, of=erasure.attempts)),
            Strip(files, say("erase.failed_next"), "stop", "alert-circle"),
            *strips(scene),
            *choice,
        ),
        deeds=(
            *main,
            *_giving_up(scene),
            back(scene),
        ),
    )


def give_up(scene: Scene) -> Panel:
    """It goes to destruction, for a reason from the list."""
    say, draft = scene.say, scene.desk.draft
    tiles = tuple(
        Tile(
            f"give_up_{name}",
            say(f"erase.why.{name}"),
            touch("choose", "give_up", name),
            chosen=draft.choice("give_up") == name,
        )
        for name in GIVE_UP
    )
    return Panel(
        lead=(
            Head(say("erase.give_up_title"), say("erase.give_up_body")),
            *strips(scene),
            Tiles(tiles, columns=2),
        ),
        deeds=(
            deed(scene, "give_up_go", say("erase.give_up_go"), touch("give_up"), "close-circle"),
            other("give_up_back", say("staff.back"), touch("step", ""), "arrow-left"),
        ),
    )
