"""How long each part of a visit may take. Seconds throughout; the station's settings may change them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds. The first group waits for a person, the second for the phone."""

    connect_s: float = 180.0
    replug_s: float = 20.0  # before the first write: a short loss of the cable
    unlock_s: float = 300.0
    keys_s: float = 300.0
    consent_s: float = 300.0
    await_phone_s: float = 900.0  # after the first write: until the phone is back
    unlock_again_s: float = 900.0
    keys_again_s: float = 900.0
    answer_s: float = 60.0  # one question to the phone
    inventory_s: float = 1800.0
    prepare_s: float = 180.0  # the catalogue's answer
    fetch_silence_s: float = 120.0  # not a byte came; there is no limit while they come
    write_silence_s: float = 330.0  # no byte acknowledged and no answer
    restart_s: float = 240.0
    leave_s: float = 30.0
