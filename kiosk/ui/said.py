"""Words for what the counter says no to: what happened and the next step. Never fails for want of a word or a value."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from kiosk.flow.counter.view import Said
from kiosk.ui.errors import LocaleError
from kiosk.ui.words import Words

WORDED: Final = {"category": "goods", "hazard": "hazard"}
"""Values that are machine names themselves, and where their words are."""


def said_words(say: Words, said: Said, part: str, public: bool = False) -> str:
    """``part``: "what" or "next"; ``public``: a customer's words before staff's.

    A reason newer than these screens, or a value that its words want and lack, gets a sentence that is always true:
    our own error leaves nobody without a next step.
    """
    keys = [f"said.{said.reason}.{part}"]
    if public:
        keys.insert(0, f"drop.why.{said.reason}.{part}")
    try:
        key = next((one for one in keys if say.known(one)), f"drop.said.{part}")
        return say(key, **_worded(say, said.values))
    except LocaleError:
        return say(f"drop.said.{part}")


def _worded(say: Words, values: Mapping[str, str | int]) -> dict[str, object]:
    return {
        name: say.either(f"{WORDED[name]}.{value}", "goods.thing") if name in WORDED else value
        for name, value in values.items()
    }
