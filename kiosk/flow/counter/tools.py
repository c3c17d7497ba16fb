"""What the counter works with: its book, its clock, the shop's figures and every port. Values and shapes only."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Protocol
from zoneinfo import ZoneInfo

from ulid import ULID

from kiosk.counter_ports import Camera, Claims, Dock, Eraser, Payments, Printer, Register
from kiosk.flow.counter.book import CounterBook
from kiosk.flow.counter.paper_record import EraseRecord
from kiosk.ports import Clock
from recycling.goods import Category
from recycling.price_book import PriceBook
from recycling.processor import Processor
from service.technician import Technician


class Reference(Protocol):
    """Staff, price books and processors as they are listed now."""

    def price_book(self, at_ms: int) -> PriceBook | None: ...
    def staff(self, number: str) -> tuple[Technician, str] | None: ...
    def processors(self) -> tuple[Processor, ...]: ...
    def processor(self, processor: str) -> Processor | None: ...


class Bays(Protocol):
    """The phone bays, shared with the update visits."""

    def lease(self, bay: str) -> None: ...
    def release(self, bay: str) -> None: ...


@dataclass(frozen=True, slots=True)
class Shop:
    """What differs between shops. ``hours``: of opening, in the zone of ``zone`` (an IANA name)."""

    station: str
    zone: str = "Asia/Shanghai"
    hours: str = "8:30-20:30"
    hotline: str = ""
    tool: str = "phone-service-station"  # named on certificates
    first_float_fen: int = 0  # cash in the drawer when the very first shift opens
    bins: Mapping[int, Category] = field(default_factory=dict)
    bays: Mapping[int, str] = field(default_factory=dict)  # number -> port

    @property
    def closing(self) -> str:
        """HH:MM of close of business."""
        return self.hours.partition("-")[2]

    def today(self, at_ms: int) -> date:
        """The day there."""
        return datetime.fromtimestamp(at_ms / 1000, UTC).astimezone(ZoneInfo(self.zone)).date()

    def where(self, bay: str) -> str:
        """The port of a bay that is named by its number or its port, "" where there is none of that name."""
        port = self.bays.get(int(bay), "") if bay.isdecimal() and len(bay) < 4 else bay
        return port if port in self.bays.values() else ""

    def number(self, where: str) -> int:
        """What is painted beside a port; 0 = nothing."""
        return next((number for number, port in self.bays.items() if port == where), 0)


@dataclass(frozen=True, slots=True)
class Patience:
    """Seconds."""

    flap_s: float = 35.0  # the controller locks an unopened flap after 30
    open_s: float = 30.0  # a flap that stands open longer is told; the controller calls it jammed after 60
    look_s: float = 20.0
    second_look_s: float = 240.0  # the phone restarts first
    retry_s: float = 5.0  # slips
    ask_again_s: float = 30.0  # claims and payments without an answer
    settle_s: float = 2.0  # until the dock's report shows what an order did


VoucherSign = Callable[[bytes], bytes]
VerifyAnswer = Callable[[bytes, str], bytes | None]
"""``(message, the processor's public key in hex) -> payload``; None where the signature does not hold."""


@dataclass(frozen=True, slots=True)
class Tools:
    """Every port may be missing (None): the counter then says so and goes on with the rest."""

    book: CounterBook
    clock: Clock
    shop: Shop
    reference: Reference
    right_pin: Callable[[str, str], bool]  # (pin, hash)
    dock: Dock | None = None
    printer: Printer | None = None
    camera: Camera | None = None
    register: Register | None = None
    claims: Claims | None = None
    payments: Payments | None = None
    eraser: Eraser | None = None
    bays: Bays | None = None
    verify_answer: VerifyAnswer = lambda _message, _key: None
    sign: VoucherSign | None = None
    keep_certificate: Callable[[EraseRecord], None] | None = None  # as a PDF, beside the slip
    patience: Patience = Patience()
    new_id: Callable[[], str] = lambda: str(ULID())
