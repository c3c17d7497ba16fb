"""Runs a suite's ``test_*`` functions under MicroPython, one line each. It compares nothing with CPython.

``micropython tests/device/micro/run.py tests.device.micro.suite_wire [NAME...]``, MICROPYPATH being the project's root.
"""

import gc
import sys


def run(module_name: str, names: list[str]) -> int:
    """Prints ``ok NAME`` or a traceback and ``FAIL NAME`` for each; how many failed."""
    module = __import__(module_name, None, None, ["*"])
    failed = 0
    for name in names or sorted(one for one in dir(module) if one.startswith("test_")):
        gc.collect()
        try:
            getattr(module, name)()
        except Exception as exc:
            sys.print_exception(exc)  # type: ignore[attr-defined] # MicroPython's own
            print("FAIL", name)
            failed += 1
        else:
            print("ok", name)
    return failed


if __name__ == "__main__":
    sys.exit(1 if run(sys.argv[1], sys.argv[2:]) else 0)
