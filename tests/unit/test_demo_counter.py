"""The demo's counter: its clock, its settings as a file, the processor's signed word, and when the demo is well."""

from __future__ import annotations

import copy
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from ulid import ULID

from hw.virtual.dock_hands import DockHands
from hw.virtual.errors import Refused
from hw.virtual.printer import PrinterHands
from kiosk import settings
from kiosk.assembly_counter import verify_answer
from kiosk.shop_settings import ShopSettings
from recycling import processor_answer
from station import counter_processor
from station.counter_hands import CounterHands
from station.demo_counter import SEAL, as_expected
from station.sample_shop import EXPIRED_PROCESSOR, PROCESSOR, processor_key
from station.shop import ZONE, ShopClock, toml, until_open_ms

MANIFEST, ITEM, OTHER = (str(ULID()) for _ in range(3))


def at(hour: int, minute: int) -> int:
    return int(datetime(2026, 7, 21, hour, minute, tzinfo=ZoneInfo(ZONE)).timestamp() * 1000)


@pytest.mark.parametrize(
    ("now", "opens"),
    [((7, 0), at(8, 31)), ((20, 30), at(8, 31) + 86_400_000), ((20, 1), at(8, 31) + 86_400_000)],
)
def test_a_demo_at_night_begins_when_the_shop_opens(now: tuple[int, int], opens: int) -> None:
    assert at(*now) + until_open_ms(at(*now)) == opens


@pytest.mark.parametrize("now", [(8, 30), (12, 0), (19, 59)])
def test_a_demo_by_day_begins_now(now: tuple[int, int]) -> None:
    assert until_open_ms(at(*now)) == 0


def test_the_shops_clock_goes_forward_only() -> None:
    clock = ShopClock()
    before, mono = clock.wall_ms(), clock.mono_ms()
    clock.pass_days(30)
    clock.pass_ms(-5_000_000_000)
    assert clock.wall_ms() >= before + 30 * 86_400_000
    assert clock.mono_ms() >= mono + 30 * 86_400_000


def test_the_kiosks_file_says_what_the_shop_is(tmp_path: Path) -> None:
    shop = ShopSettings(
        dock="tcp:127.0.0.1:1",
        printer="tcp:127.0.0.1:2",
        camera='python -m "x"',
        register_file=tmp_path / "register.csv",
        first_float_fen=200_000,
        virtual_payments=tmp_path / "payee.sqlite3",
    )
    file = tmp_path / "kiosk.toml"
    file.write_text("\n".join(['state_dir = "s"', *toml(shop)]) + "\n", "utf-8")
    assert settings.load(file).shop == shop


def test_the_stations_own_check_reads_the_processors_word() -> None:
    for answer, stage in (
        (counter_processor.received(MANIFEST, 300), "received"),
        (counter_processor.answered(MANIFEST, {ITEM: 118, OTHER: 182}, {OTHER}), "answered"),
        (counter_processor.processed(MANIFEST), "processed"),
    ):
        payload = verify_answer(answer, public(PROCESSOR))
        assert payload is not None
        assert processor_answer.decode(payload).stage == stage
        assert verify_answer(answer, public(EXPIRED_PROCESSOR)) is None
    items = processor_answer.decode(payload_of(counter_processor.answered(MANIFEST, {ITEM: 1}, {ITEM}))).items
    assert [one.accepted for one in items] == [False]


def public(processor: str) -> str:
    return processor_key(processor).public_key().public_bytes_raw().hex()


def payload_of(answer: bytes) -> bytes:
    payload = verify_answer(answer, public(PROCESSOR))
    assert payload is not None
    return payload


def test_hands_do_only_what_is_listed() -> None:
    hands = CounterHands(DockHands("127.0.0.1:1"), PrinterHands("127.0.0.1:1"), {1: "phone"})
    with pytest.raises(Refused):
        hands.do("reset")
    assert hands.status() == {"dock": None, "printer": None, "bins": {"1": "phone"}}


DROPS: list[dict[str, Any]] = [
    {"place": "drawer", "bin_state": "", "hq": {"items": 1}},
    {"place": "bin:3", "bin_state": "open", "hq": {"items": 1}},
    {"place": "bin:4", "bin_state": "locked", "hq": {"items": 1}},
]
TRADE: dict[str, Any] = {
    "state": "processed",
    "verdict": "partial",
    "settlement": "paid",
    "certificate": "EC1",
    "seal": SEAL,
    "came_back": ["quarantine:returned"],
    "hq": {"certificate": "EC1", "seal": SEAL},
}


def test_the_demo_counts_as_well_only_when_everything_ended_where_it_should() -> None:
    assert as_expected(DROPS, TRADE)
    spoilt: tuple[dict[str, Any], ...] = (
        {"state": "received"},
        {"verdict": "accepted"},
        {"settlement": "unknown"},
        {"certificate": ""},
        {"seal": "OTHER-1"},
        {"came_back": ["gone"]},
        {"came_back": []},
        {"hq": {"certificate": "EC2", "seal": SEAL}},
    )
    for change in spoilt:
        assert not as_expected(DROPS, {**TRADE, **change}), change
    worse: tuple[tuple[int, dict[str, Any]], ...] = (
        (0, {"place": "bin:2"}),
        (2, {"bin_state": "open"}),
        (1, {"hq": {"items": 0}}),
    )
    for number, change in worse:
        drops = copy.deepcopy(DROPS)
        drops[number].update(change)
        assert not as_expected(drops, TRADE), change
