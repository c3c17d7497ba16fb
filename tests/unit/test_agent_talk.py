"""A conversation with an update agent over a link that loses, repeats and harms: it recovers, or says what is wrong."""

from __future__ import annotations

import contextlib
import random
import re
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware_agent import bundle, wire
from firmware_agent.order import parse
from hw import agent_talk, bays
from hw.agent_phone import AgentPhone, _shown
from hw.agent_talk import AgentRefused, AgentTalk
from hw.errors import (
    Forbidden,
    LinkLost,
    LocalProtocolError,
    PhoneRefused,
    PhoneTimeout,
    RemoteProtocolError,
    SwappedPhone,
)
from hw.facts import Identity, Timeouts
from hw.link.base import Bytes
from tests.agent_peer import Peer, PeerLink, order_of, welcome_of

BRIEF = Timeouts(command_s=0.02, transfer_s=0.02, flash_s=0.1)
PATCH = random.Random(1).randbytes(25_600)
SIGNATURE = b"s" * 300
WHO = Identity(product="kinglet", serialno="KIN1")


def from_patch(offset: int) -> Iterator[bytes]:
    for at in range(offset, len(PATCH), 1000):
        yield PATCH[at : at + 1000]


def talk_to(link: PeerLink, greet: bool = True) -> AgentTalk:
    talk = AgentTalk(link, BRIEF, sequence=65530)
    if greet:
        talk.greet()
    return talk


def update(talk: AgentTalk) -> list[tuple[int, int]]:
    progress: list[tuple[int, int]] = []
    talk.update(order_of(PATCH), SIGNATURE, from_patch, lambda done, total: progress.append((done, total)))
    return progress


def test_an_update_reports_every_acknowledged_byte_and_ends_at_its_total() -> None:
    peer = Peer()
    talk = talk_to(PeerLink(peer))
    progress = update(talk)
    assert bytes(peer.patch) == PATCH
    total = len(PATCH) + 100_000
    assert progress == sorted(set(progress))
    assert {whole for _, whole in progress} == {total}
    assert progress[0][0] == 4096
    assert progress[-1] == (total, total)
    went, came = talk.wire_bytes
    assert went + came < len(PATCH) * 1.02 + 4096


class Harm:
    """Does something once to the n-th transfer that carries a piece of the patch."""

    def __init__(self, nth: int, how: str) -> None:
        self.left, self.how = nth, how

    def __call__(self, data: bytes) -> bytes:
        if len(data) < 1000 or data[2:3] != bytes([wire.DATA]):
            return data
        self.left -= 1
        if self.left:
            return data
        changed = bytearray(data)
        if self.how == "flip":
            changed[200] ^= 1
        elif self.how == "header":
            changed[5] ^= 1
        elif self.how == "twice":
            changed += data
        elif self.how == "noise":
            changed[:0] = b"\x00\xa5noise"
        return bytes(changed) if self.how != "lose" else b""


@pytest.mark.parametrize("how", ["flip", "header", "twice", "noise", "lose"])
@pytest.mark.parametrize("nth", [1, 2, 4])
@pytest.mark.parametrize("piece_bytes", [7, 4096])
def test_a_transfer_that_was_harmed_costs_a_new_hello_and_nothing_more(
    how: str, nth: int, piece_bytes: int
) -> None:
    peer = Peer()
    progress = update(talk_to(PeerLink(peer, Harm(nth, how), piece_bytes)))
    assert bytes(peer.patch) == PATCH
    assert progress == sorted(set(progress))
    assert peer.kinds.count(wire.HELLO) == 2
    assert peer.kinds.count(wire.COMMIT) == 1


def test_two_that_cannot_stay_in_step_give_up() -> None:
    def deaf(data: bytes) -> bytes:
        return data[:-1] + b"\x00" if len(data) > 1000 and data[-1] else data

    peer = Peer()
    with pytest.raises((RemoteProtocolError, PhoneTimeout)):
        update(talk_to(PeerLink(peer, deaf)))
    assert peer.kinds.count(wire.HELLO) < 10
    assert wire.COMMIT not in peer.kinds


def test_a_frame_that_was_cut_off_before_us_does_not_swallow_the_hello() -> None:
    peer = Peer()
    assert peer.take(wire.frame(wire.DATA, 9, bytes(4000))[:900]) == b""
    assert talk_to(PeerLink(peer)).welcome.serial == "KIN1"
    assert peer.kinds.count(wire.HELLO) <= 2


