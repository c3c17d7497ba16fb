"""Payments: cash that staff hand over, a virtual payee for tests and demos, and the till that knows which is meant.

A key pays once, whoever asks for it however often. What the shop's books say of it is none of this module's business.
"""

from __future__ import annotations

import contextlib
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Literal, Protocol, cast

Outcome = Literal["paid", "refused", "unknown"]
State = Literal["paid", "refused", "unknown", "never_asked"]

MAX_AMOUNT_FEN = 10_000_000  # 100,000 yuan: nobody pays more for a phone
MAX_KEY_CHARS = 64
FAULTS = frozenset({"", "refused", "unknown_paid", "unknown_unpaid", "offline"})
"""What a virtual payee can be told to do; see :meth:`VirtualPayments.arm`."""

_BUSY_S = 10.0
_TABLES = """
CREATE TABLE IF NOT EXISTS payments (
    key TEXT PRIMARY KEY, amount_fen INTEGER NOT NULL CHECK (amount_fen >= 0), method TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('paid', 'refused', 'unknown')), asked INTEGER NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS moves (key TEXT PRIMARY KEY, amount_fen INTEGER NOT NULL CHECK (amount_fen >= 0)) STRICT;
CREATE TABLE IF NOT EXISTS ways (key TEXT PRIMARY KEY, way TEXT NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS fault (only_row INTEGER PRIMARY KEY CHECK (only_row = 1), spec TEXT NOT NULL) STRICT;
CREATE TRIGGER IF NOT EXISTS moved_before BEFORE INSERT ON moves
    WHEN EXISTS (SELECT 1 FROM moves WHERE key = new.key) BEGIN SELECT RAISE(ABORT, 'money moved once'); END;
CREATE TRIGGER IF NOT EXISTS moved_once BEFORE UPDATE ON moves BEGIN SELECT RAISE(ABORT, 'money moved once'); END;
CREATE TRIGGER IF NOT EXISTS moved_for_good BEFORE DELETE ON moves BEGIN SELECT RAISE(ABORT, 'money moved'); END;
CREATE TRIGGER IF NOT EXISTS paid_for_good BEFORE UPDATE ON payments
    WHEN old.state = 'paid' AND new.state <> 'paid' BEGIN SELECT RAISE(ABORT, 'paid is for good'); END;
"""


