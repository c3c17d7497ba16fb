"""The virtual phone shares no parser with what it is there to test."""

from __future__ import annotations

import ast
from pathlib import Path

import hw.virtual

ALLOWED = ("hw.virtual", "hw.errors")
ROOMS = ("hw", "station", "kiosk", "firmware_agent", "ledger", "mqtt", "recycling", "hq")


def imported(source: str) -> set[str]:
    """Every module a source text imports, with what it takes from it."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def test_the_virtual_phone_imports_nothing_of_the_host_side() -> None:
    folder = Path(hw.virtual.__file__).parent
    modules = list(folder.glob("*.py"))
    assert len(modules) > 20
    for module in modules:
        ours = {name for name in imported(module.read_text("utf-8")) if name.split(".")[0] in ROOMS}
        strangers = {name for name in ours if not name.startswith(ALLOWED)}
        assert not strangers, f"{module.name} imports {strangers}"
        assert "usb.core" not in imported(module.read_text("utf-8"))
