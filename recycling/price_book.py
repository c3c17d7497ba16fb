"""A price book: what every model is worth new, and the rates that bring it down. It reads no file and quotes nothing.

Money in fen, rates in basis points, masses in g, times in UTC ms.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise

from recycling.errors import Refused
from recycling.inspection import DEDUCTIONS, Grade

FULL_BP = 10_000
MAX_MODELS = 5_000
MAX_MONTHS = 240
MAX_BASE_FEN = 10_000_000
MAX_SCRAP_FEN = 100_000
MAX_MASS_G = 5_000
MAX_MS = 253_402_300_799_999
"""The end of the year 9999, the last that can be written down."""
NAME_CHARACTERS = 80

_VERSION = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,31}")
_MODEL = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
_MONTH = re.compile(r"(19|20)\d\d-(0[1-9]|1[0-2])")
_STAFF = re.compile(r"[A-Za-z0-9]{1,16}")
# A spreadsheet takes a cell that begins with one of these for a formula.
_FORMULA = tuple("=+-@'\t")


@dataclass(frozen=True, slots=True)
class ModelPrice:
    """One model. ``mass_g`` with its battery; ``made_from``: YYYY-MM of the first ones."""

    model: str
    brand: str
    names: Mapping[str, str]
    storage: str
    base_fen: int
    mass_g: int
    made_from: str


@dataclass(frozen=True, slots=True)
class PriceBook:
    """``curve_bp``: what is left of the price by whole months of age; the last value holds for ever after."""

    version: str
    valid_from_ms: int
    models: Mapping[str, ModelPrice]
    curve_bp: tuple[int, ...]
    grades_bp: Mapping[Grade, int]
    deductions_bp: Mapping[str, int]
    scrap_fen: int
    approvers: tuple[str, str] = field(default=("", ""))  # numbers of two different members of staff

    def curve_at(self, age_months: int) -> int:
        """The rate at that age."""
        return self.curve_bp[min(max(age_months, 0), len(self.curve_bp) - 1)]


def checked(book: PriceBook, *, draft: bool = False) -> PriceBook:
    """The book itself, or :class:`Refused` "price_book_<what>" with ``detail`` naming the place.

    A ``draft`` may still lack its approvers.
    """
    _heading(book, draft)
    _curve(book.curve_bp)
    _rates(book)
    if not book.models or len(book.models) > MAX_MODELS:
        raise Refused("price_book_models", f"a price book has 1 to {MAX_MODELS} models")
    for key, model in book.models.items():
        if key != model.model:
            raise Refused("price_book_models", f"{model.model} stands under {key}")
        _model(model)
    return book


def _heading(book: PriceBook, draft: bool) -> None:
    if not _VERSION.fullmatch(book.version):
        raise Refused("price_book_version", "a version is 1 to 32 letters, digits, dots, dashes")
    if not 0 <= book.valid_from_ms <= MAX_MS:
        raise Refused("price_book_valid_from", "the day it begins is out of range")
    named = [one for one in book.approvers if one or not draft]
    if len(book.approvers) != 2 or not all(_STAFF.fullmatch(one) for one in named):
        raise Refused("price_book_approvers", "a price book needs two approvers")
    if len(set(named)) != len(named):
        raise Refused("price_book_approvers", "one person cannot approve a price book twice")
    # Whole yuan: otherwise rounding down to the yuan would end below the floor.
    if not 0 <= book.scrap_fen <= MAX_SCRAP_FEN or book.scrap_fen % 100:
        raise Refused("price_book_scrap", f"the scrap floor is whole yuan up to {MAX_SCRAP_FEN // 100}")


def _curve(curve: tuple[int, ...]) -> None:
    if not 1 <= len(curve) <= MAX_MONTHS:
        raise Refused("price_book_curve", f"the curve has 1 to {MAX_MONTHS} months")
    if not all(0 <= one <= FULL_BP for one in curve):
        raise Refused("price_book_curve", f"the curve lies between 0 and {FULL_BP} bp")
    for month, (before, after) in enumerate(pairwise(curve), 1):
        if after > before:
            raise Refused("price_book_curve_rises", f"the curve rises in month {month}", {"month": month})


def _rates(book: PriceBook) -> None:
    if set(book.grades_bp) != set(Grade):
        raise Refused("price_book_grades", "the grades are A, B, C, D and E")
    grades = [book.grades_bp[one] for one in Grade]
    if not all(0 <= one <= FULL_BP for one in grades) or grades != sorted(grades, reverse=True):
        raise Refused(
            "price_book_grades", f"grades lie between 0 and {FULL_BP} bp, and a worse one is not dearer"
        )
    if set(book.deductions_bp) != set(DEDUCTIONS):
        raise Refused("price_book_deductions", f"the deductions are {', '.join(DEDUCTIONS)}")
    if not all(0 <= one <= FULL_BP for one in book.deductions_bp.values()):
        raise Refused("price_book_deductions", f"deductions lie between 0 and {FULL_BP} bp")


def _model(model: ModelPrice) -> None:
    where = f"model {model.model[:64]!r}"
    if not _MODEL.fullmatch(model.model):
        raise Refused("price_book_models", f"{where}: a model's key is small letters, digits, dots, dashes")
    if not 0 < model.base_fen <= MAX_BASE_FEN:
        raise Refused(
            "price_book_models", f"{where}: the price is above 0 and at most {MAX_BASE_FEN // 100} yuan"
        )
    if not 0 < model.mass_g <= MAX_MASS_G:
        raise Refused("price_book_models", f"{where}: the mass is 1 to {MAX_MASS_G} g")
    if not _MONTH.fullmatch(model.made_from):
        raise Refused("price_book_models", f"{where}: made from is a month such as 2023-05")
    if set(model.names) != {"zh", "en"} or not model.brand:
        raise Refused("price_book_models", f"{where}: it needs a brand, a Chinese and an English name")
    for text in (model.brand, model.storage, *model.names.values()):
        if len(text) > NAME_CHARACTERS or text != text.strip() or not (text.isprintable() or not text):
            raise Refused(
                "price_book_models", f"{where}: a name is at most {NAME_CHARACTERS} plain characters"
            )
        if text.startswith(_FORMULA):
            raise Refused("price_book_models", f"{where}: a name cannot begin as a formula does")
    if not all(model.names.values()):
        raise Refused("price_book_models", f"{where}: a name is empty")
