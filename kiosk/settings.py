"""The station's settings: one frozen value, read once from a TOML file. It checks values, not places."""

from __future__ import annotations

import dataclasses
import math
import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kiosk import shop_settings
from kiosk.errors import SettingsError
from kiosk.flow.desk import Bay
from kiosk.flow.timeouts import Timeouts
from kiosk.shop_settings import ShopSettings

MAX_FILE_BYTES = 65536
MAX_SEEDS = 1000


@dataclass(frozen=True, slots=True)
class Broker:
    """Where headquarters' broker listens, and whose receipts are believed (Ed25519 public key, PEM)."""

    host: str
    port: int
    hq_public_key: Path


@dataclass(frozen=True, slots=True)
class Seed:
    """A mirror that the station knows before it has read any list."""

    url: str
    region: str = ""


@dataclass(frozen=True, slots=True)
class NightHours:
    """From when until when the station may fetch ahead, in minutes after local midnight; it may pass midnight."""

    begin_min: int = 60
    end_min: int = 300

    def holds(self, minute: int) -> bool:
        """Whether ``minute`` after midnight is within."""
        if self.begin_min <= self.end_min:
            return self.begin_min <= minute < self.end_min
        return minute >= self.begin_min or minute < self.end_min


@dataclass(frozen=True, slots=True)
class CatalogueSettings:
    """The signed catalogue: whom to believe, where to look first, how much to keep."""

    root: Path  # the trusted root.json that was delivered with the station
    mirrors: tuple[Seed, ...]  # to begin with; the catalogue itself names more
    region: str = ""
    cache_mib: int = 20480
    rate_kib_s: int = 0  # by day, for all downloads together; 0 = no cap. At night there is none
    night: NightHours = NightHours()


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything that differs between stations. Lengths in time are seconds."""

    state_dir: Path
    station: str = "station-1"
    bays: tuple[Bay, ...] = ()
    releases_dir: Path | None = None  # None: state_dir/releases. Not used where there is a catalogue
    catalogue: CatalogueSettings | None = None  # None: the unsigned releases of a local folder
    broker: Broker | None = None  # None: entries wait in the ledger
    shop: ShopSettings | None = None  # None: no counter for trade-in and drop-off
    hotline: str = "4008100000"
    hours: str = "8:30-20:30"
    dpi: float = 102.5  # 21.5 inch at 1920x1080
    panel_bottom_mm: float = 850.0  # the panel's lower edge above the floor, for the low-reach mode
    language: str = "zh"
    hash_budget_s: float = 60.0
    timeouts: Timeouts = field(default_factory=Timeouts)

    @property
    def releases(self) -> Path:
        """The folder of releases."""
        return self.releases_dir or self.state_dir / "releases"


def default_state_dir() -> Path:
    """``$XDG_STATE_HOME/phone-service-station``, normally under ``~/.local/state``."""
    base = os.environ.get("XDG_STATE_HOME") or "~/.local/state"
    return Path(base).expanduser() / "phone-service-station"


def load(path: Path | None = None) -> Settings:
    """Read the file; without one the defaults. Raises :class:`SettingsError` with the line that is wrong.

    Relative folders are relative to the file.
    """
    if path is None:
        return Settings(state_dir=default_state_dir())
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_FILE_BYTES + 1)
        if len(raw) > MAX_FILE_BYTES:
            raise SettingsError(f"{path}: longer than {MAX_FILE_BYTES} bytes")
        top = tomllib.loads(raw.decode("utf-8"))
    except OSError as exc:
        raise SettingsError(f"{path}: {exc.strerror}") from exc
    except (ValueError, RecursionError) as exc:
        raise SettingsError(f"{path}: {exc}") from exc
    try:
        return _settings(top, path.parent)
    except SettingsError as exc:
        raise SettingsError(f"{path}: {exc.detail}") from exc


def _settings(top: Mapping[str, Any], folder: Path) -> Settings:
    known = {item.name for item in dataclasses.fields(Settings)} | set(shop_settings.TABLES)
    _only(top, known, "settings")
    values: dict[str, Any] = {"state_dir": folder / _text(top, "state_dir", os.fspath(default_state_dir()))}
    for name in ("station", "hotline", "hours", "language"):
        if name in top:
            values[name] = _text(top, name)
    for name in ("dpi", "panel_bottom_mm", "hash_budget_s"):
        if name in top:
            values[name] = _positive(top, name)
    if "releases_dir" in top:
        values["releases_dir"] = folder / _text(top, "releases_dir")
    if "bays" in top:
        values["bays"] = _bays(top["bays"])
    if "broker" in top:
        values["broker"] = _broker(top["broker"], folder)
    if "catalogue" in top:
        values["catalogue"] = _catalogue(top["catalogue"], folder)
    values["shop"] = shop_settings.read(top, folder)
    if "timeouts" in top:
        values["timeouts"] = _timeouts(top["timeouts"])
    if values.get("language", "zh") not in ("zh", "en"):
        raise SettingsError(f'language is "{values["language"]}", not zh or en')
    return Settings(**values)


def _bays(value: Any) -> tuple[Bay, ...]:
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        raise SettingsError("bays is not a list of [[bays]] tables")
    bays = []
    for item in value:
        _only(item, {"number", "where"}, "bays")
        bays.append(Bay(_whole(item, "number", 1, 99), _text(item, "where")))
    if len({bay.number for bay in bays}) != len(bays) or len({bay.where for bay in bays}) != len(bays):
        raise SettingsError("two bays have the same number or the same place")
    return tuple(bays)


def _broker(value: Any, folder: Path) -> Broker:
    if not isinstance(value, dict):
        raise SettingsError("broker is not a table")
    _only(value, {"host", "port", "hq_public_key"}, "broker")
    return Broker(
        _text(value, "host"), _whole(value, "port", 1, 65535), folder / _text(value, "hq_public_key")
    )


def _catalogue(value: Any, folder: Path) -> CatalogueSettings:
    if not isinstance(value, dict):
        raise SettingsError("catalogue is not a table")
    _only(value, {item.name for item in dataclasses.fields(CatalogueSettings)}, "catalogue")
    chosen = CatalogueSettings(folder / _text(value, "root"), _seeds(value.get("mirrors")))
    if "region" in value:
        chosen = dataclasses.replace(chosen, region=_text(value, "region"))
    if "cache_mib" in value:
        chosen = dataclasses.replace(chosen, cache_mib=_whole(value, "cache_mib", 64, 1 << 24))
    if "rate_kib_s" in value:
        chosen = dataclasses.replace(chosen, rate_kib_s=_whole(value, "rate_kib_s", 0, 1 << 24))
    if "night" in value:
        chosen = dataclasses.replace(chosen, night=_night(_text(value, "night")))
    return chosen


def _seeds(value: Any) -> tuple[Seed, ...]:
    if not isinstance(value, list) or not 1 <= len(value) <= MAX_SEEDS:
        raise SettingsError(f"catalogue.mirrors is not a list of 1 to {MAX_SEEDS} addresses")
    seeds = []
    for item in value:
        table = {"url": item} if isinstance(item, str) else item
        if not isinstance(table, dict):
            raise SettingsError("catalogue.mirrors: an entry is neither an address nor a table")
        _only(table, {"url", "region"}, "catalogue.mirrors")
        seeds.append(Seed(_text(table, "url"), _text(table, "region") if "region" in table else ""))
    return tuple(seeds)


def _night(text: str) -> NightHours:
    found = re.fullmatch(r"([01]\d|2[0-3]):([0-5]\d)-([01]\d|2[0-3]):([0-5]\d)", text)
    if not found:
        raise SettingsError(f'catalogue.night is "{text[:40]}", not HH:MM-HH:MM')
    hours = [int(group) for group in found.groups()]
    return NightHours(60 * hours[0] + hours[1], 60 * hours[2] + hours[3])


def _timeouts(value: Any) -> Timeouts:
    if not isinstance(value, dict):
        raise SettingsError("timeouts is not a table")
    _only(value, {item.name for item in dataclasses.fields(Timeouts)}, "timeouts")
    return Timeouts(**{name: _positive(value, name) for name in value})


def _only(table: Mapping[str, Any], known: set[str], where: str) -> None:
    odd = sorted(table.keys() - known)
    if odd:
        raise SettingsError(f"{where}: {odd[0]!r} is not a setting")


def _text(table: Mapping[str, Any], name: str, default: str | None = None) -> str:
    value = table.get(name, default)
    if not isinstance(value, str) or not value:
        raise SettingsError(f"{name} is missing or not a text")
    return value


def _whole(table: Mapping[str, Any], name: str, low: int, high: int) -> int:
    value = table.get(name)
    if type(value) is not int or not low <= value <= high:
        raise SettingsError(f"{name} is not a whole number from {low} to {high}")
    return value


def _positive(table: Mapping[str, Any], name: str) -> float:
    value = table.get(name)
    if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value) and value > 0:
        return float(value)
    raise SettingsError(f"{name} is not a number above 0")
