"""The counter once more: a state follows only from those that lead to it, and what was agreed never changes.

The tables are of 0002; these triggers hold where a row is written by something that has not asked the machines.
"""

from __future__ import annotations

from collections.abc import Mapping

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_KEYS = {
    "items": "item",
    "trades": "trade",
    "erasures": "trade",
    "settlements": "settlement",
    "manifests": "manifest",
    "vouchers": "voucher",
    "intents": "intent",
}

# state: the only ones it follows from, as the machines had it when this was written; "" = a first revision may be it
_AFTER: Mapping[str, Mapping[str, str]] = {
    "trades": {
        "erased": "erasing",
        "destroy": "accepted erasing",
        "settled": "sealed",
        "held": "settled",
        "released": "held",
        "quarantined": "settled received",
        "binned": "released",
        "manifested": "released quarantined binned",
        "received": "manifested",
        "processed": "received",
    },
    "erasures": dict.fromkeys(
        ("verifying", "interrupted", "certified", "warning", "failed"),
        "consented running verifying interrupted failed",
    ),
    "manifests": {
        "draft": "",
        "sealed": "draft",
        "picked_up": "sealed",
        "received": "picked_up",
        "accepted": "picked_up received",
        "partial": "picked_up received",
        "refused": "picked_up received",
        "processed": "accepted partial",
    },
    "intents": {"open": "", "done": "open unclear", "failed": "open unclear", "unclear": "open"},
}

# table: columns that no later revision changes
_FIXED = {
    "settlements": "trade method receive_fen",
    "vouchers": "trade amount_fen",
    "items": "trade category",
    "intents": "kind subject",
}

_AGREED = "accepted_ms signed id_digest imei_digest price_fen quoter approver"
"""What no revision after the acceptance changes."""

_NOT_LIVE = "('draft', 'returned', 'processed', 'declined', 'expired', 'stopped')"
_AWAY = "('parcel', 'transit', 'processor')"


def _before(table: str, column: str) -> str:
    key = _KEYS[table]
    return f"(SELECT b.{column} FROM {table} b WHERE b.{key} = NEW.{key} ORDER BY b.revision DESC LIMIT 1)"  # noqa: S608


def _changed(table: str, columns: str) -> str:
    return " OR ".join(f"NEW.{name} IS NOT {_before(table, name)}" for name in columns.split())


# name: (table, when, what is said)
_RULES: dict[str, tuple[str, str, str]] = {
    "trades_live": (
        "trades",
        f"NEW.live IS NOT (NEW.state NOT IN {_NOT_LIVE})",
        "whether a trade-in is live follows from its state",
    ),
    "trades_agreed": (
        "trades",
        f"NEW.revision > 1 AND {_before('trades', 'accepted_ms')} > 0 AND ({_changed('trades', _AGREED)})",
        "what a customer has accepted never changes",
    ),
    "trades_signed": (
        "trades",
        "NEW.accepted_ms > 0 AND (NEW.signed <> 1 OR NEW.id_digest = '')",
        "an acceptance has a signature and an id",
    ),
    "trades_second": (
        "trades",
        "NEW.state IN ('offered', 'accepted') AND NEW.needs_second = 0"
        " AND (NEW.price_fen > 200000 OR NEW.override_by <> '')",
        "above 2,000 yuan and on an override a second person agrees",
    ),
    "trades_released": (
        "trades",
        "NEW.state = 'released' AND (NEW.hold_until_ms = 0 OR NEW.checked_ms < NEW.hold_until_ms OR NEW.passing <> 1)",
        "a release needs its hold and another passing check",
    ),
    "trades_hold": (
        "trades",
        f"NEW.revision > 1 AND {_before('trades', 'hold_until_ms')} > 0"
        f" AND NEW.hold_until_ms <> {_before('trades', 'hold_until_ms')}",
        "a hold is neither shortened nor lifted",
    ),
    "manifests_redirected": (
        "manifests",
        f"NEW.revision > 1 AND ({_changed('manifests', 'processor')})"
        f" AND ({_before('manifests', 'state')} <> 'draft' OR NEW.state <> 'draft')",
        "a manifest keeps its processor once it is sealed",
    ),
    "settlements_begin": (
        "settlements",
        "NEW.revision = 1 AND NEW.state <> 'intended'",
        "a payment is intended first",
    ),
    "settlements_granted": (
        "settlements",
        "EXISTS (SELECT 1 FROM trades t WHERE t.trade = NEW.trade AND t.provisional = 1"
        " AND t.revision = (SELECT max(n.revision) FROM trades n WHERE n.trade = NEW.trade))",
        "nothing is paid before headquarters has answered",
    ),
    "vouchers_issued_once": (
        "vouchers",
        "NEW.revision = 1 AND NEW.state = 'issued' AND EXISTS (SELECT 1 FROM vouchers o WHERE o.trade = NEW.trade)",
        "a trade-in brings one voucher",
    ),
    "vouchers_again": (
        "vouchers",
        "NEW.revision > 1 AND NEW.state <> 'redeemed'",
        "a voucher is issued once",
    ),
    "items_named": (
        "items",
        "NEW.place <> NEW.lodging AND substr(NEW.place, 1, length(NEW.lodging) + 1) <> NEW.lodging || ':'",
        "a place is of its kind",
    ),
    "items_manifest_kept": (
        "items",
        f"NEW.revision > 1 AND NEW.lodging IN ('parcel', 'transit', 'processor', 'gone')"
        f" AND {_before('items', 'lodging')} IN {_AWAY} AND NEW.manifest <> {_before('items', 'manifest')}",
        "an item does not change its manifest",
    ),
}


def upgrade() -> None:
    """Add the triggers. There is no way down."""
    for table, states in _AFTER.items():
        _refuse(f"{table}_path", table, _astray(table, states), f"{table}: no way leads from there to there")
    for table, columns in _FIXED.items():
        when = f"NEW.revision > 1 AND ({_changed(table, columns)})"
        _refuse(f"{table}_fixed", table, when, f"{table}: this never changes")
    for name, (table, when, said) in _RULES.items():
        _refuse(name, table, when, said)


def _astray(table: str, states: Mapping[str, str]) -> str:
    pairs = ", ".join(f"('{one}', '{to}')" for to, sources in states.items() for one in sources.split(" "))
    guarded = ", ".join(f"'{state}'" for state in states)
    earlier = f"coalesce({_before(table, 'state')}, '')"
    return f"NEW.state IN ({guarded}) AND NEW.state <> {earlier} AND ({earlier}, NEW.state) NOT IN (VALUES {pairs})"


def _refuse(name: str, table: str, when: str, said: str) -> None:
    op.execute(
        f"CREATE TRIGGER {name} BEFORE INSERT ON {table} WHEN {when} BEGIN SELECT RAISE(ABORT, '{said}'); END"
    )
