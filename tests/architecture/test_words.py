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
KNOWN = reasons.BEFORE_WRITING | reasons.RELEASE_BROKEN | reasons.AFTER_WRITING
ENDERS = {"end", "give_up", "needs_staff", "PlanImpossible", "OurFailure", "ReleaseRefused"}
"""Calls in the flow and the catalogue whose first plain word is a reason."""


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
        ROOT / "firmware_agent/catalogue.py",
        ROOT / "firmware_agent/manifest.py",
    ]
    said = set(typing.get_args(plan.Reason)).union(*(said_in(path) for path in files))
    assert {"swapped", "image_truncated", "our_error", "unplugged"} <= said
    assert said - KNOWN == set()


@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.parametrize("room", ["kiosk/ui", "hq/web"])
def test_every_reason_has_words(room: str, language: str) -> None:
    texts: dict[str, Any] = json.loads((ROOT / room / "locale" / f"{language}.json").read_text("utf-8"))
    assert KNOWN - set(texts["reason"]) == set()
