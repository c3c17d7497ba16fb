"""Every reason a visit can end with has words at the kiosk and at headquarters, in both languages."""

from __future__ import annotations

import ast
import json
import typing
from pathlib import Path
from typing import Any

import pytest

from firmware_agent import plan
from kiosk.flow import reasons

ROOT = Path(__file__).resolve().parents[2]
KNOWN = reasons.REASONS
ENDERS = {"end", "give_up", "needs_staff", "PlanImpossible", "OurFailure", "FetchFailed"}
ENDERS |= {"ReleaseRefused", "CatalogueRefused", "Unreachable", "NoRoom", "DeltaRefused", "__init__"}
"""Calls in the flow and the updater whose first plain word is a reason (``__init__``: an error that has but one)."""

MAKERS = ("release", "repository", "delta_make")
"""Modules of the release tool, by how their names begin: no visit meets what they refuse."""


def called(node: ast.Call) -> str:
    return node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")


def said_in(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Call) and called(node) in ENDERS:
            words = [arg.value for arg in node.args if isinstance(arg, ast.Constant)]
            found |= {word for word in words[:1] if isinstance(word, str) and word.replace("_", "").isalpha()}
    return found


def test_every_reason_that_the_code_gives_is_listed() -> None:
    files = [
        *(ROOT / "kiosk/flow").glob("*.py"),
        *(path for path in (ROOT / "firmware_agent").glob("*.py") if not path.stem.startswith(MAKERS)),
    ]
    said = set(typing.get_args(plan.Reason)).union(*(said_in(path) for path in files))
    assert {"swapped", "image_truncated", "our_error", "unplugged", "stopped", "download_failed"} <= said
    assert said - KNOWN == set()


@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.parametrize("room", ["kiosk/ui", "hq/web"])
def test_every_reason_has_words(room: str, language: str) -> None:
    texts: dict[str, Any] = json.loads((ROOT / room / "locale" / f"{language}.json").read_text("utf-8"))
    assert KNOWN - set(texts["reason"]) == set()


def kinds_in(path: Path) -> set[str]:
    """First words of calls that become ledger entries: ``note(...)``, ``Note(...)``, ``Record(...)``."""
    calls = [node for node in ast.walk(ast.parse(path.read_text("utf-8"))) if isinstance(node, ast.Call)]
    first = [call.args[0] for call in calls if called(call) in ("note", "Note", "Record") and call.args]
    values = [arg.value for arg in first if isinstance(arg, ast.Constant)]
    return {value for value in values if isinstance(value, str) and "." in value}


@pytest.mark.parametrize("language", ["zh", "en"])
def test_every_kind_of_entry_has_words_at_headquarters(language: str) -> None:
    said = set().union(
        *(kinds_in(path) for room in ("kiosk", "firmware_agent") for path in (ROOT / room).rglob("*.py"))
    )
    assert {"visit.closed", "fetch.moved", "fetch.given_up", "catalogue.refreshed", "fetch.begun"} <= said
    texts: dict[str, Any] = json.loads((ROOT / "hq/web/locale" / f"{language}.json").read_text("utf-8"))
    assert said - set(texts["kind"]) == set()
