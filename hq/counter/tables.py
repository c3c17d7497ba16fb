"""Tables of the counter's rows at headquarters. All but claims, questions and looks can be derived from entries."""

from __future__ import annotations

SCHEMA = """
CREATE TABLE IF NOT EXISTS trades (
    station TEXT NOT NULL, trade TEXT NOT NULL, state TEXT NOT NULL DEFAULT 'draft',
    begun_ms INTEGER NOT NULL, last_ms INTEGER NOT NULL, entries INTEGER NOT NULL DEFAULT 0,
    last_kind TEXT NOT NULL DEFAULT '', model TEXT NOT NULL DEFAULT '', imei TEXT NOT NULL DEFAULT '',
    imei_end TEXT NOT NULL DEFAULT '', repeat INTEGER NOT NULL DEFAULT 0,
    provisional INTEGER NOT NULL DEFAULT 0, stopped TEXT NOT NULL DEFAULT '', grade TEXT NOT NULL DEFAULT '',
    mass_g INTEGER, price_fen INTEGER, override INTEGER NOT NULL DEFAULT 0, book TEXT NOT NULL DEFAULT '',
    erasure TEXT NOT NULL DEFAULT '', method TEXT NOT NULL DEFAULT '', certificate TEXT NOT NULL DEFAULT '',
    verification TEXT NOT NULL DEFAULT '', seal TEXT NOT NULL DEFAULT '', payout TEXT NOT NULL DEFAULT '',
    settlement TEXT NOT NULL DEFAULT '', paid_fen INTEGER, voucher_fen INTEGER, place TEXT NOT NULL DEFAULT '',
    hold_ms INTEGER, PRIMARY KEY (station, trade));
CREATE INDEX IF NOT EXISTS trades_begun ON trades (begun_ms);
CREATE INDEX IF NOT EXISTS trades_station ON trades (station, begun_ms);
CREATE INDEX IF NOT EXISTS trades_id ON trades (trade);
CREATE TABLE IF NOT EXISTS drops (
    station TEXT NOT NULL, drop_id TEXT NOT NULL, begun_ms INTEGER NOT NULL, last_ms INTEGER NOT NULL,
    entries INTEGER NOT NULL DEFAULT 0, last_kind TEXT NOT NULL DEFAULT '', items INTEGER NOT NULL DEFAULT 0,
    mass_g INTEGER NOT NULL DEFAULT 0, kept_g INTEGER NOT NULL DEFAULT 0, hazard TEXT NOT NULL DEFAULT '',
    abandoned TEXT NOT NULL DEFAULT '', PRIMARY KEY (station, drop_id));
CREATE INDEX IF NOT EXISTS drops_begun ON drops (begun_ms);
CREATE INDEX IF NOT EXISTS drops_id ON drops (drop_id);
CREATE TABLE IF NOT EXISTS items (
    station TEXT NOT NULL, item TEXT NOT NULL, category TEXT NOT NULL DEFAULT '',
    hazard TEXT NOT NULL DEFAULT '', mass_g INTEGER, place TEXT NOT NULL DEFAULT '',
    trade TEXT NOT NULL DEFAULT '', drop_id TEXT NOT NULL DEFAULT '', manifest TEXT NOT NULL DEFAULT '',
    since_ms INTEGER NOT NULL DEFAULT 0, PRIMARY KEY (station, item));
CREATE INDEX IF NOT EXISTS items_place ON items (station, place);
CREATE INDEX IF NOT EXISTS items_manifest ON items (station, manifest) WHERE manifest <> '';
CREATE TABLE IF NOT EXISTS moves (
    id INTEGER PRIMARY KEY, station TEXT NOT NULL, item TEXT NOT NULL, trade TEXT NOT NULL,
    drop_id TEXT NOT NULL, origin TEXT NOT NULL, place TEXT NOT NULL, mass_g INTEGER, at_ms INTEGER NOT NULL);
CREATE INDEX IF NOT EXISTS moves_item ON moves (station, item);
CREATE INDEX IF NOT EXISTS moves_trade ON moves (station, trade) WHERE trade <> '';
CREATE INDEX IF NOT EXISTS moves_drop ON moves (station, drop_id) WHERE drop_id <> '';
CREATE TABLE IF NOT EXISTS bins (
    station TEXT NOT NULL, bin INTEGER NOT NULL, category TEXT NOT NULL DEFAULT '',
    state TEXT NOT NULL DEFAULT 'open', why TEXT NOT NULL DEFAULT '', fill_percent INTEGER, mass_g INTEGER,
    since_ms INTEGER NOT NULL DEFAULT 0, emptied_ms INTEGER, PRIMARY KEY (station, bin));
CREATE TABLE IF NOT EXISTS troubles (
    station TEXT NOT NULL, what TEXT NOT NULL, place TEXT NOT NULL, since_ms INTEGER NOT NULL,
    PRIMARY KEY (station, what, place));
CREATE TABLE IF NOT EXISTS manifests (
    station TEXT NOT NULL, manifest TEXT NOT NULL, state TEXT NOT NULL DEFAULT 'draft',
    begun_ms INTEGER NOT NULL, last_ms INTEGER NOT NULL, entries INTEGER NOT NULL DEFAULT 0,
    last_kind TEXT NOT NULL DEFAULT '', processor TEXT NOT NULL DEFAULT '', items INTEGER, mass_g INTEGER,
    lithium_g INTEGER, seals TEXT NOT NULL DEFAULT '', second TEXT NOT NULL DEFAULT '',
    carrier TEXT NOT NULL DEFAULT '', vehicle TEXT NOT NULL DEFAULT '', way TEXT NOT NULL DEFAULT '',
    received_g INTEGER, verdict TEXT NOT NULL DEFAULT '', accepted INTEGER, refused INTEGER,
    discrepancy INTEGER NOT NULL DEFAULT 0, revision TEXT NOT NULL DEFAULT '',
    revision_by TEXT NOT NULL DEFAULT '', PRIMARY KEY (station, manifest));
CREATE INDEX IF NOT EXISTS manifests_begun ON manifests (begun_ms);
CREATE INDEX IF NOT EXISTS manifests_id ON manifests (manifest);
CREATE TABLE IF NOT EXISTS flags (
    id INTEGER PRIMARY KEY, station TEXT NOT NULL, subject TEXT NOT NULL, rule TEXT NOT NULL,
    action TEXT NOT NULL, detail TEXT NOT NULL DEFAULT '', at_ms INTEGER NOT NULL,
    looked_by TEXT NOT NULL DEFAULT '', looked_ms INTEGER, stamp INTEGER NOT NULL DEFAULT 0,
    UNIQUE (station, subject, rule, stamp));
CREATE INDEX IF NOT EXISTS flags_open ON flags (at_ms) WHERE looked_ms IS NULL;
CREATE TABLE IF NOT EXISTS refusals (
    id INTEGER PRIMARY KEY, station TEXT NOT NULL, staff TEXT NOT NULL, kind TEXT NOT NULL, wait_s INTEGER,
    at_ms INTEGER NOT NULL);
CREATE INDEX IF NOT EXISTS refusals_at ON refusals (at_ms);
CREATE TABLE IF NOT EXISTS prices (
    station TEXT PRIMARY KEY, book TEXT NOT NULL, approvers TEXT NOT NULL, adopted_ms INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS imeis (
    imei TEXT NOT NULL, station TEXT NOT NULL, subject TEXT NOT NULL, PRIMARY KEY (imei, station, subject));
CREATE TABLE IF NOT EXISTS claims (
    imei TEXT PRIMARY KEY, station TEXT NOT NULL, trade TEXT NOT NULL, state TEXT NOT NULL,
    accepted INTEGER NOT NULL DEFAULT 0, at_ms INTEGER NOT NULL);
CREATE INDEX IF NOT EXISTS claims_trade ON claims (station, trade);
CREATE TABLE IF NOT EXISTS vouchers (
    voucher TEXT NOT NULL, station TEXT NOT NULL, trade TEXT NOT NULL, amount_fen INTEGER,
    issued_ms INTEGER NOT NULL, promised_to TEXT NOT NULL DEFAULT '', promised_ms INTEGER,
    redeemed_at TEXT NOT NULL DEFAULT '', redeemed_ms INTEGER, PRIMARY KEY (voucher, station));
CREATE TABLE IF NOT EXISTS questions (
    number INTEGER PRIMARY KEY, station TEXT NOT NULL, id BLOB NOT NULL, digest BLOB NOT NULL,
    answer BLOB NOT NULL, at_ms INTEGER NOT NULL, UNIQUE (station, id));
"""
