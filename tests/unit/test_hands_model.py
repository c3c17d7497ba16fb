"""What the bench says a person takes: every part from its own operator, nothing counted twice, nothing left out."""

from __future__ import annotations

import pytest

from station import touch_model as m
from station.touch_model import Done, Kind, Parts

TOUCH, KEY, M, H = 1.30, 0.50, 1.35, 0.40


def touch(page: str = "home", **changes: object) -> Done:
    return Done(Kind.TOUCH, page, "any", **changes)  # type: ignore[arg-type]


def test_a_touch_is_pointing_pressing_and_lifting_and_a_key_is_quicker() -> None:
    assert m.parts([touch()]) == Parts(touching=TOUCH)
    assert m.parts([Done(Kind.KEY, "staff_login", "k_1")] * 6).touching == pytest.approx(6 * KEY)


def test_every_new_page_costs_one_mental_act_and_the_same_page_none() -> None:
    assert m.parts([touch(fresh=True), touch(), touch("backup", fresh=True)]).thinking == 2 * M


def test_the_hand_is_moved_only_between_the_screen_and_something_else() -> None:
    take = Done(Kind.HANDS, "drop_weigh", "take")
    assert m.parts([touch(), take, take, touch()]).handling == pytest.approx(2 * 2.0 + 2 * H)


def test_the_machine_s_time_is_what_was_measured_and_counts_while_somebody_stands_there() -> None:
    waits = [
        touch(machine_s=0.12),
        Done(Kind.WAIT, "drop_weigh", "the scale at rest", 1.5),
        Done(Kind.AWAY, "staff_erase", "staff_seal", 40.0),
    ]
    assert m.parts(waits).machine == pytest.approx(1.62)
    assert m.parts(waits).total == pytest.approx(TOUCH + 1.62)


def test_a_customer_reads_every_word_and_practised_staff_only_the_customer_s() -> None:
    record = [
        touch("staff_quote", characters=85, public=False),
        touch("staff_offer", characters=17, words=19, public=True),
    ]
    offered_s = 17 * 60 / 255 + 19 * 60 / 228
    assert m.parts(record).reading == pytest.approx(85 * 60 / 255 + offered_s)
    assert m.parts(record, practised=True).reading == pytest.approx(offered_s)


def test_the_whole_is_the_sum_of_its_parts() -> None:
    assert Parts(1, 2, 3, 4, 5).total == 15


@pytest.mark.parametrize(
    ("text", "counted"),
    [
        ("旧手机价格 ¥1,131。签名后当着您的面清除资料。", (17, 1)),
        ("I have a backup", (0, 4)),
        ("2.0.0", (0, 1)),
        ("•••• ，。", (0, 0)),
    ],
)
def test_chinese_is_counted_by_characters_and_the_rest_by_words(text: str, counted: tuple[int, int]) -> None:
    assert m.to_read(text) == counted


def test_a_line_of_which_only_the_figure_changed_is_read_once() -> None:
    assert m.form("还差 9 项") == m.form("还差 10 项")
    assert m.form("还差 9 项") != m.form("继续")


def test_every_operator_says_whose_figure_it_is() -> None:
    assert all(one.seconds > 0 and one.source for one in m.OPERATORS.values())
    assert {one.source for one in m.OPERATORS.values()} == {m.CARD, m.IREST, m.OURS}


def test_a_signature_counts_as_one_touch_and_a_scan_as_none() -> None:
    record = [
        touch(),
        Done(Kind.KEY, "p", "k_1"),
        Done(Kind.HANDS, "p", "sign"),
        Done(Kind.SCAN, "p", "scan"),
    ]
    assert m.touches(record) == 3
    assert m.parts(record).handling == pytest.approx(6.0 + 3.0 + H)


def test_an_act_without_an_operator_is_a_mistake_of_the_flow() -> None:
    with pytest.raises(KeyError):
        m.parts([Done(Kind.HANDS, "p", "whistle")])


def test_measured_answers_are_those_to_touches_keys_and_scans() -> None:
    record = [touch(machine_s=0.05), Done(Kind.WAIT, "p", "w", 9.0), Done(Kind.SCAN, "p", "scan", 0.2)]
    assert m.responses_ms(record) == pytest.approx([50, 200])