def test_a_silent_device_is_given_up_in_time() -> None:
    link = PeerLink(Peer(spoil=lambda _: b""))
    with pytest.raises(PhoneTimeout):
        talk_to(link)


def test_a_device_that_still_builds_an_image_is_waited_for() -> None:
    """Its WORKING frames are late answers to a station that has gone; in time, and only then, it is greeted."""
    peer = Peer()
    turns = 0

    class Busy(PeerLink):
        def write(self, packet: Bytes, timeout_s: float) -> None:
            nonlocal turns
            turns += 1
            if turns < 6:
                time.sleep(BRIEF.command_s)
                self.came += wire.frame(wire.WORKING, 5, wire.pack_counts(turns, 100))
            else:
                super().write(packet, timeout_s)

    assert AgentTalk(Busy(peer), Timeouts(command_s=0.02, flash_s=30), 7).greet().serial == "KIN1"
    assert turns == 6


def test_a_device_that_talks_nonsense_broke_the_protocol() -> None:
    link = PeerLink(Peer(spoil=lambda said: b"\x00garbage" * 20_000 if said else b""))
    with pytest.raises(RemoteProtocolError):
        talk_to(link)


def test_a_refusal_is_one_line_and_says_whether_anything_was_written() -> None:
    for kind, code, written in [
        (wire.ORDER, wire.BAD_SIGNATURE, False),
        (wire.DATA, wire.FLASH_FAILED, False),
        (wire.COMMIT, wire.IMAGE_HASH, True),
    ]:
        peer = Peer(refuse={kind: code})
        with pytest.raises(AgentRefused) as caught:
            update(talk_to(PeerLink(peer)))
        assert (caught.value.code, caught.value.written, caught.value.fault) == (code, written, "phone")
        assert "\n" not in caught.value.detail


def test_a_file_that_becomes_shorter_while_it_is_sent_is_our_fault() -> None:
    def short(offset: int) -> Iterator[bytes]:
        yield PATCH[offset:9000]

    with pytest.raises(LocalProtocolError, match="shorter"):
        talk_to(PeerLink(Peer())).update(order_of(PATCH), SIGNATURE, short, lambda _done, _total: None)


@given(st.binary(max_size=300), st.integers(0, 12))
def test_whatever_a_device_says_the_errors_are_this_rooms(noise: bytes, after: int) -> None:
    said = 0

    def spoil(answer: bytes) -> bytes:
        nonlocal said
        said += 1
        return noise if said > after else answer

    with contextlib.suppress(RemoteProtocolError, PhoneTimeout, AgentRefused):
        update(talk_to(PeerLink(Peer(spoil=spoil))))


# -- the phone


@dataclass(frozen=True)
class Image:
    data: bytes

    @property
    def size_bytes(self) -> int:
        return len(self.data)

    def chunks(self, size_bytes: int) -> Iterator[bytes]:
        step = min(size_bytes, 333)  # pieces that no entry begins or ends at
        for at in range(0, len(self.data), step):
            yield self.data[at : at + step]


def content(patch: bytes, **order: object) -> bundle.Content:
    return bundle.Content(order_of(patch, **order), SIGNATURE, patch)


BASE = {"base_sha256": welcome_of().image_sha256, "base_size": 4}
OTHER = {"base_sha256": bytes([7]) * 32, "base_size": 4}
IN_PLACE = {"method": wire.IN_PLACE_DELTA, "block": 4096, "group": 7}
SLOT = {"method": wire.SLOT_DELTA}


def written_by(image: Image, peer: Peer) -> bytes:
    """The patch of the order that the phone was given."""
    phone = AgentPhone(talk_to(PeerLink(peer)))
    phone.write("firmware", image, WHO, lambda _done, _total: None)
    assert parse(peer.order).patch_size == len(peer.patch)
    assert peer.signature == SIGNATURE
    return bytes(peer.patch)


