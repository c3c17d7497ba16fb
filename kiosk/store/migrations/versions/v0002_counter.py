"""The counter: drop-offs, trade-ins, items, bins, manifests, money. Append-only, with its invariants as triggers."""

from __future__ import annotations

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_KIND = " STRICT, WITHOUT ROWID"
"""A hidden row number would be a way around the triggers: REPLACE under another row's number removes that row and fires
none. Strict, since "much" is not below 0 either."""

# table: (its id, the columns that the database checks and searches by)
_TABLES: dict[str, tuple[str, str]] = {
    "drops": ("drop_off", "state TEXT NOT NULL"),
    "items": (
        "item",
        "category TEXT NOT NULL, hazard TEXT NOT NULL, lodging TEXT NOT NULL, place TEXT NOT NULL,"
        " mass_g INTEGER NOT NULL CHECK (mass_g >= 0), trade TEXT NOT NULL, manifest TEXT NOT NULL,"
        " CHECK (mass_g > 0 OR lodging IN ('scale', 'entering', 'drawer', 'counter', 'owner')),"
        " CHECK (manifest <> '' OR lodging NOT IN ('parcel', 'transit', 'processor', 'gone')),"
        " CHECK (hazard = 'none' OR lodging NOT IN ('bin', 'shelf'))",
    ),
    "trades": (
        "trade",
        "state TEXT NOT NULL, imei_digest TEXT NOT NULL, live INTEGER NOT NULL, id_digest TEXT NOT NULL,"
        " accepted_ms INTEGER NOT NULL, signed INTEGER NOT NULL, passing INTEGER NOT NULL,"
        " checked_ms INTEGER NOT NULL, provisional INTEGER NOT NULL,"
        " price_fen INTEGER NOT NULL CHECK (price_fen >= 0), least_fen INTEGER NOT NULL CHECK (least_fen >= 0),"
        " quoter TEXT NOT NULL, needs_second INTEGER NOT NULL, approver TEXT NOT NULL,"
        " override_by TEXT NOT NULL, certificate TEXT NOT NULL, destroy TEXT NOT NULL, seal TEXT NOT NULL,"
        " hold_until_ms INTEGER NOT NULL,"
        # accepted: signature, id, a passing check younger than 24 hours
        " CHECK (state <> 'accepted' OR (accepted_ms > 0 AND signed = 1 AND id_digest <> '' AND passing = 1"
        " AND accepted_ms - checked_ms BETWEEN 0 AND 86399999)),"
        " CHECK (accepted_ms > 0 OR state NOT IN ('accepted', 'erasing', 'erased', 'destroy', 'sealed', 'settled',"
        " 'held', 'released', 'quarantined', 'binned', 'manifested', 'received', 'processed')),"
        # settled: a seal, and certified or on the way to destruction; never while provisional
        " CHECK (state NOT IN ('settled', 'held', 'released', 'quarantined', 'binned', 'manifested', 'received',"
        " 'processed') OR (seal <> '' AND (certificate <> '' OR destroy <> '') AND provisional = 0)),"
        # the second approver is not the quoter
        " CHECK (state NOT IN ('offered', 'accepted') OR needs_second = 0"
        " OR (approver <> '' AND approver <> quoter)),"
        " CHECK (state <> 'released' OR at_ms >= hold_until_ms)",
    ),
    "erasures": ("trade", "state TEXT NOT NULL, attempt INTEGER NOT NULL CHECK (attempt BETWEEN 0 AND 3)"),
    "settlements": (
        "settlement",
        "trade TEXT NOT NULL, state TEXT NOT NULL, method TEXT NOT NULL,"
        " amount_fen INTEGER NOT NULL CHECK (amount_fen >= 0),"
        " receive_fen INTEGER NOT NULL CHECK (receive_fen >= 0)",
    ),
    "bins": (
        "bin",
        "state TEXT NOT NULL, mass_g INTEGER NOT NULL CHECK (mass_g >= 0),"
        " items INTEGER NOT NULL CHECK (items >= 0), second TEXT NOT NULL,"
        " CHECK (state <> 'emptying' OR second <> '')",
    ),
    "manifests": (
        "manifest",
        "state TEXT NOT NULL, processor TEXT NOT NULL, mass_g INTEGER NOT NULL CHECK (mass_g >= 0)",
    ),
    "intents": (
        "intent",
        "kind TEXT NOT NULL, subject TEXT NOT NULL,"
        " state TEXT NOT NULL CHECK (state IN ('open', 'done', 'failed', 'unclear'))",
    ),
    "slips": ("slip", "state TEXT NOT NULL, subject TEXT NOT NULL"),
    "shifts": ("shift", "open INTEGER NOT NULL, counted_fen INTEGER NOT NULL CHECK (counted_fen >= 0)"),
    "cash": ("move", "shift TEXT NOT NULL, trade TEXT NOT NULL, amount_fen INTEGER NOT NULL"),
    "vouchers": (
        "voucher",
        "state TEXT NOT NULL, trade TEXT NOT NULL, amount_fen INTEGER NOT NULL CHECK (amount_fen >= 0)",
    ),
    "seals": ("seal", "subject TEXT NOT NULL"),
    "photos": ("photo", "digest TEXT NOT NULL, trade TEXT NOT NULL"),
}

