"""A maker's signed catalogue of the sample firmware, for the demo, the fault matrix and the tests.

The older version is published first, as it was in life; the newer one follows with its differences.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from firmware_agent.mirrors.book import Mirror
from firmware_agent.repository.folder import Repository
from firmware_agent.repository.keys import Keyring
from firmware_agent.repository.make import Offline, Setup, make_repository
from firmware_agent.repository.online import change_mirrors
from firmware_agent.repository.packages import make_packages
from firmware_agent.repository.publish import publish
from station.sample_firmware import NEW, OLD

MAKER = "sample"


@dataclass(frozen=True, slots=True)
class SampleCatalogue:
    """Everything under one folder: ``repository`` goes to mirrors, ``keys`` would lie in a safe."""

    folder: Path
    releases: Path  # MODEL/VERSION, as station.sample_firmware makes them
    models: tuple[str, ...]

    @property
    def repository(self) -> Path:
        """What a mirror serves."""
        return self.folder / "repository"

    @property
    def root(self) -> Path:
        """What a station is set up with."""
        return self.repository / "metadata" / "1.root.json"

    def publish_old(self) -> None:
        """Make the keys and the repository, and publish the older version. What is there already is kept."""
        if not self.root.exists():
            keys = Offline(keys=1, threshold=1)  # a sample's safe has one drawer
            setup = Setup({MAKER: self.models}, root=keys, targets=keys)
            make_repository(Repository(self.repository), *self._keys(), setup)
        self._publish(OLD, None)

    def publish_new(self) -> None:
        """The newer version, with the differences from the older one."""
        self._publish(NEW, OLD)

    def list_mirrors(self, mirrors: Sequence[Mirror]) -> None:
        """Name them in the signed list."""
        change_mirrors(Repository(self.repository), Keyring(*self._keys()), add=mirrors)

    def _publish(self, version: str, base: str | None) -> None:
        packages = self.folder / f"packages-{version}"
        for model in self.models if base else ():
            # Differences only: whole images travel raw here, and a demo need not wait for their compression.
            old, new = (self.releases / model / name for name in (base or "", version))
            if (new / "images" / "firmware.img").exists():
                continue  # a bundle for our agent holds its differences itself
            make_packages(old, new, packages, whole=False)
        added = [self.releases / model / version for model in self.models]
        publish(Repository(self.repository), Keyring(*self._keys()), added, packages if base else None)

    def _keys(self) -> tuple[Path, Path]:
        return self.folder / "keys" / "offline", self.folder / "keys" / "online"