def test_the_difference_that_fits_is_taken_before_a_whole_image() -> None:
    image = Image(
        bundle.pack(
            [
                content(b"whole" * 300),
                content(b"other base" * 70, **SLOT, **OTHER),
                content(b"in place" * 80, **IN_PLACE, **BASE),
                content(b"slot" * 90, **SLOT, **BASE),
            ]
        )
    )
    assert written_by(image, Peer()) == b"slot" * 90
    in_place = 1 << wire.WHOLE | 1 << wire.IN_PLACE_DELTA
    assert written_by(image, Peer(welcome_of(methods=in_place, group_blocks=7))) == b"in place" * 80
    assert written_by(image, Peer(welcome_of(methods=in_place, group_blocks=8))) == b"whole" * 300
    assert (
        written_by(image, Peer(welcome_of(methods=in_place, group_blocks=7, block_log2=13))) == b"whole" * 300
    )
    assert written_by(image, Peer(welcome_of(image_sha256=bytes(32)))) == b"whole" * 300


def test_nothing_is_sent_where_nothing_fits() -> None:
    peer = Peer()
    with pytest.raises(PhoneRefused, match="no update in this package fits what is on the phone"):
        written_by(Image(bundle.pack([content(b"x", **SLOT, **OTHER)])), peer)
    assert set(peer.kinds) == {wire.HELLO}


@pytest.mark.parametrize(
    "there",
    [
        {"state": wire.INSTALLED},
        {"image_sha256": parse(order_of(b"x")).image_sha256, "image_version": "2.0.0"},
    ],
    ids=["written", "running"],
)
def test_what_an_earlier_attempt_finished_is_not_sent_again(there: dict[str, object]) -> None:
    peer = Peer(welcome_of(**there))
    progress: list[tuple[int, int]] = []
    phone = AgentPhone(talk_to(PeerLink(peer)))
    phone.write("firmware", Image(bundle.pack([content(b"x")])), WHO, lambda *step: progress.append(step))
    assert progress == [(100_001, 100_001)]
    assert set(peer.kinds) == {wire.HELLO}


@pytest.mark.parametrize(
    "who", [Identity("kinglet", "KIN2"), Identity("firecrest", "KIN1")], ids=["serial", "model"]
)
def test_another_phone_is_never_written_nor_restarted(who: Identity) -> None:
    peer = Peer()
    phone = AgentPhone(talk_to(PeerLink(peer)))
    with pytest.raises(SwappedPhone):
        phone.write("firmware", Image(bundle.pack([content(b"x")])), who, lambda _done, _total: None)
    with pytest.raises(SwappedPhone):
        phone.reboot(who)
    assert set(peer.kinds) == {wire.HELLO}


@pytest.mark.parametrize("partition", ["userdata", "boot", "Firmware", ""])
def test_only_the_firmware_can_be_written(partition: str) -> None:
    peer = Peer()
    phone = AgentPhone(talk_to(PeerLink(peer)))
    with pytest.raises(Forbidden):
        phone.write(partition, Image(bundle.pack([content(b"x")])), WHO, lambda _done, _total: None)
    assert wire.ORDER not in peer.kinds


@given(st.binary(max_size=600))
def test_a_file_that_is_no_bundle_reaches_no_phone(data: bytes) -> None:
    peer = Peer()
    phone = AgentPhone(talk_to(PeerLink(peer)))
    with pytest.raises(LocalProtocolError, match="not a bundle"):
        phone.write("firmware", Image(data), WHO, lambda _done, _total: None)
    assert wire.ORDER not in peer.kinds


FILES = [(f"notes/{number}", number * 10, bytes([number]) * 32) for number in range(1, 9)]


def inventory_of(peer: Peer, budget_s: float = 1.0, paths: frozenset[str] | None = None):  # type: ignore[no-untyped-def]
    progress: list[tuple[int, int]] = []
    phone = AgentPhone(talk_to(PeerLink(peer)))
    found = phone.inventory(budget_s, paths, lambda *step: progress.append(step), threading.Event())
    return found, progress


def test_an_inventory_has_every_file_and_reads_as_much_as_is_asked() -> None:
    found, progress = inventory_of(Peer(files=FILES))
    assert [(o.path, o.size_bytes, o.sha256) for o in found.objects] == [(p, s, d.hex()) for p, s, d in FILES]
    assert progress == sorted(progress)
    assert progress[-1] == (360, 360)
    found, progress = inventory_of(Peer(files=FILES), budget_s=0)
    assert {item.sha256 for item in found.objects} == {None}
    assert progress == []
    found, _ = inventory_of(Peer(files=FILES), paths=frozenset({"notes/2"}))
    assert [item.path for item in found.objects if item.sha256] == ["notes/2"]
    assert inventory_of(Peer())[0].objects == ()


