"""Every machine name of why a visit ended otherwise than updated. The screens have words for each."""

from __future__ import annotations

BEFORE_WRITING = frozenset(
    [
        "battery_low",
        "bootloader_locked",
        "cancelled",
        "consent_refused",
        "downgrade",
        "foreign_device",
        "keys_timeout",
        "left_bootloader",
        "no_answer",
        "no_file_transfer",
        "no_max_download",
        "no_phone",
        "no_release",
        "not_unlocked",
        "our_error",
        "phone_error",
        "phone_silent",
        "protected_partition",
        "rollback",
        "slot_state",
        "snapshot_merging",
        "swapped",
        "too_big_for_partition",
        "unknown_model",
        "unknown_partition",
        "unplugged",
        "unsupported_mode",
        "up_to_date",
        "will_not_start",
        "wipes_data",
        "wrong_model",
        "wrong_variant",
    ]
)
"""The phone is untouched."""

RELEASE_BROKEN = frozenset(
    [
        "bad_manifest",
        "hash_mismatch",
        "image_changed",
        "image_missing",
        "image_truncated",
        "image_unreadable",
        "release_changed",
    ]
)
"""The update's files are not what they should be; found before the first write, or on resuming."""

NOT_FETCHED = frozenset(
    [
        "bad_delta",
        "bad_hash",
        "bad_index",
        "bad_memory",
        "bad_mirror",
        "bad_mirrors",
        "bad_pieces",
        "bad_rollout",
        "bad_root",
        "bad_store",
        "bad_visit",
        "cache_unwritable",
        "cannot_read",
        "cannot_write",
        "catalogue_expired",
        "catalogue_refused",
        "clock_behind",
        "contradiction",
        "delta_wrong",
        "disk_full",
        "download_failed",
        "download_wrong",
        "no_base",
        "no_catalogue",
        "no_room",
        "no_target",
        "other_base",
        "other_model",
        "other_result",
        "stopped",
        "too_long",
        "too_many_pins",
        "withdrawn",
        "wrong_result",
    ]
)
"""The update could not be brought here; before the first write, or when a station took up a half-written phone."""

AFTER_WRITING = frozenset(
    [
        "boot_failed",
        "link_unstable",
        "our_error",
        "phone_did_not_return",
        "phone_error",
        "reboot_failed",
        "slot_mismatch",
        "slot_not_successful",
        "swapped",
        "switch_failed",
        "user_data_changed",
        "user_data_missing",
        "user_data_not_checked",
        "user_data_unreadable",
        "version_mismatch",
        "version_not_confirmed",
        "write_failed",
    ]
)
"""Needs staff."""

REASONS = BEFORE_WRITING | RELEASE_BROKEN | NOT_FETCHED | AFTER_WRITING
