"""The settings file: what is read, and one clear line for what is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from kiosk.errors import SettingsError
from kiosk.flow.desk import Bay
from kiosk.settings import NightHours, Seed, load

GOOD = """
state_dir = "state"
station = "sh-042"
releases_dir = "firmware"
language = "en"
hash_budget_s = 5
dpi = 96.5
[[bays]]
number = 1
where = "usb:1-1.4"
[[bays]]
number = 2
where = "usbip://127.0.0.1:3240/1-1"
[broker]
host = "127.0.0.1"
port = 1883
hq_public_key = "hq.pem"
[catalogue]
root = "root.json"
mirrors = ["http://a.example/r", { url = "http://b.example", region = "cn-east" }]
region = "cn-north"
cache_mib = 128
rate_kib_s = 500
night = "23:30-05:15"
[timeouts]
await_phone_s = 60
"""


def test_a_whole_file_is_read_and_folders_are_relative_to_it(tmp_path: Path) -> None:
    file = tmp_path / "station.toml"
    file.write_text(GOOD)
    settings = load(file)
    assert settings.state_dir == tmp_path / "state"
    assert settings.releases == tmp_path / "firmware"
    assert settings.bays == (Bay(1, "usb:1-1.4"), Bay(2, "usbip://127.0.0.1:3240/1-1"))
    assert settings.broker is not None
    assert settings.broker.hq_public_key == tmp_path / "hq.pem"
    catalogue = settings.catalogue
    assert catalogue is not None
    assert catalogue.root == tmp_path / "root.json"
    assert catalogue.mirrors == (Seed("http://a.example/r"), Seed("http://b.example", "cn-east"))
    assert (catalogue.region, catalogue.cache_mib, catalogue.rate_kib_s) == ("cn-north", 128, 500)
    assert (settings.timeouts.await_phone_s, settings.timeouts.unlock_s) == (60.0, 300.0)


def test_without_a_file_there_are_defaults() -> None:
    settings = load()
    assert settings.hotline == "4008100000"
    assert settings.releases == settings.state_dir / "releases"
    assert settings.broker is None
    assert settings.catalogue is None


def test_the_night_may_pass_midnight() -> None:
    late = NightHours(23 * 60 + 30, 5 * 60 + 15)
    assert [late.holds(minute) for minute in (1409, 1410, 0, 314, 315)] == [False, True, True, True, False]
    early = NightHours(60, 300)
    assert [early.holds(minute) for minute in (59, 60, 299, 300)] == [False, True, True, False]


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("surprise = 1", "surprise"),
        ("catalogue = 1", "catalogue"),
        ("[catalogue]\nmirrors = ['http://a']", "root"),
        ("[catalogue]\nroot = 'r'", "mirrors"),
        ("[catalogue]\nroot = 'r'\nmirrors = []", "mirrors"),
        ("[catalogue]\nroot = 'r'\nmirrors = [1]", "mirrors"),
        ("[catalogue]\nroot = 'r'\nmirrors = ['http://a']\ncache_mib = 1", "cache_mib"),
        ("[catalogue]\nroot = 'r'\nmirrors = ['http://a']\nnight = '1-5'", "night"),
        ("[catalogue]\nroot = 'r'\nmirrors = ['http://a']\nnight = '24:00-05:00'", "night"),
        ("[catalogue]\nroot = 'r'\nmirrors = ['http://a']\nspeed = 5", "speed"),
        ("station = 5", "station"),
        ("language = 'fr'", "language"),
        ("dpi = 0", "dpi"),
        ("dpi = true", "dpi"),
        ("hash_budget_s = inf", "hash_budget_s"),
        ("bays = 3", "bays"),
        ("[[bays]]\nnumber = 0\nwhere = 'x'", "number"),
        ("[[bays]]\nnumber = 1\nwhere = 'x'\n[[bays]]\nnumber = 1\nwhere = 'y'", "two bays"),
        ("[broker]\nhost = 'h'\nport = 70000\nhq_public_key = 'k'", "port"),
        ("[timeouts]\nsoon_s = 1", "soon_s"),
        ("not toml", "toml"),
        ("deep = " + "[" * 20_000, "recursion"),
    ],
)
def test_a_wrong_setting_is_named_in_one_line(tmp_path: Path, text: str, word: str) -> None:
    file = tmp_path / "station.toml"
    file.write_text(text)
    with pytest.raises(SettingsError) as refused:
        load(file)
    assert word in refused.value.detail
    assert "\n" not in refused.value.detail


def test_a_missing_file_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="No such file"):
        load(tmp_path / "none.toml")
