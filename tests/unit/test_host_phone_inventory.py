"""The inventory against phones that lie, loop, grow and refuse: bounded and counted."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable

import pytest

from hw import inventory
from hw.errors import LinkLost
from hw.facts import Inventory
from hw.media import MtpRefused
from hw.proto import mtp
from hw.proto.mtp import Op
from hw.proto.mtp_data import FORMAT_ASSOCIATION, ObjectInfo, StorageInfo

FILE = 0x3000


class Shelf:
    """What a media session shows, from a dict of folders; the methods ``inventory`` uses, nothing mocked."""

    def __init__(self, folders: dict[int, list[int]], infos: dict[int, ObjectInfo]) -> None:
        self.folders, self.infos = folders, infos
        self.ids: tuple[int, ...] = (0x10001,)
        self.descriptions: dict[int, str] = {}
        self.lists_properties = False
        self.content: dict[int, bytes] = {}
        self.refused: set[int] = set()
        self.asked: list[int] = []
        self.on_read: Callable[[], None] = lambda: None

    def storages(self) -> tuple[int, ...]:
        return self.ids

    def storage_info(self, storage: int) -> StorageInfo:
        return StorageInfo(1, 1, self.descriptions.get(storage, "Phone"), "")

    def children(self, storage: int, folder: int) -> tuple[int, ...]:
        if folder in self.refused:
            raise MtpRefused(Op.GET_OBJECT_HANDLES, 0x2009)
        return tuple(self.folders.get(folder, []))

    def listed_children(self, folder: int) -> dict[int, ObjectInfo]:
        return {handle: self.infos[handle] for handle in self.folders[folder][::2] if handle in self.infos}

    def object_info(self, handle: int) -> ObjectInfo:
        self.asked.append(handle)
        if handle in self.refused or handle not in self.infos:
            raise MtpRefused(Op.GET_OBJECT_INFO, 0x2009)
        return self.infos[handle]

    def read_object(
        self,
        handle: int,
        size_bytes: int,
        on_piece: Callable[[memoryview], None],
        give_up: Callable[[], bool],
    ) -> bool:
        self.on_read()
        if handle in self.refused:
            raise MtpRefused(Op.GET_OBJECT, 0x200F)
        on_piece(memoryview(self.content.get(handle, bytes(size_bytes))))
        return not give_up()


def folder(name: str) -> ObjectInfo:
    return ObjectInfo(name, FORMAT_ASSOCIATION, 0, "")


def file(name: str, size: int = 3, modified: str = "20240101T000000") -> ObjectInfo:
    return ObjectInfo(name, FILE, size, modified)


def take(
    shelf: Shelf,
    budget_s: float = 60,
    seed: int = 1,
    paths: frozenset[str] | None = None,
    stop: threading.Event | None = None,
    progress: Callable[[int, int], None] = lambda *_: None,
) -> Inventory:
    return inventory.take(shelf, budget_s, seed, paths, progress, stop or threading.Event())  # type: ignore[arg-type]


def test_folders_are_walked_and_are_no_objects_themselves() -> None:
    shelf = Shelf({mtp.ROOT: [1, 2], 1: [3]}, {1: folder("DCIM"), 2: file("a.txt"), 3: file("猫🐱.jpg")})
    shelf.content = {2: b"abc", 3: b"xyz"}
    found = take(shelf)
    assert [(item.path, item.sha256) for item in found.objects] == [
        ("Phone/DCIM/猫🐱.jpg", hashlib.sha256(b"xyz").hexdigest()),
        ("Phone/a.txt", hashlib.sha256(b"abc").hexdigest()),
    ]


def test_folders_that_hold_each_other_are_walked_once() -> None:
    shelf = Shelf({mtp.ROOT: [1], 1: [2, 1], 2: [1, 3]}, {1: folder("a"), 2: folder("b"), 3: file("c")})
    assert [item.path for item in take(shelf).objects] == ["Phone/a/b/c"]


def test_a_folder_without_end_is_cut_at_a_depth_and_said_to_be() -> None:
    infos = {number: folder("d") for number in range(1, 500)}
    shelf = Shelf({mtp.ROOT: [1], **{number: [number + 1] for number in range(1, 498)}}, infos)
    found = take(shelf)
    assert found.truncated
    assert len(shelf.asked) <= inventory.MAX_DEPTH + 2


def test_more_objects_than_believable_are_cut_and_said_to_be(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inventory, "MAX_OBJECTS", 10)
    shelf = Shelf({mtp.ROOT: list(range(1, 50))}, {number: file(f"{number}") for number in range(1, 50)})
    found = take(shelf)
    assert (len(found.objects), found.truncated) == (10, True)


def test_names_that_try_to_leave_their_folder_stay_one_part_of_a_path() -> None:
    shelf = Shelf({mtp.ROOT: [1, 2, 3]}, {1: file("../../etc/passwd"), 2: file("a\nb"), 3: file("")})
    paths = {item.path for item in take(shelf).objects}
    assert paths == {"Phone/..∕..∕etc∕passwd", "Phone/a\ufffdb", "Phone/object 00000003"}


def test_two_objects_with_one_name_are_two_whatever_their_handles() -> None:
    infos = {1: file("x", 1), 2: file("x", 2)}
    one = take(Shelf({mtp.ROOT: [1, 2]}, infos), 0)
    two = take(Shelf({mtp.ROOT: [2, 1]}, {2: infos[1], 1: infos[2]}), 0)
    assert [(item.path, item.size_bytes) for item in one.objects] == [("Phone/x", 1), ("Phone/x//2", 2)]
    assert one.objects == two.objects


def test_what_cannot_be_listed_or_read_is_counted_and_the_rest_goes_on() -> None:
    shelf = Shelf(
        {mtp.ROOT: [1, 2, 3, 4, 5], 5: []}, {1: file("a"), 2: file("b"), 4: file("d"), 5: folder("closed")}
    )
    shelf.refused = {2, 5}
    shelf.refused.add(4)
    shelf.infos[3] = file("c")
    del shelf.infos[4]
    found = take(shelf)
    assert [item.path for item in found.objects] == ["Phone/a", "Phone/c"]
    assert found.unreadable == 3


def test_an_object_that_is_refused_when_read_stays_listed_and_is_counted() -> None:
    shelf = Shelf({mtp.ROOT: [1, 2]}, {1: file("a"), 2: file("b")})
    listed = shelf.object_info

    def info(handle: int) -> ObjectInfo:
        found = listed(handle)
        if handle == 2:
            shelf.refused.add(2)
        return found

    shelf.object_info = info  # type: ignore[method-assign]
    found = take(shelf)
    assert [item.path for item in found.objects if item.sha256 is None] == ["Phone/b"]
    assert found.unreadable == 1


def test_an_object_that_changes_while_it_is_read_gets_no_hash() -> None:
    shelf = Shelf({mtp.ROOT: [1]}, {1: file("growing.log", 3)})
    shelf.content = {1: b"longer than listed"}
    found = take(shelf)
    assert found.objects[0].sha256 is None
    assert found.unreadable == 1


def test_what_a_property_list_leaves_out_is_asked_one_by_one() -> None:
    shelf = Shelf({mtp.ROOT: [1, 2, 3]}, {1: file("a"), 2: file("b"), 3: file("c")})
    shelf.lists_properties = True
    assert len(take(shelf, 0).objects) == 3
    assert shelf.asked == [2]


def test_only_the_given_paths_are_read_whatever_the_budget() -> None:
    shelf = Shelf({mtp.ROOT: [1, 2, 3]}, {1: file("a"), 2: file("b"), 3: file("c")})
    found = take(shelf, 0, paths=frozenset({"Phone/b", "Phone/gone"}))
    assert [item.path for item in found.objects if item.sha256] == ["Phone/b"]


def test_the_same_seed_reads_the_same_sample_first() -> None:
    def order(seed: int) -> list[str]:
        shelf = Shelf(
            {mtp.ROOT: list(range(1, 30))}, {number: file(f"{number:02}") for number in range(1, 30)}
        )
        stop = threading.Event()
        reads = 0

        def count() -> None:
            nonlocal reads
            reads += 1
            if reads == 6:
                stop.set()

        shelf.on_read = count
        return [item.path for item in take(shelf, seed=seed, stop=stop).objects if item.sha256]

    assert order(5) == order(5)
    assert order(5) != order(6)
    assert len(order(5)) == 5


def test_an_object_too_big_for_the_budget_is_left_out_and_smaller_ones_are_not() -> None:
    shelf = Shelf({mtp.ROOT: [1, 2]}, {1: file("film.mkv", 10**12), 2: file("note.txt", 3)})
    found = take(shelf, 60)
    assert [item.path for item in found.objects if item.sha256] == ["Phone/note.txt"]


def test_progress_ends_at_its_total_even_when_time_was_up() -> None:
    shelf = Shelf({mtp.ROOT: [1, 2]}, {1: file("film.mkv", 10**12), 2: file("note.txt", 3)})
    seen: list[tuple[int, int]] = []
    take(shelf, 60, progress=lambda done, total: seen.append((done, total)))
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)
    assert seen[-1] == (3, 3)


def test_two_storages_with_one_name_do_not_mix() -> None:
    shelf = Shelf({mtp.ROOT: [1]}, {1: file("a")})
    shelf.ids = (0x10001, 0x20001)
    shelf.children = lambda storage, folder: {0x10001: (1,), 0x20001: (2,)}[storage]  # type: ignore[method-assign]
    shelf.infos[2] = file("a")
    assert [item.path for item in take(shelf).objects] == ["Phone 00020001/a", "Phone/a"]


def test_a_stop_before_the_end_of_the_listing_is_a_truncated_inventory() -> None:
    stop = threading.Event()
    stop.set()
    found = take(Shelf({mtp.ROOT: [1]}, {1: file("a")}), stop=stop)
    assert (list(found.objects), found.truncated) == ([], True)


def test_a_lost_link_is_not_counted_away() -> None:
    shelf = Shelf({mtp.ROOT: [1]}, {1: file("a")})

    def cut() -> None:
        raise LinkLost("gone")

    shelf.on_read = cut
    with pytest.raises(LinkLost):
        take(shelf)
