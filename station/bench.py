"""``station bench``: the figures, each beside its peer on this machine in the same run.

A benchmark is a function that returns rows; it judges nothing but its own goal, and no test is timed by it.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import platform
import statistics
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass

from station.errors import OURS, USAGE, StationError

HELP = "The figures, side by side with the peers on this machine; medians of alternated runs."

BENCHES = {
    "flash": "our fastboot host against Google's; USB/IP against a bare socket",
    "visit": "one whole visit, phase by phase",
    "delta": "differences between real images: size, time and memory, beside HDiffPatch, bsdiff, xdelta and zstd",
    "agent": "a phone's own update agent on MicroPython: applying, verifying, memory, bytes on the wire",
    "mirrors": "300 mirrors on loopback: time to the right one, requests wasted, beside random, listed and oracle",
    "hands": "hands-on seconds of every flow by real touches: the machine measured, the person modelled",
}


@dataclass(frozen=True, slots=True)
class Row:
    """One figure. ``ratio`` is ours/theirs, lower is better; ``goal`` is the bound on it (None = shown only)."""

    what: str
    ours: float
    peer: str | None
    theirs: float | None
    unit: str
    goal: float | None = None

    @property
    def ratio(self) -> float | None:
        """Ours divided by theirs; None without a peer."""
        return round(self.ours / self.theirs, 3) if self.theirs else None

    @property
    def met(self) -> bool | None:
        """Whether the ratio is within the goal; None where there is no goal."""
        return None if self.goal is None or self.ratio is None else self.ratio <= self.goal

    def as_json(self) -> dict[str, object]:
        """The row as the contract's JSON has it."""
        return {**asdict(self), "ratio": self.ratio, "met": self.met}


def alternate(
    runs: int, ours: Callable[[], float], theirs: Callable[[], float]
) -> tuple[list[float], list[float]]:
    """Seconds of each side, run in turn so that a busy minute hits both; who goes first changes every time."""
    figures: tuple[list[float], list[float]] = ([], [])
    sides = (ours, theirs)
    for run in range(runs):
        for side in (0, 1) if run % 2 == 0 else (1, 0):
            figures[side].append(sides[side]())
            print(
                f"run {run + 1}/{runs} {'theirs' if side else 'ours'} {figures[side][-1]:.3f} s",
                file=sys.stderr,
            )
    return figures


def median(values: Sequence[float]) -> float:
    """The median, rounded to what a clock on a busy machine can tell."""
    return round(statistics.median(values), 4)


def machine() -> str:
    """What the figures were measured on, for a reader of the numbers."""
    system = f"{platform.system()} {platform.release()}"
    return f"{platform.machine()}, {os.cpu_count()} cores, {system}, Python {platform.python_version()}"


def arguments(parser: argparse.ArgumentParser) -> None:
    """The command's own options."""
    parser.add_argument(
        "name", nargs="*", metavar="NAME", help="; ".join(f"{k}: {v}" for k, v in BENCHES.items())
    )
    parser.add_argument(
        "--runs", type=int, default=7, help="alternated runs of each side (default %(default)s)"
    )
    parser.add_argument(
        "--mib", type=int, default=64, help="size of the flashed image in MiB (default %(default)s)"
    )
    parser.add_argument("--json", action="store_true", help="one JSON object as the last line")


def run(args: argparse.Namespace) -> int:
    """Run the named benchmarks (all without a name); 1 when a goal was missed."""
    unknown = [name for name in args.name if name not in BENCHES]
    if unknown:
        raise StationError(f"no benchmark is called {unknown[0]}; there are: {', '.join(BENCHES)}", USAGE)
    if args.runs < 1 or args.mib < 1:
        raise StationError("--runs and --mib are at least 1", USAGE)
    results = []
    for name in args.name or BENCHES:
        print(f"bench {name}: {BENCHES[name]}", file=sys.stderr)
        rows: list[Row] = importlib.import_module(f"station.bench_{name}").rows(args.runs, args.mib)
        results.append({"name": name, "machine": machine(), "rows": [row.as_json() for row in rows]})
        if not args.json:
            _print(rows)
    if args.json:
        whole = results[0] if len(results) == 1 else {"name": "all", "machine": machine(), "benches": results}
        print(json.dumps(whole, ensure_ascii=False))
    missed = [
        row for result in results for row in result["rows"] if isinstance(row, dict) and row["met"] is False
    ]
    return OURS if missed else 0


def _print(rows: Sequence[Row]) -> None:
    for row in rows:
        beside = f"{row.theirs:10.3f} {row.peer}" if row.theirs is not None else " " * 10
        verdict = {True: "met", False: "MISSED", None: ""}[row.met]
        goal = (
            f"ratio {row.ratio} (goal <= {row.goal}) {verdict}"
            if row.goal
            else (f"ratio {row.ratio}" if row.ratio else "")
        )
        print(f"{row.what:58s} {row.ours:10.3f} {row.unit:4s} | {beside:36s} {goal}")
