"""The eraser against bootloaders that lie, change and refuse: what is asked before what, and what is never sent."""

from __future__ import annotations

import contextlib
import socket
import threading
from typing import Self

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hw.eraser import Look, UsbEraser
from hw.errors import (
    Forbidden,
    HwError,
    LinkLost,
    LocalProtocolError,
    PhoneRefused,
    PhoneTimeout,
    SwappedPhone,
)
from hw.facts import Timeouts
from hw.proto.erase import ERASABLE, ErasingHost
from hw.proto.fastboot import Okay, State
from tests.device.erasing import Order
from tests.unit.test_fastboot_link import hello, message, say

QUICK = Timeouts(command_s=0.5, transfer_s=1.0, flash_s=0.5, open_s=0.1, connect_s=1.0)
KNOWN = {
    "getvar:product": "OKAYheron",
    "getvar:serialno": "OKAYHER1",
    "getvar:unlocked": "OKAYyes",
    "getvar:snapshot-update-status": "OKAYnone",
    "getvar:partition-size:metadata": "OKAY0x1000000",
    "getvar:imei": "OKAY864701050000015",
    "erase:userdata": "OKAY",
    "erase:metadata": "OKAY",
    "reboot": "OKAY",
}
ORDER = Order("heron", "HER1")


class Phone:
    """A bootloader over TCP. Answers by table, writes down what it was asked; ``None`` for an answer: it hangs up."""

    def __init__(self, **changes: str | None) -> None:
        self.known: dict[str, str | None] = {**KNOWN, **changes}
        self.heard: list[str] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        host, port = self._listener.getsockname()
        self.where = f"tcp:{host}:{port}"
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(10)
        assert not self._thread.is_alive()

    def _serve(self) -> None:
        while "reboot" not in self.heard:  # restarted: it is gone from here
            try:
                peer, _ = self._listener.accept()
            except OSError:
                return
            with peer, contextlib.suppress(OSError, AssertionError):
                hello(peer)
                self._talk(peer)
        self._listener.close()

    def _talk(self, peer: socket.socket) -> None:
        while command := message(peer).decode():
            self.heard.append(command)
            answer = self.answer(command)
            if answer is None:
                return
            if answer:
                say(peer, answer.encode())
            if command == "reboot":
                return

    def answer(self, command: str) -> str | None:
        return self.known.get(command, "FAILunknown")

    def erase(self, order: Order = ORDER) -> list[str]:
        steps: list[str] = []
        with self:
            UsbEraser(QUICK).erase(self.where, order, lambda step, _: steps.append(step))
        return steps

    def look(self) -> Look:
        with self:
            return UsbEraser(QUICK).look(self.where, 5.0)

    def erased(self) -> list[str]:
        return [command for command in self.heard if command.startswith("erase:")]


WHO = ["getvar:product", "getvar:serialno"]


def test_product_and_serial_are_asked_on_the_same_link_right_before_every_erase_and_the_restart() -> None:
    phone = Phone()
    assert phone.erase() == ["check", "userdata", "metadata", "restart", "done"]
    for command in ("erase:userdata", "erase:metadata", "reboot"):
        at = phone.heard.index(command)
        assert phone.heard[at - 2 : at] == WHO


def test_a_phone_that_becomes_another_one_in_between_is_not_erased_further() -> None:
    class Changing(Phone):
        def answer(self, command: str) -> str | None:
            if command == "erase:userdata":
                self.known["getvar:serialno"] = "OKAYOTHER"
            return super().answer(command)

    phone = Changing()
    with pytest.raises(SwappedPhone) as caught:
        phone.erase()
    assert caught.value.written is True
    assert phone.erased() == ["erase:userdata"]
    assert "reboot" not in phone.heard


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"getvar:product": "OKAYwren"}, SwappedPhone),
        ({"getvar:serialno": "OKAYHER2"}, SwappedPhone),
        ({"getvar:serialno": "OKAY"}, HwError),
        ({"getvar:unlocked": "OKAYno"}, PhoneRefused),
        ({"getvar:serialno": "OKAYHER2", "getvar:unlocked": "OKAYno"}, SwappedPhone),
        ({"getvar:snapshot-update-status": "OKAYmerging"}, PhoneRefused),
        ({"getvar:product": None}, LinkLost),
        ({"getvar:product": "rubbish"}, HwError),
    ],
)
def test_before_the_first_erase_everything_must_be_right(
    changes: dict[str, str | None], error: type[HwError]
) -> None:
    phone = Phone(**changes)
    with pytest.raises(error) as caught:
        phone.erase()
    assert phone.erased() == []
    assert caught.value.written is False


