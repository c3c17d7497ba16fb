"""The fault matrix of fetching: power cuts and kills at every kind of moment of download, rebuilding and cache.

After each cut nothing wrong may be in the cache, and the next run must end with exactly the maker's bytes.
"""

from __future__ import annotations

import hashlib
import json
import random
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from firmware_agent.manifest import parse_manifest
from firmware_agent.mirrors.book import Mirror
from firmware_agent.release import Heading, build
from station.children import die_with_parent, last_json
from station.errors import StationError
from station.fault_disk import Cut
from station.faults import Tally
from station.mirror_server import MirrorServer
from station.sample_catalogue import SampleCatalogue
from station.sample_firmware import MIB, NEW, NOTES, OLD, VARIANT, real_files

MODEL = "heron"
POINTS = 64  # moments of each phase, uniform over what is counted there
SYSTEM_BYTES = 24 * MIB
RUN_S = 120.0
# Of a phase's moments: over the bytes written, the fsyncs, the changes of names.
SHARES = {
    "download": {"bytes": 52, "sync": 12},
    "apply": {"bytes": 52, "sync": 12},
    "cache": {"bytes": 20, "name": 44},
}


@dataclass(slots=True)
class Bench:
    """One catalogue on two mirrors, and a station whose cache holds the older version."""

    folder: Path
    wanted: dict[str, str]
    counts: dict[str, int]
    server: MirrorServer

    def station(self, name: str) -> Path:
        """A fresh copy of the station; its configuration file."""
        place = self.folder / name
        shutil.rmtree(place, ignore_errors=True)
        # Objects are never written to again, so a link is a copy.
        shutil.copytree(self.folder / "stocked", place, copy_function=_link)
        return _write_config(place, self.server.url, self.folder / "root.json")


def fill(tally: Tally, folder: Path, sample: int | None, groups: Sequence[str] | None) -> None:
    """Run the matrix (or a sample of each phase) into ``tally``; progress on standard error only goes up."""
    unknown = [group for group in groups or () if group not in SHARES]
    if unknown:
        raise StationError(f"no group is called {unknown[0]}; there are: {', '.join(SHARES)}")
    draw = random.Random(tally.seed)  # noqa: S311 - repeatable, not secret
    maker = _sample_in(folder)
    with MirrorServer(maker.repository) as server:
        bench = _prepare(folder, server, maker)
        chosen = [cut for group in groups or SHARES for cut in _cuts(bench, group, draw, sample)]
        for done, cut in enumerate(chosen):
            print(f"progress {100 * done // len(chosen)} {cut.text}", file=sys.stderr, flush=True)
            tally.injected += 1
            tally.groups[cut.phase] = tally.groups.get(cut.phase, 0) + 1
            wrong = _case(bench, cut)
            tally.recovered += not wrong
            if wrong:
                tally.failures.append(f"{cut.text}: {wrong}")
    print("progress 100", file=sys.stderr, flush=True)


def _cuts(bench: Bench, phase: str, draw: random.Random, sample: int | None) -> Iterator[Cut]:
    """Moments uniform over the counts of an uncut run, each as a power cut or as a kill."""
    cuts = []
    for kind, share in SHARES[phase].items():
        total = bench.counts.get(f"{phase}:{kind}", 0)
        if total == 0:
            raise StationError(f"an uncut run shows no {phase}:{kind}")
        for index in range(share):
            low, high = 1 + total * index // share, 1 + total * (index + 1) // share
            at = draw.randrange(low, max(high, low + 1))
            cuts.append(Cut(phase, kind, min(at, total), draw.randrange(1 << 30), index % 4 != 3))  # type: ignore[arg-type]
    yield from cuts if sample is None else sorted(draw.sample(cuts, min(sample, len(cuts))), key=cuts.index)


