"""Two mirrors of a sample catalogue, and a station that has used it before: the older version is in its cache.

For the demo and the tests. Which of the mirrors dies, and when, is said here; what follows is the station's.
"""

from __future__ import annotations

import contextlib
import dataclasses
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import kiosk.assembly
from firmware_agent.catalogue import SignedCatalogue
from firmware_agent.mirrors.book import Mirror
from firmware_agent.watch import Watch
from kiosk.settings import CatalogueSettings, Seed, Settings
from station.children import Child
from station.errors import OURS, StationError
from station.sample_catalogue import SampleCatalogue

REGION = "cn-east"


def say(line: str) -> None:
    """One line of progress for people, on standard error."""
    print(line, file=sys.stderr, flush=True)


@dataclass(slots=True)
class Mirrors:
    """The near mirror is asked first, and dies in the middle of the first download; the far one goes on."""

    folder: Path
    models: tuple[str, ...]
    near: Child = field(init=False)
    far: Child = field(init=False)

    def start(self, stack: contextlib.ExitStack, settings: Settings) -> Settings:
        """Publish, serve, stock the station's cache; the settings of a station that updates from there."""
        sample = SampleCatalogue(self.folder / "maker", self.folder / "releases", self.models)
        say("system: the maker's signed catalogue, with the older version")
        sample.publish_old()
        serve = ("mirror", "--root", str(sample.repository))
        log = self.folder / "mirrors.log"
        self.near = Child(*serve, log=log)
        stack.callback(self._stop_near)
        self.far = stack.enter_context(Child(*serve, log=log))
        near, far = (str(child.ready["url"]) for child in (self.near, self.far))
        say(f"system: two mirrors, {near} and {far}")
        sample.list_mirrors([Mirror(near, REGION), Mirror(far)])
        root = self.folder / "root.json"
        root.write_bytes(sample.root.read_bytes())
        chosen = CatalogueSettings(root, (Seed(near, REGION), Seed(far)), REGION)
        settings = dataclasses.replace(settings, catalogue=chosen)
        say("system: the night before: the station fetches what phones here will want")
        self._stock(settings)
        say("system: the newer version is published, with what differs from the older one")
        sample.publish_new()
        self._let_near_die(settings, serve, log)
        return settings

    def _stop_near(self) -> None:
        self.near.stop()  # whichever it is by then

    def _stock(self, settings: Settings) -> None:
        with _catalogue(settings) as catalogue:
            for model in self.models:
                catalogue.stock(model, Watch(on_note=catalogue.on_note))

    def _let_near_die(self, settings: Settings, serve: tuple[str, ...], log: Path) -> None:
        """The near mirror comes back as one that dies halfway through what the first visit downloads."""
        with _catalogue(settings) as catalogue:
            catalogue.fresh_s = 0.0
            release = catalogue.newest(self.models[0], None, Watch(on_note=catalogue.on_note))
            if release is None:
                raise StationError("the sample catalogue offers nothing", OURS)
            half_bytes = catalogue.offer(release).fetch_bytes // 2
        port = str(self.near.ready["url"]).rpartition(":")[2]
        self.near.stop()
        self.near = Child(*serve, "--port", port, "--fault", f"die-after:{half_bytes}", log=log)
        say(f"system: the near mirror will die after {half_bytes} bytes")


@contextlib.contextmanager
def _catalogue(settings: Settings) -> Iterator[SignedCatalogue]:
    """The station's own catalogue, writing into its own ledger, before the station itself is started."""
    database, book = kiosk.assembly.open_book(settings.state_dir, settings.station)
    try:
        catalogue = kiosk.assembly.open_catalogue(settings, kiosk.assembly.note_taker(book))
        if not isinstance(catalogue, SignedCatalogue):
            raise StationError("the settings name no catalogue", OURS)
        yield catalogue
    finally:
        database.close()
