"""Sample desks: one believable moment of every screen, for the gallery and for tests. No flow, no device."""

from __future__ import annotations

from dataclasses import replace

from kiosk.flow.view import CallView, DeskView, FetchView, JobView, Screen, UserDataView
from kiosk.ui.sample import Sample, desk_view
from kiosk.ui.samples_counter import counter_samples
from kiosk.ui.samples_staff import staff_samples

__all__ = ["Sample", "desk_view"]

NOT_SEEN = ("apps", "messages", "call_log", "settings")
COUNTED = UserDataView(before=1204, bytes_before=9_400_000_000, not_seen=NOT_SEEN)
PARTLY_READ = replace(COUNTED, after=1206, identical=1204, hashed=862, added=2)
ALL_READ = UserDataView(
    before=48, after=48, identical=48, hashed=48, bytes_before=310_000_000, not_seen=NOT_SEEN
)
DAMAGED = replace(COUNTED, after=1203, identical=1201, hashed=862, changed=2, missing=1)
NOTES = {
    "zh": "拍夜景更清楚\n电池更耐用，待机更久\n修复了通话时偶尔没声音的问题",
    "en": "Clearer pictures at night\nThe battery lasts longer on standby\nCalls no longer lose sound now and then",
}
PHASES = ("fetch", "write", "restart", "check", "confirm")
DELTA = FetchView("delta", "base_here", "1.4.2", 18_400_000, 1_340_000_000)
WHOLE = FetchView("full", "no_base", "", 1_340_000_000, 1_340_000_000)
HERE = FetchView("cached", "images_here", "", 0, 1_340_000_000)

BASE = JobView(
    visit="01HZX3V5Q0J8M4T7",
    bay="usb:1-1.2",
    bay_number=2,
    screen=Screen.CONNECT,
    step=1,
    steps=6,
    model="heron",
    model_names={"zh": "流明 鹭", "en": "Lumen Heron"},
    keys=("power", "volume_down"),
    version_from="1.4.2",
    version_to="2.0.0",
    notes=NOTES,
    battery_percent=76,
    bytes_to_send=1_340_000_000,
    fetch=DELTA,
    minutes_estimate=6,
    phases=PHASES,
    phone_present=True,
    can_cancel=True,
)


def job(screen: Screen, **changes: object) -> JobView:
    """The sample visit at ``screen``."""
    return replace(BASE, screen=screen, **changes)  # type: ignore[arg-type]


def _visit_samples() -> list[Sample]:
    late = {"written": True, "can_cancel": False, "user_data": COUNTED}
    ended = {"finished": True, "can_cancel": False}
    fetching = {"step": 5, "user_data": COUNTED}
    moments: dict[str, JobView] = {
        "connect": job(Screen.CONNECT, phone_present=False, model="", attention=True),
        "recognising": job(Screen.RECOGNISING),
        "unlock": job(Screen.UNLOCK, step=2, attention=True),
        "inventory": job(Screen.INVENTORY, step=2, user_data=replace(COUNTED, before=837)),
        "keys": job(Screen.KEYS, step=3, attention=True),
        "keys_wren": job(
            Screen.KEYS,
            step=3,
            attention=True,
            model="wren",
            keys=("power", "volume_up"),
            model_names={"zh": "流明 鹪", "en": "Lumen Wren"},
        ),
        "identifying": job(Screen.IDENTIFYING, step=3),
        "plan": job(Screen.PLAN, step=4, attention=True, user_data=COUNTED),
        "plan_whole": job(
            Screen.PLAN, step=4, attention=True, user_data=COUNTED, fetch=WHOLE, minutes_estimate=15
        ),
        "plan_here": job(Screen.PLAN, step=4, attention=True, user_data=COUNTED, fetch=HERE),
        "backup": job(Screen.BACKUP, step=4, attention=True, user_data=COUNTED),
        "fetching": job(
            Screen.FETCHING,
            phase="fetch",
            percent=9,
            seconds_left=7,
            fetch=replace(DELTA, done_bytes=7_900_000),
            **fetching,
        ),
        "fetching_whole": job(
            Screen.FETCHING,
            phase="fetch",
            percent=31,
            seconds_left=324,
            fetch=replace(WHOLE, done_bytes=692_000_000),
            **fetching,
        ),
        "fetching_check": job(
            Screen.FETCHING,
            phase="fetch",
            percent=14,
            fetch=replace(DELTA, done_bytes=DELTA.bytes),
            **fetching,
        ),
        "fetching_away": job(
            Screen.FETCHING,
            phase="fetch",
            percent=11,
            fetch=replace(DELTA, done_bytes=9_800_000),
            **(fetching | {"phone_present": False, "attention": True, "deadline_s": 17}),
        ),
        "progress": job(Screen.PROGRESS, step=5, phase="write", percent=43, seconds_left=164, **late),
        "progress_resumed": job(Screen.PROGRESS, step=5, phase="restart", percent=71, resumed=True, **late),
        "await_phone": job(
            Screen.AWAIT_PHONE,
            step=5,
            percent=43,
            attention=True,
            deadline_s=843,
            phone_present=False,
            **late,
        ),
        "unlock_again": job(Screen.UNLOCK_AGAIN, step=6, percent=82, attention=True, **late),
        "checking": job(Screen.CHECKING, step=6, percent=88, **late),
        "keys_again": job(Screen.KEYS_AGAIN, step=6, percent=95, attention=True, **late),
        "result": job(
            Screen.RESULT,
            step=6,
            percent=100,
            slip="PSS1:3:0041:01HZX3V5Q0J8M4T7",
            **(late | ended | {"user_data": PARTLY_READ}),
        ),
        "result_all": job(
            Screen.RESULT,
            step=6,
            percent=100,
            slip="PSS1:3:0041:01HZX3V5Q0J8M4T7",
            **(late | ended | {"user_data": ALL_READ}),
        ),
        "up_to_date": job(Screen.UP_TO_DATE, step=6, version_from="2.0.0", **ended),
        "locked": job(Screen.LOCKED, step=3, reason="bootloader_locked", **ended),
        "refused": job(Screen.REFUSED, step=4, reason="battery_low", **ended),
        "refused_line": job(Screen.REFUSED, step=5, reason="download_failed", percent=14, **ended),
        "cancelled": job(Screen.CANCELLED, step=4, reason="consent_refused", **ended),
        "needs_staff": job(
            Screen.NEEDS_STAFF,
            step=6,
            reason="user_data_missing",
            percent=90,
            **(late | ended | {"user_data": DAMAGED}),
        ),
        "needs_staff_called": job(
            Screen.NEEDS_STAFF,
            step=5,
            reason="write_failed",
            percent=43,
            call=CallView("acknowledged", 1_700_000_000_000, "李敏"),
            **(late | ended),
        ),
    }
    return [Sample(name, desk_view(one)) for name, one in moments.items()]