def test_a_file_that_cannot_be_read_is_counted() -> None:
    found, _ = inventory_of(Peer(files=[*FILES, ("broken", 5, b"")]))
    assert found.unreadable == 1


def test_an_inventory_that_cannot_be_is_not_believed() -> None:
    with pytest.raises(RemoteProtocolError, match="twice"):
        inventory_of(Peer(files=[FILES[0], FILES[0]]))
    with pytest.raises(RemoteProtocolError, match="no more files"):
        inventory_of(Peer(files=FILES, page_files=0))


def test_a_stop_cuts_an_inventory_short_and_says_so() -> None:
    stop = threading.Event()
    stop.set()
    phone = AgentPhone(talk_to(PeerLink(Peer(files=FILES))))
    found = phone.inventory(0, None, lambda _done, _total: None, stop)
    assert found.truncated
    assert len(found.objects) < len(FILES)


def test_a_restart_is_over_when_the_device_has_left_or_begun_anew() -> None:
    peer = Peer()
    link = PeerLink(peer)

    class Leaves(PeerLink):
        def read(self, size_bytes: int, timeout_s: float) -> bytes:
            if not self.came and self.peer.kinds[-1] == wire.REBOOT:
                self.gone = True
            return super().read(size_bytes, timeout_s)

    AgentPhone(talk_to(Leaves(peer))).reboot(WHO)
    assert peer.kinds[-1] == wire.REBOOT
    stays = AgentPhone(talk_to(link), gone_s=0.01)
    with pytest.raises(PhoneTimeout, match="did not"):
        stays.reboot(WHO)
    link.gone = True
    with pytest.raises(LinkLost):
        stays.identify()


# -- answers that come damaged, and answers that never end


class Flip:
    """Flips one bit in the answers of a kind, in the first ``times`` of them, and keeps a device's state."""

    def __init__(self, kind: int, at: int, times: int = 1, **after: object) -> None:
        self.kind, self.at, self.left, self.after = kind, at, times, after
        self.peer = Peer(spoil=self, files=FILES)

    def __call__(self, said: bytes) -> bytes:
        if said[2:3] != bytes([self.kind]) or not self.left:
            return said
        self.left -= 1
        for name, value in self.after.items():
            setattr(self.peer.welcome, name, value)
        damaged = bytearray(said)
        damaged[self.at] ^= 4
        return bytes(damaged)


@pytest.mark.parametrize("kind", [wire.ORDERED, wire.TAKEN, wire.WORKING])
@pytest.mark.parametrize("at", [0, 3, 9, 12, -1])
def test_a_bit_that_flips_in_an_answer_costs_a_new_hello_and_nothing_more(kind: int, at: int) -> None:
    state = wire.INSTALLED if kind == wire.WORKING else wire.RECEIVING
    flip = Flip(kind, at, state=state)
    progress = update(talk_to(PeerLink(flip.peer)))
    assert flip.left == 0
    assert bytes(flip.peer.patch) == PATCH
    assert progress == sorted(set(progress))
    assert progress[-1] == (len(PATCH) + 100_000,) * 2
    assert [flip.peer.kinds.count(kind) for kind in (wire.HELLO, wire.COMMIT)] == [2, 1]


def test_a_commit_that_did_not_arrive_is_said_again() -> None:
    harmed = [True]

    def harm(data: bytes) -> bytes:
        return data[:-1] + bytes([data[-1] ^ 1]) if data[2] == wire.COMMIT and harmed.pop() else data

    harmed.insert(0, False)
    peer = Peer(welcome_of(state=wire.READY))
    update(talk_to(PeerLink(peer, harm)))
    assert [peer.kinds.count(kind) for kind in (wire.HELLO, wire.COMMIT)] == [2, 1]


def test_a_commit_whose_answers_never_come_whole_is_given_up_as_written() -> None:
    flip = Flip(wire.WORKING, 12, times=99, state=wire.READY)
    with pytest.raises(RemoteProtocolError, match="stay in step") as caught:
        update(talk_to(PeerLink(flip.peer)))
    assert caught.value.written
    assert flip.peer.kinds.count(wire.COMMIT) == 3


