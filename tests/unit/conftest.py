"""For every unit test: one counter in its world, with nobody or with a technician logged in."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.counter_fakes import Counter, World


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


@pytest.fixture
def counter(world: World) -> Iterator[Counter]:
    found = Counter(world)
    yield found
    found.close()


@pytest.fixture
def staffed(counter: Counter) -> Counter:
    counter.log_in()
    return counter
