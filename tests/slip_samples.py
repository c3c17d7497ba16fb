"""One of every slip and label, with values as they occur; for tests that lay them out, print them or draw them."""

from __future__ import annotations

from kiosk.flow.counter import slips
from kiosk.flow.counter.paper_record import COPIES, EraseRecord, ManifestLine, ManifestRecord, Say
from kiosk.flow.counter.slip_words import say

AT_MS = 1_795_334_400_000  # 2026-11-22 16:00 in Shanghai
ULID = "01KASQ7T3WZ8X2Y4N6P8R0S2T4"
HEAD = slips.Head("深圳华强北店 SZ-001", AT_MS, "Asia/Shanghai", "4008100000")
CODE = f"https://hq.example/v/{ULID}"


def erase_record(**changes: object) -> EraseRecord:
    """A certified erase, but for ``changes``."""
    values: dict[str, object] = {
        "certificate": "C-2026-000317", "trade": ULID, "brand": "Heron", "model": "heron", "serial": "HRN0012345",
        "imei": "490154203237518", "technique": "fastboot_erase", "outcome": "certified", "staff": "1007",
        "role": "technician", "at_ms": AT_MS, "zone": "Asia/Shanghai", "station": "SZ-001", "entry": CODE,
        "tool": "phone-service-station 0.5.0", "wizard": True, "files_after": 0,
    }  # fmt: skip
    return EraseRecord(**{**values, **changes})  # type: ignore[arg-type]


def manifest_record() -> ManifestRecord:
    """Twenty-three items to one processor."""
    return ManifestRecord(
        manifest=ULID, processor="绿环再生资源(深圳)有限公司", licence="粤环许 2026-0188", licence_until="2027-06-30",
        lines=(
            ManifestLine("phone", 12, 2_215, "UN3481"), ManifestLine("battery", 7, 640, "UN3480"),
            ManifestLine("charger", 4, 390),
        ),
        seals=("SEAL-000123", "SEAL-000124"), staff=("1007", "2001"), at_ms=AT_MS, zone="Asia/Shanghai",
        station="SZ-001", code=CODE, lithium_g=2_855, carrier="顺丰速运", vehicle="粤B·12345", by="road",
        hotline="4008100000",
    )  # fmt: skip


def all_slips(language: str) -> dict[str, slips.Slip]:
    """Every kind by its name."""
    words: Say = say(language)
    quote = (("base", 210_000, None), ("grade", -31_500, 8500), ("screen_crack", -52_500, 2500),
             ("battery_weak", -16_800, 800))  # fmt: skip
    made = {
        "drop": slips.drop_receipt(
            slips.DropReceipt(
                HEAD, ULID, (("phone", 172), ("battery", 45), ("charger", 88)), 274, "EU 2019/2193", CODE
            ),
            words,
        ),
        "offer": slips.trade_offer_slip(
            slips.TradeOffer(
                HEAD, ULID, "Heron 5 128 GB", "7518", "B", quote, 109_200, "2026-3", "2026-1", AT_MS + 1_800_000, CODE,
                new_price_fen=399_900, to_pay_fen=290_700,
            ),
            words,
        ),
        "label": slips.trade_label(
            slips.TradeLabel(HEAD, ULID, "Heron 5 128 GB", "490154203237518", 172, "B", "erased"), words
        ),
        "swollen": slips.trade_label(
            slips.TradeLabel(HEAD, ULID, "Wren 2", "490154203237518", 160, "E", "destroy", swollen=True), words
        ),
        "seal": slips.seal_label(
            slips.SealLabel(HEAD, "SEAL-000123", ULID, "Heron 5 128 GB", "7518", AT_MS + 30 * 86_400_000), words
        ),
        "settlement": slips.settlement_slip(
            slips.Settlement(
                HEAD, ULID, "Heron 5 128 GB", 105_000, "top_up", CODE, new_price_fen=50_000, voucher_fen=55_000,
                voucher="V1" + "ABCDEFGHJKMNPQRSTVWXYZ234567" * 5, voucher_until_ms=AT_MS + 365 * 86_400_000,
            ),
            words,
        ),
        "cash": slips.settlement_slip(
            slips.Settlement(HEAD, ULID, "Heron 5 128 GB", 109_200, "cash", CODE, paid_fen=109_200), words
        ),
        "bin": slips.bin_label(
            slips.BinLabel(HEAD, "B2-000045", ("battery",), 31, 2_480, ("UN3480",)), words
        ),
        "hazard": slips.bin_label(
            slips.BinLabel(HEAD, "Q-000007", ("battery",), 1, 45, ("UN3480",), "swollen"), words
        ),
        "shift": slips.shift_slip(
            slips.ShiftRecord(
                HEAD, "1007", AT_MS - 28_800_000, 6, 312_000, 290_700, 178_700, 178_600, "2001", "少一张一元", CODE,
                put_in_fen=100_000, taken_fen=50_000, carried_fen=150_000,
            ),
            words,
        ),
        "certificate": slips.erase_certificate_slip(erase_record(), say("zh"), say("en")),
        "failed": slips.erase_certificate_slip(erase_record(outcome="failed", files_after=200, wizard=False), words),
    }  # fmt: skip
    record = manifest_record()
    return made | {f"manifest-{copy}": slips.manifest_slip(record, words, copy) for copy in COPIES}
