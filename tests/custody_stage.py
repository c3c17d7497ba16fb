"""The stage of random days: three shops, one headquarters, one clock. Its acts are in the modules beside."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine

from kiosk.store.database import Database
from tests import custody_ends
from tests.counter_fakes import BINS, IMEIS, FakeClock
from tests.custody_shop import Network, Shop

SHOPS = {"north": 0, "south": 400_000, "west": 20_000}
"""Name -> cash in the drawer when the very first shift opens, in fen."""

shops = st.integers(0, len(SHOPS) - 1)
numbers = st.integers(0, 5)
bins = st.sampled_from(sorted(BINS))
_TEMPLATES: dict[str, tempfile.TemporaryDirectory[str]] = {}
MEMORY = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
"""Where the databases lie: what is checked is what they hold, not that a disk keeps it."""


def template(name: str) -> Path:
    """A fresh database, made once: migrating one takes longer than a whole example."""
    if name not in _TEMPLATES:
        _TEMPLATES[name] = tempfile.TemporaryDirectory(prefix="custody-", dir=MEMORY)
        Database(Path(_TEMPLATES[name].name), name).close()
    return Path(_TEMPLATES[name].name)


def opened(root: Path, clock: FakeClock, network: Network) -> list[Shop]:
    """Every shop of the network, in folders of their own under ``root``."""
    return [
        Shop(name, root / name, template(name), clock, network, float_fen)
        for name, float_fen in SHOPS.items()
    ]


class Stage(RuleBasedStateMachine):
    """What all acts share."""

    def __init__(self) -> None:
        super().__init__()
        self._folder = tempfile.TemporaryDirectory(prefix="custody-", dir=MEMORY)
        self.clock, self.network = FakeClock(), Network()
        self.shops = opened(Path(self._folder.name), self.clock, self.network)
        self.months = self.seals = 0
        self.imei_of = {shop.store.digest(imei): imei for shop in self.shops for imei in IMEIS}
        self.vouchers: list[str] = []

    def teardown(self) -> None:
        try:
            custody_ends.ending(self.shops, self.network, self.clock, self.imei_of)
        finally:
            for shop in self.shops:
                shop.close()
            self._folder.cleanup()

    def _seal(self) -> str:
        self.seals += 1
        return f"SEAL-{self.seals:04}"

    def _through(self, shop: Shop, number: int) -> None:
        """The hands, as they should be."""
        shop.look()
        shop.dock.open(number)
        shop.look()
        shop.dock.fall(number)
        shop.look()
        shop.dock.shut(number)
        shop.look()
