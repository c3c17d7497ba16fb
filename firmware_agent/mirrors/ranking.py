"""Which mirror is likely to deliver soonest: what was measured of each, decaying, as numbers. Pure.

A mirror's expected time for ``size_bytes`` is its first byte, plus the size through its throughput, plus what
its failures cost on average. One that was not measured yet is tried first exactly when the time it may be
expected to save (expected improvement: Jones, Schonlau, Welch 1998) outweighs what the attempt costs.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

HALF_LIFE_S = 12 * 3600.0
SMALL_BYTES = 64 * 1024
"""A body shorter than this says nothing of throughput, unless it took long."""
_LONG_S = 0.5

_FIRST_BYTE_S, _BYTES_S = 0.3, 1_000_000.0  # what is assumed before anything was measured
_FAILURE_COST_S = 2.0
_BACKOFF_S, _MAX_BACKOFF_S = 30.0, 6 * 3600.0
_STRIKE_S, _MAX_STRIKE_S = 3600.0, 7 * 24 * 3600.0
_FORGIVEN_S = 7 * 24 * 3600.0
_MOST_BODY_S = 30.0  # a long download must not outvote the next ones for days
_FADED = 0.05  # of one measurement; what is left after four half-lives
_HORIZON = 10.0  # what is learnt serves this download and the next ones, which are as large
_SPREAD, _SPREAD_WEIGHT = 1.0, 4  # of the logarithm of mirrors' times, until enough were measured to tell
_WORTH_S = 2.0  # nobody notices what could be saved of less
PROBE_BYTES = 256 * 1024
"""Asked of a mirror that was never measured, where there are others: enough to see its speed, and it is kept."""
_SLOWER_BY_REGION = (1.0, 1.5, 3.0)


@dataclass(frozen=True, slots=True)
class Trial:
    """What one request to a mirror was like. ``failure`` is a word, "" when it gave what was asked.

    ``capped``: our own bandwidth cap held it back, so it may be faster than this.
    """

    first_byte_s: float | None = None
    body_s: float = 0.0
    body_bytes: int = 0
    failure: str = ""
    capped: bool = False
    ranges: bool | None = None  # whether it answers Range requests, where that was seen
    lost_s: float = 0.0  # what a failure cost


WRONG = "wrong_bytes"
"""As a trial's failure: it gave other bytes than the catalogue vouched for. It rests long."""


