"""Every screen, in both languages, at every size: nothing cut off, everything reachable, the manager always at hand."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

import pytest

from kiosk.flow.view import Screen
from kiosk.ui.samples import Sample, every_sample
from kiosk.ui.theme import LOW_REACH_MM
from tests.ui import looks
from tests.ui.conftest import COUNTER, LANDSCAPE, PORTRAIT

if TYPE_CHECKING:
    from kiosk.ui.stagehand import Stagehand

pytestmark = [pytest.mark.ui, pytest.mark.timeout(300)]
UNITS = ("KB", "MB", "GB")
SIZES = {"portrait": PORTRAIT, "landscape": LANDSCAPE, "counter": COUNTER}
LOOKS = [
    pytest.param(size, percent, low, id=f"{size}-{percent}{'-low' if low else ''}")
    for size, percent, low in (
        ("portrait", 100, False),
        ("portrait", 150, False),
        ("portrait", 100, True),
        ("landscape", 100, False),
        ("landscape", 150, False),
        ("counter", 100, False),
    )
]


EVERY = 1 if os.environ.get("EVERY_SCREEN") else 4
"""In one look and language each fourth screen is walked, so that three looks see each; all with EVERY_SCREEN=1."""


def share(number: int) -> list[Sample]:
    """The samples that the ``number``-th look and language is for."""
    return [sample for place, sample in enumerate(every_sample()) if (place + number) % EVERY == 0]


def walk(
    hand: Stagehand, size: str, language: str, percent: int, low: bool
) -> list[tuple[Sample, list[str]]]:
    hand.reset(SIZES[size])
    found = []
    looks_before = [tuple(look.values) for look in LOOKS].index((size, percent, low))
    for sample in share(looks_before + (6 if language == "en" else 0) + looks_before // 4):
        hand.show(sample, language, percent, low)
        # Large text, a lowered page and the small counter panel may scroll; nothing else may.
        may_scroll = percent > 100 or low or size == "counter"
        found.append(
            (sample, looks.text_faults(hand, may_scroll) + looks.tap_faults(hand) + reach_faults(hand))
        )
    return found


def reach_faults(hand: Stagehand) -> list[str]:
    """In low-reach mode nothing to touch is above 1220 mm."""
    theme = hand.app.theme
    if not theme.low_reach:
        return []
    tops = {
        tap.key: theme.panel_bottom_mm + looks.box_of(tap)[3] * 25.4 / theme.dpi for tap in looks.taps(hand)
    }
    return [f"{key} reaches {top_mm:.0f} mm" for key, top_mm in tops.items() if top_mm > LOW_REACH_MM + 1]


@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.parametrize(("size", "percent", "low"), LOOKS)
def test_nothing_is_cut_off_and_every_target_is_a_thumb_wide(
    hand: Stagehand, size: str, language: str, percent: int, low: bool
) -> None:
    bad = {sample.name: faults for sample, faults in walk(hand, size, language, percent, low) if faults}
    assert bad == {}


def test_every_screen_of_a_visit_has_a_page_and_a_sample() -> None:
    from kiosk.ui.app import PAGES

    shown = {job.screen for sample in every_sample() for job in sample.view.jobs}
    assert shown == set(Screen)
    assert {screen.value for screen in Screen} <= PAGES.keys()


def test_every_screen_can_call_the_duty_manager_with_one_touch(hand: Stagehand) -> None:
    for place, sample in enumerate(every_sample()):
        hand.show(sample, ("zh", "en")[place % 2])
        call = next(tap for tap in looks.taps(hand) if tap.key == "call")
        left, bottom, right, top = looks.box_of(call)
        covered = any(
            looks.is_sheet(one) and one.collide_point(left, bottom) for one in hand.app.room.children
        )
        assert not covered, sample.name
        if sample.place in ("asleep", "cover") or sample.sheet == "idle":
            continue  # the touch that wakes does nothing else
        hand.desk.asked.clear()
        hand.tap((left + right) / 2, (bottom + top) / 2)
        assert [one[0] for one in hand.desk.asked] == ["call_manager"], sample.name


def monolingual() -> list[Sample]:
    return [sample for sample in every_sample() if sample.place not in ("asleep", "attract")]


def test_a_screen_in_english_shows_no_chinese(hand: Stagehand) -> None:
    """But for the language button and the manager's own name."""
    for sample in monolingual():
        hand.show(sample, "en")
        said = [text.words for text in looks.texts(hand) if text.words != "中文" and "李敏" not in text.words]
        assert [words for words in said if any("\u4e00" <= char <= "\u9fff" for char in words)] == [], (
            sample.name
        )


def test_a_screen_in_chinese_shows_no_english_sentence(hand: Stagehand) -> None:
    for sample in monolingual():
        hand.show(sample, "zh")
        said = [text.words.split() for text in looks.texts(hand)]
        wordy = [
            words
            for words in said
            if sum(one.isascii() and one.isalpha() for one in words if one not in UNITS) > 1
        ]
        assert wordy == [], sample.name


@pytest.mark.parametrize("language", ["zh", "en"])
def test_the_result_says_all_only_when_every_file_was_read(hand: Stagehand, language: str) -> None:
    samples = {sample.name: sample for sample in every_sample()}
    hand.show(samples["result_all"], language)
    assert any(says_all(text.words) for text in looks.texts(hand))
    for name in ("result", "needs_staff"):
        hand.show(samples[name], language)
        assert [text.words for text in looks.texts(hand) if says_all(text.words)] == []


def says_all(words: str) -> bool:
    return "全部" in words or "所有" in words or "all" in words.lower().replace(",", " ").split()


def test_a_drawing_leaves_nothing_behind_when_it_changes(hand: Stagehand) -> None:
    """A label made while drawing would be painted by the drawing, too, and stay when the label goes."""
    from kivy.graphics import Canvas

    from kiosk.ui.drawings.drawing import Drawing

    samples = {sample.name: sample for sample in every_sample()}
    for name in ("keys", "keys_wren", "progress"):
        hand.show(samples[name], "zh")
        for drawing in (one for one in hand.widgets() if isinstance(one, Drawing)):
            assert not [one for one in drawing.canvas.before.children if isinstance(one, Canvas)], name


def test_the_picture_of_a_download_fills_as_it_comes(hand: Stagehand) -> None:
    from kiosk.ui.drawings import parcel

    assert sorted(parcel.order()) == list(range(parcel.BLOCKS)), "each block comes once"
    assert parcel.changed_blocks("cached", 0, 100) == 0
    assert parcel.changed_blocks("full", 100, 100) == parcel.BLOCKS
    shares = [parcel.changed_blocks("delta", wanted, 1000) for wanted in (1, 100, 400, 999)]
    assert shares == sorted(shares)
    assert shares[0] > 0
    assert shares[-1] < parcel.BLOCKS, "a difference never looks like the whole"


def test_the_plug_moves_in_a_quarter_of_a_second_and_rests_when_its_page_is_gone(hand: Stagehand) -> None:
    from kiosk.ui.theme import MOTION_S

    assert 0.15 <= MOTION_S <= 0.25
    samples = {sample.name: sample for sample in every_sample()}
    hand.app.moving = True
    try:
        hand.show(samples["connect"], "zh")
        page = hand.app.page
        seen: set[float] = set()
        deadline_s = time.monotonic() + 20
        while not {0, 1} <= seen:
            assert time.monotonic() < deadline_s, seen
            hand.tick()
            seen.add(page.gap)
        hand.show(samples["progress"], "zh")
        left = page.gap
        for _ in range(30):
            hand.tick()
        assert page.gap == left
    finally:
        hand.app.moving = False
