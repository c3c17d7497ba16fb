"""How small a delta is, how long it takes and what memory: ours beside whole-file tools, on real system images.

Every image that a tool rebuilds is compared by hash; a run that made anything else is an error, not a figure.
"""

from __future__ import annotations

import hashlib
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from station.bench import Row, alternate, median
from station.errors import OURS, StationError
from station.sample_images import Pair, pair

MB = 1_000_000
MAX_PEAK_MB = 150
MAX_MAKE_CPU_S = 80
MAX_MAKE_CPU_MIB = 640  # the image that it is for; a longer one may take longer in proportion
BSDIFF_LIMIT_S = 900
"""bsdiff4 needs 17 times the image in memory, and minutes; it is stopped at either limit, and the row says so."""
BSDIFF_LIMIT_BYTES = 10 << 30
_LIMIT_S = 1800
_ZSTD = ("zstd", "-q", "-f", "--long=31")
_XDELTA3 = ("xdelta3", "-q", "-f")


@dataclass(frozen=True, slots=True)
class Trial:
    """What one run of one tool took."""

    seconds: float
    cpu_s: float
    peak_mb: float
    sha256: str = ""


def rows(runs: int, _mib: int) -> list[Row]:
    """All rows of ``station bench delta``; the images are pinned, so their size is not asked for."""
    for tool in ("zstd", "xdelta3"):
        if not shutil.which(tool):
            raise StationError(f"{tool} is not installed (Debian package {tool})", OURS)
    found: list[Row] = []
    for name in ("small", "large"):
        images = pair(name)
        with tempfile.TemporaryDirectory(prefix=".run-", dir=images.new.parent) as folder:
            found += _Bench(images, Path(folder)).rows(runs)
    return found


