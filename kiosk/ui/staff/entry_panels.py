"""Log-in, the second person, the queue: panels of staff's way in. Values only."""

from __future__ import annotations

from typing import Final

from kiosk.flow.counter.view import Said, StaffView, TradeView
from kiosk.ui.staff.figures import age, ending
from kiosk.ui.staff.panel import (
    Block,
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
from kiosk.ui.staff.scene import Scene, back, deed, other, quiet, slot, strips, told
from kiosk.ui.staff.steps import step_of

SOON_DAYS: Final = 30
MOODS: Final = {"stopped": "stop", "expired": "do", "declined": "do", "destroy": "do", "offered": "next"}
TABS: Final = (
    ("bins", "apps"),
    ("manifests", "file-multiple"),
    ("voucher", "percent"),
    ("shift", "clock"),
)


HERE: Final = {
    "erase": ("here.thanks", "here.erase"),
    "offer": ("here.title", "here.body"),
    "handback": ("here.title", "here.body"),
}
"""What is said before the PIN, by the trade's step; the phone is still the customer's in the last two."""


def login(scene: Scene) -> Panel:
    """Number and PIN; while locked, how long."""
    say, wait = scene.say, _wait(scene)
    fields = Slots((slot(scene, "staff", hint=say("staff.login.scan")), slot(scene, "pin", hidden=True)))
    return Panel(
        lead=(
            Head(say("staff.login.title"), say("staff.login.body")),
            *(wait or strips(scene)),
            fields,
        ),
        pad=(Keypad(),),
        deeds=(deed(scene, "log_in", say("staff.login.go"), touch("log_in"), "account-check", not wait),),
    )


def _wait(scene: Scene) -> tuple[Block, ...]:
    """Too many wrong PINs: how long."""
    return _waiting(scene, scene.desk.view.login_wait_s, "staff.login.wait_more")


def _waiting(scene: Scene, wait_s: int, more: str) -> tuple[Block, ...]:
    if not wait_s:
        return ()
    words = scene.say("staff.login.wait", span=scene.say.span(wait_s))
    return (Strip(words, scene.say(more), "do", "timer-sand"),)


def here(scene: Scene) -> Panel:
    """The customer had the screen and reads this, too: a PIN gives it back to staff, or somebody else logs in."""
    say, trade, staff = scene.say, scene.desk.trade, scene.desk.view.staff
    assert staff is not None
    wait = _waiting(scene, max(scene.desk.view.login_wait_s, staff.pin_wait_s), "here.wait_more")
    step = step_of(trade) if trade is not None else ""
    theirs = step in ("offer", "handback")
    title, body = HERE.get(step, ("here.pin", "here.pin_body"))
    return Panel(
        lead=(
            Head(say(title), say(body), large=True),
            *(wait or strips(scene)),
            Slots((slot(scene, "pin", hidden=True, hint=say("here.whose", name=staff.name)),)),
        ),
        pad=(Keypad(),),
        deeds=(
            deed(scene, "back_in", say("here.go"), touch("back_in"), "account-check", not wait),
            other("somebody_else", say("here.else"), touch("somebody_else"), "account-multiple"),
            *((other("not_back", say("staff.back"), touch("not_back"), "arrow-left"),) if theirs else ()),
        ),
    )


def second(scene: Scene) -> Panel:
    """Four eyes: another person's number and PIN."""
    say, desk = scene.say, scene.desk
    fields = Slots((slot(scene, "second_staff"), slot(scene, "second_pin", hidden=True)))
    return Panel(
        lead=(
            Head(say("staff.second.title"), say(f"staff.second.{desk.reason}")),
            *strips(scene),
            fields,
            quiet(say("staff.second.rule" if desk.reason == "approve" else "staff.second.own")),
        ),
        pad=(Keypad(),),
        deeds=(
            deed(scene, "second_in", say("staff.second.go"), touch("second_in"), "account-multiple"),
            other("no_second", say("staff.back"), touch("no_second"), "arrow-left"),
        ),
    )


def queue(scene: Scene) -> Panel:
    """Who is here, what is broken, every trade with its next step."""
    say, view = scene.say, scene.desk.view
    assert view.staff is not None
    tabs = tuple(
        Tile(f"tab_{name}", say(f"staff.tab.{name}"), touch("go", name), icon=icon) for name, icon in TABS
    )
    title = say("staff.queue.list") if view.trades else ""
    rows = Rows(tuple(_row(scene, one) for one in view.trades), title, say("staff.queue.none"))
    begin = deed(
        scene, "begin_trade", say("staff.queue.new"), touch("begin_trade", say.language), "arrow-right"
    )
    return Panel(
        lead=(*_person(scene, view.staff), *strips(scene), rows),
        side=(*_troubles(scene), Tiles(tabs, columns=2)),
        deeds=(
            *((begin,) if view.trading else ()),
            other("log_out", say("staff.queue.out"), touch("log_out"), "lock"),
        ),
    )


def _person(scene: Scene, staff: StaffView) -> tuple[Block, ...]:
    say, days = scene.say, staff.certificate_days
    head = Head(
        say("staff.queue.title", name=staff.name), say.either(f"staff.role.{staff.role}", "staff.role.other")
    )
    if days < 0:
        return head, Strip(say("staff.cert.over"), say("staff.cert.over_more"), "stop", "alert-circle")
    if days <= SOON_DAYS:
        return head, Strip(say("staff.cert.soon", n=days), say("staff.cert.soon_more"), "do", "clock")
    return (head,)


def _troubles(scene: Scene) -> tuple[Block, ...]:
    say, view = scene.say, scene.desk.view
    found: list[Block] = []
    for one in view.troubles:
        number = one.place.rpartition(":")[2]
        what, then = told(say, Said(one.what, {"place": one.place, "bin": number, "bay": number}))
        found.append(Strip(what, then, "do", "alert"))
    if view.waiting_slips:
        found.append(quiet(say("staff.queue.slips", n=view.waiting_slips)))
    if not view.trading:
        found.append(Strip(say("staff.queue.no_prices"), say("staff.queue.no_prices_more"), "do", "alert"))
    return tuple(found)


def _row(scene: Scene, trade: TradeView) -> Row:
    say = scene.say
    state = say.either(f"staff.state.{trade.state}", "staff.state.other")
    step = say.either(f"staff.todo.{step_of(trade)}", "staff.todo.wait")
    notes = [state]
    if trade.repeat:
        notes.append(say("staff.queue.repeat"))
    if trade.provisional:
        notes.append(say("staff.queue.provisional"))
    if trade.flags:
        notes.append(say("staff.queue.flags", n=len(trade.flags)))
    mood = "do" if trade.repeat or trade.flags or trade.provisional else MOODS.get(trade.state, "plain")
    if trade.hold_days_left is not None:
        step = say("staff.hold.left", n=trade.hold_days_left) if trade.hold_days_left > 0 else step
    return Row(
        key=f"trade_{trade.trade}",
        words=scene.model(trade),
        more=say("list.comma").join(notes),
        figure=step,
        figure_more=" · ".join(
            part
            for part in (
                ending(trade.imei) if trade.imei else "",
                age(say, trade.since_ms, scene.desk.now_ms),
            )
            if part
        ),
        icon={"stop": "alert-circle", "do": "alert"}.get(mood, "arrow-right"),
        mood=mood,
        touch=touch("open_trade", trade.trade),
    )


def wait(scene: Scene) -> Panel:
    """Nothing to do for this trade at this moment."""
    say, trade = scene.say, scene.trade
    state = say.either(f"staff.state.{trade.state}", "staff.state.other")
    place = say.either(
        f"staff.place.{trade.place.partition(':')[0]}", "staff.place.other", n=trade.place.partition(":")[2]
    )
    return Panel(
        lead=(
            Head(scene.model(trade), state),
            *strips(scene),
            quiet(place if trade.place else say("staff.wait.body")),
        ),
        deeds=(back(scene),),
    )
