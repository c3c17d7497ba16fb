"""One delta tool run once in a process of its own, so that its processor time and peak memory are its own.

``python -m station.delta_trial TOOL OLD NEW PACKAGE`` prints one JSON object. For the benchmark only.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib
import json
import os
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path

Tool = Callable[[Path, Path, Path], None]


def _ours_make(old: Path, new: Path, package: Path) -> None:
    from firmware_agent.delta.make import make

    make(old, new, package)


def _ours_apply(old: Path, new: Path, package: Path) -> None:
    from firmware_agent.delta.apply import Expected, apply, read_header
    from firmware_agent.watch import Watch

    with package.open("rb") as file, old.open("rb") as base:
        said = read_header(file)
        expected = Expected(
            said.base_sha256, said.base_size_bytes, said.result_sha256, said.result_size_bytes
        )
        apply(package, base.fileno(), new, expected, Watch(), workers=2)


def _hdiffpatch_make(old: Path, new: Path, package: Path) -> None:
    import hdiffpatch

    level = hdiffpatch.ZStdConfig(level=19)
    made = hdiffpatch.diff(old.read_bytes(), new.read_bytes(), level, validate=False, big_cache_match=True)
    package.write_bytes(made)


def _hdiffpatch_apply(old: Path, new: Path, package: Path) -> None:
    import hdiffpatch

    new.write_bytes(hdiffpatch.apply(old.read_bytes(), package.read_bytes()))
    with new.open("rb+") as file:
        os.fsync(file.fileno())


def _bsdiff4_make(old: Path, new: Path, package: Path) -> None:
    import bsdiff4  # type: ignore[import-untyped]

    bsdiff4.file_diff(str(old), str(new), str(package))


TOOLS: dict[str, Tool] = {
    "ours-make": _ours_make,
    "ours-apply": _ours_apply,
    "hdiffpatch-make": _hdiffpatch_make,
    "hdiffpatch-apply": _hdiffpatch_apply,
    "bsdiff4-make": _bsdiff4_make,
}
"""By what the benchmark calls them. ``-apply`` writes NEW and syncs it; ``-make`` writes PACKAGE."""
_NEEDS = {"ours-make": "firmware_agent.delta.make", "ours-apply": "firmware_agent.delta.apply"}


def main(words: list[str]) -> int:
    """Run it; 3 when it did not get the memory it wanted."""
    tool, *paths = words
    old, new, package = map(Path, paths)
    # As in a running program: what a tool imports is there before the clock starts.
    importlib.import_module(_NEEDS.get(tool) or tool.partition("-")[0])
    begun, used = time.perf_counter(), _cpu_s()
    try:
        TOOLS[tool](old, new, package)
    except MemoryError:
        return 3
    figures = {
        "seconds": time.perf_counter() - begun,
        "cpu_s": _cpu_s() - used,
        "peak_bytes": _peak_bytes(),
        "sha256": _sha256(package if tool.endswith("-make") else new),
    }
    print(json.dumps(figures))
    return 0


def _cpu_s() -> float:
    spent = 0.0
    for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN):
        used = resource.getrusage(who)
        spent += used.ru_utime + used.ru_stime
    return spent


def _peak_bytes() -> int:
    """Of this program. ``ru_maxrss`` would begin at what the parent had when it forked."""
    with contextlib.suppress(OSError, StopIteration):
        status = Path("/proc/self/status").read_text("ascii", "replace")
        line = next(line for line in status.splitlines() if line.startswith("VmHWM:"))
        return int(line.split()[1]) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