class _Bench:
    """One pair of images."""

    def __init__(self, images: Pair, folder: Path) -> None:
        self._images = images
        self._folder = folder
        self._name = f"{images.mib} MiB image"
        self._result = _sha256(images.new)

    def rows(self, runs: int) -> list[Row]:
        """Make with every tool, then apply in turn."""
        made = self._made("ours-make")
        whole = self._made("hdiffpatch-make")
        size_mb = self._mb("ours-make")
        what = f"delta of a {self._name}"
        found = [
            Row(what, size_mb, "whole-file hdiffpatch, zstd 19", self._mb("hdiffpatch-make"), "MB", 1.05),
            self._against_xdelta3(what, size_mb),
        ]
        if self._images.name == "small":
            found.append(self._against_bsdiff4(what, size_mb))
        self._zstd_made()
        found += [
            Row(what, size_mb, "zstd -3 --patch-from", self._mb("zstd-make"), "MB"),
            *self._applied(runs),
            Row(f"make it, {self._name}: CPU", made.cpu_s, "whole-file hdiffpatch", whole.cpu_s, "s"),
            Row(f"make it, {self._name}: memory", made.peak_mb, "whole-file hdiffpatch", whole.peak_mb, "MB"),
        ]
        if self._images.name == "large":
            most_s = round(MAX_MAKE_CPU_S * self._images.mib / MAX_MAKE_CPU_MIB, 1)
            goal = f"goal: {MAX_MAKE_CPU_S} s for {MAX_MAKE_CPU_MIB} MiB"
            found.append(Row(f"make it, {self._name}: CPU", made.cpu_s, goal, most_s, "s", 1.0))
        return found

    def _applied(self, runs: int) -> list[Row]:
        """Apply in turn; both from a warm cache to a synced file."""
        peaks: list[float] = []
        their_peaks: list[float] = []

        def ours() -> float:
            trial = self._run("ours-apply", self._folder / "out")
            peaks.append(trial.peak_mb)
            return trial.seconds

        def theirs() -> float:
            trial = self._zstd_applied()
            their_peaks.append(trial.peak_mb)
            return trial.seconds

        mine, peers = alternate(runs, ours, theirs)
        whole = self._run("hdiffpatch-apply", self._folder / "out")
        what = f"apply to a {self._name}, synced"
        return [
            Row(f"{what}, two workers", median(mine), "zstd -3 --patch-from", median(peers), "s", 1.0),
            Row(what, median(mine), "whole-file hdiffpatch, once", round(whole.seconds, 4), "s"),
            Row(f"{what}: memory", max(peaks), "goal", MAX_PEAK_MB, "MB", 1.0),
            Row(f"{what}: memory", max(peaks), "zstd -3 --patch-from", max(their_peaks), "MB"),
        ]

    def _made(self, tool: str) -> Trial:
        return self._run(tool, self._images.new)

    def _package(self, tool: str) -> Path:
        return self._folder / tool.partition("-")[0]

    def _mb(self, tool: str) -> float:
        return round(self._package(tool).stat().st_size / MB, 3)

    def _run(self, tool: str, new: Path, limit_s: float = _LIMIT_S, limit_bytes: int = 0) -> Trial:
        """A tool of delta_trial.py; rebuilt images are checked and removed. ``StationError`` when it was stopped."""
        if tool.endswith("-apply"):
            new.unlink(missing_ok=True)
        else:
            _say(f"{tool} on the {self._name}")
        words = [sys.executable, "-m", "station.delta_trial", tool]
        words += [str(path) for path in (self._images.old, new, self._package(tool))]

        def limited() -> None:
            resource.setrlimit(resource.RLIMIT_AS, (limit_bytes, limit_bytes))

        try:
            done = subprocess.run(
                words,
                check=False,
                capture_output=True,
                text=True,
                timeout=limit_s,
                preexec_fn=limited if limit_bytes else None,
            )
        except subprocess.TimeoutExpired as exc:
            raise StationError(f"{tool} was stopped after {limit_s:.0f} s", OURS) from exc
        if done.returncode:
            why = (done.stderr.strip().splitlines() or ["not enough memory"])[-1]
            raise StationError(f"{tool}: {why}", OURS)
        said = json.loads(done.stdout)
        if tool.endswith("-apply") and said["sha256"] != self._result:
            raise StationError(f"{tool} rebuilt something else: no figure", OURS)
        return Trial(
            said["seconds"], round(said["cpu_s"], 1), round(said["peak_bytes"] / MB, 1), said["sha256"]
        )

    def _against_bsdiff4(self, what: str, size_mb: float) -> Row:
        try:
            self._run("bsdiff4-make", self._images.new, BSDIFF_LIMIT_S, BSDIFF_LIMIT_BYTES)
        except StationError as exc:
            _say(exc.detail)
            limits = f"{BSDIFF_LIMIT_S} s or {BSDIFF_LIMIT_BYTES >> 30} GiB"
            return Row(f"{what} (bsdiff4 was stopped at {limits})", size_mb, None, None, "MB")
        return Row(what, size_mb, "bsdiff4", self._mb("bsdiff4-make"), "MB", 1.0)

    def _against_xdelta3(self, what: str, size_mb: float) -> Row:
        _say(f"xdelta3 -9 on the {self._name}")
        window = max(self._images.old.stat().st_size, 1 << 29)
        words = (*_XDELTA3, "-e", "-9", "-B", str(min(window, (1 << 31) - 1)), "-s", str(self._images.old))
        _called((*words, str(self._images.new), str(self._package("xdelta3-make"))))
        return Row(what, size_mb, "xdelta3 -9", self._mb("xdelta3-make"), "MB", 1.0)

    def _zstd_made(self) -> None:
        _say(f"zstd -3 --patch-from on the {self._name}")
        words = (*_ZSTD, "-3", f"--patch-from={self._images.old}", str(self._images.new))
        _called((*words, "-o", str(self._package("zstd-make"))))

    def _zstd_applied(self) -> Trial:
        out = self._folder / "out"
        out.unlink(missing_ok=True)
        words = (*_ZSTD, "-d", "--memory=2048MB", f"--patch-from={self._images.old}")
        begun = time.perf_counter()
        peak_mb = _called((*words, str(self._package("zstd-make")), "-o", str(out)))
        with out.open("rb+") as file:
            os.fsync(file.fileno())
        seconds = time.perf_counter() - begun
        if _sha256(out) != self._result:
            raise StationError("zstd rebuilt something else: no figure", OURS)
        return Trial(seconds, 0, peak_mb)


def _called(words: Sequence[str]) -> float:
    """Run a program to its end; its peak memory in MB."""
    with tempfile.TemporaryFile() as errors:
        child = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=errors)
        _, status, used = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        errors.seek(0)
        if child.returncode:
            why = errors.read().decode("utf-8", "replace").strip().splitlines() or ["no reason given"]
            raise StationError(f"{words[0]}: {why[-1]}", OURS)
    return round(used.ru_maxrss * 1024 / MB, 1)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _say(what: str) -> None:
    print(f"bench delta: {what}", file=sys.stderr)
