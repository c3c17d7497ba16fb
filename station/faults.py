"""``station faults``: injects every fault of a matrix, lets the system recover, and counts what was lost."""

from __future__ import annotations

import argparse
import importlib
import json
import random
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from station.errors import OURS, USAGE, StationError

HELP = "The fault matrix: injects, lets it recover, and counts; 0 only when nothing was lost."
MATRICES = {
    "update": "a whole visit over USB/IP: cable, power, station, broker, phone, user data, hostile input",
    "fetch": "downloading and rebuilding an update: power cuts and kills at bytes, fsyncs and renames",
    "agent": "a phone's own update agent: the power goes at every flash write and erase, slots and in place",
    "custody": "the counter: the kiosk dies around every commit, flap, door, slip, payment and erase of every flow",
}


@dataclass(slots=True)
class Tally:
    """What a matrix counts; one JSON object of the contract."""

    name: str
    seed: int
    injected: int = 0
    recovered: int = 0  # ended updated (or up to date), by itself
    latched: int = 0  # ended with a member of staff, or refused, as it must
    bricks: int = 0  # phones that neither start nor offer their bootloader
    user_bytes_lost: int = 0  # beyond what a case destroyed on purpose
    entries: int = 0
    entries_lost: int = 0
    entries_twice: int = 0
    seconds: float = 0.0
    groups: dict[str, int] = field(default_factory=dict)
    figures: dict[str, int] = field(default_factory=dict)  # what this matrix alone counts
    failures: list[str] = field(default_factory=list)

    @property
    def clean(self) -> bool:
        """Nothing lost, nothing unexpected."""
        lost = self.bricks + self.user_bytes_lost + self.entries_lost + self.entries_twice
        return lost == 0 and not self.failures


def arguments(parser: argparse.ArgumentParser) -> None:
    """The command's own options."""
    parser.add_argument(
        "name", nargs="*", metavar="NAME", help="; ".join(f"{k}: {v}" for k, v in MATRICES.items())
    )
    parser.add_argument(
        "--sample", type=int, metavar="N", help="at most N cases of each group, drawn by the seed"
    )
    parser.add_argument(
        "--seed", type=int, help="draws the sample and the moments (default: random, printed)"
    )
    parser.add_argument(
        "--group", action="append", metavar="G", help="only this group of cases; may be repeated"
    )
    parser.add_argument("--json", action="store_true", help="one JSON object as the last line")


def run(args: argparse.Namespace) -> int:
    """Run the named matrices (all without a name); 1 when anything was lost or came out differently."""
    unknown = [name for name in args.name if name not in MATRICES]
    if unknown:
        raise StationError(f"no fault matrix is called {unknown[0]}; there are: {', '.join(MATRICES)}", USAGE)
    if args.sample is not None and args.sample < 1:
        raise StationError("--sample is at least 1", USAGE)
    seed = args.seed if args.seed is not None else random.SystemRandom().randrange(1 << 31)
    print(f"seed {seed}", file=sys.stderr)
    tallies = []
    for name in args.name or MATRICES:
        tally = Tally(name, seed)
        begun = time.monotonic()
        with tempfile.TemporaryDirectory(prefix="station-faults-") as folder:
            matrix = importlib.import_module(f"station.faults_{name}")
            matrix.fill(tally, Path(folder), args.sample, args.group)
        tally.seconds = round(time.monotonic() - begun, 1)
        tallies.append(tally)
        if not args.json:
            _print(tally)
    if args.json:
        print(json.dumps(_whole(tallies), ensure_ascii=False))
    return 0 if all(tally.clean for tally in tallies) else OURS


def _whole(tallies: Sequence[Tally]) -> dict[str, object]:
    if len(tallies) == 1:
        return _facts(tallies[0])
    return {"name": "all", "matrices": [_facts(tally) for tally in tallies]}


def _facts(tally: Tally) -> dict[str, object]:
    return {**asdict(tally), **tally.figures}


def _print(tally: Tally) -> None:
    for name, value in asdict(tally).items():
        if name not in ("failures", "groups", "figures"):
            print(f"{name:16} {value}")
    for name, count in tally.figures.items():
        print(f"{name:16} {count}")
    for group, count in tally.groups.items():
        print(f"  {group:14} {count}")
    for line in tally.failures:
        print(f"FAILED {line}")
