"""A phone's state directory: who it is, its counters, its flash, its owner's files. One process at a time.

phone.json   model, serials, lock, battery, counters (replaced atomically)
slots.json   slot metadata and the stored rollback index (hw.virtual.slots)
flash/       one file per partition (hw.virtual.flash)
user/        the owner's files (hw.virtual.user_data)
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import secrets
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from hw.virtual import user_data
from hw.virtual.errors import BadState
from hw.virtual.models import Model, imei_of
from hw.virtual.models import model as model_of

_FORMAT = 1


@dataclass(slots=True)
class Nameplate:
    """What stays with a phone. Counters count over its whole life.

    ``mtp_serial`` stands in its USB descriptor while it is in use: the hardware's, so it stays through a reset.
    ``mtp_id`` is what MTP's own DeviceInfo says. AOSP makes that up and keeps it in userdata: a reset makes another.
    """

    model: str
    serial: str
    mtp_serial: str
    locked: bool = False
    battery_percent: int = 80
    boots: int = 0
    writes: int = 0
    bootloader_entries: int = 0
    flashed: bool = False  # written since the last boot
    imei: str = ""
    laid_out: bool = False  # the owner's file system is in flash
    wizard: bool = False  # the set-up assistant is showing
    account: bool = False  # its owner is signed in
    frp: bool = False  # after a reset it asks for the account of its earlier owner
    mtp_id: str = ""  # "" = as the descriptor's
    format: int = _FORMAT


def hold(folder: Path) -> int:
    """Make ``folder`` and hold it for this process; a descriptor to close. :class:`BadState` if another does."""
    folder.mkdir(parents=True, exist_ok=True)
    held = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as exc:
        os.close(held)
        raise BadState(f"{folder} belongs to a virtual phone that is running") from exc
    return held


class StateDir:
    """A state directory held by this process until :meth:`close`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._hold = hold(folder)

    @property
    def user(self) -> Path:
        """The owner's files."""
        return self.folder / "user"

    @property
    def flash(self) -> Path:
        """The partitions' files."""
        return self.folder / "flash"

    @property
    def slots(self) -> Path:
        """The slot table."""
        return self.folder / "slots.json"

    @property
    def is_new(self) -> bool:
        """Whether no phone was ever made here."""
        return not self._plate.exists()

    @property
    def _plate(self) -> Path:
        return self.folder / "phone.json"

    def make(
        self,
        model: Model,
        serial: str | None,
        user_seed: str | None,
        user_bytes: int,
        imei: str | None = None,
    ) -> Nameplate:
        """A new phone: serials and its owner's files; the firmware is installed by the caller."""
        number = serial or f"{model.name[:3].upper()}{secrets.token_hex(4).upper()}"
        if not number.isascii() or not number.isalnum() or len(number) > 32:
            raise BadState(f"serial {number!r}: letters and digits, at most 32")
        mtp_serial = hashlib.sha256(f"mtp {number}".encode()).hexdigest()[:16]
        user_data.wipe(self.user)
        user_data.generate(self.user, user_seed or number, user_bytes)
        return Nameplate(model.name, number, mtp_serial, imei=imei or imei_of(model.tac, number))

    def load(self) -> Nameplate:
        """The phone that is here; :class:`BadState` when the file is not one of ours."""
        known = {field.name for field in fields(Nameplate)}
        try:
            stored = json.loads(self._plate.read_text("utf-8"))
            plate = Nameplate(**{name: value for name, value in stored.items() if name in known})
            plate.imei = plate.imei or imei_of(model_of(plate.model).tac, plate.serial)
        except (OSError, ValueError, TypeError, AttributeError) as exc:
            raise BadState(f"{self._plate} is not a virtual phone's nameplate") from exc
        if plate.format != _FORMAT:
            raise BadState(f"{self._plate} has format {plate.format}; this version reads {_FORMAT}")
        return plate

    def save(self, plate: Nameplate) -> None:
        """Replace the nameplate atomically."""
        fresh = self._plate.with_suffix(".new")
        with fresh.open("w", encoding="utf-8") as file:
            json.dump(asdict(plate), file, indent=1)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(self._plate)

    def close(self) -> None:
        """Let another process have it."""
        os.close(self._hold)
