"""The address only the simulated customer uses: JSON lines over TCP on loopback; server and client.

It moves hands (keys, cable, screen lock), never bytes: nothing a real station could call goes through here.
"""

from __future__ import annotations

import contextlib
import json
import socket
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Protocol, Self

from hw.virtual.errors import NoAnswer, VirtualPhoneError
from hw.virtual.listener import Listener

_LINE_BYTES = 65536
_MAX_WAIT_S = 3600.0
_GRACE_S = 5.0  # the client waits this much longer than the wait it asked for


class Hands(Protocol):
    """What a customer can do to a phone; :class:`hw.virtual.phone.VirtualPhone` has it."""

    def status(self) -> dict[str, Any]: ...
    def wait_for(self, conditions: Mapping[str, Any], timeout_s: float) -> bool: ...
    def act(self, action: str, argument: Mapping[str, Any]) -> None: ...


def meets(status: Mapping[str, Any], conditions: Mapping[str, Any]) -> bool:
    """Whether every status value is the given one; ``{"at_least": n}`` compares numbers."""
    for name, wanted in conditions.items():
        value = status.get(name)
        if isinstance(wanted, dict) and isinstance(wanted.get("at_least"), (int, float)):
            if not isinstance(value, (int, float)) or value < wanted["at_least"]:
                return False
        elif value != wanted:
            return False
    return True


class ControlServer:
    """Serves :class:`Hands` on loopback, one thread per connection."""

    def __init__(self, phone: Hands, host: str = "127.0.0.1", port: int = 0) -> None:
        self._phone = phone
        self._listener = Listener((host, port), "control", self._serve)
        self.address = self._listener.address

    def start(self) -> None:
        """Begin to answer."""
        self._listener.start()

    def stop(self) -> None:
        """Stop answering and free the port."""
        self._listener.stop()

    def _serve(self, sock: socket.socket) -> None:
        with sock.makefile("rwb") as stream:
            while line := stream.readline(_LINE_BYTES):
                stream.write(json.dumps(self.answer(line), ensure_ascii=False).encode() + b"\n")
                stream.flush()
                if not line.endswith(b"\n"):
                    return  # an over-long line: what follows cannot be told apart

    def answer(self, line: bytes) -> dict[str, Any]:
        """One request line to one answer; never raises for what the peer sent."""
        try:
            request = json.loads(line)
            if not isinstance(request, dict) or not isinstance(request.get("do"), str):
                return {"ok": False, "error": 'a request is one JSON object with "do"'}
            return self._perform(request)
        except (ValueError, RecursionError):
            return {"ok": False, "error": "that line is not JSON, or a value in it is out of range"}
        except VirtualPhoneError as exc:
            return {"ok": False, "error": exc.detail}

    def _perform(self, request: dict[str, Any]) -> dict[str, Any]:
        action = request["do"]
        if action == "wait":
            conditions = request.get("for")
            timeout_s = request.get("timeout_s", 30)
            if not isinstance(conditions, dict) or not isinstance(timeout_s, (int, float)):
                return {"ok": False, "error": '"wait" takes "for": {...} and "timeout_s": seconds'}
            unknown = sorted(set(conditions) - set(self._phone.status()))
            if unknown:
                return {"ok": False, "error": f"the status has no {', '.join(unknown)}"}
            if not self._phone.wait_for(conditions, min(float(timeout_s), _MAX_WAIT_S)):
                wanted = ", ".join(f"{name} {value}" for name, value in conditions.items())
                status = self._phone.status()
                is_now = {name: status.get(name) for name in conditions}
                error = f"after {timeout_s} s the phone is not yet {wanted}; it is {is_now}"
                return {"ok": False, "error": error, "status": status}
        elif action != "status":
            self._phone.act(action, request)
        return {"ok": True, "status": self._phone.status()}


