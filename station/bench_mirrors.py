"""Three hundred mirrors on loopback: how soon a station is on the right one, and what it wastes on the others.

Every side is the same downloader over real sockets; only the order differs: measured and remembered (ours),
drawn anew each time, as listed, or the best one known in advance. Sizes and rates are scaled down.
"""

from __future__ import annotations

import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from firmware_agent.download.downloader import Downloader, Limits
from firmware_agent.mirrors.book import Mirror, MirrorBook, Trial
from firmware_agent.mirrors.ranking import Standing
from firmware_agent.watch import Note, Watch
from station.bench import Row
from station.mirror_fleet import REGIONS, Behaviour, Fleet, draw, wanted

MIRRORS = 300
FILE_BYTES = 12 << 20
SEED = 20261122
_MOST_FLEETS = 3  # a fleet takes over a minute, most of it the peers'
_WARMING = 3  # downloads between the cold one and the warm one that counts
_LIMITS = Limits(connect_s=0.5, first_byte_s=1.0, silence_s=1.0, slowest_bytes_s=16384, window_s=1.0)


@dataclass(slots=True)
class Run:
    """One download."""

    seconds: float = 0.0
    right_s: float = 0.0  # until it was on one of the best tenth; all of it, where it never was
    requests: int = 0
    wasted: int = 0  # that brought nothing which was kept
    wasted_bytes: int = 0
    last: str = ""
    right: frozenset[str] = frozenset()
    _begun_s: float = field(default_factory=time.monotonic)

    def hear(self, note: Note) -> None:
        """Of a mirror that it went to."""
        if note.kind in ("fetch.mirror", "fetch.moved"):
            self.last = str(note.body["mirror" if note.kind == "fetch.mirror" else "to"])
            if self.last in self.right and not self.right_s:
                self.right_s = time.monotonic() - self._begun_s


class _Counting(MirrorBook):
    """Ours, with a count of its requests."""

    run = Run()

    def report(self, mirror: Mirror, trial: Trial) -> None:
        self.run.requests += 1
        self.run.wasted += bool(trial.failure) and (not trial.body_bytes or trial.failure == "wrong_bytes")
        super().report(mirror, trial)


class _InOrder(_Counting):
    """A peer: an order that no measurement changes. What fails is still left for the next one."""

    def __init__(self, mirrors: Iterable[Mirror]) -> None:
        super().__init__(mirrors)

    def standings(self, size_bytes: int, skip_bytes: int = 0) -> list[tuple[Mirror, Standing]]:  # noqa: ARG002
        return [(mirror, Standing(mirror.url, float("inf"))) for mirror in self.mirrors]

    def is_measured(self, mirror: Mirror, size_bytes: int) -> bool:  # noqa: ARG002
        return True


def rows(runs: int, _mib: int) -> list[Row]:
    """Medians of alternated runs, each with mirrors drawn anew."""
    found: dict[str, list[Run]] = {}
    for number in range(max(1, min(runs, _MOST_FLEETS))):
        _world(SEED + number, found)
    middle = {name: _median(many) for name, many in found.items()}
    _print(middle, len(next(iter(found.values()))))
    oracle, drawn, listed = (middle[name] for name in ("oracle", "random order", "list order"))
    mib = FILE_BYTES >> 20
    made = [
        Row(f"{mib} MiB, {MIRRORS} mirrors, {name}", middle[name].seconds, peer, theirs.seconds, "s", goal)
        for name, peer, theirs, goal in (
            ("first ever", "random order", drawn, 1.0),
            ("first ever", "the order listed", listed, None),
            ("first ever", "best known in advance", oracle, None),
            ("warmed", "best known in advance", oracle, None),
            ("warmed", "random order", drawn, 0.5),
            ("the best has died", "random order", drawn, 0.5),
            ("the best dies in the middle", "random order", drawn, 0.5),
        )
    ]
    made += [
        Row(
            f"until it is on one of the best tenth, {name}",
            middle[name].right_s,
            "random order",
            drawn.right_s,
            "s",
        )
        for name in ("first ever", "warmed", "the best has died")
    ]
    made += [
        Row(f"requests that brought nothing, {name}", middle[name].wasted, "random order", drawn.wasted, "")
        for name in ("first ever", "warmed", "the best has died")
    ]
    return made


