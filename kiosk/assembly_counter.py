"""Builds the counter: its adapters by the settings, and the desk that works with them. Part of the composition root."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

import hw.camera
import hw.dock
import hw.eraser
import hw.errors
import hw.printer
import ledger.cose
import ledger.keys
from kiosk import pins
from kiosk.claims import HqClaims
from kiosk.counter_ports import Dock, Register
from kiosk.errors import SettingsError
from kiosk.flow.book import Mark
from kiosk.flow.clock import SystemClock
from kiosk.flow.counter.desk import CounterDesk
from kiosk.flow.counter.paper_record import EraseRecord
from kiosk.flow.counter.tools import Shop, Tools
from kiosk.ports import Clock
from kiosk.register import FileRegister, HttpRegister
from kiosk.settings import Settings
from kiosk.shop_settings import ShopSettings
from kiosk.store.book import Book
from kiosk.store.counter_book import CounterStore
from kiosk.store.database import Database
from kiosk.store.entries import Entries
from kiosk.store.reference_book import ReferenceBook
from kiosk.till import VirtualPayments
from ledger.errors import LedgerError
from mqtt.reporter import Reporter
from recycling.processor_answer import AAD

LEASE = "counter"
"""One process works at a counter; the name lies beside the bays'."""


class CounterRig:
    """The counter with what it stands on. ``on_commit`` is told the ledger's new head."""

    def __init__(
        self,
        settings: Settings,
        database: Database,
        key: Ed25519PrivateKey,
        reporter: Reporter | None,
        on_commit: Callable[[Mark], None],
        clock: Clock | None = None,
    ) -> None:
        """``clock``: another one than the real one, for a shop whose days pass faster.

        :class:`kiosk.errors.BayTaken` while another process works at this counter.
        """
        assert settings.shop is not None
        clock = clock or SystemClock()
        # A book of its own: its leases are not the visits', so both see each other's bays as taken.
        self._bays = Book(database, clock, on_commit)
        # Before the dock is opened: two hosts would take each other's reports.
        self._bays.lease(LEASE)
        try:
            self._dock = hw.dock.open_dock(settings.shop.dock) if settings.shop.dock else None
            self._tools = _tools(
                settings, settings.shop, database, key, reporter, on_commit, self._bays, self._dock, clock
            )
        except hw.errors.HwError as exc:
            self._bays.release(LEASE)
            raise SettingsError(exc.detail) from exc
        self.desk = CounterDesk(self._tools)

    def start(self) -> None:
        """Take up what an earlier process left open."""
        self.desk.start()

    def stop(self) -> None:
        """Everything committed stays; what was begun is taken up by the next start."""
        self.desk.stop()
        if self._dock is not None:
            self._dock.close()
        self._bays.release(LEASE)


def _tools(
    settings: Settings,
    shop: ShopSettings,
    database: Database,
    key: Ed25519PrivateKey,
    reporter: Reporter | None,
    on_commit: Callable[[Mark], None],
    bays: Book,
    dock: Dock | None,
    clock: Clock,
) -> Tools:
    known = Shop(
        settings.station,
        shop.zone,
        settings.hours,
        settings.hotline,
        first_float_fen=shop.first_float_fen,
        bins=shop.category_of(),
        bays={bay.number: bay.where for bay in settings.bays},
    )
    return Tools(
        book=CounterStore(database, clock, on_commit),
        clock=clock,
        shop=known,
        reference=ReferenceBook(database, Entries(database, clock, on_commit), clock),
        right_pin=pins.right,
        dock=dock,
        printer=hw.printer.open_printer(shop.printer) if shop.printer else None,
        camera=hw.camera.CommandCamera(shop.camera) if shop.camera else None,
        register=_register(shop),
        claims=HqClaims(reporter),
        payments=VirtualPayments(shop.virtual_payments) if shop.virtual_payments else None,
        eraser=hw.eraser.UsbEraser(),
        bays=bays,
        verify_answer=verify_answer,
        sign=key.sign,
        keep_certificate=_keeper(settings.state_dir / "certificates"),
    )


def _register(shop: ShopSettings) -> Register | None:
    if shop.register_file is not None:
        return FileRegister(shop.register_file)
    if shop.register_url:
        return HttpRegister(shop.register_url, os.environ.get("STATION_REGISTER_TOKEN", ""))
    return None


def verify_answer(message: bytes, public_key: str) -> bytes | None:
    """A processor's COSE_Sign1 under its listed key (hex): the payload, or None where the signature does not hold."""
    try:
        key = ledger.keys.public_from_raw(bytes.fromhex(public_key))
        return ledger.cose.verify1(message, ledger.cose.only(key), AAD)
    except (LedgerError, ValueError):
        return None


def _keeper(folder: Path) -> Callable[[EraseRecord], None]:
    """Certificates as PDF, whole or not at all; each can be made again from the book."""

    def keep(record: EraseRecord) -> None:
        from kiosk.certificate import erase_certificate  # the PDF renderer takes a while to load

        data = erase_certificate(record)
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        draft = folder / f".{record.certificate}.{os.getpid()}"
        with contextlib.suppress(OSError):
            draft.write_bytes(data)
            draft.replace(folder / f"{record.certificate}.pdf")

    return keep