_INDEXES = {
    "items_lodging": "items (lodging, item)",
    "items_manifest": "items (manifest, item)",
    "trades_imei": "trades (imei_digest, trade)",
    "trades_id": "trades (id_digest, trade)",
    "trades_override": "trades (override_by, trade)",
    "settlements_trade": "settlements (trade, settlement)",
    "cash_shift": "cash (shift)",
    "photos_digest": "photos (digest)",
}

_MOVES = (
    "('scale','entering'),('scale','owner'),('entering','scale'),('entering','bin'),('entering','drawer'),"
    "('entering','owner'),('entering','quarantine'),('drawer','quarantine'),('counter','owner'),('counter','shelf'),"
    "('counter','quarantine'),('shelf','bin'),('shelf','parcel'),('bin','parcel'),('quarantine','parcel'),"
    "('parcel','transit'),('transit','processor'),('transit','quarantine'),('processor','quarantine'),"
    "('processor','gone')"
)

_BEFORE = "(SELECT {column} FROM {table} b WHERE b.{key} = NEW.{key} ORDER BY b.revision DESC LIMIT 1)"


def _before(table: str, column: str) -> str:
    return _BEFORE.format(table=table, key=_TABLES[table][0], column=column)


def _now(table: str, column: str, wanted: str) -> str:
    return (
        f"(SELECT {column} FROM {table} c WHERE c.{_TABLES[table][0]} = {wanted}"  # noqa: S608
        " ORDER BY c.revision DESC LIMIT 1)"
    )


# name: (table, when, what is said)
_RULES: dict[str, tuple[str, str, str]] = {
    "items_begin": (
        "items",
        "NEW.revision = 1 AND NEW.lodging NOT IN ('scale', 'counter')",
        "an item begins on the scale or on the counter",
    ),
    "items_move": (
        "items",
        f"NEW.revision > 1 AND NEW.place <> {_before('items', 'place')} AND"
        f" ({_before('items', 'lodging')}, NEW.lodging) NOT IN (VALUES {_MOVES})",
        "an item does not go from there to there",
    ),
    "items_parcel": (
        "items",
        f"NEW.revision > 1 AND NEW.lodging = 'parcel' AND {_before('items', 'lodging')} <> 'parcel' AND"
        f" coalesce({_now('manifests', 'state', 'NEW.manifest')}, '') <> 'draft'",
        "an item joins the parcel of a draft manifest only",
    ),
    "items_leave": (
        "items",
        "NEW.lodging = 'transit' AND"
        f" coalesce({_now('manifests', 'state', 'NEW.manifest')}, '') <> 'picked_up'",
        "an item leaves under a sealed manifest that was picked up only",
    ),
    "items_held": (
        "items",
        "NEW.revision > 1 AND NEW.trade <> '' AND NEW.lodging IN ('bin', 'parcel') AND"
        f" {_before('items', 'lodging')} = 'shelf' AND"
        f" coalesce({_now('trades', 'state', 'NEW.trade')}, '') NOT IN ('released', 'binned', 'manifested')",
        "held stock does not leave its shelf",
    ),
    "trades_one_live": (
        "trades",
        "NEW.live = 1 AND EXISTS (SELECT 1 FROM trades o WHERE o.imei_digest = NEW.imei_digest"
        " AND o.trade <> NEW.trade AND o.live = 1 AND o.revision ="
        " (SELECT max(n.revision) FROM trades n WHERE n.trade = o.trade))",
        "another trade-in of this phone is live",
    ),
    "trades_settled": (
        "trades",
        "NEW.state = 'settled' AND NOT EXISTS (SELECT 1 FROM settlements s WHERE s.trade = NEW.trade"
        " AND s.state = 'paid')",
        "settled needs a payment that was made",
    ),
    "trades_erased": (
        "trades",
        "NEW.state = 'erased' AND"
        f" coalesce({_now('erasures', 'state', 'NEW.trade')}, '') NOT IN ('certified', 'warning')",
        "erased needs a second inspection that found nothing",
    ),
    "erasures_accepted": (
        "erasures",
        f"NEW.state = 'running' AND coalesce({_now('trades', 'state', 'NEW.trade')}, '') <> 'erasing'",
        "nothing is erased without an acceptance",
    ),
    "settlements_sealed": (
        "settlements",
        f"NEW.revision = 1 AND coalesce({_now('trades', 'state', 'NEW.trade')}, '') <> 'sealed'",
        "a payment is asked for a sealed phone only",
    ),
    "settlements_final": (
        "settlements",
        f"NEW.revision > 1 AND ({_before('settlements', 'state')} IN ('paid', 'refused')"
        f" OR {_before('settlements', 'amount_fen')} <> NEW.amount_fen)",
        "a payment that was made or refused is final, and its amount never changes",
    ),
    "settlements_once": (
        "settlements",
        "NEW.state <> 'refused' AND EXISTS (SELECT 1 FROM settlements o WHERE o.trade = NEW.trade"
        " AND o.settlement <> NEW.settlement AND o.state <> 'refused' AND o.revision ="
        " (SELECT max(n.revision) FROM settlements n WHERE n.settlement = o.settlement))",
        "one trade-in is paid once",
    ),
    "vouchers_once": (
        "vouchers",
        f"NEW.revision > 1 AND {_before('vouchers', 'state')} = 'redeemed'",
        "a voucher is good once",
    ),
    "cash_once": ("cash", "NEW.revision > 1", "cash that moved stays moved"),
    "seals_once": ("seals", "NEW.revision > 1", "a seal is used once"),
}