class Customer:
    """The simulated customer: one method per thing a hand can do. Each returns the phone's status.

    Raises :class:`hw.virtual.errors.NoAnswer` when the phone refuses or does not answer. Thread-safe: every
    call has a connection of its own, so that one thread may wait while another acts.
    """

    def __init__(self, control: str, timeout_s: float = 30.0) -> None:
        host, _, port = control.rpartition(":")
        self._address = (host, int(port))
        self._timeout_s = timeout_s

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Nothing is held between calls; here for ``with``."""

    def _ask(self, request: dict[str, Any], timeout_s: float | None = None) -> dict[str, Any]:
        limit_s = self._timeout_s if timeout_s is None else timeout_s
        try:
            with socket.create_connection(self._address, limit_s) as sock:
                sock.settimeout(limit_s)
                sock.sendall(json.dumps(request).encode() + b"\n")
                with contextlib.closing(sock.makefile("rb")) as stream:
                    answer = json.loads(stream.readline(_LINE_BYTES))
        except (OSError, ValueError) as exc:
            raise NoAnswer(f"the virtual phone's control address did not answer: {exc}") from exc
        if not isinstance(answer, dict) or answer.get("ok") is not True:
            raise NoAnswer(str(answer.get("error") if isinstance(answer, dict) else answer))
        status: dict[str, Any] = answer["status"]
        return status

    def status(self) -> dict[str, Any]:
        """The phone as it is now."""
        return self._ask({"do": "status"})

    def hold_keys(self) -> dict[str, Any]:
        """Power off, then on with the bootloader keys held."""
        return self._ask({"do": "hold_keys"})

    def restart(self) -> dict[str, Any]:
        """An ordinary power cycle; also switches on a phone that is off."""
        return self._ask({"do": "restart"})

    def unlock(self) -> dict[str, Any]:
        """Unlock the screen and allow file transfer."""
        return self._ask({"do": "unlock"})

    def lock(self) -> dict[str, Any]:
        """Lock the screen and take file transfer back."""
        return self._ask({"do": "lock"})

    def power_cut(self) -> dict[str, Any]:
        """Take its power away at once; it stays off until :meth:`restart`. Phones with an update agent only."""
        return self._ask({"do": "power_cut"})

    def factory_reset(self, by: str = "settings") -> dict[str, Any]:
        """The phone's own reset: by "settings", which signs its account out, or by "recovery", which does not."""
        return self._ask({"do": "factory_reset", "by": by})

    def delete_files(self, count: int) -> dict[str, Any]:
        """What somebody does who calls it a reset: delete that many files on the screen."""
        return self._ask({"do": "delete_files", "count": count})

    def sign_in(self) -> dict[str, Any]:
        """Sign in with the owner's account; a reset by recovery then asks for it again."""
        return self._ask({"do": "sign_in"})

    def sign_out(self) -> dict[str, Any]:
        """Sign the account out."""
        return self._ask({"do": "sign_out"})

    def set_up(self) -> dict[str, Any]:
        """Go through the set-up assistant; refused while it asks for the earlier owner's account."""
        return self._ask({"do": "set_up"})

    def unplug(self) -> dict[str, Any]:
        """Pull the cable; the phone stays powered."""
        return self._ask({"do": "unplug"})

    def replug(self) -> dict[str, Any]:
        """Put the cable back."""
        return self._ask({"do": "replug"})

    def battery(self, percent: int) -> dict[str, Any]:
        """Set the charge, 0 to 100 percent."""
        return self._ask({"do": "battery", "percent": percent})

    def fault(self, spec: str) -> dict[str, Any]:
        """Arm a fault (:data:`hw.virtual.faults.SPECS`); ``"none"`` disarms all."""
        return self._ask({"do": "fault", "spec": spec})

    def wait(self, timeout_s: float = 30.0, **conditions: object) -> dict[str, Any]:
        """Wait until every named status value is as given, e.g. ``wait(10, mode="bootloader")``.

        ``wait(10, writes={"at_least": 5})`` compares numbers.
        """
        return self._ask(
            {"do": "wait", "for": conditions, "timeout_s": timeout_s}, timeout_s=timeout_s + _GRACE_S
        )