def _world(seed: int, found: dict[str, list[Run]]) -> None:
    """One fleet: ours from the first download to the death of the best one, and the peers on the same mirrors."""
    behaviours = draw(MIRRORS, seed)
    with Fleet(behaviours, FILE_BYTES) as fleet, tempfile.TemporaryDirectory() as folder:
        mirrors = [
            Mirror(f"http://127.0.0.1:{port}", behaviour.region)
            for port, behaviour in zip(fleet.ports, behaviours, strict=True)
        ]
        dice = random.Random(seed)  # noqa: S311 - repeatable, not secret
        best = sorted(mirrors, key=lambda mirror: _quality(behaviours[mirrors.index(mirror)]))
        book = _Counting(mirrors, region=REGIONS[0], salt=str(seed))
        right = frozenset(mirror.url for mirror in best[: MIRRORS // 10])
        into = Path(folder) / "part"

        def ours(name: str, kill_at: int | None = None) -> None:
            run = _fetch(book, into, right, lambda url: fleet.kill(_number(mirrors, url)), kill_at)
            found.setdefault(name, []).append(run)
            _say(name, run, mirrors, behaviours)

        ours("first ever")
        for _ in range(_WARMING):
            ours("warming")
        ours("warmed")
        for name, order in (
            ("random order", dice.sample(mirrors, len(mirrors))),
            ("list order", mirrors),
            ("oracle", best),
        ):
            run = _fetch(_InOrder(order), into, right)
            found.setdefault(name, []).append(run)
            _say(name, run, mirrors, behaviours)
        fleet.kill(_number(mirrors, found["warmed"][-1].last))
        ours("the best has died")
        ours("the best dies in the middle", kill_at=FILE_BYTES // 2)


def _quality(behaviour: Behaviour) -> float:
    """Seconds it takes for the whole file, if it gives it at all."""
    usable = behaviour.kind in ("good", "no_range", "crawling")
    return behaviour.first_byte_s + FILE_BYTES / behaviour.bytes_s if usable else float("inf")


def _fetch(
    book: _Counting,
    into: Path,
    right: frozenset[str],
    kill: Callable[[str], None] | None = None,
    kill_at: int | None = None,
) -> Run:
    into.unlink(missing_ok=True)
    run = book.run = Run(right=right)
    killed = False

    def on_bytes(done: int, _total: int) -> None:
        nonlocal killed
        if kill_at is not None and done >= kill_at and not killed and kill is not None:
            killed = True
            kill(run.last)

    fetched = Downloader(book, limits=_LIMITS).fetch(wanted(FILE_BYTES), into, Watch(on_bytes, run.hear))
    run.seconds = fetched.ms / 1000
    run.right_s = run.right_s or run.seconds
    run.wasted_bytes = fetched.fetched_bytes - FILE_BYTES
    return run


def _number(mirrors: list[Mirror], url: str) -> int:
    return next(number for number, mirror in enumerate(mirrors) if mirror.url == url)


def _median(many: list[Run]) -> Run:
    def middle(name: str) -> float:
        return float(statistics.median(getattr(run, name) for run in many))

    return Run(
        seconds=middle("seconds"),
        right_s=middle("right_s"),
        requests=round(middle("requests")),
        wasted=round(middle("wasted")),
        wasted_bytes=round(middle("wasted_bytes")),
    )


def _say(name: str, run: Run, mirrors: list[Mirror], behaviours: list[Behaviour]) -> None:
    behaviour = behaviours[_number(mirrors, run.last)]
    place = sorted(_quality(one) for one in behaviours).index(_quality(behaviour)) + 1
    print(
        f"{name:28s} {run.seconds:7.2f} s, right after {run.right_s:6.2f} s, at last on number {place} of {MIRRORS}, "
        f"{run.requests} requests, {run.wasted} wasted, {run.wasted_bytes >> 10} KiB twice",
        file=sys.stderr,
    )


def _print(middle: dict[str, Run], runs: int) -> None:
    print(f"\nmedians of {runs} fleets of {MIRRORS} mirrors, {FILE_BYTES >> 20} MiB", file=sys.stderr)
    print(
        f"{'':28s} {'whole s':>8s} {'right s':>10s} {'requests':>9s} {'wasted':>7s} {'KiB twice':>10s}",
        file=sys.stderr,
    )
    for name, run in middle.items():
        print(
            f"{name:28s} {run.seconds:8.2f} {run.right_s:10.2f} {run.requests:9.0f} {run.wasted:7.0f} "
            f"{run.wasted_bytes / 1024:10.0f}",
            file=sys.stderr,
        )
