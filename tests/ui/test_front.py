"""What needs no window: colours and sizes, line breaks, idleness, verdict words, fonts, and who may be imported."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import kiosk.ui
from kiosk.flow.view import Screen, UserDataView
from kiosk.ui import fonts, verdict, words
from kiosk.ui.attention import COUNTDOWN_S, IDLE_S, Idleness, Rest, TouchGate
from kiosk.ui.errors import MissingFontError
from kiosk.ui.front import Front, Place, phone_at_stake
from kiosk.ui.icons import ICONS
from kiosk.ui.linebreak import NEVER_ENDS, NEVER_STARTS, wrap
from kiosk.ui.samples import ALL_READ, DAMAGED, PARTLY_READ, SampleDesk, desk_view, job
from kiosk.ui.theme import TEXT_ON_GROUND, Palette, Theme, contrast, guess_dpi

ROOM = Path(kiosk.ui.__file__).parent
PANELS = [(1080, 1920), (1920, 1080), (1280, 800)]


# -- theme


@pytest.mark.parametrize(("text", "ground"), TEXT_ON_GROUND)
def test_every_text_has_seven_to_one_on_its_ground(text: str, ground: str) -> None:
    assert contrast(getattr(Palette, text), getattr(Palette, ground)) >= 7


def test_the_contrast_formula_gives_the_known_ends() -> None:
    assert contrast((0, 0, 0, 1), (1, 1, 1, 1)) == pytest.approx(21)
    assert contrast((1, 1, 1, 1), (1, 1, 1, 1)) == 1


@pytest.mark.parametrize("size", PANELS)
def test_a_target_is_twenty_millimetres_on_every_panel(size: tuple[int, int]) -> None:
    theme = Theme(*size, guess_dpi(*size))
    assert theme.target / theme.dpi * 25.4 >= 20
    assert theme.gap / theme.dpi * 25.4 >= 4


def test_body_text_on_the_shop_panel_has_capitals_of_six_millimetres() -> None:
    theme = Theme(1080, 1920, guess_dpi(1080, 1920))
    assert theme.body * 0.733 / theme.dpi * 25.4 >= 6
    assert theme.title >= 2 * theme.body
    assert Theme(1080, 1920, theme.dpi, 150).body == pytest.approx(theme.body * 1.5, abs=1)


def test_a_small_window_is_laid_out_like_the_panel_it_looks_like() -> None:
    assert guess_dpi(540, 960) == pytest.approx(guess_dpi(1080, 1920) / 2)


# -- lines

PROSE = st.text(st.sampled_from("请把手机插到号口，。“”（）ab cd12 .,"), min_size=1, max_size=60)


@settings(max_examples=150, deadline=None)
@given(PROSE, st.integers(40, 400), st.booleans())
def test_breaking_lines_loses_nothing_and_keeps_the_width(text: str, width: int, balance: bool) -> None:
    def measure(part: str) -> float:
        return 10.0 * len(part)

    lines = wrap(text, width, measure, balance).split("\n")
    assert "".join("".join(lines).split()) == "".join(text.split())
    assert all(measure(line) <= width for line in lines)


@pytest.mark.parametrize("width", range(60, 400, 10))
def test_no_line_begins_with_a_comma_or_ends_with_an_opening_bracket(width: int) -> None:
    text = "关机，线不用拔。同时按住（电源键）和“音量减键”，约 10 秒。"
    lines = wrap(text, width, lambda part: 10.0 * len(part)).split("\n")
    assert not [line for line in lines if line[0] in NEVER_STARTS or line[-1] in NEVER_ENDS]


def test_headings_break_into_even_lines() -> None:
    lines = wrap("aaaa bbbb cccc dd", 160, lambda part: 10.0 * len(part), balance=True).split("\n")
    assert lines == ["aaaa bbbb", "cccc dd"]


def test_a_figure_stays_with_its_measure_word() -> None:
    assert "2\n" not in wrap("请插到 2 号口", 50, lambda part: 10.0 * len(part))


# -- attention


def test_the_second_of_two_quick_touches_does_not_count() -> None:
    gate = TouchGate()
    assert [gate.admits(at_s) for at_s in (0.0, 0.1, 0.29, 0.31, 0.7)] == [True, False, False, True, True]


def test_idle_without_a_phone_counts_down_and_ends() -> None:
    idle = Idleness(0.0)
    assert idle.rest(IDLE_S - 1, False) == Rest()
    assert idle.rest(IDLE_S + 0.5, False) == Rest(countdown_s=20)
    assert idle.rest(IDLE_S + COUNTDOWN_S - 0.5, False) == Rest(countdown_s=1)
    assert idle.rest(IDLE_S + COUNTDOWN_S, False) == Rest(over=True)


def test_idle_with_a_phone_is_covered_for_ever() -> None:
    assert Idleness(0.0).rest(1e6, True) == Rest(covered=True)


def test_a_phone_between_two_modes_is_still_at_stake() -> None:
    assert not phone_at_stake(desk_view())
    assert not phone_at_stake(desk_view(job(Screen.CONNECT, phone_present=False)))
    assert phone_at_stake(desk_view(job(Screen.AWAIT_PHONE, phone_present=False)))


def make_front(desk: SampleDesk, now: list[float]) -> Front:
    front = Front(desk, words.load(), lambda: now[0])
    front.look()
    front.admit()
    front.choose_language("en")
    return front


def test_a_visit_that_is_gone_leads_home_and_one_not_there_yet_is_waited_for() -> None:
    now, desk = [0.0], SampleDesk(desk_view())
    front = make_front(desk, now)
    front.open_visit("soon")
    assert front.look().page == Place.HOME
    assert front.visit == "soon"
    now[0] = 10.0
    front.look()
    assert front.visit is None


def test_the_next_customer_starts_in_the_stations_language_with_normal_text() -> None:
    now, desk = [0.0], SampleDesk(desk_view())
    front = make_front(desk, now)
    front.set_text(150)
    now[0] = IDLE_S + COUNTDOWN_S + 1
    assert front.look().asleep
    assert (front.language, front.text_percent) == ("zh", 100)


def test_a_finished_phone_left_in_its_bay_is_mentioned() -> None:
    done = job(Screen.RESULT, finished=True, can_cancel=False)
    now, desk = [0.0], SampleDesk(desk_view(done))
    front = make_front(desk, now)
    front.open_visit(done.visit)
    assert front.look().page == "result"
    now[0] = IDLE_S + 1
    shown = front.look()
    assert shown.page == "forgotten"
    assert shown.bay is not None
    assert shown.bay.number == 2


# -- verdict


def test_all_is_said_only_when_every_file_was_read_in_full_twice() -> None:
    assert verdict.all_read(ALL_READ)
    assert not verdict.all_read(PARTLY_READ)
    assert not verdict.all_read(DAMAGED)
    assert not verdict.all_read(UserDataView())


@given(
    st.builds(
        UserDataView,
        before=st.integers(0, 50),
        after=st.one_of(st.none(), st.integers(0, 50)),
        identical=st.integers(0, 50),
        hashed=st.integers(0, 50),
        changed=st.integers(0, 3),
        missing=st.integers(0, 3),
        unreadable=st.integers(0, 3),
        added=st.integers(0, 3),
    )
)
def test_no_loss_goes_unsaid(data: UserDataView) -> None:
    said = {row.key: row.count for row in verdict.rows(data)}
    assert all(count >= 0 for count in said.values())
    for name in ("changed", "missing", "unreadable", "added"):
        assert said.get(f"result.row.{name}", 0) == getattr(data, name)
    if verdict.headline(data) == "result.headline.all":
        assert data.missing == data.changed == data.unreadable == 0
        assert data.hashed == data.before == data.after


# -- fonts and signs


def test_the_cut_face_is_simplified_chinese(tmp_path: Path) -> None:
    from fontTools.ttLib import TTFont

    cut = fonts.cut_face(fonts.NOTO_DIR / "NotoSansCJK-Regular.ttc", tmp_path / "sc.otf")
    with TTFont(cut) as face:
        assert face["name"].getDebugName(1) == "Noto Sans CJK SC"
    stamp = cut.stat().st_mtime_ns
    fonts.cut_face(fonts.NOTO_DIR / "NotoSansCJK-Regular.ttc", cut)
    assert cut.stat().st_mtime_ns == stamp  # the second start is quick
    assert os.listdir(tmp_path) == ["sc.otf"]


def test_a_missing_font_package_is_named(tmp_path: Path) -> None:
    with pytest.raises(MissingFontError, match="install fonts-noto-cjk"):
        fonts.cut_face(tmp_path / "absent.ttc", tmp_path / "sc.otf")


def test_a_broken_font_collection_is_refused_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "bad.ttc").write_bytes(b"not a font at all, not even a little")
    with pytest.raises(MissingFontError) as caught:
        fonts.cut_face(tmp_path / "bad.ttc", tmp_path / "sc.otf")
    assert "\n" not in caught.value.detail


def test_every_sign_is_in_the_icon_font() -> None:
    from fontTools.ttLib import TTFont

    with TTFont(fonts.ICON_FILE) as face:
        known = face.getBestCmap()
    assert {name for name, char in ICONS.items() if ord(char) not in known} == set()


# -- starting without a display


@pytest.mark.parametrize("display", [None, ":4097"])
def test_without_a_display_the_kiosk_says_so_in_one_line(tmp_path: Path, display: str | None) -> None:
    env = {key: value for key, value in os.environ.items() if key not in ("DISPLAY", "SDL_VIDEODRIVER")}
    env |= {"XDG_STATE_HOME": str(tmp_path), "KIVY_HOME": str(tmp_path / "kivy")}
    env |= {"DISPLAY": display} if display else {}
    words = [sys.executable, "-m", "station", "kiosk", "--size", "540x960"]
    run = subprocess.run(words, env=env, capture_output=True, text=True, timeout=60, check=False)
    assert run.returncode == 1
    assert run.stderr.startswith("station: ")
    assert run.stderr.count("\n") == 1


# -- who may be imported


def test_no_screen_touches_a_device_a_broker_or_a_thread() -> None:
    forbidden = {
        "hw",
        "mqtt",
        "ledger",
        "threading",
        "socket",
        "subprocess",
        "sqlite3",
        "asyncio",
        "multiprocessing",
    }
    for path in ROOM.rglob("*.py"):
        tree = ast.parse(path.read_text("utf-8"))
        met = {
            name.split(".")[0]
            for node in ast.walk(tree)
            for name in (
                [alias.name for alias in node.names]
                if isinstance(node, ast.Import)
                else [node.module or ""]
                if isinstance(node, ast.ImportFrom)
                else []
            )
        }
        assert not met & forbidden, path.name
        text = path.read_text("utf-8")
        assert "time.sleep" not in text, path.name


def test_the_deciding_half_of_the_screens_knows_no_toolkit() -> None:
    for name in ("theme", "words", "attention", "front", "verdict", "linebreak", "fonts", "samples", "icons"):
        assert "kivy" not in (ROOM / f"{name}.py").read_text("utf-8").replace("Kivy", ""), name
