"""Whatever the dock can be in trouble with, or refuse, is said to staff with its place and the next step."""

from __future__ import annotations

import re
from types import SimpleNamespace
from typing import Any, cast

import pytest

from hw import dock
from kiosk.flow.counter.view import CounterView, Trouble
from kiosk.ui import words
from kiosk.ui.staff import entry_panels

BOOKS = words.load()
PLACED = (
    *(("flap_jammed", "bin:3"), ("flap_left_open", "bin:3"), ("lock_jammed", "bin:3"), ("bay_hot", "bay:2")),
)
TROUBLES = (
    *("scale_drift", "scale_overload", "scale_silent", "dock_offline", "dock_tampered", "dock_stopped"),
    *("order_stuck", *(what for what, _ in PLACED)),
)
REFUSALS = ("dock_offline", "dock_no_answer", *(reason for reason, _ in dock._REASONS.values()))


@pytest.mark.parametrize("language", words.LANGUAGES)
@pytest.mark.parametrize("reason", sorted({*TROUBLES, *REFUSALS}))
def test_every_trouble_and_refusal_of_the_dock_has_words(reason: str, language: str) -> None:
    say = BOOKS[language]
    for part in ("what", "next"):
        assert say.known(f"said.{reason}.{part}"), f"said.{reason}.{part}"


@pytest.mark.parametrize("language", words.LANGUAGES)
@pytest.mark.parametrize(("what", "place"), PLACED)
def test_a_trouble_names_its_place_as_it_is_painted(what: str, place: str, language: str) -> None:
    view = CounterView(troubles=(Trouble(what, place),), trading=True)
    scene = cast("Any", SimpleNamespace(say=BOOKS[language], desk=SimpleNamespace(view=view)))
    (strip,) = entry_panels._troubles(scene)
    shown = " ".join(str(getattr(strip, name)) for name in strip.__dataclass_fields__)
    number = place.rpartition(":")[2]
    assert place not in shown
    assert re.search(rf"(?<!\w){number}(?!\w)|{number} 号", shown), shown
