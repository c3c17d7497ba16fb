"""What the database itself refuses, whoever asks: rows written by hand, as by a counter that has lost its mind."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from kiosk.store.database import Database
from kiosk.store.migrations.versions import v0004_guards
from recycling import erasure, manifests, trade_in
from tests import custody_attack, custody_checks

MACHINES = {
    "trades": trade_in.MACHINE,
    "erasures": erasure.MACHINE,
    "manifests": manifests.MACHINE,
}
DAY_MS = 86_400_000
NOW_MS = 1_784_599_200_000

TRADE = {
    "state": "draft",
    "imei_digest": "d1",
    "live": 1,
    "id_digest": "",
    "accepted_ms": 0,
    "signed": 0,
    "passing": 0,
    "checked_ms": 0,
    "provisional": 0,
    "price_fen": 100,
    "least_fen": 0,
    "quoter": "1001",
    "needs_second": 0,
    "approver": "",
    "override_by": "",
    "certificate": "",
    "destroy": "",
    "seal": "",
    "hold_until_ms": 0,
}
ACCEPTED = {**TRADE, "accepted_ms": NOW_MS, "signed": 1, "id_digest": "i", "passing": 1, "checked_ms": NOW_MS}
ERASED = {**ACCEPTED, "certificate": "EC1"}
SEALED = {**ERASED, "seal": "SEAL-1"}
ITEM = {"category": "phone", "hazard": "none", "mass_g": 180, "trade": "", "manifest": ""}
PAYMENT = {"trade": "T", "method": "transfer", "amount_fen": 100, "receive_fen": 0}


class Raw:
    """The file, and nothing between it and the test."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.raw = sqlite3.connect(path, isolation_level=None)

    def put(self, table: str, name: str, **columns: Any) -> None:
        """The next revision of ``name``."""
        key = custody_checks.KEYS[table]
        last = self.raw.execute(
            f"SELECT coalesce(max(revision), 0) FROM {table} WHERE {key} = ?", (name,)
        ).fetchone()
        row = {key: name, "revision": last[0] + 1, "at_ms": NOW_MS, "content": b"", **columns}
        names, marks = ", ".join(row), ", ".join("?" * len(row))
        self.raw.execute(f"INSERT INTO {table} ({names}) VALUES ({marks})", tuple(row.values()))

    def refused(self, table: str, name: str, **columns: Any) -> None:
        with pytest.raises(sqlite3.IntegrityError):
            self.put(table, name, **columns)

    def item(self, name: str, lodging: str, place: str = "", **columns: Any) -> dict[str, Any]:
        return {**ITEM, "lodging": lodging, "place": place or lodging, **columns}

    def trade_until(self, last: str, name: str = "T", **columns: Any) -> None:
        """The usual way to that state."""
        for state in ("draft", "identified", "cleared", "inspected", "quoted", "offered"):
            self.put("trades", name, **{**TRADE, **columns, "state": state, "live": int(state != "draft")})
            if state == last:
                return
        for state in ("accepted", "erasing"):
            self.put("trades", name, **{**ACCEPTED, **columns, "state": state})
            if state == last:
                return
        for state in ("running", "verifying", "certified"):
            self.put("erasures", name, state=state, attempt=1)
        self.put("trades", name, **{**ERASED, **columns, "state": "erased"})
        self.put("trades", name, **{**SEALED, **columns, "state": "sealed"})
        if last == "sealed":
            return
        for state in ("intended", "paid"):
            self.put("settlements", name, **{**PAYMENT, "trade": name, "state": state})
        for state in ("settled", "held"):
            until = {"hold_until_ms": NOW_MS + 30 * DAY_MS} if state == "held" else {}
            self.put("trades", name, **{**SEALED, **columns, **until, "state": state})
            if state == last:
                return


@pytest.fixture
def raw(tmp_path: Path) -> Iterator[Raw]:
    Database(tmp_path, "shop-1").close()
    one = Raw(tmp_path / "station.db")
    with contextlib.closing(one.raw):
        yield one


