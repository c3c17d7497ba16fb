"""``station phone``: a virtual phone on loopback, until interrupted. Prints one line ``ready {json}``."""

from __future__ import annotations

import argparse
import contextlib
import json
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from firmware_agent import release
from firmware_agent.signing.tree import is_public_key
from hw.virtual import agent_factory, agent_serve, faults, serve, user_data
from hw.virtual.agent_models import agent_models
from hw.virtual.models import Model, models, size_bytes
from hw.virtual.other_devices import KINDS
from station.errors import USAGE, StationError

HELP = "Serve a virtual phone over USB/IP (and fastboot-TCP) on loopback until interrupted."
_FACTORY_VERSION = "1.0.0"
_FACTORY_BOOT_BYTES = 1 << 20
MAX_BOOT_S = 3600


def arguments(parser: argparse.ArgumentParser) -> None:
    """The command's own arguments."""
    known = ", ".join([*models(), *agent_models(), *KINDS])
    parser.add_argument("--model", required=True, metavar="M", help=f"one of: {known}")
    parser.add_argument(
        "--serial", metavar="S", help="fastboot serial number of a new phone (default: random)"
    )
    parser.add_argument(
        "--mode",
        choices=["normal", "bootloader", "agent"],
        help="how it starts (default normal; a phone with an update agent has no other mode than that)",
    )
    parser.add_argument(
        "--state", type=Path, metavar="DIR", help="its flash, data and serials (default: a temporary one)"
    )
    parser.add_argument(
        "--firmware", type=Path, metavar="RELEASE_DIR",
        help="what a new phone leaves the factory with; for one with an update agent, a file: its image",
    )  # fmt: skip
    parser.add_argument(
        "--trust", type=Path, metavar="FILE",
        help="public key, in hex, of whoever signs updates for a new phone's update agent (default: nobody)",
    )  # fmt: skip
    parser.add_argument(
        "--usbip", type=_address, default=serve.LOOPBACK, metavar="H:P", help="default 127.0.0.1:0"
    )
    parser.add_argument(
        "--fastboot-tcp", type=_address, metavar="H:P", help="also answer fastboot over TCP there"
    )
    parser.add_argument(
        "--fault", action="append", default=[], metavar="SPEC", help=f"any of: {faults.SPECS}"
    )
    parser.add_argument(
        "--user-data", metavar="SEED", help="seed of a new phone's user data (default: its serial)"
    )
    parser.add_argument(
        "--user-data-size", type=_size, default=user_data.DEFAULT_SIZE_BYTES, metavar="SIZE",
        help="of a new phone's user data, about (default 24MiB, or what fits)",
    )  # fmt: skip
    parser.add_argument(
        "--locked", action="store_true", help="its bootloader is locked: nothing can be flashed"
    )
    parser.add_argument("--battery", type=int, metavar="PERCENT", help="charge (default 80)")
    parser.add_argument("--boot-delay", type=float, default=0.3, metavar="S", help="seconds a boot takes")
    parser.add_argument("--max-download", type=_size, metavar="SIZE", help="largest download it takes")


def run(args: argparse.Namespace) -> int:
    """Serve until SIGINT or SIGTERM."""
    if not serve.is_phone(args.model):
        with serve.ServedOther(args.model, args.usbip) as other:
            return _serve(other.ready)
    if args.battery is not None and not 0 <= args.battery <= 100:
        raise StationError("--battery takes percent, 0 to 100", USAGE)
    if not 0 <= args.boot_delay <= MAX_BOOT_S:  # refuses "nan", too
        raise StationError(f"--boot-delay takes seconds, 0 to {MAX_BOOT_S}", USAGE)
    if args.state is not None and args.state.exists() and not args.state.is_dir():
        raise StationError(f"{args.state}: not a folder", USAGE)
    if args.mode not in ((None, "agent") if args.model in agent_models() else (None, "normal", "bootloader")):
        raise StationError(f"--mode {args.mode}: a {args.model} has no such mode", USAGE)
    with contextlib.ExitStack() as stack:
        state = args.state or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="virtual-phone-")))
        if args.model in agent_models():
            return _serve(stack.enter_context(agent_serve.ServedAgent(_agent_options(args, state))).ready)
        work = Path(stack.enter_context(_scratch()))
        options = serve.Options(
            model=args.model,
            state=state.absolute(),
            firmware=_firmware(args.firmware, work),
            serial=args.serial,
            mode=args.mode or "normal",
            usbip=args.usbip,
            fastboot_tcp=args.fastboot_tcp,
            faults=tuple(args.fault),
            user_seed=args.user_data,
            user_bytes=args.user_data_size,
            locked=args.locked,
            battery_percent=args.battery,
            boot_s=args.boot_delay,
            max_download_bytes=args.max_download,
        )
        return _serve(stack.enter_context(serve.ServedPhone(options)).ready)


