"""One typed assignment per adapter, for mypy to check: ports match by shape, so nothing else would notice.

Never called; ``make lint`` type-checks it.
"""

from __future__ import annotations

from pathlib import Path

import hw.camera
import hw.dock
import hw.eraser
import hw.errors
import hw.phone
import hw.printer
from firmware_agent.catalogue import SignedCatalogue
from firmware_agent.local import LocalCatalogue
from kiosk.assembly import QuirkModels
from kiosk.claims import HqClaims
from kiosk.counter_ports import (
    Camera,
    Claims,
    Dock,
    EraseOrder,
    Eraser,
    Payments,
    PhoneLook,
    Printer,
    Register,
    SlipLine,
    Trouble,
)
from kiosk.flow.clock import SystemClock
from kiosk.flow.counter import slips
from kiosk.flow.counter.desk import CounterDesk
from kiosk.flow.counter.tools import Reference
from kiosk.flow.counter.view import Counter
from kiosk.flow.desk import StationDesk
from kiosk.flow.view import Desk
from kiosk.ports import Catalogue, Clock, Models, Phone, PhoneError
from kiosk.register import FileRegister, HttpRegister
from kiosk.stockkeeper import Stock
from kiosk.store.reference_book import ReferenceBook
from kiosk.till import Cash, Till, VirtualPayments
from ledger.outbox import Outbox as LedgerOutbox
from mqtt.ports import Outbox
from recycling.erasure import Order


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


def at_the_counter(
    dock: hw.dock.SerialDock,
    printer: hw.printer.EscPosPrinter,
    paper: hw.printer.FilePrinter,
    look: hw.eraser.Look,
    order: Order,
    line: slips.SlipLine,
    claims: HqClaims,
    book: ReferenceBook,
    desk: CounterDesk,
    troubles: tuple[hw.printer.PrinterTrouble, hw.camera.CameraTrouble],
) -> tuple[object, ...]:
    """The same for the counter's."""
    flaps: Dock = dock
    prints: tuple[Printer, Printer] = (printer, paper)
    photos: Camera = hw.camera.CommandCamera("true")
    erases: Eraser = hw.eraser.UsbEraser()
    looked: PhoneLook = look
    ordered: EraseOrder = order
    shown: SlipLine = line
    asked: Claims = claims
    registers: tuple[Register, Register] = (FileRegister(Path()), HttpRegister("https://example.invalid"))
    cash, transfers = Cash(), VirtualPayments(Path())
    pays: tuple[Payments, Payments, Payments] = (cash, transfers, Till(cash, transfers))
    known: Reference = book
    touched: Counter = desk
    failed: tuple[Trouble, Trouble] = troubles
    return (
        flaps, prints, photos, erases, looked, ordered, shown, asked, registers, pays, known, touched, failed,
    )  # fmt: skip
