"""Another time for ngclient, which reads the machine's clock itself."""

from __future__ import annotations

import datetime as real
from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace

import pytest
from tuf.ngclient._internal import trusted_metadata_set


@contextmanager
def later(**delta: float) -> Iterator[None]:
    """As if it were that much later, for what ngclient begins to verify within the block."""
    shift = real.timedelta(**delta)

    class Shifted(real.datetime):
        @classmethod
        def now(cls, tz: real.tzinfo | None = None) -> real.datetime:
            return real.datetime.now(tz) + shift

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            trusted_metadata_set, "datetime", SimpleNamespace(datetime=Shifted, timezone=real.timezone)
        )
        yield
