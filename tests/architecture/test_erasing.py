"""Only an accepted trade-in erases a phone: what an update can reach has no way to the command."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

import pytest

from tests.architecture.test_house import ROOT, modules, names_imported

CORE, ERASER, MAKER = "hw/proto/erase.py", "hw/eraser.py", "recycling/erasure.py"
ROOMS = ("station", "kiosk", "firmware_agent", "hw", "ledger", "mqtt", "recycling", "service", "hq")


@cache
def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text("utf-8"))


@cache
def needed(path: Path) -> frozenset[str]:
    """What a module imports, and what it takes out of packages, which may be modules too."""
    taken = {
        f"{node.module}.{alias.name}"
        for node in ast.walk(parsed(path))
        if isinstance(node, ast.ImportFrom) and node.module
        for alias in node.names
    }
    return frozenset(names_imported(parsed(path)) | taken)


def ours() -> list[tuple[str, ast.Module]]:
    """Every module of the product by its path; the simulators are the phone's side of it."""
    found = [(path.relative_to(ROOT).as_posix(), path) for path in modules(*ROOMS)]
    return [(name, parsed(path)) for name, path in found if not name.startswith("hw/virtual/")]


def test_the_erase_command_is_spelled_in_one_place() -> None:
    places = {
        name
        for name, tree in ours()
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and node.value.lstrip().lower().startswith(("erase:", "format:", "flashing ", "oem ", "wipe"))
        and not node.value.lower().startswith("wipes")  # a release's flag
    }
    assert places == {CORE}


def test_only_the_eraser_speaks_it_and_only_the_composition_root_makes_an_eraser() -> None:
    speakers = {name for name, tree in ours() if "hw.proto.erase" in names_imported(tree)}
    assert speakers == {ERASER}
    makers = {
        name
        for name, tree in ours()
        if {"hw.eraser"} & names_imported(tree)
        or any(
            isinstance(node, ast.ImportFrom)
            and node.module == "hw"
            and any(alias.name == "eraser" for alias in node.names)
            for node in ast.walk(tree)
        )
    }
    assert makers <= {name for name in makers if name.startswith(("kiosk/assembly", "station/"))}, makers


@cache
def reached(module: str) -> frozenset[str]:
    """Every module of ours that importing ``module`` imports, however far down."""
    seen: set[str] = set()
    waiting = [module]
    while waiting:
        name = waiting.pop()
        path = source(name)
        if name in seen or path is None:
            continue
        seen.add(name)
        waiting += needed(path)
    return frozenset(seen)


def source(module: str) -> Path | None:
    base = ROOT / module.replace(".", "/")
    return next((path for path in (base.with_suffix(".py"), base / "__init__.py") if path.is_file()), None)


UPDATE = [
    "firmware_agent.plan",
    "hw.flashing",
    "hw.bootloader",
    "hw.bay_phone",
    "hw.phone",
    "hw.agent_phone",
    "kiosk.flow.runner",
    "kiosk.flow.desk",
    "kiosk.flow.update",
    "kiosk.flow.effects",
]


@pytest.mark.parametrize("module", UPDATE)
def test_nothing_an_update_is_made_of_reaches_the_eraser(module: str) -> None:
    there = reached(module)
    assert module in there
    assert not there & {"hw.eraser", "hw.proto.erase", "recycling.erasure"}


def test_an_erase_order_is_made_by_the_domain_and_nowhere_else() -> None:
    for name, tree in ours():
        if name in (MAKER, ERASER):
            continue
        aliases = {
            alias.asname or alias.name
            for node in ast.walk(tree)
            if isinstance(node, ast.ImportFrom) and node.module in ("recycling.erasure", "hw.eraser")
            for alias in node.names
            if alias.name == "Order"
        }
        for node in ast.walk(tree):
            if isinstance(node, ast.Call):
                made = ast.unparse(node.func)
                assert made not in aliases, (name, made)
                assert not made.endswith("erasure.Order"), (name, made)


def test_an_eraser_is_asked_to_erase_by_the_counter_and_nobody_else() -> None:
    boards = (
        "firmware_agent/device/",
        "firmware_agent/dock/",
        "firmware_agent/agent_patch/",
    )  # their own flash
    for name, tree in ours():
        if name in (CORE, ERASER) or name.startswith((*boards, "kiosk/flow/counter/")):
            continue
        asked = [
            node
            for node in ast.walk(tree)
            if isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and node.func.attr == "erase"
        ]
        assert not asked, f"{name}:{asked[0].lineno} asks something to erase"
