"""The composition root: the only builder of adapters. It binds the flow's ports to the real things."""

from __future__ import annotations

import base64
import contextlib
import logging
import sqlite3
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

import hw.phone
import hw.quirks
import ledger.cose
import ledger.keys
import ledger.store
from firmware_agent.local import LocalCatalogue
from firmware_agent.watch import Note
from kiosk.errors import BayTaken, KioskError
from kiosk.flow.book import Mark
from kiosk.flow.clock import SystemClock
from kiosk.flow.desk import Line, StationDesk
from kiosk.flow.effects import Record
from kiosk.flow.runner import Tools
from kiosk.ports import Catalogue, Clock, Phone
from kiosk.settings import Settings
from kiosk.stockkeeper import Stockkeeper
from kiosk.store.book import Book
from kiosk.store.database import FILE, Database
from ledger.outbox import Outbox
from mqtt.messages import Command
from mqtt.reporter import Broker, Callbacks, Reporter

# Numbers, trust and the whole counter take longer to load than a visit: each with the first one to use it.
if TYPE_CHECKING:
    from firmware_agent.catalogue import SignedCatalogue
    from kiosk.assembly_counter import CounterRig
    from kiosk.flow.counter.desk import CounterDesk

log = logging.getLogger(__name__)

KEY_FILE = "station-key.pem"


class QuirkModels:
    """:class:`kiosk.ports.Models` from the wire's model data."""

    def names(self, product: str) -> dict[str, str]:
        """By language; empty for an unknown model."""
        model = hw.quirks.model_of(product)
        return dict(model.names) if model else {}

    def keys(self, product: str) -> tuple[str, ...]:
        """To hold for the bootloader."""
        model = hw.quirks.model_of(product)
        return model.keys if model else ()


def open_phone(where: str) -> Phone:
    """The phone of a bay; nothing is opened yet. Raises ``hw.errors.BadWhere``."""
    return hw.phone.open_phone(where)


def open_book(
    state_dir: Path, station: str, on_commit: Callable[[Mark], None] | None = None
) -> tuple[Database, Book]:
    """The station's database and its book. Raises :class:`kiosk.errors.StoreError`."""
    database = Database(state_dir, station)
    return database, Book(database, SystemClock(), on_commit)


def station_of(state_dir: Path) -> str:
    """The station whose ledger is in ``state_dir``. Raises ``ledger.errors.LedgerError``."""
    connection = sqlite3.connect(f"{(state_dir / FILE).absolute().as_uri()}?mode=ro", uri=True)
    try:
        return ledger.store.station_of(connection)
    finally:
        connection.close()


def open_catalogue(settings: Settings, on_note: Callable[[Note], None]) -> SignedCatalogue | LocalCatalogue:
    """The signed catalogue of the settings, or the workshop's folder where they name none.

    ``on_note`` hears of what happens outside visits. Raises :class:`kiosk.errors.SettingsError`,
    ``firmware_agent.errors.FirmwareError``.
    """
    chosen = settings.catalogue
    if chosen is None:
        return LocalCatalogue(settings.releases)
    from kiosk.assembly_catalogue import signed_catalogue

    return signed_catalogue(settings, chosen, on_note)


def note_taker(book: Book) -> Callable[[Note], None]:
    """Entries of what the catalogue does outside visits."""

    def take(note: Note) -> None:
        # What cannot be recorded now (the disk is full) must not end the work that was to be told.
        with contextlib.suppress(KioskError):
            book.record(Record(note.kind, dict(note.body)))

    return take


def tools(book: Book, catalogue: Catalogue, settings: Settings) -> Tools:
    """What every visit works with."""
    return Tools(
        book=book,
        catalogue=catalogue,
        models=QuirkModels(),
        clock=SystemClock(),
        timeouts=settings.timeouts,
        station=settings.station,
    )