def one_of_each(raw: Raw) -> None:
    raw.trade_until("held")
    raw.put("drops", "D", state="category")
    raw.put("items", "I", **raw.item("I", "scale"))
    raw.put("bins", "1", state="open", mass_g=0, items=0, second="")
    raw.put("manifests", "M", state="draft", processor="green", mass_g=0)
    raw.put("intents", "N", kind="flap", subject="I", state="open")
    raw.put("slips", "S", state="waiting", subject="D")
    raw.put("shifts", "H", open=1, counted_fen=0)
    raw.put("cash", "C", shift="H", trade="T", amount_fen=-5)
    raw.put("vouchers", "V", state="issued", trade="T", amount_fen=5)
    raw.put("seals", "L", subject="T")
    raw.put("photos", "T/1", digest="1", trade="T")
    raw.raw.execute("INSERT INTO personal VALUES ('T:imei', 'imei', 1, 0, x'00', x'00')")
    pin = "$argon2id$x"
    raw.raw.execute(
        f"INSERT INTO staff VALUES ('1001', 1, 'Lin', 'technician', 1, '2027-01-01', 0, '{pin}', 0)"
    )
    raw.raw.execute("INSERT INTO price_books VALUES ('b', 1, 'proposed', 0, '1', '', x'', 0)")
    raw.raw.execute(
        "INSERT INTO processors VALUES ('p', 1, 'P', 'P', 'P', 'L', '2027-01-01', 'phone', ?, 'A', 0)",
        ("0" * 64,),
    )


def test_no_row_of_any_table_is_changed_removed_or_replaced(raw: Raw) -> None:
    one_of_each(raw)
    assert custody_attack.every_table(raw.path) == len(custody_attack.TABLES) - 1  # the ledger is empty here


def test_no_row_is_replaced_under_its_hidden_number(raw: Raw) -> None:
    one_of_each(raw)
    assert custody_attack.hidden_numbers(raw.path) == []


@pytest.mark.parametrize("revision", [None, 0, 2, 3, -1, 1.5, "one"])
def test_only_the_next_revision_is_taken(raw: Raw, revision: object) -> None:
    raw.refused("seals", "L", subject="T", revision=revision)


def test_an_id_has_one_key_for_its_personal_data_and_never_another(raw: Raw) -> None:
    raw.raw.execute("INSERT INTO personal_keys VALUES ('T:imei', 0, x'01')")
    raw.raw.execute("INSERT INTO personal VALUES ('T:imei', 'imei', 1, 0, x'00', x'00')")
    for statement in (
        "UPDATE personal_keys SET key = x'02'",
        "REPLACE INTO personal_keys VALUES ('T:imei', 0, x'02')",
        "INSERT INTO personal_keys VALUES ('T:imei', 0, x'02')",
    ):
        with pytest.raises(sqlite3.IntegrityError):
            raw.raw.execute(statement)
    raw.raw.execute("DELETE FROM personal_keys")
    with pytest.raises(sqlite3.IntegrityError):
        raw.raw.execute("INSERT INTO personal_keys VALUES ('T:imei', 0, x'02')")


@pytest.mark.parametrize("amount", [-1, "-1", "much", None])
def test_an_amount_is_a_number_and_not_below_zero(raw: Raw, amount: object) -> None:
    raw.trade_until("sealed")
    raw.refused("settlements", "T", **{**PAYMENT, "state": "intended", "amount_fen": amount})
    raw.refused("trades", "U", **{**TRADE, "imei_digest": "d2", "price_fen": amount})
    raw.refused("trades", "U", **{**TRADE, "imei_digest": "d2", "least_fen": amount})
    raw.refused("vouchers", "V", state="issued", trade="T", amount_fen=amount)
    raw.refused("items", "I", **raw.item("I", "scale", mass_g=amount))


def test_one_phone_is_in_one_live_trade(raw: Raw) -> None:
    raw.trade_until("identified")
    raw.refused("trades", "U", **{**TRADE, "state": "identified"})
    raw.put("trades", "T", **{**TRADE, "state": "stopped", "live": 0})
    raw.put("trades", "U", **{**TRADE, "state": "identified"})
    raw.refused("trades", "T", **{**TRADE, "state": "identified"})


