"""How long one whole visit takes, phase by phase, with a customer who never hesitates. It has no peer."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import kiosk.assembly
from kiosk.flow.view import JobView
from station.bench import Row
from station.customer import SimulatedCustomer
from station.errors import OURS, StationError
from station.system import PhoneChoice, System
from station.update import result

VISIT_S = 300.0


def rows(_runs: int, mib: int) -> list[Row]:
    """One visit of an A/B phone over USB/IP; ``mib`` is the size of the system's files."""
    with tempfile.TemporaryDirectory(prefix="station-bench-") as folder:
        system = System(Path(folder), (PhoneChoice("heron"),), station="bench-1", system_mib=mib)
        with system, kiosk.assembly.Station(system.settings) as station:
            last = _visit(system, station)
    if last.get("verdict") != "updated":
        raise StationError(f"the visit ended {last.get('verdict')} ({last.get('reason')}): no figure", OURS)
    sent = last["bytes_sent"] / (1 << 20)
    files = last["user_data"]["hashed"]
    notes = {"writing": f" ({sent:.0f} MiB)", "inventory": f" ({files} files read in full)"}
    return [
        Row(f"visit: {phase}{notes.get(phase, '')}", seconds, None, None, "s")
        for phase, seconds in last["seconds"].items()
    ]


def _visit(system: System, station: kiosk.assembly.Station) -> dict[str, Any]:
    last: dict[str, Any] = {}

    def keep(job: JobView) -> None:
        visit = station.desk.visit(job.visit)
        if visit is not None:
            last.update(result(visit, station.book))

    hands = {system.settings.bays[0].where: system.customer(1)}
    SimulatedCustomer(station.desk, hands, on_end=keep).visit("zh", VISIT_S)
    return last