def _agent_options(args: argparse.Namespace, state: Path) -> agent_serve.AgentOptions:
    if args.fastboot_tcp is not None or args.locked or args.max_download is not None:
        raise StationError(
            f"a {args.model} has no bootloader: --fastboot-tcp, --locked and --max-download are not for it",
            USAGE,
        )
    return agent_serve.AgentOptions(
        model=args.model,
        state=state.absolute(),
        serial=args.serial,
        usbip=args.usbip,
        faults=tuple(args.fault),
        image=None if args.firmware is None else _read(args.firmware),
        public_key=_trusted(args.trust),
        user_seed=args.user_data,
        user_bytes=args.user_data_size,
        battery_percent=args.battery,
        boot_s=args.boot_delay,
    )


def _trusted(file: Path | None) -> bytes:
    if file is None:
        return agent_factory.NOBODY
    try:
        key = bytes.fromhex(_read(file).decode("ascii"))
    except ValueError:
        key = b""
    if not is_public_key(key):
        raise StationError(
            f"{file} is no LMS public key in hex, as 'station release keys --lms' prints it", USAGE
        )
    return key


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as exc:
        raise StationError(f"{file}: {exc.strerror}", USAGE) from exc


def _serve(ready: dict[str, object]) -> int:
    interruption = serve.Interruption()  # before anybody learns that there is something to interrupt
    print("ready", json.dumps(ready, ensure_ascii=False), flush=True)
    interruption.wait()
    print("station: the virtual phone is switched off", file=sys.stderr)
    return 0


@contextlib.contextmanager
def _scratch() -> Iterator[str]:
    with tempfile.TemporaryDirectory(prefix="factory-") as folder:
        yield folder


def _firmware(given: Path | None, work: Path) -> Callable[[Model], Path]:
    """The release directory a new phone is born with: the given one, or a small one made here and now."""
    return lambda model: given if given is not None else _factory_release(model, work)


def _factory_release(model: Model, work: Path) -> Path:
    boot = work / "boot.img"
    boot.write_bytes(
        f"boot image of {model.name} {_FACTORY_VERSION}\n".encode().ljust(_FACTORY_BOOT_BYTES, b"\0")
    )
    sources = {"boot": boot}
    for name in set(model.slotted) - {"boot", "vbmeta"}:
        folder = work / name
        (folder / "etc").mkdir(parents=True)
        (folder / "etc" / "about.txt").write_text(f"{name} of {model.name}, as from the factory\n", "utf-8")
        sources[name] = folder
    heading = release.Heading(
        model.name, model.variant, _FACTORY_VERSION, 1, {"zh": "出厂版本", "en": "Factory version"}
    )
    out = work / "release"
    release.build(heading, sources, work / "key.pem", out)
    return out


def _address(text: str) -> serve.Address:
    host, _, port = text.rpartition(":")
    if not host or not port.isdecimal() or len(port) > 5 or int(port) > 65535:
        raise argparse.ArgumentTypeError(f"{text!r} is not HOST:PORT")
    return host, int(port)


def _size(text: str) -> int:
    try:
        size = size_bytes(text)
    except Exception as exc:
        raise argparse.ArgumentTypeError(str(exc)) from exc
    if size <= 0:
        raise argparse.ArgumentTypeError("a size above zero is needed")
    return size
