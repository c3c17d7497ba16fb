"""Small real releases, built once, and phones born with them."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conformance.rig import Rig, build_release, virtual_phone

Releases = dict[tuple[str, str], Path]
NewPhone = Callable[..., Rig]


@pytest.fixture(scope="session")
def releases(tmp_path_factory: pytest.TempPathFactory) -> Releases:
    """By (model, version): 1.0.0 with rollback index 1 and 2.0.0 with 2."""
    folder = tmp_path_factory.mktemp("releases")
    return {
        (name, version): build_release(folder, name, version, index)
        for name in ("heron", "wren")
        for version, index in (("1.0.0", 1), ("2.0.0", 2))
    }


@pytest.fixture
def new_phone(releases: Releases, tmp_path: Path) -> Iterator[NewPhone]:
    """``new_phone(model="wren", mode="bootloader", ...)``: a phone, switched off when the test ends."""
    with contextlib.ExitStack() as stack:

        def make(folder: str = "phone", **options: Any) -> Rig:
            firmware = releases[options.get("model", "heron"), "1.0.0"]
            return stack.enter_context(virtual_phone(tmp_path / folder, firmware, **options))

        yield make
