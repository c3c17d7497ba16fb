"""Whatever happens in three shops, in any order: the counter's invariants hold in the database."""

from __future__ import annotations

import os

import pytest
from hypothesis import settings

from tests.custody_machine import Custody

WANTED = os.environ.get("CUSTODY_EXAMPLES", "")
pytestmark = [pytest.mark.timeout(0)] if WANTED else []  # a long search takes as long as was asked for

TestCustody = Custody.TestCase
TestCustody.settings = settings(max_examples=int(WANTED or 8), stateful_step_count=30)
