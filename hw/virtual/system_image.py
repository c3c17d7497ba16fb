"""What a system partition says of itself: /build.prop read from inside its ext4 by e2fsprogs' debugfs."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

from hw.virtual.errors import BadState

_TIMEOUT_S = 20.0
_MAX_PROPERTIES = 2000
_PROPERTY = re.compile(r"([a-z][a-z0-9._]{0,90})=([ -~]{0,90})")
_SBIN = "/usr/sbin:/sbin"


def debugfs() -> str:
    """The path of debugfs; :class:`BadState` says which package brings it."""
    found = shutil.which("debugfs", path=f"{os.environ.get('PATH', '')}:{_SBIN}")
    if found is None:
        raise BadState("debugfs is missing: install e2fsprogs")
    return found


def build_properties(image: Path) -> dict[str, str]:
    """The properties in /build.prop of the ext4 image; empty where it cannot be read."""
    try:
        answer = subprocess.run(
            [debugfs(), "-R", "cat /build.prop", str(image)],
            capture_output=True,
            timeout=_TIMEOUT_S,
            check=False,
            stdin=subprocess.DEVNULL,
        )
    except subprocess.TimeoutExpired:
        return {}
    lines = answer.stdout.decode("ascii", "replace").splitlines()[:_MAX_PROPERTIES]
    matches = [_PROPERTY.fullmatch(line.strip()) for line in lines]
    return {match[1]: match[2] for match in matches if match}


def system_version(image: Path) -> str | None:
    """The release the system image carries, e.g. ``2.0.0``; None where there is none to be read."""
    version = build_properties(image).get("ro.build.version.release", "")
    return version if re.fullmatch(r"[0-9A-Za-z][0-9A-Za-z._-]{0,30}", version) else None
