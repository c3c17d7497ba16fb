"""What may be written to which phone: the plan and the guard of the owner's data. Pure."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware_agent.errors import PartitionRefused
from firmware_agent.manifest import Part, Release, version_key
from firmware_agent.partitions import PROTECTED
from firmware_agent.plan import FlashPlan, Override, PlanRefused, UpToDate, check_partition, make_plan
from hw.proto.fastboot import PROTECTED_NAMES, PROTECTED_PREFIXES
from kiosk.flow.visit import BootFacts

MIB = 1024 * 1024
NAMES = ("boot", "system", "vendor", "vbmeta")
HERON = BootFacts(
    product="heron",
    serialno="S1",
    variant="cn",
    version="1.0.0",
    current_slot="a",
    slot_successful=True,
    unlocked=True,
    battery_percent=80,
    battery_soc_ok=True,
    rollback_index=1,
    max_download_bytes=256 * MIB,
    snapshot_update_status="none",
    slotted_partitions=frozenset(NAMES),
    partition_sizes={f"{name}_{slot}": 64 * MIB for name in NAMES for slot in "ab"} | {"userdata": 1 << 30},
)
WREN = replace(
    HERON,
    product="wren",
    current_slot=None,
    slot_successful=None,
    slotted_partitions=frozenset(),
    partition_sizes={"boot": 64 * MIB, "system": 64 * MIB, "vbmeta": MIB, "userdata": 1 << 30},
)


def release(
    model: str = "heron", names: tuple[str, ...] = ("vbmeta", "boot", "system"), **changes: object
) -> Release:
    parts = tuple(Part(name, f"images/{name}.img", MIB, "ab" * 32) for name in names)
    made = Release(model, "cn", "2.0.0", 2, 30, False, {"zh": "", "en": ""}, parts)
    return replace(made, **changes)  # type: ignore[arg-type]


def test_an_ab_phone_is_written_in_its_other_slot_and_sealed_last() -> None:
    plan = make_plan(HERON, release())
    assert isinstance(plan, FlashPlan)
    assert [write.partition for write in plan.writes] == ["boot_b", "system_b", "vbmeta_b"]
    assert (plan.set_active, plan.version_from, plan.version_to, plan.size_bytes) == (
        "b",
        "1.0.0",
        "2.0.0",
        3 * MIB,
    )
    other = make_plan(replace(HERON, current_slot="b"), release())
    assert isinstance(other, FlashPlan)
    assert other.set_active == "a"


def test_a_single_slot_phone_is_written_in_place() -> None:
    plan = make_plan(WREN, release("wren"))
    assert isinstance(plan, FlashPlan)
    assert plan.set_active is None
    assert [write.partition for write in plan.writes] == ["boot", "system", "vbmeta"]


@pytest.mark.parametrize("version", ["2.0.0", "2.0", "2"])
def test_the_same_version_is_up_to_date_however_it_is_written(version: str) -> None:
    assert make_plan(replace(HERON, version=version), release()) == UpToDate("2.0.0")


@pytest.mark.parametrize(
    ("facts", "made", "reason"),
    [
        (HERON, release("wren"), "wrong_model"),
        (replace(HERON, variant="eu"), release(), "wrong_variant"),
        (replace(HERON, variant=None), release(), "wrong_variant"),
        (replace(HERON, unlocked=False), release(), "bootloader_locked"),
        (replace(HERON, unlocked=None), release(), "bootloader_locked"),
        (replace(HERON, battery_percent=29), release(), "battery_low"),
        (replace(HERON, battery_soc_ok=False), release(), "battery_low"),
        (replace(HERON, battery_percent=None, battery_soc_ok=None), release(), "battery_low"),
        (replace(HERON, rollback_index=3), release(), "rollback"),
        (HERON, release(wipes_data=True), "wipes_data"),
        (
            HERON,
            release(partitions=(Part("boot", "images/boot.img", 65 * MIB, "ab" * 32),)),
            "too_big_for_partition",
        ),
        (replace(HERON, max_download_bytes=None), release(), "no_max_download"),
        (replace(HERON, max_download_bytes=4096), release(), "no_max_download"),
        (replace(HERON, snapshot_update_status="merging"), release(), "snapshot_merging"),
        (replace(HERON, snapshot_update_status="snapshotted"), release(), "snapshot_merging"),
        (replace(HERON, current_slot=None), release(), "slot_state"),
        (replace(HERON, slot_successful=False), release(), "slot_state"),
        (HERON, release(names=("boot", "userdata")), "protected_partition"),
        (HERON, release(names=("boot", "UserData_b")), "protected_partition"),
        (HERON, release(names=("boot", "odm")), "unknown_partition"),
        (WREN, release("wren", names=("boot", "vendor")), "unknown_partition"),
        (replace(HERON, version="3.0.0"), release(), "downgrade"),
    ],
)
def test_each_reason_to_refuse(facts: BootFacts, made: Release, reason: str) -> None:
    outcome = make_plan(facts, made)
    assert isinstance(outcome, PlanRefused)
    assert outcome.reason == reason
    assert outcome.detail
    assert "\n" not in outcome.detail


def test_staff_can_waive_the_battery_but_never_the_lock() -> None:
    override = Override(frozenset({"battery_low", "downgrade"}), "17")
    assert isinstance(make_plan(replace(HERON, battery_percent=5), release(), override), FlashPlan)
    assert isinstance(make_plan(replace(HERON, version="3.0.0"), release(), override), FlashPlan)
    locked = make_plan(replace(HERON, unlocked=False), release(), override)
    assert isinstance(locked, PlanRefused)


@pytest.mark.parametrize(
    "name", ["userdata", "USERDATA", "userdata_a", "metadata_b", "persist", "frp", "efs"]
)
def test_the_owners_partitions_are_never_written(name: str) -> None:
    with pytest.raises(PartitionRefused) as refused:
        check_partition(name)
    assert refused.value.reason == "protected_partition"


@pytest.mark.parametrize("name", ["modemst1", "nvram", "nvdata_a", "persist_b", "MODEMST2"])
def test_what_belongs_to_one_device_is_never_written(name: str) -> None:
    with pytest.raises(PartitionRefused):
        check_partition(name)


@pytest.mark.parametrize("suffix", ["", "_a", "_b", "_c"])
@pytest.mark.parametrize("name", sorted({*PROTECTED_NAMES, *PROTECTED_PREFIXES}))
def test_what_the_fastboot_core_would_refuse_is_refused_before_consent(name: str, suffix: str) -> None:
    with pytest.raises(PartitionRefused):
        check_partition(name + suffix)


@pytest.mark.parametrize("name", ["", "a b", "../boot", "x" * 37, "boot:raw", "boot\n", "系统"])
def test_what_is_no_partition_name_is_refused(name: str) -> None:
    with pytest.raises(PartitionRefused) as refused:
        check_partition(name)
    assert refused.value.reason == "unknown_partition"


def test_ordinary_partitions_pass() -> None:
    for name in (*NAMES, "boot_a", "system_b", "vendor_boot", "dtbo", "modem"):
        check_partition(name)


@settings(max_examples=150, deadline=None)
@given(
    names=st.lists(
        st.sampled_from([*sorted(PROTECTED), *NAMES, "nvram", "odm"]), min_size=1, max_size=4, unique=True
    ),
    suffix=st.sampled_from(["", "_a", "_b"]),
    upper=st.booleans(),
)
def test_no_plan_ever_names_a_protected_partition(names: list[str], suffix: str, upper: bool) -> None:
    spelled = tuple((name + suffix).upper() if upper else name + suffix for name in names)
    facts = replace(
        HERON, slotted_partitions=frozenset(spelled), partition_sizes=dict.fromkeys(spelled, 1 << 40)
    )
    outcome = make_plan(facts, release(names=spelled))
    if isinstance(outcome, FlashPlan):
        for write in outcome.writes:
            check_partition(write.partition)


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.integers(0, 99), min_size=1, max_size=4), st.lists(st.integers(0, 99), min_size=1, max_size=4)
)
def test_versions_are_ordered_as_numbers(one: list[int], other: list[int]) -> None:
    width = max(len(one), len(other))
    padded = [[*numbers, *[0] * (width - len(numbers))] for numbers in (one, other)]
    keys = [version_key(".".join(map(str, numbers))) for numbers in (one, other)]
    assert (keys[0] < keys[1]) == (padded[0] < padded[1])
