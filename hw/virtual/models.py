"""Phone models as data: partitions, USB ids, oddities. Knows nothing of what the host believes about them."""

from __future__ import annotations

import configparser
import hashlib
import re
from dataclasses import dataclass
from functools import cache
from importlib import resources

from hw.virtual.errors import BadState

_UNITS = {"": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30}
_SLOT_LETTERS = "ab"


def size_bytes(text: str) -> int:
    """``"64MiB"`` -> 67108864. Raises :class:`BadState` for anything else."""
    match = re.fullmatch(r"(\d{1,12})\s*(KiB|MiB|GiB|)", text.strip())
    if match is None:
        raise BadState(f"{text!r} is not a size: write bytes, or a number with KiB, MiB or GiB")
    return int(match[1]) * _UNITS[match[2]]


@dataclass(frozen=True, slots=True)
class Model:
    """One phone model. Sizes in bytes; ``slotted`` names carry no suffix."""

    name: str
    manufacturer: str
    mtp_model: str
    variant: str
    keys: str
    slots: tuple[str, ...]
    slotted: dict[str, int]
    fixed: dict[str, int]
    must_be_verified: frozenset[str]
    version_getvar: str
    rollback_getvar: str
    imei_getvar: str  # "" = its bootloader does not say
    tac: str  # the first eight digits of its IMEIs
    setup_property: int  # MTP device property that says whether the set-up assistant is showing; 0 = none
    secure: bool
    unknown_getvar_is_empty: bool
    mtp_property_lists: bool
    normal_usb: tuple[int, int]
    bootloader_usb: tuple[int, int]
    max_download_bytes: int
    version_bootloader: str
    version_baseband: str

    @property
    def has_slots(self) -> bool:
        """Whether this is an A/B phone."""
        return bool(self.slots)

    def partitions(self) -> dict[str, int]:
        """Every partition by its full name (``boot_a``), with its size in bytes."""
        sizes = dict(self.fixed)
        for name, size in self.slotted.items():
            for full in [self.full_name(name, slot) for slot in self.slots] or [name]:
                sizes[full] = size
        return sizes

    def full_name(self, partition: str, slot: str | None) -> str:
        """``("boot", "a")`` -> ``boot_a``; a partition without slots keeps its name."""
        return f"{partition}_{slot}" if slot and partition in self.slotted else partition

    def base_name(self, partition: str) -> str:
        """``boot_a`` -> ``boot``."""
        base, _, slot = partition.rpartition("_")
        return base if slot in self.slots and base in self.slotted else partition


def usb_ids(text: str) -> tuple[int, int]:
    """``"1209:0001"`` as two numbers."""
    vendor, _, product = text.partition(":")
    return int(vendor, 16), int(product, 16)


def _layout(text: str) -> dict[str, int]:
    return {name: size_bytes(size) for name, _, size in (word.partition(":") for word in text.split())}


def _model(name: str, section: configparser.SectionProxy) -> Model:
    return Model(
        name=name,
        manufacturer=section["manufacturer"],
        mtp_model=section["mtp_model"],
        variant=section["variant"],
        keys=section["keys"],
        slots=tuple(_SLOT_LETTERS) if section["slots"] == "2" else (),
        slotted=_layout(section["slotted"]),
        fixed=_layout(section["fixed"]),
        must_be_verified=frozenset(section["must_be_verified"].split()),
        version_getvar=section["version_getvar"],
        rollback_getvar=section["rollback_getvar"],
        imei_getvar=section["imei_getvar"],
        tac=section["tac"],
        setup_property=int(section["setup_property"], 16),
        secure=section["secure"] == "yes",
        unknown_getvar_is_empty=section["unknown_getvar"] == "empty",
        mtp_property_lists=section["mtp_property_lists"] == "yes",
        normal_usb=usb_ids(section["normal_usb"]),
        bootloader_usb=usb_ids(section["bootloader_usb"]),
        max_download_bytes=size_bytes(section["max_download"]),
        version_bootloader=section["version_bootloader"],
        version_baseband=section["version_baseband"],
    )


def imei_of(tac: str, serial: str) -> str:
    """An IMEI for a phone: type code, six digits that its serial number gives, check digit (3GPP TS 23.003, 6.2)."""
    number = int.from_bytes(hashlib.sha256(f"imei {serial}".encode()).digest()[:8], "big") % 1_000_000
    digits = f"{tac}{number:06d}"
    doubled = [int(digit) * (2 if place % 2 else 1) for place, digit in enumerate(digits)]
    return f"{digits}{-sum(value // 10 + value % 10 for value in doubled) % 10}"


@cache
def models() -> dict[str, Model]:
    """Every model with a bootloader by name, from ``models.cfg`` beside this module."""
    parser = configparser.ConfigParser(interpolation=None)
    parser.read_string(resources.files("hw.virtual").joinpath("models.cfg").read_text("utf-8"))
    return {name: _model(name, parser[name]) for name in parser.sections() if "agent_usb" not in parser[name]}


def model(name: str) -> Model:
    """The model called ``name``; :class:`BadState` names the ones there are."""
    known = models()
    if name not in known:
        raise BadState(f"no virtual phone is called {name!r}; there are: {', '.join(sorted(known))}")
    return known[name]