def upgrade() -> None:
    """Create the counter's tables. There is no way down: a station's database is never taken apart."""
    for table, (key, columns) in _TABLES.items():
        op.execute(
            f"CREATE TABLE {table} ({key} TEXT NOT NULL, revision INTEGER NOT NULL, at_ms INTEGER NOT NULL,"
            f" content BLOB NOT NULL, {columns}, PRIMARY KEY ({key}, revision)){_KIND}"
        )
        # REPLACE removes a row without a DELETE trigger, so the insert itself must refuse a revision that exists.
        _rule(
            f"{table}_append",
            "INSERT",
            table,
            f"NEW.revision IS NOT (SELECT coalesce(max(revision), 0) + 1 FROM {table}"  # noqa: S608
            f" WHERE {key} = NEW.{key})",
            "a new state is the next revision",
        )
        _keep(table)
    for name, target in _INDEXES.items():
        op.execute(f"CREATE INDEX {name} ON {target}")
    for name, (table, when, said) in _RULES.items():
        _rule(name, "INSERT", table, when, said)
    _personal()


def _personal() -> None:
    op.execute(
        "CREATE TABLE personal (subject TEXT NOT NULL, kind TEXT NOT NULL, revision INTEGER NOT NULL,"
        " at_ms INTEGER NOT NULL, nonce BLOB NOT NULL, ciphertext BLOB NOT NULL,"
        " PRIMARY KEY (subject, kind, revision))" + _KIND
    )
    _rule(
        "personal_append",
        "INSERT",
        "personal",
        "NEW.revision IS NOT (SELECT coalesce(max(revision), 0) + 1 FROM personal"
        " WHERE subject = NEW.subject AND kind = NEW.kind)",
        "a new state is the next revision",
    )
    _keep("personal")
    # Rows leave this table: a key that is destroyed forgets a person. It is never made anew.
    op.execute(
        "CREATE TABLE personal_keys (subject TEXT PRIMARY KEY NOT NULL, at_ms INTEGER NOT NULL, key BLOB NOT NULL)"
        + _KIND
    )
    _rule(
        "personal_keys_once",
        "INSERT",
        "personal_keys",
        "EXISTS (SELECT 1 FROM personal WHERE subject = NEW.subject)"
        " OR EXISTS (SELECT 1 FROM personal_keys WHERE subject = NEW.subject)",
        "a subject has one key, and a destroyed one is never replaced",
    )
    _rule("personal_keys_update", "UPDATE", "personal_keys", "1", "a key is kept or destroyed")


def _keep(table: str) -> None:
    _rule(f"{table}_update", "UPDATE", table, "1", "nothing here is ever changed")
    _rule(f"{table}_delete", "DELETE", table, "1", "nothing here is ever deleted")


def _rule(name: str, verb: str, table: str, when: str, said: str) -> None:
    op.execute(
        f"CREATE TRIGGER {name} BEFORE {verb} ON {table} WHEN {when} BEGIN SELECT RAISE(ABORT, '{said}'); END"
    )
