"""Acts of people, money, time and power: what no phone and no bin has to do with."""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from kiosk.flow.counter import commands as c
from tests.counter_fakes import IMEIS
from tests.custody_shop import STAFF
from tests.custody_stage import Stage, numbers, shops


class People(Stage):
    """Whoever stands there, and the wires behind the wall."""

    @rule(shop=shops, who=st.sampled_from(sorted(STAFF)), right=st.sampled_from((True, True, True, False)))
    def somebody_else(self, shop: int, who: str, right: bool) -> None:
        self.shops[shop].do(c.StaffOut())
        self.shops[shop].do(c.StaffIn(who, STAFF[who] if right else "000000"))

    @rule(shop=shops, right=st.sampled_from((True, True, False)))
    def screen_comes_back(self, shop: int, right: bool) -> None:
        """The customer had it; whoever is logged in takes it, or the customer tries."""
        technician = self.shops[shop].work.desk.technician
        self.shops[shop].do(c.StaffHere(STAFF[technician.staff] if technician and right else "000000"))

    @rule(
        shop=shops,
        who=st.sampled_from((*sorted(STAFF), "7777")),
        where=st.sampled_from(("in", "here", "second")),
        times=st.integers(1, 5),
        dark=st.integers(0, 3),
        right=st.booleans(),
    )
    def somebody_guesses(self, shop: int, who: str, where: str, times: int, dark: int, right: bool) -> None:
        """Wrong PINs one after the other; ``dark``: the power goes at that point of each, 0 = never."""
        place = self.shops[shop]
        for left in range(times, -1, -1):
            pin = "000000" if left or not right else STAFF.get(who, "000000")
            guess: dict[str, c.Command] = {
                "in": c.StaffIn(who, pin),
                "here": c.StaffHere(pin),
                "second": c.CashChange(100, "float", c.Second(who, pin)),
            }
            if dark and left:
                place.cut(dark)
            place.do(guess[where])

    @rule(
        shop=shops,
        amount_fen=st.sampled_from((0, 1, 30_000, 200_000, -1, -30_000, -200_000, -1_000_000)),
        whole=st.booleans(),
        second=st.sampled_from((*sorted(STAFF), "1002", "9001")),
        reason=st.sampled_from(("float", "float", "safe", "  ", "x" * 41)),
    )
    def cash_changes(self, shop: int, amount_fen: int, whole: bool, second: str, reason: str) -> None:
        """Put in or taken to the safe; ``whole``: to the safe goes all that there is."""
        place = self.shops[shop]
        place.log_in()
        shift = place.work.memory.shift
        if shift is not None and whole and amount_fen < 0:
            amount_fen = -place.store.cash_fen(shift.shift)
        place.do(c.CashChange(amount_fen, reason, c.Second(second, STAFF[second])))

    @rule(shop=shops, apart_fen=st.sampled_from((0, 0, 100)))
    def shift_ends(self, shop: int, apart_fen: int) -> None:
        place = self.shops[shop]
        shift = place.work.memory.shift
        expected_fen = place.store.cash_fen(shift.shift) if shift else 0
        second = place.second() if apart_fen else None
        place.do(c.ShiftClose(expected_fen + apart_fen, "miscounted", second))

    @rule(shop=shops, at=shops, which=numbers)
    def voucher_comes(self, shop: int, at: int, which: int) -> None:
        """Issued in one shop, shown in the same or another, as often as anybody likes."""
        issued = sorted(self.shops[shop].work.memory.vouchers.values())
        self.vouchers += [code for code in issued if code not in self.vouchers]
        if self.vouchers:
            self.shops[at].do(c.VoucherRedeem(self.vouchers[which % len(self.vouchers)], 900_000))

    @rule(shop=shops, newest=st.booleans())
    def answer_comes(self, shop: int, newest: bool) -> None:
        self.shops[shop].deliver(not newest)

    @rule(
        shop=shops,
        fault=st.sampled_from(
            ("", "", "unknown_paid", "unknown_unpaid", "refused", "offline", "lost", "phone")
        ),
    )
    def something_breaks(self, shop: int, fault: str) -> None:
        """The payee, or the cable of the next erasing."""
        if fault in ("lost", "phone"):
            self.shops[shop].world.eraser.fault = fault
        else:
            self.shops[shop].world.payments.fault = fault

    @rule(online=st.booleans())
    def line_to_headquarters(self, online: bool) -> None:
        self.network.online = online

    @rule(imei=st.sampled_from(IMEIS[:3]), result=st.sampled_from(("", "", "blacklisted", "unknown")))
    def register_says(self, imei: str, result: str) -> None:
        for shop in self.shops:
            shop.world.register.listed.pop(imei, None)
            if result:
                shop.world.register.listed[imei] = result  # type: ignore[assignment]

    @rule(shop=shops, how=st.sampled_from(("ready", "no_paper", "off")))
    def printer(self, shop: int, how: str) -> None:
        self.shops[shop].world.printer.at = how

    @rule(shop=shops, how=st.sampled_from(("restart", "offline", "online", "stop", "go", "silent", "refuse")))
    def dock(self, shop: int, how: str) -> None:
        dock = self.shops[shop].dock
        match how:
            case "restart":
                dock.restart()
            case "offline" | "online":
                dock.set(online=how == "online")
            case "stop" | "go":
                dock.set(stopped=how == "stop")
            case "silent":
                dock.silent = "dock_no_answer"
            case _:
                dock.refuse = "dock_stopped"
        self.shops[shop].look()

    @rule(seconds=st.sampled_from((36, 61, 600, 36_000, 86_400, -3_600, -172_800)))
    def time_passes(self, seconds: int) -> None:
        """Minutes, to closing time, a day; or somebody sets the clock back."""
        self.clock.wall += 1000 * seconds
        self.clock.mono += 1000 * abs(seconds)
        for shop in self.shops:
            shop.tick()
            shop.look()

    @precondition(lambda self: self.months < 8)
    @rule()
    def month_passes(self) -> None:
        self.months += 1
        self.clock.pass_days(30)
        for shop in self.shops:
            shop.tick()

    @rule(shop=shops, points=st.integers(1, 9))
    def power_will_go(self, shop: int, points: int) -> None:
        self.shops[shop].cut(points)

    @rule(shop=shops)
    def power_goes_while_asking(self, shop: int) -> None:
        self.shops[shop].lost_answer()
