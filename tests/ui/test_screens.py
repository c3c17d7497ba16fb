"""Every screen, in both languages, at every size: nothing cut off, everything reachable, the manager always at hand."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from kiosk.flow.view import Screen
from kiosk.ui.samples import Sample, every_sample
from kiosk.ui.theme import LOW_REACH_MM
from recycling.plate import PROVINCES
from tests.ui import looks
from tests.ui.conftest import COUNTER, LANDSCAPE, PORTRAIT

if TYPE_CHECKING:
    from kiosk.ui.stagehand import Stagehand

pytestmark = [pytest.mark.ui, pytest.mark.timeout(300)]
UNITS = ("KB", "MB", "GB")
PLATES = str.maketrans("", "", PROVINCES)
SIZES = {"portrait": PORTRAIT, "landscape": LANDSCAPE, "counter": COUNTER}
LOOKS = [
    pytest.param(size, percent, low, id=f"{size}-{percent}{note}")
    for size, percent, low, note in (
        ("portrait", 100, False, "-plain"),
        ("portrait", 150, False, ""),
        ("portrait", 100, True, "-low"),
        ("landscape", 100, False, ""),
        ("landscape", 150, False, ""),
        ("counter", 100, False, ""),
    )
]


PLAIN = ("portrait", 100, False)
"""The look of most customers: every screen is walked in it, in both languages."""
PLAIN_ZH, PLAIN_EN = (pytest.param(one, id=f"plain-{one}") for one in ("zh", "en"))
"""Tests of this name ask about the same walk, and stay on one worker (tests/scheduling.py)."""
EVERY = 1 if os.environ.get("EVERY_SCREEN") else 5
"""In another look and language each fifth screen is walked: two more looks see each. All with EVERY_SCREEN=1."""


@dataclass(frozen=True)
class Seen:
    """One screen as it was walked. ``called``: what a touch on the call asked of the desk, None = not touched."""

    sample: Sample
    faults: list[str]
    said: list[str]
    called: list[str] | None


def share(size: str, percent: int, low: bool, language: str) -> list[tuple[int, Sample]]:
    """The samples that this look and language is for, with their places."""
    every = list(enumerate(every_sample()))
    if (size, percent, low) == PLAIN:
        return every
    # A screen's two looks differ: the second language begins elsewhere.
    number = [tuple(look.values) for look in LOOKS].index((size, percent, low)) + (
        2 if language == "en" else 0
    )
    return [(place, sample) for place, sample in every if (place + number) % EVERY == 0]


def walk(hand: Stagehand, size: str, language: str, percent: int, low: bool) -> list[Seen]:
    hand.reset(SIZES[size])
    found = []
    # Large text, a lowered page and the small counter panel may scroll; nothing else may.
    may_scroll = percent > 100 or low or size == "counter"
    for place, sample in share(size, percent, low, language):
        hand.show(sample, language, percent, low)
        faults = looks.text_faults(hand, may_scroll) + looks.tap_faults(hand) + reach_faults(hand)
        said = [text.words for text in looks.texts(hand)]
        in_turn = (size, percent, low) == PLAIN and ("zh", "en")[place % 2] == language
        found.append(Seen(sample, faults, said, call(hand, sample) if in_turn else None))
    return found


def call(hand: Stagehand, sample: Sample) -> list[str] | None:
    """What one touch on the duty manager's button asks; ["covered"] where it cannot be reached."""
    button = next(tap for tap in looks.taps(hand) if tap.key == "call")
    left, bottom, right, top = looks.box_of(button)
    if any(looks.is_sheet(one) and one.collide_point(left, bottom) for one in hand.app.room.children):
        return ["covered"]
    if sample.place in ("asleep", "cover") or sample.sheet == "idle":
        return None  # the touch that wakes does nothing else
    hand.desk.asked.clear()
    hand.tap((left + right) / 2, (bottom + top) / 2)
    return [str(one[0]) for one in hand.desk.asked]


Walk = Callable[..., list[Seen]]


@pytest.fixture(scope="module")
def walked(hand: Stagehand) -> Walk:
    """Each look and language is walked once; what was seen there is asked by several tests."""
    kept: dict[tuple[object, ...], list[Seen]] = {}

    def seen(language: str, size: str, percent: int, low: bool) -> list[Seen]:
        key = (language, size, percent, low)
        if key not in kept:
            kept[key] = walk(hand, size, language, percent, low)
        return kept[key]

    return seen


def reach_faults(hand: Stagehand) -> list[str]:
    """In low-reach mode nothing to touch is above 1220 mm."""
    theme = hand.app.theme
    if not theme.low_reach:
        return []
    tops = {
        tap.key: theme.panel_bottom_mm + looks.box_of(tap)[3] * 25.4 / theme.dpi for tap in looks.taps(hand)
    }
    return [f"{key} reaches {top_mm:.0f} mm" for key, top_mm in tops.items() if top_mm > LOW_REACH_MM + 1]


@pytest.mark.parametrize(
    ("size", "percent", "low", "language"),
    [
        pytest.param(*look.values, language, id=f"{look.id}-{language}")
        for look in LOOKS
        for language in ("zh", "en")
    ],
)
def test_nothing_is_cut_off_and_every_target_is_a_thumb_wide(
    walked: Walk, size: str, language: str, percent: int, low: bool
) -> None:
    seen = walked(language, size, percent, low)
    assert {one.sample.name: one.faults for one in seen if one.faults} == {}


def test_every_screen_of_a_visit_has_a_page_and_a_sample() -> None:
    from kiosk.ui.app import PAGES

    shown = {job.screen for sample in every_sample() for job in sample.view.jobs}
    assert shown == set(Screen)
    assert {screen.value for screen in Screen} <= PAGES.keys()


@pytest.mark.parametrize("language", [PLAIN_ZH, PLAIN_EN])
def test_every_screen_can_call_the_duty_manager_with_one_touch(walked: Walk, language: str) -> None:
    called = {one.sample.name: one.called for one in walked(language, *PLAIN) if one.called is not None}
    assert len(called) > 50
    assert {name: asked for name, asked in called.items() if asked != ["call_manager"]} == {}


def said_in(walked: Walk, language: str) -> list[Seen]:
    return [one for one in walked(language, *PLAIN) if one.sample.place not in ("asleep", "attract")]


@pytest.mark.parametrize("language", [PLAIN_EN])
def test_a_screen_in_english_shows_no_chinese(walked: Walk, language: str) -> None:
    """But for the language button, the manager's own name, and the provinces on number plates."""
    for one in said_in(walked, language):
        said = [words.translate(PLATES) for words in one.said if words != "中文" and "李敏" not in words]
        assert [words for words in said if any("\u4e00" <= char <= "\u9fff" for char in words)] == [], (
            one.sample.name
        )


@pytest.mark.parametrize("language", [PLAIN_ZH])
def test_a_screen_in_chinese_shows_no_english_sentence(walked: Walk, language: str) -> None:
    for one in said_in(walked, language):
        wordy = [
            words
            for words in map(str.split, one.said)
            if sum(word.isascii() and word.isalpha() for word in words if word not in UNITS) > 1
        ]
        assert wordy == [], one.sample.name


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