class TillError(Exception):
    """A payment that must not be made as asked. ``reason`` has words on the screen; ``detail`` is one line."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = " ".join(detail.split())


class _Payee(Protocol):
    """As :class:`kiosk.counter_ports.Payments`."""

    def pay(self, key: str, amount_fen: int, method: str) -> Outcome: ...
    def state(self, key: str) -> State: ...


class _Book:
    """Payments by key in an SQLite file of their own, safe between processes; ``None``: in memory."""

    def __init__(self, path: Path | None) -> None:
        self._lock = threading.Lock()
        target = ":memory:" if path is None else str(path)
        try:
            self._base = sqlite3.connect(
                target, timeout=_BUSY_S, isolation_level=None, check_same_thread=False
            )
            self._base.execute("PRAGMA synchronous=FULL")
            self._base.executescript(f"BEGIN IMMEDIATE;{_TABLES}COMMIT;")
        except sqlite3.Error as exc:
            raise TillError("till_unusable", f"{target}: {exc}") from exc

    @contextlib.contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """One transaction, the only one of all processes."""
        with self._lock:
            try:
                self._base.execute("BEGIN IMMEDIATE")
                try:
                    yield self._base
                    self._base.execute("COMMIT")
                finally:
                    # A COMMIT that fails (disk full, somebody reads) leaves the transaction open, and the next
                    # payment must be able to begin.
                    if self._base.in_transaction:
                        self._base.execute("ROLLBACK")
            except sqlite3.Error as exc:
                raise TillError("till_unusable", str(exc)) from exc

    def close(self) -> None:
        """Let go of the file."""
        with self._lock:
            self._base.close()


def _asked(base: sqlite3.Connection, key: str, amount_fen: int, method: str) -> State:
    """Note the question; what is known of the key. Raises where the key was used for something else."""
    row = base.execute("SELECT amount_fen, method, state FROM payments WHERE key = ?", (key,)).fetchone()
    if row is None:
        base.execute("INSERT INTO payments VALUES (?, ?, ?, 'unknown', 1)", (key, amount_fen, method))
        return "never_asked"
    if (row[0], row[1]) != (amount_fen, method) and row[2] != "refused":
        raise TillError("payment_key_reused", f"{key} is a payment of {row[0]} fen by {row[1]}")
    base.execute(
        "UPDATE payments SET asked = asked + 1, amount_fen = ?, method = ? WHERE key = ?",
        (amount_fen, method, key),
    )
    return cast(State, row[2])


def _known(base: sqlite3.Connection, key: str) -> State:
    row = base.execute("SELECT state FROM payments WHERE key = ?", (key,)).fetchone()
    return "never_asked" if row is None else cast(State, row[0])


def _set(base: sqlite3.Connection, key: str, state: Outcome) -> None:
    base.execute("UPDATE payments SET state = ? WHERE key = ?", (state, key))


def _check(key: str, amount_fen: int) -> None:
    if not 0 < len(key) <= MAX_KEY_CHARS or not key.isascii() or not key.isprintable():
        raise TillError("payment_key", "a payment's key is 1 to 64 printable ASCII characters")
    if not 0 <= amount_fen <= MAX_AMOUNT_FEN:
        raise TillError("payment_amount", f"{amount_fen} fen is not an amount this till pays")


class Cash:
    """Cash over the counter. "paid" is what a member of staff confirms; until then nobody knows."""

    def __init__(self, path: Path | None = None) -> None:
        """With ``path`` a confirmation outlives a restart; without, staff are asked again."""
        self._book = _Book(path)

    def pay(self, key: str, amount_fen: int, method: str) -> Outcome:
        """Ask staff for it: "unknown" until :meth:`confirm`, then what they said, however often it is asked."""
        _check(key, amount_fen)
        with self._book.writing() as base:
            known = _asked(base, key, amount_fen, method)
            if known == "refused":
                _set(base, key, "unknown")  # nothing moved: it may be asked anew
            return "paid" if known == "paid" else "unknown"

    def confirm(self, key: str, *, handed: bool) -> State:
        """Staff handed it over, or did not. A confirmed payment stays paid; an unknown key stays unasked."""
        with self._book.writing() as base:
            if _known(base, key) == "unknown":
                _set(base, key, "paid" if handed else "refused")
            return _known(base, key)

    def way(self, key: str) -> str:
        """Which side of the till was last asked for ``key``: "cash", "transfer", or "" for neither."""
        with self._book.writing() as base:
            row = base.execute("SELECT way FROM ways WHERE key = ?", (key,)).fetchone()
            return "" if row is None else str(row[0])

    def go(self, key: str, way: str) -> None:
        """Note, before it is asked, which side is."""
        _check(key, 0)
        with self._book.writing() as base:
            base.execute("INSERT OR REPLACE INTO ways VALUES (?, ?)", (key, way))

    def state(self, key: str) -> State:
        """What is known of ``key``."""
        with self._book.writing() as base:
            return _known(base, key)

    def close(self) -> None:
        """Let go of the file."""
        self._book.close()


class VirtualPayments:
    """A payee that only keeps a book: what a bank's or a wallet's service would answer, with its faults."""

    def __init__(self, path: Path) -> None:
        self._book = _Book(path)

    def arm(self, fault: str) -> None:
        """From now on, in every process, until armed with "".

        refused: says no. unknown_paid: pays, and the answer is lost. unknown_unpaid: the question is lost.
        offline: nothing goes through, nor any question about a payment.
        """
        if fault not in FAULTS:
            raise TillError("payment_fault", f"no such fault; there are: {', '.join(sorted(FAULTS))}")
        with self._book.writing() as base:
            base.execute("INSERT OR REPLACE INTO fault VALUES (1, ?)", (fault,))

    def pay(self, key: str, amount_fen: int, method: str) -> Outcome:
        """Move the money once. A refused key may be asked again: nothing moved."""
        _check(key, amount_fen)
        with self._book.writing() as base:
            fault = self._fault(base)
            if fault in ("offline", "unknown_unpaid"):
                return "unknown"
            if _asked(base, key, amount_fen, method) != "paid":
                if fault == "refused":
                    _set(base, key, "refused")
                    return "refused"
                base.execute("INSERT INTO moves VALUES (?, ?)", (key, amount_fen))
                _set(base, key, "paid")
            return "unknown" if fault == "unknown_paid" else "paid"

    def state(self, key: str) -> State:
        """What became of ``key``; "unknown" while offline."""
        with self._book.writing() as base:
            return "unknown" if self._fault(base) == "offline" else _known(base, key)

    def moved_fen(self) -> dict[str, int]:
        """Every amount that left, by key."""
        with self._book.writing() as base:
            return {str(key): int(fen) for key, fen in base.execute("SELECT key, amount_fen FROM moves")}

    def close(self) -> None:
        """Let go of the file."""
        self._book.close()

    @staticmethod
    def _fault(base: sqlite3.Connection) -> str:
        row = base.execute("SELECT spec FROM fault").fetchone()
        return "" if row is None else str(row[0])


class Till:
    """Cash by hand, everything else by ``transfers``. A key stays with whichever was asked first until that refuses."""

    def __init__(self, cash: Cash, transfers: _Payee) -> None:
        self.cash, self._transfers = cash, transfers

    def pay(self, key: str, amount_fen: int, method: str) -> Outcome:
        """By ``method``. Raises TillError where the other side was asked for this key and has not refused."""
        way = "cash" if method == "cash" else "transfer"
        earlier = self.cash.way(key)
        if earlier not in ("", way):
            if self._payee(earlier).state(key) != "refused":  # a question may be lost, or only late
                raise TillError("payment_key_reused", f"{key} was asked for by {earlier}")
            self.cash.go(key, way)
        elif not earlier:
            self.cash.go(key, way)
        return self._payee(way).pay(key, amount_fen, method)

    def state(self, key: str) -> State:
        """What is known of ``key``, by whichever method it was asked for."""
        way = self.cash.way(key)
        return self._payee(way).state(key) if way else "never_asked"

    def _payee(self, way: str) -> _Payee:
        return self.cash if way == "cash" else self._transfers