class Station:
    """A whole kiosk without its screen: ``with Station(settings) as station: station.desk...``."""

    def __init__(self, settings: Settings, clock: Clock | None = None) -> None:
        """``clock``: the counter's, where its days pass faster than the real ones."""
        self.settings = settings
        self.database, self.book = open_book(settings.state_dir, settings.station, self._on_commit)
        head = self.book.head()
        self._head, self._acked = head.index, 0
        self._reporter = self._make_reporter()
        self.catalogue = open_catalogue(settings, note_taker(self.book))
        self._stockkeeper = self._make_stockkeeper()
        self.desk = StationDesk(
            settings.bays,
            open_phone,
            tools(self.book, self.catalogue, settings),
            hash_budget_s=settings.hash_budget_s,
            line=self._line,
            on_tick=self._look_at_head,
        )
        self._rig: CounterRig | None = None
        if settings.shop is not None:
            from kiosk.assembly_counter import CounterRig

            key = ledger.keys.load_or_create(settings.state_dir / KEY_FILE)
            try:
                self._rig = CounterRig(settings, self.database, key, self._reporter, self._on_commit, clock)
            except BayTaken as exc:
                log.warning("no counter here, only the bays: another kiosk works at it (%s)", exc)

    @property
    def counter(self) -> CounterDesk | None:
        """Trade-in and drop-off; None where the settings name nothing of it."""
        return self._rig.desk if self._rig is not None else None

    @property
    def public_key_file(self) -> Path:
        """The station's public key (PEM), for headquarters to pin."""
        return self.settings.state_dir / "station-key.pub.pem"

    def start(self) -> None:
        """Say that the station is up, resume what was open, begin to report."""
        self.book.record(Record("station.started", {"bays": len(self.settings.bays)}))
        if self._reporter is not None:
            self._reporter.start()
        if self._stockkeeper is not None:
            self._stockkeeper.start()
        self.desk.start()
        if self._rig is not None:
            self._rig.start()

    def stop(self) -> None:
        """Leave open visits to the next start; everything committed stays."""
        if self._rig is not None:
            self._rig.stop()
        self.desk.stop()
        if self._stockkeeper is not None:
            self._stockkeeper.stop()
        self.catalogue.close()
        if self._reporter is not None:
            self._reporter.stop()
        self.database.close()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _make_stockkeeper(self) -> Stockkeeper | None:
        """It also lets go of what visits held that ended while nobody looked (power, kill)."""
        if self.settings.catalogue is None or isinstance(self.catalogue, LocalCatalogue):
            return None
        self.catalogue.sweep([visit.visit for visit in self.book.open_visits()])
        recent, night = self.book.recent_models, self.settings.catalogue.night
        return Stockkeeper(self.catalogue, recent, note_taker(self.book), night)

    # -- reporting

    def _make_reporter(self) -> Reporter | None:
        key = ledger.keys.load_or_create(self.settings.state_dir / KEY_FILE)
        ledger.keys.save_public(key.public_key(), self.public_key_file)
        broker = self.settings.broker
        if broker is None:
            return None
        outbox = Outbox(self.database.raw_connection, self.settings.station, key)
        self._acked = outbox.watermark()
        return Reporter(
            Broker(broker.host, broker.port),
            self.settings.station,
            outbox,
            sign=ledger.cose.signer(key),
            verify=ledger.cose.verifier(ledger.keys.load_public(broker.hq_public_key)),
            callbacks=Callbacks(on_command=self._on_command, on_receipt=self._on_receipt),
        )

    def _on_commit(self, mark: Mark) -> None:
        self._head = mark.index
        if self._reporter is not None:
            self._reporter.poke()

    def _look_at_head(self) -> None:
        """Another process of this station (``station update``) may have written entries."""
        mark = self.book.head()
        if mark.index != self._head:
            self._on_commit(mark)

    def _on_receipt(self, index: int) -> None:
        self._acked = index

    def _on_command(self, command: Command) -> str:
        if command.action == "manifest.answer":
            return self._on_manifest_answer(command.arguments.get("answer"))
        arguments = command.arguments
        index, visit, by = (arguments.get(name) for name in ("call_index", "visit", "by"))
        if command.action != "call.acknowledge":
            return f"this station does not know {command.action}"
        if not isinstance(index, int) or not isinstance(visit, str) or not isinstance(by, str):
            return "an acknowledgement names the call, the visit and who"
        return self.desk.acknowledge_call(index, visit, by)

    def _on_manifest_answer(self, text: object) -> str:
        if self.counter is None:
            return "this station has no counter"
        from kiosk.flow.counter.commands import ManifestAnswer

        try:
            padded = str(text) + "=" * (-len(str(text)) % 4)
            answer = base64.b64decode(padded, altchars=b"-_", validate=True)
        except ValueError:
            return "a manifest's answer is base64url"
        return self.counter.ask(ManifestAnswer(answer))

    def _line(self) -> Line:
        online = self._reporter is not None and self._reporter.online
        return Line(online, self._head, self._acked)
