"""Price books as CSV, for a spreadsheet: one row per fact, its kind in the first cell. It opens no file.

UTF-8 with a byte order mark, since spreadsheets guess wrong without; read without one, too. Prices in yuan with two
digits, rates in basis points, masses in g, times as UTC. What is written and read again is the same book.
"""

from __future__ import annotations

import csv
import hashlib
import io
import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from recycling.errors import MalformedError, Refused
from recycling.inspection import Grade
from recycling.price_book import ModelPrice, PriceBook, checked

MAX_BYTES = 4 << 20
MAX_ROWS = 8_000
FORM = "1"
DIGEST_HEX = 32
_BOM = b"\xef\xbb\xbf"
_YUAN = re.compile(r"(\d{1,7})(?:\.(\d{1,2}))?")
_NUMBER = re.compile(r"\d{1,7}")


@dataclass(slots=True)
class _Draft:
    version: str = ""
    valid_from_ms: int = -1
    scrap_fen: int = -1
    approvers: list[str] = field(default_factory=list)
    curve: list[int] = field(default_factory=list)
    grades: dict[Grade, int] = field(default_factory=dict)
    deductions: dict[str, int] = field(default_factory=dict)
    models: dict[str, ModelPrice] = field(default_factory=dict)
    form: str = ""


def to_csv(book: PriceBook) -> bytes:
    """The book as a file."""
    text = io.StringIO()
    write = csv.writer(text, lineterminator="\r\n").writerow
    write(("price_book", FORM))
    write(("version", book.version))
    write(("valid_from", _moment_text(book.valid_from_ms)))
    for approver in book.approvers:
        if approver:
            write(("approver", approver))
    write(("scrap", _yuan_text(book.scrap_fen)))
    for month, rate_bp in enumerate(book.curve_bp):
        write(("curve", month, rate_bp))
    for grade, rate_bp in book.grades_bp.items():
        write(("grade", grade.value, rate_bp))
    for key, rate_bp in book.deductions_bp.items():
        write(("deduction", key, rate_bp))
    for one in book.models.values():
        names = (one.names["zh"], one.names["en"])
        money = (_yuan_text(one.base_fen), one.mass_g, one.made_from)
        write(("model", one.model, one.brand, one.storage, *money, *names))
    return _BOM + text.getvalue().encode("utf-8")


def digest(book: PriceBook) -> str:
    """32 hex digits of SHA-256 that name everything a book says but who approved it."""
    return hashlib.sha256(to_csv(replace(book, approvers=("", "")))).hexdigest()[:DIGEST_HEX]


def from_csv(data: bytes) -> PriceBook:
    """The book, checked but for its approvers, who may still be missing. :class:`MalformedError` names the line;
    :class:`recycling.errors.Refused` as :func:`recycling.price_book.checked`.
    """
    if len(data) > MAX_BYTES:
        raise MalformedError(f"a price book has at most {MAX_BYTES >> 20} MiB")
    try:
        text = data.removeprefix(_BOM).decode("utf-8")
    except UnicodeDecodeError as exc:
        line = data[: exc.start].count(b"\n") + 1
        raise MalformedError(f"line {line}: not UTF-8; save the sheet as CSV UTF-8") from exc
    draft = _Draft()
    rows = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        for count, row in enumerate(rows, 1):
            if count > MAX_ROWS:
                raise MalformedError(f"a price book has at most {MAX_ROWS} rows")
            if any(cell.strip() for cell in row):
                _take(draft, row, rows.line_num)
    except csv.Error as exc:
        raise MalformedError(f"line {rows.line_num}: {exc}") from exc
    return checked(_finished(draft), draft=True)


def _take(draft: _Draft, row: list[str], line: int) -> None:
    cells = [cell.strip() for cell in row]
    while len(cells) > 2 and not cells[-1]:
        cells.pop()  # a spreadsheet pads every row to the longest
    kind, values = cells[0], cells[1:]
    if not draft.form and kind != "price_book":
        raise MalformedError(f"line {line}: a price book begins with price_book,{FORM}")
    if kind not in _ROWS:
        raise MalformedError(f"line {line}: no such row: {kind[:40]!r}")
    width, reader = _ROWS[kind]
    if len(values) != width:
        raise MalformedError(f"line {line}: a row of {kind!r} has {width + 1} cells, not {len(values) + 1}")
    try:
        reader(draft, values)
    except (ValueError, OverflowError) as exc:
        raise MalformedError(f"line {line}: {exc}") from exc


