"""Staff's pages: every one has a sample for the gallery, and every refusal has words in both languages."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from kiosk.ui import words
from kiosk.ui.samples_staff import staff_samples
from kiosk.ui.staff.panels import PANELS

if TYPE_CHECKING:
    from kiosk.ui.stagehand import Stagehand

ROOT = Path(words.__file__).parents[2]
REASON = re.compile(r'Refused\(\s*"([a-z_]+)"|_refuse\("([a-z_]+)"|said\.reason == "([a-z_]+)"')


def reasons() -> set[str]:
    """Every reason that is written out where the counter or its domain refuses."""
    rooms = ("recycling", "service", "kiosk/flow/counter", "kiosk/ui/staff")
    sources = [path.read_text("utf-8") for room in rooms for path in (ROOT / room).rglob("*.py")]
    return {name for text in sources for found in REASON.findall(text) for name in found if name}


@pytest.mark.parametrize("language", words.LANGUAGES)
@pytest.mark.parametrize("part", ["what", "next"])
def test_every_refusal_says_what_happened_and_the_next_step(language: str, part: str) -> None:
    say = words.Words(language)
    assert len(reasons()) > 80
    assert {reason for reason in reasons() if not say.known(f"said.{reason}.{part}")} == set()


@pytest.mark.ui
def test_every_staff_page_has_a_sample(hand: Stagehand) -> None:
    seen = set()
    for sample in staff_samples():
        hand.show(sample, "zh")
        seen.add(hand.app.shown.page)
    assert seen == PANELS.keys()
