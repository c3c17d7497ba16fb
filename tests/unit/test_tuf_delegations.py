"""The cases of the public TUF conformance suite that are about delegations and rotated keys; as its sibling."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

import pytest
from securesystemslib.signer import CryptoSigner

from firmware_agent.trust.view import index_target
from tests.catalogues import quick_disk, serving
from tests.tuf_simulator import BELOW, TOP, Client, Simulator, index_of


@pytest.fixture
def repo(tmp_path: Path) -> Simulator:
    return Simulator(tmp_path / "repository")


@pytest.fixture
def client(tmp_path: Path, repo: Simulator) -> Iterator[Client]:
    with ExitStack() as stack:
        stack.enter_context(quick_disk())
        yield Client(tmp_path / "station", repo, stack.enter_context(serving(repo.folder)))


# -- test_updater_delegation_graphs.py

ANY = "*/*"
GRAPHS: dict[str, tuple[list[tuple[str, str, str, bool]], list[str]]] = {
    "basic-delegation": ([("targets", "A", ANY, False)], ["A"]),
    "single-level-delegations": ([("targets", "A", ANY, False), ("targets", "B", ANY, False)], ["A", "B"]),
    "two-level-delegations": (
        [("targets", "A", ANY, False), ("targets", "B", ANY, False), ("B", "C", ANY, False)],
        ["A", "B", "C"],
    ),
    "two-level-test-DFS-order-of-traversal": (
        [
            ("targets", "A", ANY, False),
            ("targets", "B", ANY, False),
            ("A", "C", ANY, False),
            ("A", "D", ANY, False),
        ],
        ["A", "C", "D", "B"],
    ),
    "three-level-delegation-test-DFS-order-of-traversal": (
        [
            ("targets", "A", ANY, False),
            ("targets", "B", ANY, False),
            ("A", "C", ANY, False),
            ("C", "D", ANY, False),
        ],
        ["A", "C", "D", "B"],
    ),
    "two-level-terminating-ignores-all-but-roles-descendants": (
        [
            ("targets", "A", ANY, False),
            ("targets", "B", ANY, False),
            ("A", "C", ANY, True),
            ("A", "D", ANY, False),
        ],
        ["A", "C"],
    ),
    "three-level-terminating-ignores-all-but-roles-descendants": (
        [
            ("targets", "A", ANY, False),
            ("targets", "B", ANY, False),
            ("A", "C", ANY, True),
            ("C", "D", ANY, False),
        ],
        ["A", "C", "D"],
    ),
    "two-level-ignores-all-branches-not-matching-paths": (
        [("targets", "A", "*/*.py", False), ("targets", "B", ANY, False), ("A", "C", ANY, False)],
        ["B"],
    ),
    "three-level-ignores-all-branches-not-matching-paths": (
        [("targets", "A", ANY, False), ("targets", "B", ANY, False), ("A", "C", "*/*.py", False)],
        ["A", "B"],
    ),
    "cyclic-graph": (
        [
            ("targets", "A", ANY, False),
            ("targets", "B", ANY, False),
            ("B", "C", ANY, False),
            ("C", "D", ANY, False),
            ("D", "B", ANY, False),
        ],
        ["A", "B", "C", "D"],
    ),
    "two-roles-delegating-to-a-third": (
        [
            ("targets", "A", ANY, False),
            ("targets", "B", ANY, False),
            ("B", "C", ANY, False),
            ("A", "C", ANY, False),
        ],
        ["A", "C", "B"],
    ),
    "two-roles-delegating-to-a-third-different-paths": (
        [
            ("targets", "A", ANY, False),
            ("targets", "B", ANY, False),
            ("B", "C", ANY, False),
            ("A", "C", "*/*.py", False),
        ],
        ["A", "B", "C"],
    ),
}


def build(repo: Simulator, delegations: Sequence[tuple[str, str, str, bool]]) -> None:
    for parent, role, path, terminating in delegations:
        repo.delegate(parent, role, [path], terminating)
    for role in repo.mds:
        if role not in TOP:
            repo.store(role)


@pytest.mark.parametrize("case", GRAPHS)
def test_graph_traversal(case: str, client: Client, repo: Simulator) -> None:
    delegations, order = GRAPHS[case]
    build(repo, delegations)
    repo.publish(*BELOW)
    assert client.get("missing") is None
    assert client.asked[4:] == [f"1.{role}" for role in order]


TREE = [
    ("targets", "A", "heron-?/index.json", False),
    ("targets", "B", "wren*/*", False),
    ("B", "C", "wren-x*/*", False),
    ("B", "D", "wren-y/*.json", False),
    ("targets", "E", "*", False),
]
SEARCHES = {
    "no delegations": ("own", True, []),
    "targetpath matches wildcard": ("wren-xyz", True, ["B", "C"]),
    "targetpath with separators x": ("wren-x", True, ["B", "C"]),
    "targetpath with separators y": ("wren-y", True, ["B", "D"]),
    "targetpath is not delegated by all roles in the chain": ("wren-z", False, ["B"]),
    "wildcard does not match path separator": ("elsewhere", False, []),
    "targetpath matches question mark wildcard": ("heron-1", True, ["A"]),
    "targetpath does not match question mark wildcard": ("heron-alpha", False, []),
}


@pytest.mark.parametrize("case", SEARCHES)
def test_targetfile_search(case: str, client: Client, repo: Simulator) -> None:
    model, found, order = SEARCHES[case]
    for parent, role, path, terminating in TREE:
        repo.delegate(parent, role, [path], terminating)
    homes = {"own": "targets", "wren-z": "D", "elsewhere": "E", "heron-alpha": "A"}
    home = homes.get(model, order[-1] if order else "targets")
    repo.add_file(home, index_target(model), index_of(model, "1.0.0"))
    for role in "ABCDE":
        repo.store(role)
    repo.publish(*BELOW)
    client.server.asked.clear()
    assert client.get(model) == (["1.0.0"] if found else None)
    walked = [name for name in client.asked[4:] if name != "1.E"]  # mirrors.json may be looked for in E
    assert walked == [f"1.{role}" for role in order]


def test_targetpath_is_case_sensitive(client: Client, repo: Simulator) -> None:
    repo.delegate("targets", "A", ["HERON/*"])
    repo.add_file("A", index_target("heron"), index_of("heron", "1.0.0"))
    repo.store("A")
    repo.publish(*BELOW)
    assert client.get("heron") is None


def test_cached_role_is_verified_against_current_delegator(client: Client, repo: Simulator) -> None:
    for letter in "ab":
        repo.delegate("targets", f"parent-{letter}", [f"team-{letter}/*"])
        repo.delegate(f"parent-{letter}", "release", [f"team-{letter}/*"])
    theirs = repo.mds["parent-b"].signed.delegations.roles["release"].keyids
    del repo.signers["release"][theirs[0]]
    for model in ("team-a", "team-b"):
        repo.add_file("release", index_target(model), index_of(model, "1.0.0"))
    for role in ("release", "parent-a", "parent-b"):
        repo.store(role)
    repo.publish(*BELOW)
    assert client.get("team-a") == ["1.0.0"]
    assert client.get("team-b") is None
    assert client.get("team-a") == ["1.0.0"]


def test_delegation_not_in_snapshot(client: Client, repo: Simulator) -> None:
    repo.delegate("targets", "delegated", ["heron/*"])
    repo.add_file("delegated", index_target("heron"), index_of("heron", "1.0.0"))
    repo.store("delegated")
    repo.publish("targets")
    del repo.snapshot.meta["delegated.json"]
    repo.publish("snapshot", "timestamp")
    assert client.refresh()
    assert client.get("heron") is None
    assert client.version("delegated") is None
    assert "1.delegated" not in client.asked


# -- test_updater_key_rotations.py

Step = tuple[list[int], int, list[int]]  # keys, threshold, who signs
ROOTS: dict[str, tuple[list[Step], bool]] = {
    "1-of-1-key-rotation": ([([1], 1, [1]), ([2], 1, [2, 1]), ([2], 1, [2])], True),
    "1-of-1-key-rotation-unused-signatures": (
        [([1], 1, [3, 1, 4]), ([2], 1, [3, 2, 1, 4]), ([2], 1, [3, 2, 4])],
        True,
    ),
    "3-of-5-sign-with-different-keycombos": (
        [([0, 1, 2, 3, 4], 3, signers) for signers in ([0, 2, 4], [0, 4, 1], [0, 1, 3], [0, 1, 3])],
        True,
    ),
    "3-of-5-one-key-rotated": ([([0, 1, 2, 3, 4], 3, [0, 2, 4]), ([0, 1, 3, 4, 5], 3, [0, 4, 1])], True),
    "3-of-5-one-key-rotated-with-intermediate-step": (
        [
            ([0, 1, 2, 3, 4], 3, [0, 2, 4]),
            ([0, 1, 3, 4, 5], 3, [0, 2, 4, 5]),
            ([0, 1, 3, 4, 5], 3, [0, 4, 5]),
        ],
        True,
    ),
    "3-of-5-all-keys-rotated-with-intermediate-step": (
        [
            ([0, 1, 2, 3, 4], 3, [0, 2, 4]),
            ([5, 6, 7, 8, 9], 3, [0, 2, 4, 5, 6, 7]),
            ([5, 6, 7, 8, 9], 3, [5, 6, 7]),
        ],
        True,
    ),
    "1-of-3-threshold-increase-to-2-of-3": ([([1, 2, 3], 1, [1]), ([1, 2, 3], 2, [1, 2])], True),
    "2-of-3-threshold-decrease-to-1-of-3": (
        [([1, 2, 3], 2, [1, 2]), ([1, 2, 3], 1, [1, 2]), ([1, 2, 3], 1, [1])],
        True,
    ),
    "1-of-2-threshold-increase-to-2-of-2": ([([1], 1, [1]), ([1, 2], 2, [1, 2])], True),
    "1-of-1-key-rotation-fail-not-signed-with-old-key": ([([1], 1, [1]), ([2], 1, [2, 3, 4])], False),
    "1-of-1-key-rotation-fail-not-signed-with-new-key": ([([1], 1, [1]), ([2], 1, [1, 3, 4])], False),
    "3-of-5-one-key-rotate-fails-not-signed-with-3-new-keys": (
        [([0, 1, 2, 3, 4], 3, [0, 2, 4]), ([0, 1, 3, 4, 5], 3, [0, 2, 4])],
        False,
    ),
    "3-of-5-one-key-rotate-fails-not-signed-with-3-old-keys": (
        [([0, 1, 2, 3, 4], 3, [0, 2, 4]), ([0, 1, 3, 4, 5], 3, [0, 4, 5])],
        False,
    ),
    "1-of-3-threshold-bump-to-2-of-3-fails-new-threshold-not-reached": (
        [([1, 2, 3], 1, [1]), ([1, 2, 3], 2, [2])],
        False,
    ),
    "2-of-3-threshold-decr-to-1-of-3-fails-old-threshold-not-eached": (
        [([1, 2, 3], 2, [1, 2]), ([1, 2, 3], 1, [1])],
        False,
    ),
}
OTHERS: dict[str, tuple[Step, bool]] = {
    "1-of-1-key-rotation": (([2], 1, [2]), True),
    "1-of-1-key-rotation-unused-signatures": (([1], 1, [3, 1, 4]), True),
    "1-of-1-key-rotation-fail-not-signed-with-new-key": (([2], 1, [1, 3, 4]), False),
    "3-of-5-one-key-signature-wrong-not-signed-with-3-expected-keys": (
        ([0, 1, 3, 4, 5], 3, [0, 2, 4]),
        False,
    ),
    "2-of-5-one-key-signature-mising-threshold-not-reached": (([0, 1, 3, 4, 5], 3, [0, 4]), False),
    "3-of-5-sign-first-combo": (([0, 1, 2, 3, 4], 3, [0, 2, 4]), True),
    "3-of-5-sign-second-combo": (([0, 1, 2, 3, 4], 3, [0, 4, 1]), True),
    "3-of-5-sign-third-combo": (([0, 1, 2, 3, 4], 3, [0, 1, 3]), True),
    "3-of-5-sign-fourth-combo": (([0, 1, 2, 3, 4], 3, [1, 2, 3]), True),
    "3-of-5-sign-fifth-combo": (([0, 1, 2, 3, 4], 3, [2, 3, 4]), True),
}
KEYS = [CryptoSigner.generate_ed25519() for _ in range(10)]


def entrust(repo: Simulator, role: str, step: Step) -> None:
    """Exactly these keys, this threshold, these signatures."""
    keys, threshold, signers = step
    for keyid in list(repo.root.roles[role].keyids):
        repo.root.revoke_key(keyid, role)
    for number in keys:
        repo.root.add_key(KEYS[number].public_key, role)
    repo.root.roles[role].threshold = threshold
    repo.signers[role] = {KEYS[number].public_key.keyid: KEYS[number] for number in signers}


@pytest.mark.parametrize("case", ROOTS)
def test_root_rotation(case: str, tmp_path: Path, repo: Simulator) -> None:
    steps, good = ROOTS[case]
    raws = []
    for number, step in enumerate(steps):
        entrust(repo, "root", step)
        repo.root.version = number + 1
        repo.store("root")
        raws.append(repo.raw("root"))
    repo.publish(*BELOW)
    repo.anchor = raws[0]
    with serving(repo.folder) as server:
        client = Client(tmp_path / "station", repo, server)
        assert client.refresh() is good
        assert client.live("root") == raws[-1 if good else -2]


@pytest.mark.parametrize("case", OTHERS)
def test_non_root_rotations(case: str, client: Client, repo: Simulator) -> None:
    step, good = OTHERS[case]
    assert client.refresh()
    for role in ("timestamp", "snapshot", "targets"):
        entrust(repo, role, step)
        repo.publish("root", *BELOW)
        assert client.refresh() is good
        if good:
            assert client.live(role) == repo.raw(role)
