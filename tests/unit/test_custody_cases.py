"""Cases that a search through random days at the counter has found, or a reader of its rules; each stays mended."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from kiosk.flow.counter import commands as c
from kiosk.flow.counter import dock_watch
from kiosk.flow.counter.things import Intent
from recycling import voucher
from recycling.goods import Lodging
from tests.counter_fakes import ANSWERS, SECOND, Counter, Killed, World


@pytest.fixture
def counter(tmp_path: Path) -> Iterator[Counter]:
    one = Counter(World(tmp_path))
    one.log_in()
    yield one
    one.close()


def again(counter: Counter) -> Counter:
    """The next process over the same folder and in the same world."""
    counter.database.close()
    counter.world.kill_at = 0
    return Counter(counter.world)


def die_at(counter: Counter, command: c.Command, point: str) -> Counter:
    """Do it until that point, lose power there, and start anew."""
    world = counter.world
    world.passed.clear()
    world.points = 0
    world.kill_at = 0
    earlier = world.point

    def watch(name: str) -> None:
        earlier(name)
        if name == point:
            raise Killed(name)

    world.point = world.dock._effect = watch  # type: ignore[method-assign]
    with pytest.raises(Killed):
        counter.do(command)
    world.point = world.dock._effect = earlier  # type: ignore[method-assign]
    return again(counter)


def place_of(counter: Counter, item: str) -> Lodging:
    return counter.work.memory.item(item).place.lodging


def test_only_what_lies_in_the_drawer_is_packed_from_it(counter: Counter) -> None:
    drop = counter.to_weigh()
    counter.must(c.DropOpen(drop))
    item = counter.work.memory.drop(drop).item
    assert counter.do(c.DrawerEmpty(item, "P1", 90)) == "not_now"
    assert place_of(counter, item) is Lodging.ENTERING
    counter.drop_in(3)
    assert place_of(counter, item) is Lodging.BIN


def test_a_phone_on_the_counter_and_goods_on_the_road_are_not_packed_from_the_drawer(
    counter: Counter,
) -> None:
    trade = counter.to_accepted()
    assert counter.do(c.DrawerEmpty(trade, "P1", 180)) == "not_now"
    counter.drop_off()
    manifest = on_the_road(counter, 3)
    item = counter.work.memory.manifest(manifest).lines[0].item
    assert counter.do(c.DrawerEmpty(item, "P1", 90)) == "not_now"
    assert place_of(counter, item) is Lodging.TRANSIT


def on_the_road(counter: Counter, number: int) -> str:
    counter.must(c.ManifestDraft("green"))
    manifest = counter.view().manifests[0].manifest
    counter.must(c.BinEmpty(number, manifest, SECOND))
    dock = counter.world.dock
    dock.bin(number, lambda one: replace(one, door="open"))
    counter.look()
    dock.bin(number, lambda one: replace(one, door="released", fill_percent=0))
    counter.must(c.BinClosed(number))
    counter.must(c.ManifestSeal(manifest, ("SEAL-9001",), SECOND))
    counter.must(c.ManifestPickUp(manifest, "Hauler", "B-12345"))
    return manifest


@pytest.mark.parametrize("offered", [False, True])
def test_a_lock_that_is_seen_after_the_quote_takes_the_price_away(counter: Counter, offered: bool) -> None:
    trade = counter.to_quoted()
    if offered:
        counter.must(c.TradeOffer(trade))
    counter.must(c.TradeCheck(trade, "frp"))
    reasons = {counter.do(c.TradeOffer(trade)), counter.accept(trade)}
    assert "locked_is_free" in reasons
    assert counter.trade(trade).state in ("quoted", "offered")
    counter.must(c.TradeQuote(trade))
    counter.must(c.TradeOffer(trade))
    assert counter.accept(trade) == ""
    quote = counter.trade(trade).quote
    assert quote is not None
    assert quote.price_fen == 0


def test_what_no_package_may_hold_does_not_join_a_manifest(counter: Counter) -> None:
    """It could never be sealed, and nothing is ever taken off a draft."""
    counter.must(c.ManifestDraft("green"))
    manifest = counter.view().manifests[0].manifest
    counter.must(c.DropBegin("zh"))
    drop = counter.view().drop
    assert drop is not None
    counter.must(c.DropCategory(drop.drop, "battery"))
    counter.must(c.DropHazard(drop.drop, "swollen"))
    counter.world.dock.set(drawer="open")
    counter.look()
    counter.world.dock.set(drawer="locked", drawer_full=True)
    counter.look()
    item = counter.view().items[0].item
    counter.must(c.DrawerEmpty(item, "P1", 501))
    assert counter.do(c.ManifestAdd(manifest, item)) == "lithium_piece_mass"
    assert place_of(counter, item) is Lodging.QUARANTINE


@pytest.mark.parametrize("point", ["before release_drawer", "after release_drawer"])
def test_a_drawer_that_was_being_opened_has_an_outcome_after_a_restart(counter: Counter, point: str) -> None:
    after = die_at(counter, c.DrawerOpen(), point)
    after.look()
    assert not after.work.memory.intents
    after.close()


@pytest.mark.parametrize("point", ["before lock_door", "after lock_door"])
def test_a_door_is_locked_again_whenever_the_power_went(counter: Counter, point: str) -> None:
    counter.drop_off()
    counter.must(c.ManifestDraft("green"))
    manifest = counter.view().manifests[0].manifest
    counter.must(c.BinEmpty(3, manifest, SECOND))
    dock = counter.world.dock
    dock.bin(3, lambda one: replace(one, door="open"))
    counter.look()
    dock.bin(3, lambda one: replace(one, door="released", fill_percent=0))
    after = die_at(counter, c.BinClosed(3), point)
    after.look()
    after.tick(31)
    after.look()
    assert dock.of(3).door == "locked"
    after.close()


def test_a_door_that_is_being_emptied_stays_as_it_is(counter: Counter) -> None:
    counter.drop_off()
    counter.must(c.ManifestDraft("green"))
    counter.must(c.BinEmpty(3, counter.view().manifests[0].manifest, SECOND))
    counter.look()
    counter.tick(31)
    assert counter.world.dock.of(3).door == "released"


def test_a_re_inspection_without_a_scale_keeps_what_is_known(counter: Counter) -> None:
    trade = counter.to_quoted()
    counter.must(c.TradeInspect(trade, ANSWERS, weigh=False))
    assert counter.trade(trade).mass_g == 180


@pytest.mark.parametrize("how", ["lies", "refuses"])
def test_a_phone_that_was_not_erased_is_not_certified_by_merely_being_locked(
    counter: Counter, how: str
) -> None:
    """A second look at a locked phone shows no files, and that proves nothing once it is known to be full."""
    trade = counter.to_accepted()
    phone = counter.plug_in(lies=how == "lies")
    counter.world.eraser.fault = "" if how == "lies" else "refused"
    counter.must(c.EraseStart(trade, "1"))
    phone.mode, phone.files, phone.tells_wizard = "normal", 0, False  # locked: it lists nothing
    counter.do(c.EraseResetDone(trade))
    assert counter.trade(trade).state == "erasing"
    assert counter.trade(trade).certificate == ""
    phone.wizard, phone.tells_wizard = True, True
    counter.must(c.EraseResetDone(trade))
    assert counter.trade(trade).state == "erased"


def test_an_order_that_cannot_be_followed_stops_no_other_and_is_told_once(
    counter: Counter, monkeypatch: pytest.MonkeyPatch
) -> None:
    drop = counter.to_weigh("charger", 90)
    counter.must(c.DropOpen(drop))
    working = dock_watch._drawer

    def broken(*_values: object) -> None:
        raise KeyError("boots")

    monkeypatch.setattr(dock_watch, "_drawer", broken)
    stuck = Intent("01J00000000000000000000000", "drawer", "nobody", counter.work.now_ms)
    flap = counter.work.memory.intents.copy()
    counter.work.memory.intents = {stuck.intent: stuck, **flap}
    counter.world.dock.bin(2, lambda one: replace(one, fill_percent=95))
    counter.drop_in(3)
    counter.look()
    assert counter.view().bins[2].items == 1
    assert counter.view().bins[1].state in ("full", "locked")
    told = [body["what"] for body in counter.bodies("dock.trouble")]
    assert told.count("order_stuck") == 1
    monkeypatch.setattr(dock_watch, "_drawer", working)
    counter.work.memory.intents = {}
    counter.look()
    assert "order_stuck" in [body["what"] for body in counter.bodies("dock.mended")]


@pytest.mark.parametrize("what", ["tampered", "stopped"])
def test_the_end_of_tampering_and_of_the_emergency_stop_is_told(counter: Counter, what: str) -> None:
    for there in (True, True, False, False):
        counter.world.dock.set(**{what: there})
        counter.look()
    assert counter.entries().count(f"dock.{what}") == 1
    assert [body["what"] for body in counter.bodies("dock.mended")] == [what]


def test_a_licence_that_ends_while_a_bin_is_open_keeps_neither_bin_nor_goods(counter: Counter) -> None:
    counter.drop_off()
    counter.must(c.ManifestDraft("green"))
    manifest = counter.view().manifests[0].manifest
    counter.must(c.BinEmpty(3, manifest, SECOND))
    assert counter.do(c.ManifestRedirect(manifest, "green")) == "processor_same"
    dock, reference = counter.world.dock, counter.world.reference
    dock.bin(3, lambda one: replace(one, door="open"))
    counter.look()
    dock.bin(3, lambda one: replace(one, door="released", fill_percent=0))
    reference.licence("green", date(2026, 7, 1))
    counter.must(c.BinClosed(3))
    assert counter.view().bins[2].state == "open"
    assert counter.do(c.ManifestSeal(manifest, ("MS-01",), SECOND)) == "processor_not_licensed"
    assert counter.do(c.ManifestRedirect(manifest, "late")) == "licence_expired"
    reference.licence("late", date(2027, 1, 1))
    counter.must(c.ManifestRedirect(manifest, "late"))
    counter.must(c.ManifestSeal(manifest, ("MS-01",), SECOND))
    assert counter.view().manifests[0].processor == "late"
    assert counter.bodies("manifest.redirected") == [{"processor": "late"}]
    assert counter.do(c.ManifestRedirect(manifest, "green")) == "licence_expired"
    reference.licence("green", date(2027, 1, 1))
    assert counter.do(c.ManifestRedirect(manifest, "green")) == "not_now"


VOUCHER = "01JZZZZZZZZZZZZZZZZZZZZZV1"


def voucher_code(counter: Counter, kind: str) -> str:
    station = "shop-2" if kind == "elsewhere" else "shop-1"
    days = -1 if kind == "expired" else 1
    signature = b"\x01" * 64 if kind == "forged" else bytes(64)  # the fakes' station signs with zeros
    until_ms = counter.world.clock.wall_ms() + days * 86_400_000
    return voucher.issue(lambda _message: signature, VOUCHER, 55_000, station, until_ms)


@pytest.mark.parametrize("kind", ["expired", "forged"])
def test_a_voucher_that_is_worth_nothing_is_called_what_it_is_and_headquarters_is_not_asked(
    counter: Counter, kind: str
) -> None:
    assert counter.do(c.VoucherRedeem(voucher_code(counter, kind), 60_000)) == f"voucher_{kind}"
    assert counter.world.claims.used == set()
    assert counter.bodies("voucher.refused") == [{"voucher": VOUCHER, "why": kind}]
    assert "voucher_replay" not in [body["rule"] for body in counter.bodies("fraud.flagged")]


@pytest.mark.parametrize("kind", ["expired", "forged"])
def test_headquarters_word_on_another_stations_voucher_is_passed_on(
    counter: Counter, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    monkeypatch.setattr(counter.world.claims, "redeem", lambda _code, _station: kind)
    assert counter.do(c.VoucherRedeem(voucher_code(counter, "elsewhere"), 60_000)) == f"voucher_{kind}"
    assert "voucher_replay" not in [body["rule"] for body in counter.bodies("fraud.flagged")]


def test_a_replay_is_told_with_the_vouchers_number(counter: Counter) -> None:
    code = voucher_code(counter, "elsewhere")
    counter.world.claims.used.add(code)
    assert counter.do(c.VoucherRedeem(code, 60_000)) == "voucher_used"
    assert counter.bodies("fraud.flagged") == [{"rule": "voucher_replay", "detail": VOUCHER}]


@pytest.mark.parametrize(
    ("flap", "lock", "reason"),
    [
        ("closed", "released", "bin_busy"),
        ("open", "released", "bins_full"),
        ("closed", "jammed", "bins_full"),
    ],
)
def test_a_bolt_on_its_way_is_waited_for_and_no_bin_is_called_full(
    counter: Counter, flap: str, lock: str, reason: str
) -> None:
    drop = counter.to_weigh("charger", 90)
    counter.world.dock.bin(3, lambda one: replace(one, flap=flap, lock=lock))  # type: ignore[arg-type]
    assert counter.do(c.DropOpen(drop)) == reason
    counter.world.dock.shut(3)
    if lock != "jammed":
        counter.must(c.DropOpen(drop))