def test_a_refusal_of_the_commit_that_came_damaged_is_the_same_refusal() -> None:
    flip = Flip(wire.REFUSED, 12, state=wire.IDLE, last_code=wire.IMAGE_HASH)
    flip.peer.refuse[wire.COMMIT] = wire.IMAGE_HASH
    with pytest.raises(AgentRefused) as caught:
        update(talk_to(PeerLink(flip.peer)))
    assert (caught.value.code, caught.value.written) == (wire.IMAGE_HASH, True)
    assert flip.peer.kinds.count(wire.COMMIT) == 1


def test_a_page_of_files_that_came_damaged_is_asked_for_again() -> None:
    peer = Flip(wire.USER_PAGE, 40).peer
    assert [name for page in talk_to(PeerLink(peer)).files(True) for name in page.files] == FILES
    peer = Flip(wire.USER_PAGE, 40, times=99).peer
    with pytest.raises(RemoteProtocolError, match="stay in step"):
        list(talk_to(PeerLink(peer)).files(True))
    assert peer.kinds.count(wire.USER_FILES) == 3


@pytest.mark.parametrize(
    ("boots", "times", "asked"), [(2, 1, 1), (1, 1, 2), (1, 2, 3)], ids=["heard", "not heard", "twice"]
)
def test_a_yes_to_a_restart_that_came_damaged_is_asked_for_unless_it_has_begun_anew(
    boots: int, times: int, asked: int
) -> None:
    flip = Flip(wire.REBOOTING, 11, times=times, boots=boots)
    assert talk_to(PeerLink(flip.peer)).reboot() == (boots == 2)
    assert flip.peer.kinds.count(wire.REBOOT) == asked


@pytest.mark.parametrize("is_heard", [True, False])
def test_a_link_that_goes_is_a_yes_to_a_restart_only_once_it_was_asked_for(is_heard: bool) -> None:
    class Goes(PeerLink):
        def write(self, packet: Bytes, timeout_s: float) -> None:
            self.gone = bytes(packet)[2] == wire.REBOOT
            if not (self.gone and is_heard):
                super().write(packet, timeout_s)

    talk = talk_to(Goes(Peer()))
    with contextlib.nullcontext() if is_heard else pytest.raises(LinkLost):
        assert talk.reboot() is None


class Clock:
    """Stands still but for a tick with every read; ``limit`` reads are more than anybody waits for."""

    def __init__(self, limit: int = 1000) -> None:
        self.now, self.left = 0.0, limit

    def monotonic(self) -> float:
        return self.now

    def tick(self) -> None:
        self.now += 0.01
        self.left -= 1
        assert self.left, "waited for without end"


class Endless(PeerLink):
    """Answers a question of a kind with bytes that never become the end of an answer."""

    def __init__(self, clock: Clock, kind: int, says: bytes) -> None:
        super().__init__(Peer())
        self.clock, self.kind, self.says = clock, kind, says
        self.sequence: int | None = None
        self.dripped = 0

    def write(self, packet: Bytes, timeout_s: float) -> None:
        if bytes(packet)[2] == self.kind:
            self.sequence = int.from_bytes(bytes(packet)[4:6], "little")
        super().write(packet, timeout_s)

    def read(self, size_bytes: int, timeout_s: float) -> bytes:
        self.clock.tick()
        if self.sequence is None:
            return super().read(size_bytes, timeout_s)
        if self.says == b"drip":
            self.dripped += 1
            return wire.frame(wire.STATE, 1, bytes(4000))[self.dripped - 1 : self.dripped]
        if self.says == b"work":
            return wire.frame(wire.WORKING, self.sequence, wire.pack_counts(5, 100))
        return b""


