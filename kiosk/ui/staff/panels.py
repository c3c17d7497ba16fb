"""Every staff page by name. The list, and nothing else."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from kiosk.ui.staff import (
    after_panels,
    entry_panels,
    erase_panels,
    intake_panels,
    manifest_panels,
    offer_panels,
    quote_panels,
    revision_panels,
    stock_panels,
    till_panels,
)
from kiosk.ui.staff.panel import Panel
from kiosk.ui.staff.scene import Scene

PANELS: Final[Mapping[str, Callable[[Scene], Panel]]] = {
    "staff_login": entry_panels.login,
    "staff_second": entry_panels.second,
    "staff_here": entry_panels.here,
    "staff_queue": entry_panels.queue,
    "staff_wait": entry_panels.wait,
    "staff_identify": intake_panels.identify,
    "staff_papers": intake_panels.papers,
    "staff_check": intake_panels.check,
    "staff_inspect": intake_panels.inspect,
    "staff_handback": intake_panels.handback,
    "staff_quote": quote_panels.quote,
    "staff_override": quote_panels.override,
    "staff_offer": offer_panels.offer,
    "staff_sign": offer_panels.sign,
    "staff_handover": offer_panels.handover,
    "staff_erase": erase_panels.erase,
    "staff_give_up": erase_panels.give_up,
    "staff_seal": after_panels.seal,
    "staff_settle": after_panels.settle,
    "staff_hold": after_panels.hold,
    "staff_bins": stock_panels.bins,
    "staff_bin": stock_panels.one_bin,
    "staff_drawer": stock_panels.drawer,
    "staff_resolve": stock_panels.resolve,
    "staff_manifests": manifest_panels.manifests,
    "staff_processors": manifest_panels.processors,
    "staff_manifest": manifest_panels.manifest,
    "staff_correct": revision_panels.correct,
    "staff_redirect": revision_panels.redirect,
    "staff_shift": till_panels.shift,
    "staff_cash": till_panels.cash,
    "staff_voucher": till_panels.voucher,
}
"""By the name that the front gives; a test holds it complete."""
