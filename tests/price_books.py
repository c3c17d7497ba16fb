"""A price book for tests: the figures of the rules, on round numbers."""

from __future__ import annotations

from recycling.inspection import QUESTIONS, Grade
from recycling.price_book import ModelPrice, PriceBook

GRADES = {Grade.A: 10_000, Grade.B: 8_500, Grade.C: 6_500, Grade.D: 3_500, Grade.E: 0}
DEDUCTIONS = {
    "screen_crack": 2_500,
    "battery_weak": 800,
    "no_charger": 100,
    "button_fault": 500,
    "back_crack": 900,
    "camera_fault": 1_200,
}
HERON = ModelPrice(
    "heron", "Lumen", {"zh": "流明 鹭", "en": "Lumen Heron"}, "128 GB", 300_000, 182, "2024-03"
)
WREN = ModelPrice("wren", "Lumen", {"zh": "流明 鹪", "en": "Lumen Wren"}, "", 120_050, 161, "2023-09")
CURVE = (10_000, 9_000, 8_000, 7_000, 6_000, 6_000, 2_000)
BOOK = PriceBook(
    "2026-11", 1_790_000_000_123, {"heron": HERON, "wren": WREN}, CURVE, GRADES, DEDUCTIONS, 500, ("17", "4")
)
FLAWLESS = {one.key: one.answers[0] for one in QUESTIONS}
