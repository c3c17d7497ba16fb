"""Whatever happens in two shops, in any order: the counter's invariants hold in the database."""

from __future__ import annotations

import os

from hypothesis import settings

from tests.custody_machine import Custody

TestCustody = Custody.TestCase
TestCustody.settings = settings(
    max_examples=int(os.environ.get("CUSTODY_EXAMPLES", "8")), stateful_step_count=30
)
