"""``station board`` copies what a board needs and nothing else; what it copies imports nothing that is not there."""

from __future__ import annotations

import argparse
import ast
import runpy
from pathlib import Path

import pytest

from station import board
from station.errors import StationError

KEY = "000000010000000600000004" + "ab" * 48  # one level, H10, W8
INTERPRETERS_OWN = {
    *("binascii", "collections", "deflate", "gc", "hashlib", "io", "json", "machine", "micropython", "os"),
    *("rp2", "select", "struct", "sys", "time", "usb", "vfs", "board_facts", "typing", "zlib"),
}


def asked(*arguments: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    board.arguments(parser)
    return parser.parse_args(arguments)


@pytest.mark.parametrize("purpose", board.PURPOSES)
@pytest.mark.parametrize("name", board.BOARDS)
def test_every_import_of_a_copied_file_is_copied_too_or_the_interpreters(
    tmp_path: Path, name: str, purpose: str
) -> None:
    key = ["--model", "kinglet", "--public-key", KEY] if name == "rp2" and purpose == "agent" else []
    assert board.run(asked("--to", str(tmp_path / "out"), "--board", name, "--for", purpose, *key)) == 0
    files = sorted((tmp_path / "out").rglob("*.py"))
    assert not [path for path in files if "agent_patch" in str(path) or "signing" in str(path)]
    for path in files:
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            wanted = [node.module] if isinstance(node, ast.ImportFrom) else []
            wanted += [one.name for one in node.names] if isinstance(node, ast.Import) else []
            for module in filter(None, wanted):
                if module.split(".")[0] == "firmware_agent":
                    if name == "rp2" and module.endswith("board.unix"):
                        continue  # main's own entry, which no Pico takes
                    assert (tmp_path / "out" / (module.replace(".", "/") + ".py")).exists(), (path, module)
                else:
                    assert module.split(".")[0] in INTERPRETERS_OWN, (path, module)


def test_a_pico_gets_its_facts_and_a_manifest(tmp_path: Path) -> None:
    board.run(
        asked("--to", str(tmp_path / "out"), "--model", "kinglet", "--public-key", KEY, "--usb", "1209:0005")
    )
    facts = runpy.run_path(str(tmp_path / "out/board_facts.py"))["FACTS"]
    assert (facts["model"], facts["usb_vendor"], facts["usb_product"]) == ("kinglet", 0x1209, 5)
    assert {path.name for path in (tmp_path / "out").glob("*.py")} == {
        *("_boot.py", "boot.py", "main.py", "manifest.py", "board_facts.py")
    }


def test_a_docks_pico_gets_its_facts_and_none_of_the_update_agent(tmp_path: Path) -> None:
    words = ("--for", "dock", "--bins", "3", "--bays", "1", "--usb", "1209:0007", "--scale-zero", "-55")
    board.run(asked("--to", str(tmp_path / "out"), *words))
    facts = runpy.run_path(str(tmp_path / "out/board_facts.py"))["FACTS"]
    assert (facts["bins"], facts["bays"], facts["usb_product"], facts["scale_zero_ticks"]) == (3, 1, 7, -55)
    agents = {path.name for path in (tmp_path / "out/firmware_agent/device").rglob("*.py")}
    assert agents == {"__init__.py", "errors.py", "flash.py", "pico.py"}
    assert not (tmp_path / "out/firmware_agent/dock/board/unix.py").exists()


@pytest.mark.parametrize(
    "arguments",
    [
        ["--for", "dock", "--bins", "7"],
        ["--for", "dock", "--bays", "9"],
        ["--for", "dock", "--scale-per-kg", "0"],
        ["--for", "dock", "--scale-max", "0"],
        ["--for", "dock", "--usb", "1"],
        ["--model", "", "--public-key", KEY],
        ["--model", "two words", "--public-key", KEY],
        ["--model", "kinglet", "--public-key", "zz"],
        ["--model", "kinglet", "--public-key", KEY[2:]],
        ["--model", "kinglet", "--public-key", "ff" * 60],
        ["--model", "kinglet", "--public-key", KEY, "--usb", "12095"],
        ["--model", "kinglet", "--public-key", KEY, "--image-kib", "0"],
    ],
)
def test_a_board_that_cannot_be_is_refused_before_anything_is_written(
    tmp_path: Path, arguments: list[str]
) -> None:
    with pytest.raises(StationError):
        board.run(asked("--to", str(tmp_path / "out"), *arguments))
    assert not (tmp_path / "out").exists()


def test_a_folder_with_something_in_it_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("")
    with pytest.raises(StationError):
        board.run(asked("--to", str(tmp_path), "--board", "unix"))
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]
