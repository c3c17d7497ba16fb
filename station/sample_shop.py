"""An invented shop for the demo, the tests and the fault matrix: staff with known PINs, prices, processors, a register.

Nobody and nothing in it is real, and its PINs and keys are in the source: never for a shop that trades.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from kiosk.pins import hash_pin
from kiosk.store.reference_book import ReferenceBook
from recycling import price_book_csv
from recycling.goods import Category
from recycling.inspection import Grade
from recycling.price_book import FULL_BP, ModelPrice, PriceBook
from recycling.processor import Processor
from service.technician import Role, Technician

VERSION = "2026-11"
BLACKLISTED_IMEI = "356801090000176"
"""Reported stolen in the sample register."""
BLACKLISTED_TAC = "35991234"
"""A lorry load of one model, in the sample register."""

REGISTER_FILE = "register.csv"
PROCESSOR, EXPIRED_PROCESSOR = "green-loop", "old-tide"
FLOAT_FEN = 500_000
"""Cash in the drawer when the first shift opens: two phones' worth."""


@dataclass(frozen=True, slots=True)
class SampleStaff:
    """Whom the demo logs in. ``days``: until the certificate expires."""

    staff: str
    pin: str
    name: str
    role: Role
    level: int
    days: int

    def technician(self, today: date) -> Technician:
        """As enrolled on ``today``."""
        until = today + timedelta(days=self.days)
        return Technician(self.staff, self.name, self.role, self.level, until)


MANAGER = SampleStaff("4", "583920", "周店长", Role.MANAGER, 3, 365)
FIRST = SampleStaff("17", "729461", "李明", Role.TECHNICIAN, 1, 200)
SECOND = SampleStaff("18", "406285", "王芳", Role.TECHNICIAN, 3, 25)
STAFF = (MANAGER, FIRST, SECOND)

# model, brand, Chinese and English name, storage, yuan as new, g, made from
_MODELS = (
    ("heron", "Lumen", "流明 鹭", "Lumen Heron", "128 GB", 3_000, 182, "2024-03"),
    ("wren", "Lumen", "流明 鹪", "Lumen Wren", "64 GB", 1_650, 161, "2023-09"),
    ("kinglet", "Lumen", "流明 戴菊", "Lumen Kinglet", "32 GB", 780, 148, "2022-05"),
    ("firecrest", "Lumen", "流明 火冠", "Lumen Firecrest", "32 GB", 860, 151, "2023-02"),
    ("egret", "Lumen", "流明 白鹭", "Lumen Egret", "256 GB", 4_300, 198, "2025-04"),
    ("halcyon-3", "Halcyon", "翠羽 3", "Halcyon 3", "128 GB", 2_200, 176, "2022-10"),
    ("halcyon-4", "Halcyon", "翠羽 4", "Halcyon 4", "256 GB", 2_950, 179, "2024-10"),
    ("halcyon-fold", "Halcyon", "翠羽 折", "Halcyon Fold", "512 GB", 6_200, 254, "2025-01"),
    ("tanager-a", "Tanager", "唐雀 A", "Tanager A", "64 GB", 950, 187, "2023-06"),
    ("tanager-x", "Tanager", "唐雀 X", "Tanager X", "256 GB", 2_600, 203, "2024-07"),
    ("plover", "Strand", "滩 鸻", "Strand Plover", "128 GB", 1_380, 169, "2023-11"),
    ("curlew", "Strand", "滩 杓", "Strand Curlew", "", 320, 92, "2019-03"),
)

_MONTHS = 60
_LEAST_BP = 1_000


def price_book(valid_from_ms: int = 0, version: str = VERSION) -> PriceBook:
    """Twelve models; a phone loses 3 % of what it has left every month, down to a tenth."""
    curve = tuple(
        max(_LEAST_BP, FULL_BP * 97**month // 100**month // 10 * 10) for month in range(_MONTHS + 1)
    )
    models = {
        model: ModelPrice(model, brand, {"zh": name_zh, "en": name_en}, storage, yuan * 100, mass_g, made)
        for model, brand, name_zh, name_en, storage, yuan, mass_g, made in _MODELS
    }
    grades = {Grade.A: 10_000, Grade.B: 8_500, Grade.C: 6_500, Grade.D: 3_500, Grade.E: 0}
    deductions = {
        "screen_crack": 2_500,
        "battery_weak": 800,
        "no_charger": 100,
        "button_fault": 500,
        "back_crack": 900,
        "camera_fault": 1_200,
    }
    approvers = (MANAGER.staff, SECOND.staff)
    return PriceBook(version, valid_from_ms, models, curve, grades, deductions, 500, approvers)


def processor_key(processor: str) -> Ed25519PrivateKey:
    """What the processor signs its answers with; made from its name."""
    seed = hashlib.sha256(f"sample processor {processor}".encode()).digest()
    return Ed25519PrivateKey.from_private_bytes(seed)


def processors(today: date) -> tuple[Processor, ...]:
    """One whose licence holds for everything, and one whose licence ended yesterday."""
    everything = tuple(Category)
    listed = (
        (PROCESSOR, "绿环再生资源", "Green Loop Recovery", "沪环固 2026-031", today + timedelta(days=400)),
        (EXPIRED_PROCESSOR, "旧潮拆解", "Old Tide Dismantling", "沪环固 2023-007", today - timedelta(days=1)),
    )
    return tuple(
        Processor(
            key,
            name_en,
            {"zh": name_zh, "en": name_en},
            licence,
            until,
            everything,
            processor_key(key).public_key().public_bytes_raw().hex(),
            "示例路 1 号",
        )
        for key, name_zh, name_en, licence, until in listed
    )


def register_csv() -> bytes:
    """A register for :class:`kiosk.register.FileRegister`."""
    rows = (
        "number,result,reason",
        f"{BLACKLISTED_IMEI},blacklisted,reported stolen",
        f"{BLACKLISTED_TAC},blacklisted,stolen in transit",
    )
    return ("\r\n".join(rows) + "\r\n").encode()


def furnish(book: ReferenceBook, folder: Path, now_ms: int) -> Path:
    """Everybody enrolled, the price book in force, the processors listed; the register's file. Once per station."""
    today = datetime.fromtimestamp(now_ms / 1000, UTC).astimezone().date()
    for one in STAFF:
        if book.staff(one.staff) is None:
            book.enrol(one.technician(today), hash_pin(one.pin), "station")
    prices = price_book()
    if book.price_book(now_ms) is None:
        book.propose(prices, prices.approvers[0])
        book.adopt(prices.version, price_book_csv.digest(prices), prices.approvers[1])
    for processor in processors(today):
        book.list_processor(processor, f"staff:{MANAGER.staff}")
    register = folder / REGISTER_FILE
    register.write_bytes(register_csv())
    return register