@pytest.mark.parametrize("kind", [wire.ORDER, wire.DATA, wire.COMMIT])
@pytest.mark.parametrize("says", [b"", b"drip", b"work"])
def test_neither_bytes_nor_work_that_leads_nowhere_is_waited_for_without_end(
    kind: int, says: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock()
    monkeypatch.setattr(agent_talk, "time", clock)
    ends_with = RemoteProtocolError if says == b"work" and kind != wire.COMMIT else PhoneTimeout
    with pytest.raises(ends_with) as caught:
        update(talk_to(Endless(clock, kind, says)))
    assert caught.value.written == (kind == wire.COMMIT)


def test_work_that_rises_is_waited_for_however_long_it_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock()
    monkeypatch.setattr(agent_talk, "time", clock)

    class Slow(Endless):
        done = 0

        def read(self, size_bytes: int, timeout_s: float) -> bytes:
            if self.sequence is None:
                return super().read(size_bytes, timeout_s)
            clock.now += BRIEF.flash_s * 0.9
            self.done += 1
            return wire.frame(wire.WORKING, self.sequence, wire.pack_counts(self.done, 20))

    assert update(talk_to(Slow(clock, wire.COMMIT, b"")))[-1] == (len(PATCH) + 100_000,) * 2


def test_a_device_that_works_is_not_talked_to_meanwhile(monkeypatch: pytest.MonkeyPatch) -> None:
    """It reads nothing while it builds: frames that pile up would fill its line."""
    clock = Clock(10_000)
    monkeypatch.setattr(agent_talk, "time", clock)

    class Builds(PeerLink):
        written = 0

        def write(self, packet: Bytes, timeout_s: float) -> None:
            self.written += 1
            super().write(packet, timeout_s)

        def read(self, size_bytes: int, timeout_s: float) -> bytes:
            clock.tick()
            if clock.now < 30:
                return wire.frame(wire.WORKING, 5, wire.pack_counts(1, 2))[
                    :: 1 if int(clock.now * 100) % 50 == 0 else 99
                ]
            return super().read(size_bytes, timeout_s)

    link = Builds(Peer())
    assert AgentTalk(link, Timeouts(), 7).greet().serial == "KIN1"
    assert link.written <= 2


def test_an_image_that_was_never_started_is_not_said_to_run_well() -> None:
    for state, well in [
        (wire.IDLE, True),
        (wire.INSTALLED, False),
        (wire.ON_TRIAL, False),
        (wire.UNFIT, False),
    ]:
        phone = AgentPhone(talk_to(PeerLink(Peer(welcome_of(state=state)))))
        assert phone.identify().slot_successful is well
        assert phone.is_unstarted == (state == wire.INSTALLED)


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=80))
def test_a_path_is_shown_so_that_it_can_be_told_from_every_other(path: str) -> None:
    shown = _shown(path)
    assert shown.isprintable()
    assert len(shown) <= 6 * len(path.encode())
    assert re.sub(r"\\u\{([0-9a-f]+)\}", lambda found: chr(int(found[1], 16)), shown) == path


def test_two_names_that_differ_in_what_nobody_sees_are_two_files() -> None:
    names = ["a\u200c.txt", "a\u200d.txt", "a\\u{200d}.txt", "\x1f" * 255]
    found, _ = inventory_of(Peer(files=[(name, 1, bytes(32)) for name in names]))
    shown = ["\\u{1f}" * 255, "a\\u{200c}.txt", "a\\u{200d}.txt", "a\\u{5c}u{200d}.txt"]
    assert sorted(item.path for item in found.objects) == sorted(shown)
    assert found.unreadable == 0


# -- the bay


COMMANDS, DATA = (2, 2, 1), (10, 0, 0)


@pytest.mark.parametrize(
    ("ids", "triples", "mode"),
    [
        ((0x1209, 5), {(0xEF, 2, 1), COMMANDS, DATA}, "agent"),
        ((0x1209, 6), {COMMANDS, DATA}, "agent"),
        ((0x1209, 6), {(2, 2, 0), DATA}, "agent"),
        ((0x2E8A, 5), {COMMANDS, DATA}, "foreign"),
        ((0x1209, 5), {COMMANDS}, "foreign"),
        ((0x1209, 5), {COMMANDS, DATA, (8, 6, 0x50)}, "foreign"),
        ((0x1209, 5), {COMMANDS, DATA, (3, 1, 1)}, "foreign"),
        ((0x1209, 5), {COMMANDS, DATA, (9, 0, 0)}, "foreign"),
        ((0x1209, 5), {(6, 1, 1)}, "normal"),
    ],
)
def test_only_a_serial_port_under_a_models_ids_is_an_agent(
    ids: tuple[int, int], triples: set[tuple[int, int, int]], mode: str
) -> None:
    assert bays.sighting("usb:1-1", *ids, triples).mode == mode
