"""What every panel is made from, and the few blocks that most of them carry. Words come from the locale."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from kiosk.flow.counter.view import ManifestView, ProcessorView, Said, TradeView
from kiosk.flow.view import BayView
from kiosk.ui.said import said_words
from kiosk.ui.staff.figures import mass, money
from kiosk.ui.staff.floor import StaffShown
from kiosk.ui.staff.panel import Block, Deed, Plain, Slot, Strip, Touch, touch
from kiosk.ui.words import Words

URGENT_ICON: Final = "alert-circle"
SPOKEN: Final = frozenset(
    {
        "consent_missing",
        "signature_missing",
        "id_missing",
        "id_unreadable",
        "phone_unreadable",
        "payout_wrong",
        "quote_expired",
        "input_unreadable",
        "busy",
        "attempts_used",
        "phone_silent",
        "phone_unknown",
        "wrong_phone",
        "bay_taken",
        "bay_unknown",
        "hazard_no_cable",
        "store_failed",
    }
)
"""What may be said where the customer reads; of any other refusal they hear that a colleague will talk to them."""


@dataclass(frozen=True, slots=True)
class Scene:
    """One moment, the language it is told in, and the bays a phone may be plugged into."""

    desk: StaffShown
    say: Words
    bays: tuple[BayView, ...] = ()

    @property
    def plugged(self) -> tuple[BayView, ...]:
        """Bays with a phone that nobody is updating: somebody else's is never taken for the trade's."""
        return tuple(bay for bay in self.bays if bay.present and not bay.visit)

    @property
    def trade(self) -> TradeView:
        """The open trade; the front shows no trade's page without one."""
        assert self.desk.trade is not None
        return self.desk.trade

    def text(self, name: str) -> str:
        return self.desk.draft.text(name)

    def processor(self, one: ManifestView | ProcessorView) -> str:
        """A processor's name in the language of the screen; the one it is listed under where there is none."""
        if isinstance(one, ManifestView):
            return self.say.pick(one.processor_names) or one.processor_name
        return self.say.pick(one.names) or one.name

    def model(self, trade: TradeView) -> str:
        """A trade's name in a list."""
        return self.say.pick(trade.model_names) or self.say("staff.queue.unnamed")


def told(say: Words, said: Said) -> tuple[str, str]:
    """What happened and the next step, with money and mass as they are read."""
    values = {
        name: money(value)
        if name.endswith("_fen") and isinstance(value, int)
        else mass(say, value)
        if name.endswith("_g") and isinstance(value, int)
        else value
        for name, value in said.values.items()
    }
    worded = replace(said, values=values)
    return said_words(say, worded, "what"), said_words(say, worded, "next")


def strips(scene: Scene) -> tuple[Block, ...]:
    """What has to be seen first: the last refusal, and a scan that could not be read."""
    say, desk, found = scene.say, scene.desk, []
    if desk.said is not None and desk.said.reason:
        own = desk.said.ticket == 0 and not desk.said.subject
        open_to_all = own or desk.said.reason in SPOKEN or desk.said.reason.startswith("erase_")
        said = desk.said if open_to_all or not desk.public else Said("public")
        what, then = told(say, said)
        urgent = said.urgent
        found.append(Strip(what, then, "stop" if urgent else "do", URGENT_ICON if urgent else "alert"))
    if desk.unread:
        what, then = told(say, Said("scan_unreadable"))
        found.append(Strip(what, then, "do", "help-circle"))
    return tuple(found)


def deed(scene: Scene, key: str, words: str, act: Touch, icon: str = "", opened: bool = True) -> Deed:
    """The page's main button; it says that it waits while it does."""
    waiting = scene.desk.waiting
    shown = scene.say("staff.waiting") if waiting else words
    return Deed(key, shown, act, "timer-sand" if waiting else icon, main=True, open=opened and not waiting)


def other(key: str, words: str, act: Touch, icon: str = "") -> Deed:
    """Another way out."""
    return Deed(key, words, act, icon)


def back(scene: Scene, place: str = "queue") -> Deed:
    return other("back", scene.say("staff.back"), touch("go", place), "arrow-left")


def slot(
    scene: Scene,
    name: str,
    *,
    hidden: bool = False,
    shown: str | None = None,
    hint: str = "",
    act: str = "focus",
) -> Slot:
    """A field of the draft, worded by its name. ``act``: what a touch on it does."""
    text = scene.text(name)
    value = "•" * len(text) if hidden else (text if shown is None else shown)
    label = scene.say(f"staff.field.{name.removeprefix('second_')}")
    return Slot(name, label, value, scene.desk.draft.focus == name, hint, act)


def quiet(words: str) -> Plain:
    return Plain(words)
