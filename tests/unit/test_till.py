"""A key pays once: from two processes, after a kill, over every fault; and cash is paid when staff say so."""

from __future__ import annotations

import contextlib
import os
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kiosk.till import FAULTS, Cash, Till, TillError, VirtualPayments

PAYER = """
import sys
from pathlib import Path
from kiosk.till import VirtualPayments
payee = VirtualPayments(Path(sys.argv[1]))
for number in range(int(sys.argv[2])):
    payee.pay(f"trade-{number}", 1000 + number, "transfer")
    print(number, flush=True)
"""


def payer(book: Path, count: int) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", PAYER, str(book), str(count)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env={**os.environ})


def test_the_same_key_never_pays_twice(tmp_path: Path) -> None:
    payee = VirtualPayments(tmp_path / "payee.db")
    assert payee.state("trade") == "never_asked"
    assert [payee.pay("trade", 109200, "transfer") for _ in range(3)] == ["paid"] * 3
    assert payee.state("trade") == "paid"
    assert payee.moved_fen() == {"trade": 109200}


def test_a_key_that_paid_one_amount_never_pays_another(tmp_path: Path) -> None:
    payee = VirtualPayments(tmp_path / "payee.db")
    payee.pay("trade", 100, "transfer")
    with pytest.raises(TillError) as caught:
        payee.pay("trade", 101, "transfer")
    assert caught.value.reason == "payment_key_reused"
    assert payee.moved_fen() == {"trade": 100}


def test_two_processes_with_the_same_keys_pay_each_once(tmp_path: Path) -> None:
    book, count = tmp_path / "payee.db", 40
    both = [payer(book, count) for _ in range(2)]
    assert [process.communicate(timeout=60)[0].count("\n") for process in both] == [count, count]
    assert VirtualPayments(book).moved_fen() == {f"trade-{number}": 1000 + number for number in range(count)}


def test_after_a_kill_in_the_middle_every_key_pays_once(tmp_path: Path) -> None:
    book, count = tmp_path / "payee.db", 2000
    process = payer(book, count)
    assert process.stdout is not None
    said = [process.stdout.readline() for _ in range(20)]
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=60)
    payee = VirtualPayments(book)
    moved = payee.moved_fen()
    assert len(said) <= len(moved) < count
    for number in range(30):
        assert payee.state(f"trade-{number}") == ("paid" if f"trade-{number}" in moved else "never_asked")
        assert payee.pay(f"trade-{number}", 1000 + number, "transfer") == "paid"
    assert payee.moved_fen() == {**moved, **{f"trade-{number}": 1000 + number for number in range(30)}}


def test_an_answer_that_was_lost_is_found_again_by_its_key(tmp_path: Path) -> None:
    payee = VirtualPayments(tmp_path / "payee.db")
    payee.arm("unknown_paid")
    assert payee.pay("lost-answer", 100, "transfer") == "unknown"
    assert payee.state("lost-answer") == "paid"
    payee.arm("unknown_unpaid")
    assert payee.pay("lost-question", 100, "transfer") == "unknown"
    assert payee.state("lost-question") == "never_asked"
    assert payee.moved_fen() == {"lost-answer": 100}


def test_offline_nothing_goes_through_and_nothing_is_known(tmp_path: Path) -> None:
    payee = VirtualPayments(tmp_path / "payee.db")
    payee.pay("before", 100, "transfer")
    payee.arm("offline")
    assert payee.pay("now", 100, "transfer") == payee.state("now") == payee.state("before") == "unknown"
    payee.arm("")
    assert (payee.state("now"), payee.state("before")) == ("never_asked", "paid")


def test_a_refused_payment_may_be_asked_for_again(tmp_path: Path) -> None:
    payee = VirtualPayments(tmp_path / "payee.db")
    payee.arm("refused")
    assert payee.pay("trade", 100, "transfer") == payee.state("trade") == "refused"
    payee.arm("")
    assert payee.pay("trade", 100, "transfer") == "paid"
    payee.arm("refused")
    assert payee.pay("trade", 100, "transfer") == payee.state("trade") == "paid", "paid is for good"
    assert payee.moved_fen() == {"trade": 100}


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from(["k1", "k2"]), st.sampled_from(sorted(FAULTS)), st.booleans()), max_size=20
    )
)
def test_over_any_faults_money_moves_once_and_a_paid_key_stays_paid(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[str, str, bool]]
) -> None:
    book = tmp_path_factory.mktemp("till") / "payee.db"
    payee = VirtualPayments(book)
    for key, fault, restart in steps:
        before = payee.moved_fen()
        payee.arm(fault)
        answer = payee.pay(key, 700, "transfer")
        moved = payee.moved_fen()
        assert before.items() <= moved.items()
        assert answer != "paid" or key in moved
        assert answer != "refused" or key not in moved
        if restart:
            payee.close()
            payee = VirtualPayments(book)
    payee.arm("")
    assert all(payee.state(key) == "paid" for key in payee.moved_fen())
    payee.close()


