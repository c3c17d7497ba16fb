"""One fetch of a station's update in a process of its own, with the power cut at a chosen moment if asked.

Run by the fault matrix as ``python -m station.fetch_victim CONFIG MODEL [CUT]``; ends with one JSON object.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import kiosk.assembly
from firmware_agent import durable, routes
from firmware_agent.catalogue import SignedCatalogue
from firmware_agent.index import Package
from firmware_agent.manifest import Release
from firmware_agent.watch import Note, Watch
from kiosk import settings
from station.fault_disk import Cut, CuttingDisk, Phase

VISIT = "visit"


def main(argv: list[str]) -> int:
    """Fetch the newest release for a visit; what was counted, or nothing where the cut came first."""
    config, model, cut = argv[0], argv[1], Cut.parse(argv[2]) if len(argv) > 2 else None
    notes: list[Note] = []
    catalogue = kiosk.assembly.open_catalogue(settings.load(Path(config)), notes.append)
    assert isinstance(catalogue, SignedCatalogue)
    catalogue.fresh_s = 0.0
    watch = Watch(on_note=notes.append)
    release = catalogue.newest(model, None, watch)
    assert release is not None
    disk = CuttingDisk(Phases(catalogue, release).of, cut)
    durable.use(disk)
    images = catalogue.fetch(VISIT, release, watch)
    found = {part.file: images.image(part.file).sha256 for part in release.partitions}
    images.close()
    catalogue.let_go(VISIT)
    counts = {f"{phase}:{kind}": count for (phase, kind), count in disk.counts.items()}
    kinds = [note.kind for note in notes]
    print(json.dumps({"version": release.version, "images": found, "counts": counts, "notes": kinds}))
    return 0


class Phases:
    """Which phase a change of a file belongs to, by the hash in the file's name."""

    def __init__(self, catalogue: SignedCatalogue, release: Release) -> None:
        self._by_hash: dict[str, Phase] = {}
        index = catalogue.trust.index(release.model, Watch())
        assert index is not None
        for step in routes.steps_of(index):
            if isinstance(step, Package):
                self._by_hash[step.sha256] = "download"
                self._by_hash[step.result_sha256] = "apply"
        for step in routes.steps_of(index):
            self._by_hash.setdefault(step.result_sha256, "download")

    def of(self, path: Path) -> Phase:
        """Whatever is neither a download nor a rebuilt image is the cache's own."""
        return next((phase for sha256, phase in self._by_hash.items() if sha256 in path.name), "cache")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
