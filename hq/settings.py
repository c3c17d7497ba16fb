"""Headquarters' settings: one frozen dataclass, loaded once from TOML and the command line."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field, replace
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from hq.errors import SettingsError

LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})
MAX_FILE_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class Address:
    """Where to listen or connect. Port 0 (listening only) takes a free one."""

    host: str
    port: int

    @classmethod
    def parse(cls, text: str) -> Address:
        """``HOST:PORT``; :exc:`SettingsError` otherwise."""
        host, colon, port = text.rpartition(":")
        number = int(port) if port.isascii() and port.isdigit() and len(port) <= 5 else -1
        if not colon or not host or not 0 <= number <= 65535:
            raise SettingsError(f"not an address (HOST:PORT): {text[:80]!r}")
        return cls(host.strip("[]"), number)

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything headquarters needs to run."""

    state: Path = Path("hq-state")
    broker: Address = Address("127.0.0.1", 1883)
    web: Address = Address("127.0.0.1", 8080)
    pins: dict[str, Path] = field(default_factory=dict)  # station -> its public key (PEM)
    command_life_s: int = 3600  # an unanswered command expires after this long
    default_language: str = "zh"
    time_zone: str = "Asia/Shanghai"  # of the pages

    @property
    def database(self) -> Path:
        """The store's SQLite file."""
        return self.state / "hq.sqlite3"

    @property
    def key_file(self) -> Path:
        """Headquarters' private signing key."""
        return self.state / "hq-key.pem"

    @property
    def public_key_file(self) -> Path:
        """Its public half, for stations to pin."""
        return self.state / "hq-public.pem"


def check(settings: Settings) -> Settings:
    """``settings`` when they may be used; until there is a log-in both ends stay on this machine."""
    for what, address in (("the web page", settings.web), ("the broker", settings.broker)):
        if address.host not in LOOPBACK:
            raise SettingsError(
                f"{what} must be on loopback until log-in and certificates exist, not {address.host}"
            )
    if settings.broker.port == 0:
        raise SettingsError("the broker's port cannot be 0")
    if settings.default_language not in {"zh", "en"}:
        raise SettingsError(f"no such language: {settings.default_language!r} (zh or en)")
    try:
        ZoneInfo(settings.time_zone)
    except (ZoneInfoNotFoundError, ValueError) as exc:
        raise SettingsError(f"no such time zone: {settings.time_zone!r}") from exc
    if not 10 <= settings.command_life_s <= 7 * 86400:
        raise SettingsError("command_life_s is between 10 and 604800 seconds")
    return settings


_KEYS = frozenset({"state", "broker", "web", "pins", "command_life_s", "default_language", "time_zone"})


def load(path: Path | None) -> Settings:
    """The settings in ``path`` (TOML), or the defaults; relative paths are relative to the file."""
    if path is None:
        return Settings()
    try:
        with path.open("rb") as file:
            data = file.read(MAX_FILE_BYTES + 1)
        if len(data) > MAX_FILE_BYTES:
            raise SettingsError(f"{path}: larger than any configuration")
        values = tomllib.loads(data.decode())
    except OSError as exc:
        raise SettingsError(f"{path}: {exc.strerror or exc}") from exc
    except (ValueError, RecursionError) as exc:  # bad TOML or UTF-8, huge numbers, endless nesting
        raise SettingsError(f"{path}: not TOML: {exc}") from exc
    unknown = sorted(values.keys() - _KEYS)
    if unknown:
        raise SettingsError(f"{path}: unknown setting {unknown[0]!r}")
    return _from(values, path)


def _from(values: dict[str, object], path: Path) -> Settings:
    settings = Settings()
    base = path.parent
    for key in ("state", "broker", "web", "default_language", "time_zone"):
        if key in values and not isinstance(values[key], str):
            raise SettingsError(f"{path}: {key} is text")
    if "state" in values:
        settings = replace(settings, state=base / str(values["state"]))
    if "broker" in values:
        settings = replace(settings, broker=Address.parse(str(values["broker"])))
    if "web" in values:
        settings = replace(settings, web=Address.parse(str(values["web"])))
    if "default_language" in values:
        settings = replace(settings, default_language=str(values["default_language"]))
    if "time_zone" in values:
        settings = replace(settings, time_zone=str(values["time_zone"]))
    life_s = values.get("command_life_s", settings.command_life_s)
    if type(life_s) is not int:
        raise SettingsError(f"{path}: command_life_s is a whole number of seconds")
    pins = values.get("pins", {})
    if not isinstance(pins, dict) or any(not isinstance(file, str) for file in pins.values()):
        raise SettingsError(f"{path}: [pins] maps a station to its public key's file")
    return replace(settings, command_life_s=life_s, pins={name: base / file for name, file in pins.items()})
