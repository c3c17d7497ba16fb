"""The counter's settings: what is not named is not there, and a wrong line is named."""

from __future__ import annotations

from pathlib import Path

import pytest

from kiosk import settings
from kiosk.errors import SettingsError
from recycling.goods import Category


def load(folder: Path, text: str) -> settings.Settings:
    file = folder / "station.toml"
    file.write_text(f'state_dir = "state"\n{text}', "utf-8")
    return settings.load(file)


def test_without_any_of_its_tables_there_is_no_counter(tmp_path: Path) -> None:
    assert load(tmp_path, "").shop is None


def test_everything_can_be_named(tmp_path: Path) -> None:
    shop = load(
        tmp_path,
        """
[dock]
where = "tcp:127.0.0.1:7"
bins = ["phone", "phone", "battery"]
[printer]
where = "file:paper.txt"
[camera]
command = "fswebcam -"
[register]
file = "register.csv"
[shop]
zone = "Asia/Urumqi"
virtual_payments = "payee.db"
first_float_fen = 50000
""",
    ).shop
    assert shop is not None
    assert shop.category_of() == {1: Category.PHONE, 2: Category.PHONE, 3: Category.BATTERY}
    assert (shop.dock, shop.printer, shop.camera) == ("tcp:127.0.0.1:7", "file:paper.txt", "fswebcam -")
    assert shop.register_file == tmp_path / "register.csv"
    assert shop.virtual_payments == tmp_path / "payee.db"
    assert shop.zone == "Asia/Urumqi"
    assert shop.first_float_fen == 50_000


def test_a_counter_without_a_dock_has_no_bins(tmp_path: Path) -> None:
    shop = load(tmp_path, "[shop]\n").shop
    assert shop is not None
    assert shop.category_of() == {}


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("[dock]\n", "dock.where"),
        ("[shop]\nfirst_float_fen = -1\n", "shop.first_float_fen"),
        ("[shop]\nfirst_float_fen = true\n", "shop.first_float_fen"),
        ('[dock]\nwhere = ""\n', "dock.where"),
        ('[dock]\nwhere = "tcp:a:1"\nbins = []\n', "dock.bins"),
        ('[dock]\nwhere = "tcp:a:1"\nbins = ["cheese"]\n', "phone, battery"),
        ('[dock]\nwhere = "tcp:a:1"\ncolour = "red"\n', "colour"),
        ("dock = 5\n", "dock is not a table"),
        ("[printer]\nwhere = 5\n", "printer.where"),
        ("[camera]\n", "camera.command"),
        ("[register]\n", "either a file or a url"),
        ('[register]\nfile = "a"\nurl = "b"\n', "either a file or a url"),
        ('[shop]\nzone = "Mars/Olympus"\n', "time zone"),
        ('[shop]\nzone = "../etc/passwd"\n', "time zone"),
    ],
)
def test_a_wrong_line_is_named(tmp_path: Path, text: str, what: str) -> None:
    with pytest.raises(SettingsError, match=what):
        load(tmp_path, text)