def test_live_is_what_the_state_says(raw: Raw) -> None:
    raw.trade_until("identified")
    raw.refused("trades", "U", **{**TRADE, "state": "identified", "live": 0, "imei_digest": "d2"})
    raw.refused("trades", "U", **{**TRADE, "state": "identified", "live": 2, "imei_digest": "d2"})


@pytest.mark.parametrize(
    "lacking",
    [
        {"signed": 0},
        {"id_digest": ""},
        {"passing": 0},
        {"checked_ms": NOW_MS - DAY_MS},
        {"checked_ms": NOW_MS + 1},
        {"accepted_ms": 0},
    ],
    ids=str,
)
def test_accepted_needs_signature_id_and_a_fresh_passing_check(raw: Raw, lacking: dict[str, Any]) -> None:
    raw.trade_until("offered")
    raw.refused("trades", "T", **{**ACCEPTED, "state": "accepted", **lacking})
    if "passing" not in lacking and "checked_ms" not in lacking:
        raw.refused("trades", "T", **{**ACCEPTED, "state": "erasing", **lacking})


def test_nobody_skips_the_acceptance(raw: Raw) -> None:
    raw.trade_until("offered")
    for state in ("erased", "destroy", "settled", "held", "released", "binned", "manifested", "processed"):
        raw.refused("trades", "T", **{**SEALED, "state": state})
        raw.refused("trades", "U", **{**SEALED, "state": state, "imei_digest": "d2"})


def test_nothing_is_erased_before_its_acceptance(raw: Raw) -> None:
    raw.trade_until("offered")
    raw.refused("erasures", "T", state="running", attempt=1)
    raw.refused("erasures", "nobody", state="running", attempt=1)
    raw.refused("erasures", "T", state="certified", attempt=1)


@pytest.mark.parametrize(
    "lacking", [{"seal": ""}, {"certificate": ""}, {"provisional": 1}, {"accepted_ms": 0}], ids=str
)
@pytest.mark.parametrize("state", ["settled", "held", "quarantined", "released"])
def test_settled_needs_a_seal_and_a_certificate_or_destruction(
    raw: Raw, lacking: dict[str, Any], state: str
) -> None:
    raw.trade_until("sealed")
    raw.put("settlements", "T", **{**PAYMENT, "state": "intended"})
    raw.put("settlements", "T", **{**PAYMENT, "state": "paid"})
    raw.refused("trades", "T", **{**SEALED, "state": state, **lacking})


@pytest.mark.parametrize("state", ["settled", "held", "quarantined", "binned", "processed"])
def test_nothing_goes_on_before_its_payment_was_made(raw: Raw, state: str) -> None:
    raw.trade_until("sealed")
    raw.put("settlements", "T", **{**PAYMENT, "state": "intended"})
    raw.refused("trades", "T", **{**SEALED, "state": state})


def test_a_provisional_trade_is_not_paid(raw: Raw) -> None:
    raw.trade_until("sealed", provisional=1)
    raw.refused("settlements", "T", **{**PAYMENT, "state": "intended"})


def test_a_payment_is_one_and_final(raw: Raw) -> None:
    raw.trade_until("sealed")
    raw.put("settlements", "T", **{**PAYMENT, "state": "intended"})
    raw.refused("settlements", "T-2", **{**PAYMENT, "state": "intended"})
    raw.refused("settlements", "T", **{**PAYMENT, "state": "paid", "amount_fen": 101})
    raw.refused("settlements", "T", **{**PAYMENT, "state": "paid", "trade": "U"})
    raw.refused("settlements", "T", **{**PAYMENT, "state": "paid", "method": "cash"})
    raw.put("settlements", "T", **{**PAYMENT, "state": "paid"})
    raw.refused("settlements", "T", **{**PAYMENT, "state": "refused"})
    raw.refused("settlements", "T-2", **{**PAYMENT, "state": "intended"})


def test_the_approver_is_not_the_quoter(raw: Raw) -> None:
    raw.trade_until("quoted", needs_second=1)
    for approver in ("", "1001"):
        raw.refused("trades", "T", **{**TRADE, "state": "offered", "needs_second": 1, "approver": approver})
    raw.put("trades", "T", **{**TRADE, "state": "offered", "needs_second": 1, "approver": "9001"})


