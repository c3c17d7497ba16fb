"""Every suite in ``micro/`` under CPython and under MicroPython, each of its functions one test.

A suite is a module of plain ``test_*`` functions in MicroPython's subset; the current folder is its to write in. It may
say ``HEAP_KIB = 512`` where its own data does not fit beside the agent's heap.
"""

from __future__ import annotations

import ast
import functools
import importlib
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
MICRO = Path(__file__).parent / "micro"
HEAP_KIB = 192
"""What an agent has to work with; objects of the 64-bit interpreter are twice as large as a board's."""
_TIMEOUT_S = 150.0


def suites() -> list[str]:
    return sorted(path.stem for path in MICRO.glob("suite_*.py"))


def functions(suite: str) -> list[str]:
    tree = ast.parse((MICRO / f"{suite}.py").read_text("utf-8"))
    return [
        node.name for node in tree.body if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
    ]


def heap_kib(suite: str) -> int:
    for node in ast.parse((MICRO / f"{suite}.py").read_text("utf-8")).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "HEAP_KIB":
            return int(ast.literal_eval(node.value))
    return HEAP_KIB


def each() -> list[object]:
    """(suite, function); a suite stays on one worker, for MicroPython runs it as a whole."""
    return [
        pytest.param(suite, name, id=f"{suite}-{name}") for suite in suites() for name in functions(suite)
    ]


def micropython() -> Path | None:
    """Beside this Python, where pip has put it, or on the PATH."""
    beside = Path(sys.executable).parent / "micropython"
    found = str(beside) if beside.exists() else shutil.which("micropython")
    return Path(found) if found else None


@functools.cache
def ended(suite: str) -> tuple[dict[str, str], str]:
    """One run of a suite under MicroPython: what was printed up to and with each function's line, and the rest."""
    interpreter = micropython()
    assert interpreter is not None
    options = ["-X", f"heapsize={heap_kib(suite)}k", str(MICRO / "run.py"), f"tests.device.micro.{suite}"]
    with tempfile.TemporaryDirectory() as folder:
        try:
            done = subprocess.run(
                [interpreter, *options, *functions(suite)],
                cwd=folder,
                env={**os.environ, "MICROPYPATH": str(ROOT)},
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                timeout=_TIMEOUT_S,
                check=False,
            )
            raw, end = done.stdout, f"ended with {done.returncode}"
        except subprocess.TimeoutExpired as exc:
            raw, end = exc.stdout or b"", f"did not end within {_TIMEOUT_S} s"
    said: dict[str, str] = {}
    held: list[str] = []
    for line in raw.decode("utf-8", "replace").splitlines():
        held.append(line)
        word, _, name = line.partition(" ")
        if word in {"ok", "FAIL"} and name in functions(suite):
            said[name] = "\n".join(held)
            held = []
    return said, "\n".join([*held, f"MicroPython {end}"])


@pytest.mark.parametrize(("suite", "name"), each())
def test_under_cpython(suite: str, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    getattr(importlib.import_module(f"tests.device.micro.{suite}"), name)()


@pytest.mark.parametrize(("suite", "name"), each())
def test_under_micropython(suite: str, name: str) -> None:
    if micropython() is None:
        pytest.skip(
            "NOT RUN UNDER MICROPYTHON: there is no interpreter here (its package has no wheel for this machine)"
        )
    said, rest = ended(suite)
    if not said.get(name, "").endswith(f"ok {name}"):
        pytest.fail(said.get(name, rest), pytrace=False)
