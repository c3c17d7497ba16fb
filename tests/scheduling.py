"""Which tests stay on one worker, and which begin first. It says nothing about what they test.

xdist's own groups are marks that a worker writes into a test's id; pytest 9.2 keeps ids for itself, and the groups
are lost without a word. So they are said here, by file, where the process that hands tests out can read them.
"""

from __future__ import annotations

import re
from typing import Any

from xdist.scheduler import LoadScopeScheduling

SHARED = {
    "tests/e2e/test_whole_system.py": "",
    "tests/e2e/test_agent_update.py": "",
    "tests/e2e/test_signed_update.py": "",
    "tests/e2e/test_counter_flows.py": "",
    "tests/e2e/test_hq_page.py": "",
    "tests/device/test_agent_patch_firmware.py": "",
    "tests/device/test_agent_refusals.py": "",
    "tests/device/test_both_interpreters.py": r"\[(\w+)-",
    "tests/ui/test_real_counter.py": "",
    "tests/ui/test_real_visit.py": "",
    "tests/ui/test_screens.py": r"plain-(zh|en)\]",
}
"""Files whose tests share what is dear to make: it is made once. A pattern: only those it fits, by its group."""

FIRST = (
    "tests/e2e/test_whole_system.py",
    "tests/e2e/test_fault_sample.py",
    "tests/ui/test_screens.py",
    "tests/e2e/test_custody_sample.py",
    "tests/ui/test_real_",
    "tests/e2e/",
    "tests/ui/",
    "tests/unit/test_custody_",
    "tests/unit/test_counter_recovery.py",
    "tests/device/",
)
"""The longest, by the beginning of their ids: begun last, one would keep a worker while others have nothing."""


def shared(test: str) -> str:
    """The group of the test with this id; alone it is its own."""
    file, _, name = test.partition("::")
    pattern = SHARED.get(file)
    if pattern is None:
        return test
    if not pattern:
        return file
    found = re.search(pattern, name)
    return f"{file} {found[1]}" if found else test


def rank(test: str) -> int:
    """Where its turn is; the smallest begin."""
    return next((place for place, start in enumerate(FIRST) if test.startswith(start)), len(FIRST))


class InTurn(LoadScopeScheduling):
    """Hands out whole groups, in the order of collection."""

    def __init__(self, config: Any, log: Any = None) -> None:
        super().__init__(config, log)
        config.option.loadscopereorder = False

    def _split_scope(self, nodeid: str) -> str:
        return shared(nodeid)