@pytest.mark.parametrize(
    ("key", "amount_fen", "reason"),
    [
        ("", 1, "payment_key"),
        ("k" * 65, 1, "payment_key"),
        ("键", 1, "payment_key"),
        ("k\n", 1, "payment_key"),
        ("k", -1, "payment_amount"),
        ("k", 10_000_001, "payment_amount"),
    ],
)
def test_a_payment_that_cannot_be_one_is_refused_before_anything_is_noted(
    tmp_path: Path, key: str, amount_fen: int, reason: str
) -> None:
    for payee in (VirtualPayments(tmp_path / "payee.db"), Cash(tmp_path / "cash.db")):
        with pytest.raises(TillError) as caught:
            payee.pay(key, amount_fen, "cash")
        assert caught.value.reason == reason
        assert payee.state(key) == "never_asked"


def test_a_file_that_is_no_book_is_said_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "payee.db").write_bytes(b"not a database" * 100)
    with pytest.raises(TillError) as caught:
        VirtualPayments(tmp_path / "payee.db")
    assert caught.value.reason == "till_unusable"
    assert "\n" not in caught.value.detail


def test_cash_is_paid_when_staff_have_handed_it_over_and_not_before(tmp_path: Path) -> None:
    cash = Cash(tmp_path / "cash.db")
    assert cash.confirm("trade", handed=True) == "never_asked", "nothing to hand over yet"
    assert cash.pay("trade", 500, "cash") == cash.pay("trade", 500, "cash") == "unknown"
    assert cash.confirm("trade", handed=True) == "paid"
    assert cash.confirm("trade", handed=False) == "paid", "what was handed over is not taken back by a touch"
    cash.close()
    again = Cash(tmp_path / "cash.db")
    assert again.pay("trade", 500, "cash") == again.state("trade") == "paid"


def test_cash_that_was_not_handed_over_may_be_asked_for_again() -> None:
    cash = Cash()
    cash.pay("trade", 500, "cash")
    assert cash.confirm("trade", handed=False) == "refused"
    assert cash.pay("trade", 500, "cash") == "unknown"
    assert cash.confirm("trade", handed=True) == "paid"


def test_a_till_never_pays_a_key_by_two_ways(tmp_path: Path) -> None:
    payee = VirtualPayments(tmp_path / "payee.db")
    till = Till(Cash(), payee)
    assert till.state("trade") == "never_asked"
    payee.arm("offline")
    assert till.pay("trade", 500, "transfer") == till.state("trade") == "unknown"
    with pytest.raises(TillError) as caught:
        till.pay("trade", 500, "cash")
    assert caught.value.reason == "payment_key_reused"
    assert till.pay("other", 500, "cash") == "unknown", "cash needs no line"
    payee.arm("refused")
    assert till.pay("trade", 500, "transfer") == "refused"
    assert till.pay("trade", 500, "cash") == "unknown"
    with pytest.raises(TillError):
        till.pay("trade", 500, "transfer")
    till.cash.confirm("trade", handed=True)
    assert till.state("trade") == "paid"
    assert payee.moved_fen() == {}


def test_the_book_itself_refuses_to_forget_money(tmp_path: Path) -> None:
    VirtualPayments(tmp_path / "payee.db").pay("trade", 500, "transfer")
    with contextlib.closing(sqlite3.connect(tmp_path / "payee.db")) as base:
        for statement in (
            "DELETE FROM moves",
            "INSERT OR REPLACE INTO moves VALUES ('trade', 600)",
            "UPDATE moves SET amount_fen = 1",
            "UPDATE payments SET state = 'refused'",
        ):
            with pytest.raises(sqlite3.IntegrityError):
                base.execute(statement)


def test_a_payment_that_could_not_be_written_down_does_not_stop_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody who reads the file at that moment, a backup say, keeps the commit waiting until it gives up."""
    monkeypatch.setattr("kiosk.till._BUSY_S", 0.05)
    payments = VirtualPayments(tmp_path / "till")
    reader = sqlite3.connect(tmp_path / "till", isolation_level=None)
    reader.execute("BEGIN")
    reader.execute("SELECT * FROM moves").fetchall()
    with pytest.raises(TillError, match="locked"):
        payments.pay("k1", 100, "transfer")
    reader.execute("COMMIT")
    assert payments.state("k1") == "never_asked"
    assert payments.pay("k1", 100, "transfer") == "paid"
    assert payments.moved_fen() == {"k1": 100}
