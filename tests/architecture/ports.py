"""One typed assignment per adapter, for mypy to check: ports match by shape, so nothing else would notice.

Never called; ``make lint`` type-checks it.
"""

from __future__ import annotations

from pathlib import Path

import hw.errors
import hw.phone
from firmware_agent.catalogue import SignedCatalogue
from firmware_agent.local import LocalCatalogue
from kiosk.assembly import QuirkModels
from kiosk.flow.clock import SystemClock
from kiosk.flow.desk import StationDesk
from kiosk.flow.view import Desk
from kiosk.ports import Catalogue, Clock, Models, Phone, PhoneError
from kiosk.stockkeeper import Stock
from ledger.outbox import Outbox as LedgerOutbox
from mqtt.ports import Outbox


def adapters(
    usb: hw.phone.UsbPhone,
    tcp: hw.phone.TcpPhone,
    error: hw.errors.HwError,
    desk: StationDesk,
    outbox: LedgerOutbox,
    signed: SignedCatalogue,
) -> tuple[object, ...]:
    """Every adapter that the composition root binds, each to its port."""
    by_usb: Phone = usb
    by_tcp: Phone = tcp
    failed: PhoneError = error
    touched: Desk = desk
    sent: Outbox = outbox
    releases: Catalogue = LocalCatalogue(Path())
    updates: Catalogue = signed
    stock: Stock = signed
    models: Models = QuirkModels()
    clock: Clock = SystemClock()
    return by_usb, by_tcp, failed, touched, sent, releases, updates, stock, models, clock
