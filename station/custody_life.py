"""Everything a life of the custody matrix needs, imported once in the process that lives are forked from."""

from __future__ import annotations

import kiosk.flow.counter.snapshot
import station.custody_flows
import station.custody_world

__all__ = ["kiosk", "station"]