@dataclass(frozen=True, slots=True)
class Record:
    """What is remembered of one mirror. Weights and sums halve every :data:`HALF_LIFE_S`."""

    seen_s: float = 0.0  # wall clock of the last decay
    first_byte_s: float = 0.0  # sum
    first_bytes: float = 0.0  # how many
    body_s: float = 0.0
    body_bytes: float = 0.0
    bodies: float = 0.0
    tries: float = 0.0
    misses: float = 0.0
    lost_s: float = 0.0
    failures: int = 0  # in a row; each success halves it
    failed_s: float = 0.0
    strikes: int = 0  # one more halves them for every :data:`_FORGIVEN_S` since the last
    struck_s: float = 0.0
    ranges: bool | None = None

    def aged(self, now_s: float) -> Record:
        """As it weighs now. A clock that was set back makes nothing younger."""
        share = 0.5 ** (max(0.0, now_s - self.seen_s) / HALF_LIFE_S)
        return replace(
            self,
            seen_s=now_s,
            first_byte_s=self.first_byte_s * share,
            first_bytes=self.first_bytes * share,
            body_s=self.body_s * share,
            body_bytes=self.body_bytes * share,
            bodies=self.bodies * share,
            tries=self.tries * share,
            misses=self.misses * share,
            lost_s=self.lost_s * share,
        )

    def after(self, trial: Trial, now_s: float) -> Record:
        """With one more trial."""
        old = self.aged(now_s)
        missed = bool(trial.failure)
        new = replace(
            old,
            tries=old.tries + 1,
            misses=old.misses + missed,
            lost_s=old.lost_s + (trial.lost_s if missed else 0.0),
            failures=min(old.failures + 1, 60) if missed else old.failures // 2,
            failed_s=now_s if missed else old.failed_s,
            ranges=old.ranges if trial.ranges is None else trial.ranges,
        )
        if trial.failure == WRONG:
            # By age, not by success: whoever changes one file gives a hundred others as they are.
            left = old.strikes >> int(max(0.0, now_s - old.struck_s) // _FORGIVEN_S)
            new = replace(new, strikes=min(left + 1, 60), struck_s=now_s)
        if trial.first_byte_s is not None:
            new = replace(
                new, first_byte_s=new.first_byte_s + trial.first_byte_s, first_bytes=new.first_bytes + 1
            )
        return new._with_body(trial)

    def _with_body(self, trial: Trial) -> Record:
        is_telling = trial.body_bytes >= SMALL_BYTES or trial.body_s >= _LONG_S
        if not trial.body_bytes or not is_telling or trial.failure == WRONG:
            return self
        body_s = max(trial.body_s, 1e-6)
        rate = trial.body_bytes / body_s
        if trial.capped and self.bodies > _FADED and rate < self.body_bytes / max(self.body_s, 1e-9):
            return replace(self, bodies=self.bodies + 1)
        share = min(1.0, _MOST_BODY_S / (self.body_s + body_s))
        return replace(
            self,
            body_s=(self.body_s + body_s) * share,
            body_bytes=(self.body_bytes + trial.body_bytes) * share,
            bodies=self.bodies + 1,
        )

    def excused(self) -> Record:
        """Without its last failure: it was the shop's own line that was down."""
        return replace(
            self,
            failures=max(0, self.failures - 1),
            misses=max(0.0, self.misses - 1),
            tries=max(0.0, self.tries - 1),
        )

    def rests_s(self, now_s: float) -> float:
        """How long until it is asked again; 0 = now. A clock that was set back ends the rest."""
        return max(
            _rest_s(self.failures, self.failed_s, now_s, _BACKOFF_S, _MAX_BACKOFF_S),
            _rest_s(self.strikes, self.struck_s, now_s, _STRIKE_S, _MAX_STRIKE_S),
        )

    def is_measured(self, size_bytes: int) -> bool:
        """Whether there is a figure for a file of that size."""
        return (self.bodies if size_bytes >= SMALL_BYTES else self.first_bytes) > _FADED


def _rest_s(count: int, since_s: float, now_s: float, first_s: float, most_s: float) -> float:
    gone_s = now_s - since_s
    if not count or gone_s < 0:
        return 0.0
    return max(0.0, min(most_s, first_s * 2.0 ** (count - 1)) - gone_s)


@dataclass(frozen=True, slots=True)
class Ask:
    """What is about to be fetched: ``size_bytes`` from ``skip_bytes`` on, which a mirror without Range sends too."""

    size_bytes: int
    skip_bytes: int = 0


@dataclass(frozen=True, slots=True)
class Standing:
    """One mirror's place. ``is_probe``: it comes first to be measured, not because it is known to be fast."""

    key: str
    expected_s: float
    rests_s: float = 0.0
    is_probe: bool = False


@dataclass(frozen=True, slots=True)
class _Usual:
    """What the measured mirrors are like, for those that are not."""

    first_byte_s: float
    bytes_s: float
    miss_share: float
    miss_s: float


def rank(
    records: Mapping[str, Record], distances: Mapping[str, int], ask: Ask, now_s: float
) -> list[Standing]:
    """Every mirror of ``distances`` once, the likeliest to finish first in front; those that rest come last.

    ``distances``: 0 = our own region, 1 = unknown, 2 = another; its order settles ties.
    """
    aged = {key: records.get(key, _BLANK).aged(now_s) for key in distances}
    usual = _usual(list(aged.values()))
    rests = {key: record.rests_s(now_s) for key, record in aged.items()}
    expected = {key: _expected_s(aged[key], distances[key], ask, usual) for key in distances}
    known = [key for key in distances if not rests[key] and aged[key].is_measured(ask.size_bytes)]
    spread = _Spread.of([expected[key] for key in known])
    places: list[tuple[tuple[float, ...], Standing]] = []
    for number, key in enumerate(distances):
        cost_s, probe = expected[key], False
        if spread is not None and not rests[key] and not aged[key].is_measured(ask.size_bytes):
            cost_s, probe = spread.place(cost_s, distances[key], usual)
        sort = (rests[key], cost_s, distances[key], number)
        places.append((sort, Standing(key, cost_s, rests[key], probe)))
    return [standing for _, standing in sorted(places, key=lambda place: place[0])]


_BLANK = Record()


def _usual(records: Sequence[Record]) -> _Usual:
    seen = [record for record in records if record.tries > _FADED]
    firsts = [record.first_byte_s / record.first_bytes for record in seen if record.first_bytes > _FADED]
    rates = [record.body_bytes / max(record.body_s, 1e-9) for record in seen if record.bodies > _FADED]
    misses = sum(record.misses for record in seen)
    return _Usual(
        statistics.median(firsts) if firsts else _FIRST_BYTE_S,
        max(1.0, statistics.median(rates)) if rates else _BYTES_S,
        (misses + 0.1) / (sum(record.tries for record in seen) + 1),
        (sum(record.lost_s for record in seen) + _FAILURE_COST_S) / (misses + 1),
    )


def _expected_s(record: Record, distance: int, ask: Ask, usual: _Usual) -> float:
    """Measurements weighed against what is usual, which takes over as they fade."""
    slower = _SLOWER_BY_REGION[distance]
    first_byte_s = _blend(record.first_byte_s, record.first_bytes, usual.first_byte_s * slower)
    s_per_byte = slower / usual.bytes_s
    if record.bodies > 0 and record.body_bytes > 0:
        measured = record.body_s / record.body_bytes
        s_per_byte = _blend(measured * record.bodies, record.bodies, s_per_byte)
    sent = ask.size_bytes + (ask.skip_bytes if record.ranges is False else 0)
    miss_share = (record.misses + usual.miss_share) / (record.tries + 1)
    expected_s = first_byte_s + sent * s_per_byte + miss_share * max(1.0, usual.miss_s)
    return expected_s if math.isfinite(expected_s) else 1e18


def _blend(total: float, weight: float, usual: float) -> float:
    light = 0.05
    return (total + light * usual) / (weight + light)


@dataclass(frozen=True, slots=True)
class _Spread:
    """The times of the measured mirrors for what is asked, as a log-normal distribution."""

    best_s: float
    mean: float  # of the logarithms
    deviation: float

    @staticmethod
    def of(times_s: Sequence[float]) -> _Spread | None:
        if not times_s:
            return None
        logs = [math.log(max(1e-3, time_s)) for time_s in times_s]
        mean = statistics.fmean(logs)
        squares = _SPREAD_WEIGHT * _SPREAD**2 + sum((log - mean) ** 2 for log in logs)
        variance = squares / (_SPREAD_WEIGHT + len(logs))
        return _Spread(min(times_s), mean, math.sqrt(variance))

    def place(self, expected_s: float, distance: int, usual: _Usual) -> tuple[float, bool]:
        """Of a mirror without a figure: before the best one if trying it is worth its cost, else behind."""
        slower = _SLOWER_BY_REGION[distance]
        cost_s = slower * (usual.first_byte_s + PROBE_BYTES / usual.bytes_s)
        cost_s += usual.miss_share * usual.miss_s
        gain_s = _HORIZON * self._improvement_s(math.log(slower))
        if self.best_s > _WORTH_S and gain_s > cost_s:
            return max(0.0, self.best_s - gain_s + cost_s), True
        return max(expected_s, math.nextafter(self.best_s, math.inf)), False

    def _improvement_s(self, shift: float) -> float:
        """How much less than the best time one more mirror takes on average; 0 counts where it takes more."""
        mean, deviation = self.mean + shift, self.deviation
        best_s = max(1e-3, self.best_s)
        far = (math.log(best_s) - mean) / deviation
        whole = math.exp(min(700.0, mean + deviation**2 / 2))
        return max(0.0, best_s * _below(far) - whole * _below(far - deviation))


def _below(value: float) -> float:
    """The normal distribution function."""
    return 0.5 * math.erfc(-value / math.sqrt(2))
