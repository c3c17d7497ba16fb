"""The whole visit by real touches through the window, and the rules of touching, against a scripted desk."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from kiosk.flow.view import CallView, FetchView, Screen
from kiosk.ui.attention import COUNTDOWN_S, IDLE_S
from kiosk.ui.samples import BASE, COUNTED, DELTA, HERE, PARTLY_READ, WHOLE, desk_view, job
from tests.ui import looks

if TYPE_CHECKING:
    from kiosk.ui.stagehand import Stagehand

pytestmark = pytest.mark.ui
CONNECT = job(Screen.CONNECT, phone_present=False, model="")
LATE = {"written": True, "can_cancel": False, "user_data": COUNTED}


def touch(hand: Stagehand, key: str) -> None:
    """A finger on the button ``key``, wherever it is."""
    found = [tap for tap in looks.taps(hand) if tap.key == key]
    assert found, f"no button {key} on {hand.app.shown.page}: {[tap.key for tap in looks.taps(hand)]}"
    left, bottom, right, top = looks.box_of(found[-1])
    hand.tap((left + right) / 2, (bottom + top) / 2)


def said(hand: Stagehand) -> str:
    return "\n".join(text.words for text in looks.texts(hand))


def at(hand: Stagehand, *jobs: object) -> None:
    """The desk moves on by itself."""
    hand.desk.shown = desk_view(*jobs)  # type: ignore[arg-type]
    hand.app.refresh()
    hand.settle()


def asked(hand: Stagehand) -> list[str]:
    return [one[0] for one in hand.desk.asked]


def to_home(hand: Stagehand, language: str = "zh") -> None:
    hand.desk.shown = desk_view()
    hand.app.refresh()
    hand.tap(540, 960)
    touch(hand, language)


def to_visit(hand: Stagehand, view: object = CONNECT, language: str = "zh") -> None:
    to_home(hand, language)
    hand.desk.begin = lambda language: CONNECT.visit  # type: ignore[method-assign]
    touch(hand, "begin")
    at(hand, view)


@pytest.fixture(autouse=True)
def _own_begin(hand: Stagehand) -> None:
    vars(hand.desk).pop("begin", None)


@pytest.mark.parametrize("language", ["zh", "en"])
def test_a_customer_updates_a_phone_with_eight_touches_at_most(hand: Stagehand, language: str) -> None:
    touches = 0
    hand.desk.shown = desk_view()
    hand.app.refresh()
    hand.tap(540, 960)  # wakes the poster
    for key in (language, "begin"):
        hand.desk.begin = lambda language: CONNECT.visit  # type: ignore[method-assign]
        touch(hand, key)
        touches += 1
    for screen in (
        Screen.CONNECT,
        Screen.RECOGNISING,
        Screen.UNLOCK,
        Screen.INVENTORY,
        Screen.KEYS,
        Screen.IDENTIFYING,
    ):
        at(hand, job(screen, user_data=COUNTED))
        assert hand.app.shown.page == screen.value
    at(hand, job(Screen.PLAN, step=4, user_data=COUNTED))
    assert "1.4.2" in said(hand)
    assert "2.0.0" in said(hand)
    touch(hand, "agree")
    at(hand, job(Screen.BACKUP, step=4, user_data=COUNTED))
    touch(hand, "tick")
    touch(hand, "backup_done")
    touches += 3
    at(hand, job(Screen.FETCHING, step=5, phase="fetch", percent=5, user_data=COUNTED))
    assert "18 MB" in said(hand)
    for percent in (20, 43, 80):
        at(
            hand,
            job(Screen.PROGRESS, step=5, phase="write", percent=percent, seconds_left=100 - percent, **LATE),
        )
        assert f"{percent}%" in said(hand)
    for screen in (Screen.UNLOCK_AGAIN, Screen.CHECKING, Screen.KEYS_AGAIN):
        at(hand, job(screen, step=6, percent=90, **LATE))
        assert hand.app.shown.page == screen.value
    at(hand, job(Screen.RESULT, step=6, percent=100, finished=True, **{**LATE, "user_data": PARTLY_READ}))
    assert "1,204" in said(hand)
    assert "862" in said(hand)
    touch(hand, "done")
    touches += 1
    assert touches + 1 <= 8  # and the one that woke the screen
    assert asked(hand) == ["consent", "backup", "finish"]
    consent = hand.desk.asked[0]
    assert consent[2].startswith(f"plan-{language}-")
    assert consent[3] == language
    assert hand.desk.asked[1][2] == "done"
    assert hand.app.shown.page == "forgotten"  # the phone is still in the bay
    at(hand)
    assert hand.app.shown.page == "attract"


FETCHING = job(Screen.FETCHING, step=5, phase="fetch", percent=9, seconds_left=7, user_data=COUNTED)


@pytest.mark.parametrize(
    ("language", "parts"),
    [
        (
            "zh",
            ("只下载从 1.4.2 到 2.0.0 变化的部分", "7.9 MB / 18 MB", "还要 7 秒", "拔线也不会受影响", "9%"),
        ),
        (
            "en",
            (
                "difference from 1.4.2 to 2.0.0",
                "7.9 MB of 18 MB",
                "7 s of download",
                "Unplugging is safe",
                "9%",
            ),
        ),
    ],
)
def test_a_download_says_what_how_much_of_how_much_and_that_the_phone_is_untouched(
    hand: Stagehand, language: str, parts: tuple[str, ...]
) -> None:
    to_visit(hand, replace(FETCHING, fetch=replace(DELTA, done_bytes=7_900_000)), language)
    shown = said(hand)
    assert [part for part in parts if part not in shown] == []


@pytest.mark.parametrize(
    ("fetch", "words"),
    [
        (WHOLE, "下载完整的 2.0.0"),
        (HERE, "已经在服务站里"),
        (replace(DELTA, done_bytes=DELTA.bytes), "已经下载好"),
    ],
)
def test_a_download_says_whether_it_is_whole_here_already_or_being_checked(
    hand: Stagehand, fetch: FetchView, words: str
) -> None:
    to_visit(hand, replace(FETCHING, fetch=fetch))
    assert words in said(hand)


@pytest.mark.parametrize(
    ("fetch", "words"),
    [
        (DELTA, ("18 MB", "只下载变化的部分，完整的有 1.3 GB")),
        (WHOLE, ("1.3 GB", "没有存您的旧版本")),
        (replace(WHOLE, why="a reason newer than this screen"), ("1.3 GB", "下载完整的更新")),
        (HERE, ("不用", "已经在服务站里")),
    ],
)
def test_the_plan_says_how_much_is_downloaded_and_why(
    hand: Stagehand, fetch: FetchView, words: tuple[str, ...]
) -> None:
    to_visit(hand, job(Screen.PLAN, step=4, user_data=COUNTED, fetch=fetch))
    assert [one for one in words if one not in said(hand)] == []


def test_a_download_can_be_stopped_until_writing_begins(hand: Stagehand) -> None:
    to_visit(hand, FETCHING)
    touch(hand, "stop")
    touch(hand, "really_stop")
    assert asked(hand) == ["cancel"]


def test_a_phone_that_goes_away_during_the_download_lifts_the_cover_and_is_called_back(
    hand: Stagehand,
) -> None:
    to_visit(hand, FETCHING)
    hand.clock.now_s += IDLE_S + 1
    at(hand, FETCHING)
    assert hand.app.shown.page == "cover"
    at(hand, replace(FETCHING, phone_present=False, attention=True, deadline_s=17))
    assert hand.app.shown.page == "fetching"
    assert "0:17" in said(hand)
    assert "请插回 2 号口" in said(hand)


def test_a_line_that_is_down_is_not_blamed_on_the_phone(hand: Stagehand) -> None:
    to_visit(hand, job(Screen.REFUSED, reason="download_failed", finished=True, can_cancel=False))
    assert "服务站现在没法更新" in said(hand)
    assert "手机没有被改动" in said(hand)
    at(hand, job(Screen.REFUSED, reason="battery_low", finished=True, can_cancel=False))
    assert "这部手机现在不能更新" in said(hand)


def test_nobody_is_told_to_unplug_a_half_written_phone(hand: Stagehand) -> None:
    """The reason also ends visits before the first write, where taking the phone along is right."""
    half = job(Screen.NEEDS_STAFF, reason="download_failed", finished=True, **LATE)
    to_visit(hand, half)
    assert "手机先插着" in said(hand)
    assert "拔线带走" not in said(hand)


def test_the_start_stays_shut_until_the_backup_is_ticked(hand: Stagehand) -> None:
    to_visit(hand, job(Screen.BACKUP, user_data=COUNTED))
    touch(hand, "backup_done")
    assert asked(hand) == []
    touch(hand, "backup_without")
    assert hand.desk.asked == [("backup", CONNECT.visit, "without")]


def test_the_touch_that_wakes_does_nothing_else(hand: Stagehand) -> None:
    hand.desk.shown = desk_view()
    hand.app.refresh()
    call = next(tap for tap in looks.taps(hand) if tap.key == "call")
    left, bottom, right, top = looks.box_of(call)
    hand.tap((left + right) / 2, (bottom + top) / 2)
    assert asked(hand) == []
    assert not hand.app.shown.asleep


def test_touches_within_300_ms_are_one(hand: Stagehand) -> None:
    to_home(hand)
    call = next(tap for tap in looks.taps(hand) if tap.key == "call")
    left, bottom, right, top = looks.box_of(call)
    for _ in range(3):
        hand.tap((left + right) / 2, (bottom + top) / 2, rest_s=0.09)
    assert asked(hand) == ["call_manager"]
    hand.clock.now_s += 0.31
    hand.tap((left + right) / 2, (bottom + top) / 2)
    assert asked(hand) == ["call_manager"] * 2


def test_the_language_changes_on_any_screen_and_nothing_is_lost(hand: Stagehand) -> None:
    to_visit(hand, job(Screen.PLAN, step=4, user_data=COUNTED))
    assert "暂不更新" in said(hand)
    touch(hand, "language")
    assert "Not now" in said(hand)
    assert hand.app.shown.job.visit == CONNECT.visit
    touch(hand, "language")
    assert "暂不更新" in said(hand)
    assert asked(hand) == []


def test_stopping_asks_once_more_and_stops(hand: Stagehand) -> None:
    to_visit(hand, job(Screen.PLAN, step=4, user_data=COUNTED))
    touch(hand, "stop")
    touch(hand, "keep_going")
    assert asked(hand) == []
    touch(hand, "stop")
    touch(hand, "really_stop")
    assert asked(hand) == ["cancel"]


def test_the_question_about_stopping_goes_away_once_writing_begins(hand: Stagehand) -> None:
    to_visit(hand, job(Screen.BACKUP, step=4, user_data=COUNTED))
    touch(hand, "stop")
    at(hand, job(Screen.PROGRESS, step=5, percent=1, phase="write", **LATE))
    keys = [tap.key for tap in looks.taps(hand)]
    assert "really_stop" not in keys
    assert "stop" not in keys


def test_under_a_question_nothing_can_be_touched(hand: Stagehand) -> None:
    to_visit(hand, job(Screen.PLAN, step=4, user_data=COUNTED))
    agree = next(looks.box_of(tap) for tap in looks.taps(hand) if tap.key == "agree")
    touch(hand, "stop")
    hand.tap(agree[0] + 5, agree[1] + 5)
    assert asked(hand) == []


def test_the_call_is_confirmed_and_then_answered_by_name(hand: Stagehand) -> None:
    to_home(hand)
    touch(hand, "call")
    hand.desk.shown = desk_view(call=CallView("sent", 0))
    hand.app.refresh()
    hand.settle()
    assert "已通知值班经理" in said(hand)
    hand.desk.shown = desk_view(call=CallView("acknowledged", 0, "李敏"))
    hand.app.refresh()
    hand.settle()
    assert "李敏" in said(hand)


def test_without_a_line_to_headquarters_the_call_says_which_number_to_ring(hand: Stagehand) -> None:
    to_home(hand)
    hand.desk.shown = desk_view(call=CallView("sent", 0), hq_online=False)
    hand.app.refresh()
    hand.settle()
    assert said(hand).count("4008100000") == 2  # in the header and in the strip


def test_left_alone_without_a_phone_the_screen_counts_down_and_ends_the_visit(hand: Stagehand) -> None:
    to_visit(hand, CONNECT)
    hand.clock.now_s += IDLE_S + 5
    at(hand, CONNECT)
    assert "还在吗" in said(hand)
    hand.tap(540, 1500)
    at(hand, CONNECT)
    assert "还在吗" not in said(hand)
    assert asked(hand) == []
    hand.clock.now_s += IDLE_S + COUNTDOWN_S + 1
    at(hand, CONNECT)
    assert asked(hand) == ["cancel"]
    assert hand.app.shown.page == "attract"


def test_with_a_phone_attached_the_screen_is_covered_and_never_reset(hand: Stagehand) -> None:
    plan = job(Screen.PLAN, step=4, user_data=COUNTED)
    to_visit(hand, plan)
    hand.clock.now_s += 3600
    at(hand, plan)
    assert hand.app.shown.page == "cover"
    assert "1.4.2" not in said(hand)
    assert "1,204" not in said(hand)
    hand.tap(540, 960)
    at(hand, plan)
    assert hand.app.shown.page == "plan"
    assert asked(hand) == []


def test_the_cover_lifts_when_the_customer_is_needed(hand: Stagehand) -> None:
    writing = job(Screen.PROGRESS, step=5, percent=40, phase="write", **LATE)
    to_visit(hand, writing)
    hand.clock.now_s += IDLE_S + 1
    at(hand, writing)
    assert hand.app.shown.page == "cover"
    at(hand, job(Screen.AWAIT_PHONE, percent=40, attention=True, deadline_s=900, phone_present=False, **LATE))
    assert hand.app.shown.page == "await_phone"
    assert "15:00" in said(hand)


def test_a_second_customer_finds_the_free_bay_while_the_first_phone_is_updated(hand: Stagehand) -> None:
    first = replace(job(Screen.PROGRESS, percent=40, phase="write", **LATE), bay_number=1)
    to_visit(hand, first)
    touch(hand, "home")
    assert {"begin", "bay_1"} <= {tap.key for tap in looks.taps(hand)}
    touch(hand, "bay_1")
    assert hand.app.shown.page == "progress"


def test_when_every_bay_is_taken_no_update_is_offered(hand: Stagehand) -> None:
    to_home(hand)
    at(hand, replace(BASE, bay_number=1, visit="A"), replace(BASE, bay_number=2, visit="B"))
    assert "begin" not in {tap.key for tap in looks.taps(hand)}


def test_large_text_and_low_reach_are_two_touches_away(hand: Stagehand) -> None:
    to_visit(hand, job(Screen.PLAN, step=4, user_data=COUNTED))
    before = hand.app.theme.body
    touch(hand, "size")
    touch(hand, "text_150")
    assert hand.app.theme.body == pytest.approx(before * 1.5, abs=1)
    touch(hand, "reach_low")
    assert hand.app.theme.reach_drop > 0
    touch(hand, "size_done")
    assert hand.app.shown.page == "plan"


def test_an_end_is_not_called_an_end_before_the_phone_has_restarted(hand: Stagehand) -> None:
    to_visit(hand, job(Screen.CANCELLED, reason="consent_refused", finished=False, can_cancel=False))
    assert "done" not in {tap.key for tap in looks.taps(hand)}
    assert "请稍等再拔线" in said(hand)
    at(hand, job(Screen.CANCELLED, reason="consent_refused", finished=True, can_cancel=False))
    touch(hand, "done")
    assert asked(hand) == ["finish"]
