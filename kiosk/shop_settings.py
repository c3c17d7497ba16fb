"""The counter's part of the station's settings: dock, printer, camera, register, shop. It checks values, not places."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from kiosk.errors import SettingsError
from recycling.goods import Category

TABLES = ("dock", "printer", "camera", "register", "shop")
MAX_BINS = 16
MAX_FLOAT_FEN = 100_000_00


@dataclass(frozen=True, slots=True)
class ShopSettings:
    """What stands at the counter; a device that is not named is not there."""

    dock: str = ""  # serial:/dev/NAME or tcp:HOST:PORT
    bins: tuple[Category, ...] = tuple(Category)  # the kind of goods of bin 1, 2, ...
    printer: str = ""  # usb:VID:PID, tcp:HOST:PORT, file:PATH
    camera: str = ""  # a command line that writes one JPEG
    register_file: Path | None = None
    register_url: str = ""
    zone: str = "Asia/Shanghai"
    first_float_fen: int = 0  # cash in the drawer when the very first shift opens
    virtual_payments: Path | None = None  # a payee for demonstrations; without it money is paid in cash only

    def category_of(self) -> dict[int, Category]:
        """Bin number -> kind of goods; none without a dock."""
        return dict(enumerate(self.bins, 1)) if self.dock else {}


def read(top: Mapping[str, Any], folder: Path) -> ShopSettings | None:
    """From the settings' tables; None where there is none of them. :class:`SettingsError`."""
    tables = {name: _table(top, name) for name in TABLES if name in top}
    if not tables:
        return None
    shop = ShopSettings()
    if "dock" in tables:
        table = _only(tables["dock"], "dock", {"where", "bins"})
        shop = dataclasses.replace(shop, dock=_text(table, "dock", "where"), bins=_bins(table))
    if "printer" in tables:
        table = _only(tables["printer"], "printer", {"where"})
        shop = dataclasses.replace(shop, printer=_text(table, "printer", "where"))
    if "camera" in tables:
        table = _only(tables["camera"], "camera", {"command"})
        shop = dataclasses.replace(shop, camera=_text(table, "camera", "command"))
    if "register" in tables:
        table = _only(tables["register"], "register", {"file", "url"})
        shop = _register(shop, table, folder)
    if "shop" in tables:
        table = _only(tables["shop"], "shop", {"zone", "virtual_payments", "first_float_fen"})
        shop = _shop(shop, table, folder)
    return shop


def _register(shop: ShopSettings, table: Mapping[str, Any], folder: Path) -> ShopSettings:
    if len(table) != 1:
        raise SettingsError("register has either a file or a url")
    if "file" in table:
        return dataclasses.replace(shop, register_file=folder / _text(table, "register", "file"))
    return dataclasses.replace(shop, register_url=_text(table, "register", "url"))


def _shop(shop: ShopSettings, table: Mapping[str, Any], folder: Path) -> ShopSettings:
    if "zone" in table:
        zone = _text(table, "shop", "zone")
        try:
            ZoneInfo(zone)
        except (ZoneInfoNotFoundError, ValueError, OSError) as exc:
            raise SettingsError(f'shop.zone: "{zone[:40]}" is no time zone') from exc
        shop = dataclasses.replace(shop, zone=zone)
    if "first_float_fen" in table:
        float_fen = table["first_float_fen"]
        if type(float_fen) is not int or not 0 <= float_fen <= MAX_FLOAT_FEN:
            raise SettingsError(f"shop.first_float_fen is not a whole number from 0 to {MAX_FLOAT_FEN}")
        shop = dataclasses.replace(shop, first_float_fen=float_fen)
    if "virtual_payments" in table:
        path = folder / _text(table, "shop", "virtual_payments")
        shop = dataclasses.replace(shop, virtual_payments=path)
    return shop


def _bins(table: Mapping[str, Any]) -> tuple[Category, ...]:
    if "bins" not in table:
        return tuple(Category)
    found = table["bins"]
    if not isinstance(found, list) or not 1 <= len(found) <= MAX_BINS:
        raise SettingsError(f"dock.bins is not a list of 1 to {MAX_BINS} kinds of goods")
    try:
        return tuple(Category(one) for one in found)
    except ValueError as exc:
        raise SettingsError(f"dock.bins: the kinds are {', '.join(Category)}") from exc


def _table(top: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = top[name]
    if not isinstance(found, dict):
        raise SettingsError(f"{name} is not a table")
    return found


def _only(table: Mapping[str, Any], name: str, known: set[str]) -> Mapping[str, Any]:
    odd = sorted(table.keys() - known)
    if odd:
        raise SettingsError(f"{name}: {odd[0]!r} is not a setting")
    return table


def _text(table: Mapping[str, Any], name: str, key: str) -> str:
    found = table.get(key)
    if not isinstance(found, str) or not found:
        raise SettingsError(f"{name}.{key} is missing or not a text")
    return found
