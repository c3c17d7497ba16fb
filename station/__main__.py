"""The ``station`` command: finds the subcommand's module, runs it, turns a room's error into one line.

It decides nothing itself; each command lives in its own module with ``HELP``, ``arguments`` and ``run``.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import sys
from collections.abc import Sequence
from types import ModuleType

from station import __version__
from station.errors import explain

COMMANDS = {
    "demo": "the whole system on this machine: broker, headquarters, kiosk, virtual phones",
    "kiosk": "the touch kiosk",
    "hq": "headquarters: intake and web page",
    "phone": "a virtual phone",
    "phones": "what is plugged in",
    "printer": "a virtual receipt printer",
    "update": "one whole update visit without a screen",
    "flash": "staff tool: write one partition, behind the same guard of user data",
    "release": "make update releases, and the signed catalogue that offers them",
    "mirror": "serve a catalogue's repository over HTTP",
    "dock": "a virtual dock; or a look at a real one",
    "board": "the files a board needs to run the update agent, or the dock's controller",
    "staff": "who works at this station: enrol, renew, retire",
    "prices": "the price books of trade-in: import, approve, show, export",
    "processors": "who may take what is in the bins: import, list",
    "ledger": "look into the audit log, offline",
    "bench": "the figures, side by side with the peers on this machine",
    "faults": "the fault matrix: injects, recovers, counts",
}
"""Every command and its one line; the module of the same name is imported only when it is asked for."""


def _module(name: str) -> ModuleType:
    return importlib.import_module(f"station.{name}")


def parser(wanted: str | None) -> argparse.ArgumentParser:
    """The whole command line; only ``wanted`` gets its arguments, the others just their line of help."""
    top = argparse.ArgumentParser(
        prog="station",
        description="A phone service station: updates phones over USB without losing their owners' data.",
        epilog="Exit codes: 0 done, 1 our own error, 2 usage, 3 refused before anything was written, "
        "4 needs staff, 5 phone or server unreachable.",
    )
    top.add_argument("--version", action="version", version=f"station {__version__}")
    commands = top.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name, line in COMMANDS.items():
        if name == wanted:
            module = _module(name)
            module.arguments(commands.add_parser(name, help=line, description=module.HELP))
        else:
            commands.add_parser(name, help=line, add_help=False)
    return top


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; its exit code. Tracebacks only with STATION_DEBUG=1."""
    words = list(sys.argv[1:] if argv is None else argv)
    wanted = next((word for word in words if word in COMMANDS), None)
    args = parser(wanted).parse_args(words)
    try:
        code = int(_module(args.command).run(args))
        if sys.stdout is not None:
            sys.stdout.flush()  # here, where a failure can still be told; not at the interpreter's exit
    except KeyboardInterrupt:
        print("station: interrupted", file=sys.stderr)
        return 130
    except BrokenPipeError:
        _drop_output()  # the reader of our output went away (| head): not an error of ours
        return 0
    except Exception as exc:
        if os.environ.get("STATION_DEBUG"):
            raise
        line, code = explain(exc)
        print(f"station: {line}", file=sys.stderr)
        _answer(args, exc, line, code)
    return code


def _answer(args: argparse.Namespace, exc: Exception, line: str, code: int) -> None:
    """With ``--json`` an error, too, ends standard output with one object, unless the command wrote its own."""
    try:
        if getattr(args, "json", False) and not getattr(exc, "answered", False):
            print(json.dumps({"error": line, "exit_code": code}, ensure_ascii=False))
        if sys.stdout is not None:
            sys.stdout.flush()
    except OSError:
        _drop_output()


def _drop_output() -> None:
    """Nobody can take it: keep the interpreter's own flush at the end quiet."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


if __name__ == "__main__":
    sys.exit(main())
