"""Which partitions an update may never write, and how a slotted partition's full name is made. Pure."""

from __future__ import annotations

import re

from firmware_agent.errors import PartitionRefused

SLOTS = ("a", "b")

_OWNERS_DATA = "userdata data userdata_backup metadata keymaster keystore sdcard internal"
_THIS_DEVICE = (
    "persist persistent persistbak persdata frp efs efsbackup sec_efs modemst1 modemst2 fsg fsc devinfo "
    "param misc proinfo protect1 protect2 protect_f protect_s seccfg rpmb ssd steady keybox deviceid "
    "prodinfo simlock"
)
_WHERE_ALL_IS = "partition gpt pgpt sgpt mbr ebr"
PROTECTED = frozenset(f"{_OWNERS_DATA} {_THIS_DEVICE} {_WHERE_ALL_IS}".split())
"""Base names, lower case: the owner's data and what decrypts it; what belongs to one device (calibration,
radio identity, locks); the partition table, without which none of it is found.
``misc`` is the bootloader's own message box; set_active changes it, never we."""

_PROTECTED_PREFIXES = (
    *("userdata", "metadata", "keymaster", "keystore", "persist", "frp", "efs", "sec_efs", "modemst", "nv"),
    *("protect", "proinfo", "seccfg", "simlock", "keybox", "rpmb", "devinfo", "misc"),
    *("partition", "gpt", "pgpt", "sgpt"),
)
_ANY_SUFFIX = re.compile(r"(?:[_-][a-z])+\Z")
_NAME = re.compile(r"[a-z0-9][a-z0-9_.\-]{0,35}\Z")


def base_name(name: str) -> str:
    """``system_b`` -> ``system``; the name itself where there is no slot suffix."""
    lower = name.lower()
    return lower[:-2] if lower.endswith(("_a", "_b")) else lower


def check_partition(name: str) -> None:
    """Refuse a partition no update may write; any case, any slot suffix.

    Raises :class:`PartitionRefused` with reason ``protected_partition`` (the owner's data, or what belongs to
    this one device) or ``unknown_partition`` (not a name a GPT partition could have: 1 to 36 characters).
    """
    if not _NAME.match(name.lower()):
        raise PartitionRefused("unknown_partition", f"{name[:40]!r} is not a partition name")
    lower = name.lower()
    bare = _ANY_SUFFIX.sub("", lower)
    if not PROTECTED.isdisjoint((lower, bare)) or lower.startswith(_PROTECTED_PREFIXES):
        raise PartitionRefused(
            "protected_partition",
            f"{name} holds the owner's data or this phone's identity: it is never written",
        )


def full_name(base: str, slot: str | None) -> str:
    """``("system", "b")`` -> ``system_b``; without a slot the base name."""
    return f"{base}_{slot}" if slot else base