@pytest.mark.parametrize(
    "quote", [{"price_fen": 200_001}, {"override_by": "1001"}], ids=["above 2,000 yuan", "override"]
)
def test_a_second_person_is_needed_by_the_figures_themselves(raw: Raw, quote: dict[str, Any]) -> None:
    raw.trade_until("quoted")
    raw.refused("trades", "T", **{**TRADE, "state": "offered", "needs_second": 0, **quote})


def test_an_item_moves_only_where_it_may_go(raw: Raw) -> None:
    raw.refused("items", "I", **raw.item("I", "bin", "bin:1"))
    raw.put("items", "I", **raw.item("I", "scale"))
    raw.refused("items", "I", **raw.item("I", "bin", "bin:1"))
    raw.put("items", "I", **raw.item("I", "entering", "entering:bin:1"))
    raw.put("items", "I", **raw.item("I", "bin", "bin:1"))
    raw.refused("items", "I", **raw.item("I", "bin", "bin:2"))
    raw.refused("items", "I", **raw.item("I", "owner"))
    raw.refused("items", "I", **raw.item("I", "gone", manifest="M"))


def test_a_place_that_is_called_as_before_is_no_way_around_the_moves(raw: Raw) -> None:
    raw.put("items", "I", **raw.item("I", "scale"))
    raw.refused("items", "I", **raw.item("I", "gone", "scale", manifest="M"))
    raw.refused("items", "J", **raw.item("J", "scale", "bin:1"))


def test_an_item_leaves_only_under_a_sealed_manifest(raw: Raw) -> None:
    for lodging, place in (("scale", ""), ("entering", "entering:bin:1"), ("bin", "bin:1")):
        raw.put("items", "I", **raw.item("I", lodging, place))
    under = {"manifest": "M"}
    raw.refused("items", "I", **raw.item("I", "parcel", "parcel:M", **under))
    raw.put("manifests", "M", state="draft", processor="green", mass_g=0)
    raw.refused("items", "I", **raw.item("I", "parcel", "parcel:M"))
    raw.put("items", "I", **raw.item("I", "parcel", "parcel:M", **under))
    for state in ("draft", "sealed"):
        raw.put("manifests", "M", state=state, processor="green", mass_g=180)
        raw.refused("items", "I", **raw.item("I", "transit", "transit:M", **under))
    raw.put("manifests", "M", state="picked_up", processor="green", mass_g=180)
    raw.refused("items", "I", **raw.item("I", "transit", "transit:N", manifest="N"))
    raw.put("items", "I", **raw.item("I", "transit", "transit:M", **under))


def test_an_item_does_not_change_its_manifest_under_way(raw: Raw) -> None:
    for lodging, place in (("scale", ""), ("entering", "entering:bin:1"), ("bin", "bin:1")):
        raw.put("items", "I", **raw.item("I", lodging, place))
    for name in ("M", "N"):
        raw.put("manifests", name, state="draft", processor="green", mass_g=0)
    raw.put("items", "I", **raw.item("I", "parcel", "parcel:M", manifest="M"))
    raw.refused("items", "I", **raw.item("I", "parcel", "parcel:N", manifest="N"))
    raw.refused("items", "I", **raw.item("I", "parcel", "parcel:M", manifest="N"))


def test_a_manifest_goes_its_way_and_no_other(raw: Raw) -> None:
    raw.refused("manifests", "M", state="picked_up", processor="green", mass_g=0)
    raw.put("manifests", "M", state="draft", processor="green", mass_g=0)
    raw.refused("manifests", "M", state="picked_up", processor="green", mass_g=0)


def test_only_a_draft_goes_to_another_processor(raw: Raw) -> None:
    raw.put("manifests", "M", state="draft", processor="green", mass_g=0)
    raw.put("manifests", "M", state="draft", processor="other", mass_g=0)
    raw.refused("manifests", "M", state="sealed", processor="green", mass_g=0)
    raw.put("manifests", "M", state="sealed", processor="other", mass_g=0)
    raw.refused("manifests", "M", state="sealed", processor="green", mass_g=0)