def _case(bench: Bench, cut: Cut) -> str:
    config = bench.station("case")
    first = _run(config, cut.text)
    if first.returncode != -9:
        # With threads the last change before the cut may not be reached in the same order; then it was whole.
        return "" if first.returncode == 0 and cut.phase == "cache" else f"was not cut: {_last(first)}"
    if wrong := _rotten(config.parent):
        return f"after the cut {wrong} is in the cache"
    second = _run(config)
    if second.returncode != 0:
        return f"the next run failed: {_last(second)}"
    if last_json(second.stdout)["images"] != bench.wanted:
        return "the next run ended with other bytes"
    return f"{wrong} is in the cache" if (wrong := _rotten(config.parent)) else ""


def _rotten(station: Path) -> str:
    """Empty, or the first object whose bytes are not what its name says."""
    for path in sorted((station / "state" / "catalogue" / "cache" / "objects").iterdir()):
        with path.open("rb") as file:
            if hashlib.file_digest(file, "sha256").hexdigest() != path.name:
                return path.name
    return ""


def _run(config: Path, *cut: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "station.fetch_victim", str(config), MODEL, *cut],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=RUN_S,
        check=False,
        preexec_fn=die_with_parent,
    )


def _last(run: subprocess.CompletedProcess[str]) -> str:
    lines = run.stderr.strip().splitlines() or ["it said nothing"]
    return f"exit {run.returncode}: {lines[-1][:200]}"


# -- what all cases share


def _sample_in(folder: Path) -> SampleCatalogue:
    """A catalogue with the older version only."""
    releases = folder / "releases"
    for version, other in ((OLD, 0), (NEW, 1)):
        _build(folder, releases / MODEL / version, version, other)
    sample = SampleCatalogue(folder / "maker", releases, (MODEL,))
    sample.publish_old()
    return sample


def _prepare(folder: Path, server: MirrorServer, sample: SampleCatalogue) -> Bench:
    sample.list_mirrors([Mirror(server.url)])
    (folder / "root.json").write_bytes(sample.root.read_bytes())
    config = _write_config(folder / "stocked", server.url, folder / "root.json")
    _counts(config)
    sample.publish_new()
    release = parse_manifest((folder / "releases" / MODEL / NEW / "manifest.json").read_bytes())
    bench = Bench(folder, {part.file: part.sha256 for part in release.partitions}, {}, server)
    bench.counts = _counts(bench.station("uncut"))
    return bench


def _counts(config: Path) -> dict[str, int]:
    run = _run(config)
    if run.returncode != 0:
        raise StationError(f"an uncut run failed: {_last(run)}")
    counts: dict[str, int] = last_json(run.stdout)["counts"]
    return counts


def _write_config(place: Path, url: str, root: Path) -> Path:
    place.mkdir(parents=True, exist_ok=True)
    config = place / "station.toml"
    lines = [
        'state_dir = "state"',
        "[catalogue]",
        f"root = {json.dumps(str(root))}",
        f"mirrors = [{json.dumps(url)}]",
        "cache_mib = 1024",
    ]
    config.write_text("\n".join(lines) + "\n", "utf-8")
    return config


def _build(folder: Path, out: Path, version: str, other: int) -> None:
    """A release of plain files: a boot image that is new each time, a system that changes here and there."""
    boot, system = folder / f"boot-{version}.bin", folder / f"system-{version}.bin"
    boot.write_bytes(random.Random(version).randbytes(2 * MIB))  # noqa: S311 - any bytes do
    with system.open("wb") as file:
        for index, (_, path) in enumerate(real_files()):
            if file.tell() >= SYSTEM_BYTES:
                break
            if not (other and index % 40 == 7):  # a file gone, so all that follows lies elsewhere
                file.write(path.read_bytes())
            if other and index % 25 == 3:
                file.write(b"changed in this version\n" * (index % 90))
    rollback_index = 1 + other
    parts = {"boot": boot, "system": system}
    build(Heading(MODEL, VARIANT, version, rollback_index, NOTES), parts, folder / "key.pem", out)


def _link(source: str, target: str) -> str:
    if Path(source).parent.name == "objects":
        Path(target).hardlink_to(source)
    else:
        shutil.copy2(source, target)
    return target
