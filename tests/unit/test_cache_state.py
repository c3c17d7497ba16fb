"""The cache under any sequence of uses: within its limit, what is held stays, what is served is right."""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import tempfile
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from firmware_agent.cache.objects import Cache
from firmware_agent.errors import NoRoom
from firmware_agent.watch import Watch

LIMIT = 1000
SIZES = {name: 100 + 70 * number for number, name in enumerate("abcdef")}
NAMES = st.sampled_from(sorted(SIZES))
VISITS = st.sampled_from(("visit-1", "visit-2"))


def content(name: str) -> bytes:
    return hashlib.shake_128(name.encode()).digest(SIZES[name])


SHA = {name: hashlib.sha256(content(name)).hexdigest() for name in SIZES}


class AnyUse(RuleBasedStateMachine):
    """Against a model: what was put in, what is pinned, and in which order things were used."""

    def __init__(self) -> None:
        super().__init__()
        self.root = Path(tempfile.mkdtemp())
        self.cache = Cache(self.root, LIMIT)
        self.used: list[str] = []  # whole files and parts in the cache, the longest unused first
        self.parts: dict[str, int] = {}
        self.pins: dict[str, set[str]] = {}

    def teardown(self) -> None:
        shutil.rmtree(self.root)

    @property
    def held(self) -> set[str]:
        return set().union(*self.pins.values())

    def touch(self, name: str) -> None:
        if name in self.used:
            self.used.remove(name)
        self.used.append(name)
        # File systems' clocks may be too coarse to order what happens at once.
        for number, other in enumerate(self.used):
            for path in (self.cache.path(SHA[other]), self.part(other)):
                with contextlib.suppress(FileNotFoundError):
                    os.utime(path, ns=(0, number * 10**9))

    def part(self, name: str) -> Path:
        return self.root / "parts" / f"{SHA[name]}.{SIZES[name]}"

    def room_taken(self) -> int:
        return sum(self.parts.get(name, SIZES[name]) for name in self.used)

    def expect_evictions(self, name: str) -> bool:
        """What the model evicts to make room for ``name``; whether there is room."""
        others = [other for other in self.used if other != name]
        taken = sum(self.parts.get(other, SIZES[other]) for other in others)
        spare = sum(self.parts.get(other, SIZES[other]) for other in others if other not in self.held)
        if taken - spare + SIZES[name] > LIMIT:
            return False
        for other in others:
            if taken + SIZES[name] <= LIMIT:
                break
            if other not in self.held:
                taken -= self.parts.pop(other, SIZES[other])
                self.used.remove(other)
        return True

    @rule(name=NAMES, whole=st.booleans(), share=st.floats(0, 1))
    def write(self, name: str, whole: bool, share: float) -> None:
        is_here = name in self.used and name not in self.parts
        fits = is_here or self.expect_evictions(name)
        try:
            with self.cache.writing(SHA[name], SIZES[name], Watch()) as part:
                assert fits
                assert (part is None) == is_here
                if part is None:
                    return
                assert content(name).startswith(part.read_bytes())
                had = part.stat().st_size
                part.write_bytes(content(name)[: max(had, int(share * SIZES[name]))])
                if whole:
                    part.write_bytes(content(name))
                    self.cache.commit(part)
        except NoRoom:
            assert not fits
            return
        self.parts.pop(name, None)
        if not whole:
            size_bytes = max(had, int(share * SIZES[name]))
            if size_bytes == 0:
                if name in self.used:
                    self.used.remove(name)
                return
            self.parts[name] = size_bytes
        self.touch(name)

    @rule(name=NAMES)
    def read(self, name: str) -> None:
        handle = self.cache.open(SHA[name], SIZES[name])
        assert (handle is not None) == (name in self.used and name not in self.parts)
        if handle is not None:
            assert os.pread(handle, 5000, 0) == content(name)
            os.close(handle)
            self.touch(name)

    @rule(visit=VISITS, names=st.sets(NAMES, max_size=3))
    def pin(self, visit: str, names: set[str]) -> None:
        self.cache.pin(visit, [SHA[name] for name in names])
        self.pins.setdefault(visit, set()).update(names)

    @rule(visit=VISITS)
    def unpin(self, visit: str) -> None:
        self.cache.unpin(visit)
        self.pins.pop(visit, None)

    @rule(visit=VISITS)
    def restart(self, visit: str) -> None:
        self.cache = Cache(self.root, LIMIT)
        self.cache.sweep([visit])
        self.pins = {visit: self.pins.get(visit, set())}

    @rule(name=NAMES)
    def discard(self, name: str) -> None:
        self.cache.discard(SHA[name])
        if name in self.used and name not in self.parts:
            self.used.remove(name)

    @rule(name=NAMES)
    def spoil(self, name: str) -> None:
        path = self.cache.path(SHA[name])
        if path.exists():
            path.chmod(0o644)
            path.write_bytes(b"spoilt")
            assert self.cache.open(SHA[name], SIZES[name]) is None
            self.used.remove(name)

    @invariant()
    def bounded_and_as_expected(self) -> None:
        assert self.cache.used_bytes() == self.room_taken() <= LIMIT
        for name, size_bytes in SIZES.items():
            is_whole = name in self.used and name not in self.parts
            assert self.cache.has(SHA[name], size_bytes) == is_whole, name


AnyUse.TestCase.settings = settings(max_examples=40, stateful_step_count=30)
TestAnyUse = AnyUse.TestCase