def test_what_is_dangerous_is_never_put_with_the_others(raw: Raw) -> None:
    swollen = {"hazard": "swollen"}
    raw.put("items", "I", **raw.item("I", "scale", **swollen))
    raw.put("items", "I", **raw.item("I", "entering", "entering:bin:1", **swollen))
    raw.refused("items", "I", **raw.item("I", "bin", "bin:1", **swollen))
    raw.put("items", "P", **raw.item("P", "counter", trade="T", **swollen))
    raw.refused("items", "P", **raw.item("P", "shelf", "shelf:A3", trade="T", **swollen))


def held_phone(raw: Raw) -> None:
    raw.trade_until("held")
    raw.put("items", "T", **raw.item("T", "counter", trade="T"))
    raw.put("items", "T", **raw.item("T", "shelf", "shelf:A3", trade="T"))


def test_held_stock_stays_on_its_shelf_for_its_thirty_days(raw: Raw) -> None:
    held_phone(raw)
    raw.put("manifests", "M", state="draft", processor="green", mass_g=0)
    raw.refused("items", "T", **raw.item("T", "bin", "bin:1", trade="T"))
    raw.refused("items", "T", **raw.item("T", "parcel", "parcel:M", trade="T", manifest="M"))
    until = {"hold_until_ms": NOW_MS + 30 * DAY_MS}
    raw.refused("trades", "T", **{**SEALED, **until, "state": "released"})
    for state in ("binned", "manifested", "received", "processed", "quarantined"):
        raw.refused("trades", "T", **{**SEALED, **until, "state": state})


def test_a_release_needs_its_hold_and_another_passing_check(raw: Raw) -> None:
    held_phone(raw)
    over = {"hold_until_ms": NOW_MS - 1, "at_ms": NOW_MS}
    for lacking in ({"hold_until_ms": 0}, {"checked_ms": NOW_MS - 2}, {"passing": 0}):
        raw.refused("trades", "T", **{**SEALED, **over, "state": "released", **lacking})


def test_a_shelf_is_no_way_around_a_trade(raw: Raw) -> None:
    held_phone(raw)
    raw.refused("items", "T", **raw.item("T", "bin", "bin:1", trade=""))


def test_a_voucher_is_good_once_and_keeps_its_amount(raw: Raw) -> None:
    raw.put("vouchers", "V", state="issued", trade="T", amount_fen=5)
    raw.refused("vouchers", "V", state="redeemed", trade="T", amount_fen=6)
    raw.put("vouchers", "V", state="redeemed", trade="T", amount_fen=5)
    for state in ("issued", "redeemed"):
        raw.refused("vouchers", "V", state=state, trade="T", amount_fen=5)


def test_one_trade_brings_one_voucher(raw: Raw) -> None:
    raw.put("vouchers", "V", state="issued", trade="T", amount_fen=5)
    raw.refused("vouchers", "W", state="issued", trade="T", amount_fen=5)


def test_a_bin_is_emptied_by_two_people(raw: Raw) -> None:
    raw.put("bins", "1", state="open", mass_g=0, items=0, second="")
    raw.refused("bins", "1", state="emptying", mass_g=0, items=0, second="")


@pytest.mark.parametrize(
    "column", ["accepted_ms", "id_digest", "imei_digest", "price_fen", "quoter", "approver"]
)
def test_what_was_accepted_never_changes(raw: Raw, column: str) -> None:
    raw.trade_until("accepted")
    other = 7 if column in ("accepted_ms", "price_fen") else "another"
    raw.refused("trades", "T", **{**ACCEPTED, "state": "erasing", column: other})
    raw.put("trades", "T", **{**ACCEPTED, "state": "erasing"})


def test_the_database_knows_the_ways_of_the_machines() -> None:
    """The guards were written by hand, once; a machine that learns another way needs another migration."""
    for table, machine in MACHINES.items():
        for to, sources in v0004_guards._AFTER[table].items():
            allowed = {source for source in sources.split(" ") if source}
            leads = {
                state.value
                for (state, _), rule in machine.table.items()
                if to in {one.value for one in rule.to} and state.value != to
            }
            assert leads <= allowed, f"{table}: {to}: {leads - allowed}"
