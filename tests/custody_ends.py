"""How a day ends: everything is mended, staff tell the truth about what is where, and nothing may be left open."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from kiosk.flow.counter import commands as c
from recycling.goods import Lodging
from tests import custody_attack, custody_checks
from tests.counter_fakes import IMEIS, FakeClock
from tests.custody_shop import STAFF, Network, Shop

PERSONAL = ("110101199003070000", "110101198012120000", "13800000000")


def ending(shops: Sequence[Shop], network: Network, clock: FakeClock, imei_of: Mapping[str, str]) -> None:
    """Mend, finish, and look at everything once more."""
    network.online = True
    for shop in shops:
        _mend(shop)
    for _ in range(4):
        clock.pass_s(3_700)
        for shop in shops:
            shop.deliver_all()
            shop.tick()
            shop.deliver_all()
            shop.look()
            shop.deliver_all()
            network.hear(shop.name, shop.checked())
    for shop in shops:
        _tell_where_things_are(shop)
        shop.deliver_all()
    found = []
    for shop in shops:
        books = shop.checked(whole=True)
        custody_checks.silent_of_people(books, PERSONAL, IMEIS)
        _nothing_left_open(books)
        _locked(shop, books)
        custody_attack.every_table(shop.database.path)
        found.append(books)
    custody_checks.network(found, imei_of)


def _mend(shop: Shop) -> None:
    world, dock = shop.world, shop.dock
    world.kill_at = 0
    world.payments.fault = world.eraser.fault = ""
    world.printer.at = "ready"
    world.register.listed.clear()
    dock.refuse = dock.silent = ""
    shop.look()
    dock.set(online=True, stopped=False, drawer="locked")
    for one in dock.now.bins:
        dock.bin(one.number, lambda seen: replace(seen, flap="closed", lock="locked"))
    shop.look()


def _tell_where_things_are(shop: Shop) -> None:
    shop.do(c.StaffOut())
    shop.do(c.StaffIn("9001", STAFF["9001"]))
    for item in list(shop.work.memory.items.values()):
        unclear = shop.work.memory.intent_for(item.item, "trade_flap") is not None
        if item.place.lodging is not Lodging.ENTERING and not unclear:
            continue
        inside = item.item in shop.dock.inside
        where = "bin" if inside else "shelf" if unclear else "owner"
        shop.do(c.DropResolve(item.item, where))
        said = shop.work.said.get(item.item)
        assert said is None, f"{item}: {where}: {said}"


def _nothing_left_open(books: custody_checks.Books) -> None:
    for row in books.now("intents"):
        assert row.state not in ("open", "unclear") or row.kind == "door", f"no outcome: {row.columns}"
    for row in books.now("settlements"):
        assert row.state not in ("intended", "unknown") or row.method != "transfer", (
            f"not reconciled: {row.columns}"
        )
    for row in books.now("slips"):
        assert row.state == "printed", f"not printed: {row.columns}"
    for row in books.now("items"):
        assert row.lodging not in ("entering",), f"nowhere: {row.columns}"


def _locked(shop: Shop, books: custody_checks.Books) -> None:
    for one in shop.dock.now.bins:
        emptying = books["bins"][str(one.number)][-1].state == "emptying"
        assert emptying or one.door != "released", f"the door of bin {one.number} is not locked"