@pytest.mark.parametrize(
    ("answer", "error"),
    [("FAILErase is not allowed on locked devices", PhoneRefused), (None, LinkLost), ("", PhoneTimeout)],
)
def test_an_erase_without_an_okay_leaves_open_what_the_phone_holds(
    answer: str | None, error: type[HwError]
) -> None:
    phone = Phone(**{"erase:metadata": answer})
    with pytest.raises(error) as caught:
        phone.erase()
    assert caught.value.written is True
    assert phone.erased() == ["erase:userdata", "erase:metadata"]
    assert "reboot" not in phone.heard, "it stays in its bootloader for the next try"


def test_a_phone_without_a_metadata_partition_is_erased_without_it_and_that_is_said() -> None:
    phone = Phone(**{"getvar:partition-size:metadata": "FAILno such partition"})
    assert phone.erase() == ["check", "userdata", "metadata_absent", "restart", "done"]
    assert phone.erased() == ["erase:userdata"]


def test_a_phone_that_hangs_up_on_the_restart_has_restarted() -> None:
    assert Phone(reboot=None).erase()[-1] == "done"


@pytest.mark.parametrize(
    ("changes", "seen"),
    [
        ({}, Look("bootloader", "heron", "HER1", imei="864701050000015", unlocked=True)),
        ({"getvar:unlocked": "OKAY"}, Look("bootloader", "heron", "HER1", imei="864701050000015")),
        ({"getvar:imei": "OKAY86470105000001x", "getvar:unlocked": "OKAYno"},
         Look("bootloader", "heron", "HER1", unlocked=False)),
    ],
)  # fmt: skip
def test_a_look_says_what_the_bootloader_says_and_no_more(changes: dict[str, str | None], seen: Look) -> None:
    assert Phone(**changes).look() == seen


def test_a_phone_that_leaves_the_bus_while_it_is_asked_is_asked_again() -> None:
    class Shy(Phone):
        def answer(self, command: str) -> str | None:
            is_first = self.heard.count("getvar:product") == 1
            return None if is_first else super().answer(command)

    phone = Shy()
    assert phone.look().product == "heron"
    assert phone.heard.count("getvar:product") == 2


@given(st.text(max_size=40))
def test_nothing_but_userdata_and_metadata_can_be_spelled(name: str) -> None:
    host = ErasingHost()
    if name in ERASABLE:
        assert host.erase(name) == f"erase:{name}".encode()
        return
    with pytest.raises(Forbidden):
        host.erase(name)
    assert host.state is State.IDLE


@pytest.mark.parametrize(
    "name", ["", "frp", "userdata_a", "USERDATA", "userdata ", "userdata\n", "userdata:frp", "system", "misc"]
)
def test_no_other_spelling_passes(name: str) -> None:
    with pytest.raises(Forbidden):
        ErasingHost().erase(name)
    with pytest.raises(Forbidden):
        Phone().erase(Order("heron", "HER1", (name,)))


def test_an_erasing_conversation_keeps_its_turns_and_still_refuses_the_rest() -> None:
    host = ErasingHost()
    host.erase("userdata")
    with pytest.raises(LocalProtocolError):
        host.erase("metadata")
    assert host.receive(b"OKAY") == Okay("")
    for command in ("erase:userdata", "flash:userdata", "flashing unlock", "erase:frp"):
        with pytest.raises(Forbidden):
            host.command(command)