def _station_samples() -> list[Sample]:
    updating = job(
        Screen.PROGRESS,
        bay_number=1,
        visit="01HZX3V5Q0J8M4T6",
        phase="write",
        percent=43,
        can_cancel=False,
        step=5,
    )
    waiting = job(
        Screen.AWAIT_PHONE, percent=61, attention=True, phone_present=False, can_cancel=False, step=5
    )
    done = job(Screen.RESULT, finished=True, percent=100, can_cancel=False, user_data=PARTLY_READ, step=6)
    connect = job(Screen.CONNECT, phone_present=False, model="")
    called = CallView("sent", 1_700_000_000_000)
    return [
        Sample("asleep", desk_view(), "asleep"),
        Sample("attract", desk_view(), "attract"),
        Sample("home", desk_view(), "home"),
        Sample("home_busy", desk_view(updating), "home"),
        Sample("home_full", desk_view(updating, waiting), "home"),
        Sample("home_called", desk_view(call=called), "home"),
        Sample("home_called_offline", desk_view(call=called, hq_online=False), "home"),
        Sample("cover", desk_view(updating, waiting), "cover"),
        Sample("forgotten", desk_view(done), "forgotten"),
        Sample("sheet_stop", desk_view(job(Screen.PLAN, step=4, user_data=COUNTED)), sheet="cancel"),
        Sample("sheet_size", desk_view(job(Screen.PLAN, step=4, user_data=COUNTED)), sheet="size"),
        Sample("sheet_idle", desk_view(connect), sheet="idle"),
    ]


def every_sample() -> list[Sample]:
    """All moments, in the order a customer may meet them."""
    return _station_samples() + _visit_samples() + counter_samples() + staff_samples()


class SampleDesk:
    """A desk that shows one view and remembers what was asked of it."""

    def __init__(self, view: DeskView) -> None:
        self.shown = view
        self.asked: list[tuple[str, ...]] = []

    def view(self) -> DeskView:
        return self.shown

    def begin(self, language: str) -> str | None:
        self.asked.append(("begin", language))
        return next((one.visit for one in self.shown.jobs), None)

    def consent(self, visit: str, text_version: str, language: str) -> None:
        self.asked.append(("consent", visit, text_version, language))

    def decline(self, visit: str) -> None:
        self.asked.append(("decline", visit))

    def backup(self, visit: str, choice: str) -> None:
        self.asked.append(("backup", visit, choice))

    def cancel(self, visit: str) -> None:
        self.asked.append(("cancel", visit))

    def call_manager(self, visit: str | None) -> None:
        self.asked.append(("call_manager", visit or ""))

    def finish(self, visit: str) -> None:
        self.asked.append(("finish", visit))
