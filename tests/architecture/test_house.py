"""The house rules that a linter's configuration could quietly stop checking."""

from __future__ import annotations

import ast
import configparser
import subprocess
import sys
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
ROOMS = ("station", "kiosk", "firmware_agent", "hw", "ledger", "mqtt", "recycling", "service", "hq")


def modules(*rooms: str) -> list[Path]:
    return [path for room in rooms for path in sorted((ROOT / room).rglob("*.py"))]


def imports(path: Path) -> set[str]:
    """Every module named by an import statement, at any depth of the file."""
    return names_imported(ast.parse(path.read_text("utf-8")))


def names_imported(tree: ast.AST) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module)
    return found


def importers(library: str) -> set[str]:
    return {
        path.relative_to(ROOT).as_posix()
        for path in modules(*ROOMS)
        if any(name == library or name.startswith(library + ".") for name in imports(path))
    }


def setup_cfg() -> configparser.ConfigParser:
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg", encoding="utf-8")
    return config


def test_rooms_look_down_only_and_siblings_never_meet() -> None:
    result = subprocess.run(
        [Path(sys.executable).parent / "lint-imports"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stdout + result.stderr


def test_every_room_is_under_the_import_contracts() -> None:
    config = setup_cfg()
    assert set(config["importlinter"]["root_packages"].split()) == set(ROOMS)
    layers = config["importlinter:contract:house"]["layers"].replace("|", " ").split()
    assert set(layers) == set(ROOMS)


@pytest.mark.parametrize(
    ("library", "allowed"),
    [
        ("kivy", ("kiosk/ui/",)),
        ("paho", ("mqtt/reporter.py", "hq/intake")),
        (
            "usb",
            (
                "hw/link/pyusb.py",
                "hw/link/usbip.py",
                "firmware_agent/device/board/pico.py",
            ),
        ),
        ("sqlalchemy", ("kiosk/store/",)),
        ("tuf", ("firmware_agent/trust", "firmware_agent/repository")),
        ("securesystemslib", ("firmware_agent/repository",)),
        ("serial", ("hw/link/serial.py",)),
        ("urllib3", ("firmware_agent/download/exchange.py", "kiosk/register.py")),
        ("argon2", ("kiosk/pins.py",)),
        ("stdnum", ("recycling/imei.py",)),
        ("escpos", ("hw/printer_line.py",)),
        ("weasyprint", ("kiosk/certificate.py",)),
        ("PIL", ("hw/camera.py", "hw/virtual/paper.py", "hw/virtual/camera.py")),
        ("hdiffpatch", ("firmware_agent/delta", "firmware_agent/agent_patch", "station/delta_trial.py")),
        ("numpy", ("firmware_agent/delta",)),
        ("fastapi", ("hq/web/", "station/hands.py")),
    ],
)
def test_each_library_is_met_at_one_edge_only(library: str, allowed: tuple[str, ...]) -> None:
    strays = {path for path in importers(library) if not path.startswith(allowed)}
    assert not strays, f"{library} is imported outside {allowed}: {sorted(strays)}"
    assert importers(library), f"{library} is a dependency that nothing uses"


def test_the_virtual_phone_shares_no_parser_with_the_host() -> None:
    for path in modules("hw/virtual"):
        shared = {name for name in imports(path) if name.startswith(("hw.proto", "hw.link"))}
        assert not shared, (
            f"{path.name} imports {shared}: a phone that shares the host's parser shares its errors"
        )
    for path in modules("hw/proto", "hw/link"):
        assert not {name for name in imports(path) if name.startswith("hw.virtual")}, path.name


def test_protocol_cores_do_no_io() -> None:
    forbidden = {"socket", "usb", "threading", "time", "select", "subprocess", "asyncio", "os", "pathlib"}
    for path in modules("hw/proto"):
        met = {name.split(".")[0] for name in imports(path)} & forbidden
        assert not met, f"{path.name} is a protocol core and imports {sorted(met)}"


BOARD = {
    *("array", "binascii", "deflate", "errno", "gc", "hashlib", "io", "json", "machine", "micropython", "os"),
    *("rp2", "select", "struct", "sys", "time", "uctypes", "usb", "vfs", "zlib"),
}
"""What MicroPython has on a board, and zlib, which stands in for deflate where the same file runs on CPython."""


def test_the_device_imports_only_what_a_board_has() -> None:
    """What runs on a device is copied there: nothing of the host's, nothing MicroPython lacks."""
    agents = ("firmware_agent.device", "firmware_agent.wire", "firmware_agent.order")
    docks = (
        "firmware_agent.dock.",
        "firmware_agent.dock_wire",
        "firmware_agent.wire",
        "firmware_agent.device.",
    )
    shared = [ROOT / "firmware_agent" / name for name in ("wire.py", "order.py", "dock_wire.py")]
    for path in [*modules("firmware_agent/device", "firmware_agent/dock"), *shared]:
        ours = docks if "firmware_agent/dock" in path.as_posix() else agents
        tree = ast.parse(path.read_text("utf-8"))
        for node in ast.walk(tree):
            if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
                node.body = [ast.Pass()]  # for annotations, which a board does not evaluate
        for name in names_imported(tree) - {"collections.abc"}:
            assert name.startswith(ours) or name.split(".")[0] in BOARD, f"{path.name} imports {name}"


def test_every_import_resolves_inside_the_install() -> None:
    """An import of something that setup.cfg does not name works here by luck and fails at the customer's."""
    options = setup_cfg()
    named = options["options"]["install_requires"] + options["options.extras_require"]["test"]
    declared = {
        line.split(">")[0].split("=")[0].split("<")[0].strip().lower().replace("_", "-")
        for line in named.splitlines()
        if line.strip() and not line.strip().startswith("#")
    }
    homes = packages_distributions()
    own = {*ROOMS, "tests"}
    on_boards = (ROOT / "firmware_agent/device", ROOT / "firmware_agent/dock", ROOT / "tests/device/micro")
    for path in modules(*ROOMS, "tests"):
        here = BOARD if any(path.is_relative_to(place) for place in on_boards) else set()
        for name in {module.split(".")[0] for module in imports(path)} - own - here - sys.stdlib_module_names:
            distributions = {home.lower().replace("_", "-") for home in homes.get(name, [])}
            assert distributions & declared, (
                f"{path.relative_to(ROOT)} imports {name}, which setup.cfg does not name"
            )


def test_every_dependency_says_why_it_is_there() -> None:
    for section, option in (("options", "install_requires"), ("options.extras_require", "test")):
        lines = (ROOT / "setup.cfg").read_text("utf-8").split(f"[{section}]", 1)[1].split(f"{option} =", 1)[1]
        previous = ""
        for line in lines.splitlines()[1:]:
            if not line.startswith("    "):
                break
            if not line.strip().startswith("#"):
                assert previous.startswith("#") or previous, f"{line.strip()} has no reason above it"
            previous = line.strip()


def test_ci_runs_exactly_make_test() -> None:
    lines = [line for line in (ROOT / ".ci/run").read_text("utf-8").splitlines() if line and line[0] != "#"]
    assert lines == ["set -euo pipefail", 'cd "$(dirname "$0")/.."', "exec make test"]


def test_the_project_stands_alone() -> None:
    """No file of the project points outside it: at the machine it was written on, or at notes it does not hold."""
    words = ("../" + "shared", "/work" + "/", "/root" + "/", "." + "library")
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False).stdout
    for name in listed.split("\n"):
        path = ROOT / name
        if not name or path.suffix in {".png", ".ttf", ".bin"} or not path.is_file():
            continue
        text = path.read_text("utf-8", errors="ignore")
        assert not [word for word in words if word in text], name


def test_every_module_says_what_it_is() -> None:
    for path in modules(*ROOMS):
        text = path.read_text("utf-8")
        if text.strip():
            assert ast.get_docstring(ast.parse(text)), f"{path.relative_to(ROOT)} has no docstring"