def _finished(draft: _Draft) -> PriceBook:
    for what, missing in (
        ("price_book", not draft.form),
        ("version", not draft.version),
        ("valid_from", draft.valid_from_ms < 0),
        ("scrap", draft.scrap_fen < 0),
        ("curve", not draft.curve),
        ("model", not draft.models),
    ):
        if missing:
            raise MalformedError(f"the price book has no row of {what!r}")
    if len(draft.approvers) > 2:
        raise Refused("price_book_approvers", "a price book has two approvers")
    first, second = [*draft.approvers, "", ""][:2]
    return PriceBook(
        draft.version,
        draft.valid_from_ms,
        draft.models,
        tuple(draft.curve),
        draft.grades,
        draft.deductions,
        draft.scrap_fen,
        (first, second),
    )


# -- rows; a ValueError's text is what stands behind the line's number


def _form(draft: _Draft, values: list[str]) -> None:
    if draft.form or values[0] != FORM:
        raise ValueError(f"a price book begins with price_book,{FORM}, once")
    draft.form = values[0]


def _version(draft: _Draft, values: list[str]) -> None:
    if draft.version or not values[0]:
        raise ValueError("one version, not empty")
    draft.version = values[0]


def _valid_from(draft: _Draft, values: list[str]) -> None:
    if draft.valid_from_ms >= 0:
        raise ValueError("valid_from stands twice")
    draft.valid_from_ms = _moment(values[0])


def _approver(draft: _Draft, values: list[str]) -> None:
    draft.approvers.append(values[0])


def _scrap(draft: _Draft, values: list[str]) -> None:
    if draft.scrap_fen >= 0:
        raise ValueError("scrap stands twice")
    draft.scrap_fen = _fen(values[0])


def _curve(draft: _Draft, values: list[str]) -> None:
    if _whole(values[0]) != len(draft.curve):
        raise ValueError(f"the curve goes month by month: {len(draft.curve)} is next")
    draft.curve.append(_whole(values[1]))


def _grade(draft: _Draft, values: list[str]) -> None:
    if values[0] not in set(Grade) or values[0] in draft.grades:
        raise ValueError(f"no such grade, or twice: {values[0][:20]!r}")
    draft.grades[Grade(values[0])] = _whole(values[1])


def _deduction(draft: _Draft, values: list[str]) -> None:
    if values[0] in draft.deductions:
        raise ValueError(f"twice: {values[0][:40]!r}")
    draft.deductions[values[0]] = _whole(values[1])


def _model(draft: _Draft, values: list[str]) -> None:
    model, brand, storage, base, mass, made_from, name_zh, name_en = values
    if model in draft.models:
        raise ValueError(f"model {model[:64]!r} stands twice")
    names = {"zh": name_zh, "en": name_en}
    draft.models[model] = ModelPrice(model, brand, names, storage, _fen(base), _whole(mass), made_from)


_ROWS: dict[str, tuple[int, Callable[[_Draft, list[str]], None]]] = {
    "price_book": (1, _form),
    "version": (1, _version),
    "valid_from": (1, _valid_from),
    "approver": (1, _approver),
    "scrap": (1, _scrap),
    "curve": (2, _curve),
    "grade": (2, _grade),
    "deduction": (2, _deduction),
    "model": (8, _model),
}


# -- cells


def _fen(text: str) -> int:
    found = _YUAN.fullmatch(text)
    if not found or not text.isascii():
        raise ValueError(f"an amount in yuan is such as 3000.00, not {text[:40]!r}")
    return int(found[1]) * 100 + int((found[2] or "").ljust(2, "0"))


def _yuan_text(amount_fen: int) -> str:
    return f"{amount_fen // 100}.{amount_fen % 100:02}"


def _whole(text: str) -> int:
    if not _NUMBER.fullmatch(text) or not text.isascii():
        raise ValueError(f"a whole number, not {text[:40]!r}")
    return int(text)


def _moment(text: str) -> int:
    """A UTC moment, such as 2026-11-01T00:00:00.000Z."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError as exc:
        raise ValueError(f"a moment in UTC is such as 2026-11-01T00:00:00.000Z, not {text[:40]!r}") from exc
    if found.tzinfo is None:
        raise ValueError("the moment needs its zone: end it with Z")
    since = found - datetime(1970, 1, 1, tzinfo=UTC)
    return (since.days * 86_400 + since.seconds) * 1000 + since.microseconds // 1000


def _moment_text(at_ms: int) -> str:
    found = datetime.fromtimestamp(at_ms // 1000, UTC).replace(tzinfo=None)
    return f"{found.isoformat(timespec='seconds')}.{at_ms % 1000:03}Z"
