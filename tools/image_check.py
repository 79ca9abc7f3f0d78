"""Builds the container image, runs it as a cluster would, and holds it to what is said of it.

    python tools/image_check.py

The containers run as the image's user in namespaces of their own, with a read-only root, no capabilities and no way to
new privileges; the network is the machine's. A gateway is started against the emulator's image, a call is placed, its
audio is streamed to an endpoint here, and the gateway is stopped and started again on the same data.
"""

import argparse
import asyncio
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from gateway.emulator.certificates import Certificates, make_certificates  # noqa: E402 - after the path
from gateway.emulator.sink import AudioSink, SinkOptions  # noqa: E402
from tools.image_build import BASE, BuildFailed, build, buildah, ensure_base, missing_tools, mounted  # noqa: E402

GATEWAY, EMULATOR = "localhost/callstream:check", "localhost/callstream-emulator:check"
VARIANTS = {GATEWAY: "runtime", EMULATOR: "emulator"}
# On the base that is made here. Another base's Python may come with symbols.
LARGEST_MB = {GATEWAY: 105.0, EMULATOR: 140.0}
SYMBOLS_MB = 30.0
USER = 65532
DATA = "var/lib/callstream"
PATIENCE = 30.0
AUDIO_MS = 200.0
HEALTH_CHECKS = 20
# What a container runtime sets up, in the order in which it does: mounts, then no new privileges, then root and user.
ENTER = """\
set -eu
root=$1 data=$2; shift 2
mount --bind "$root" "$root"
mount -t proc proc "$root/proc"
mount -t tmpfs -o mode=755 dev "$root/dev"
for device in null zero full random urandom; do
    : > "$root/dev/$device"
    mount --bind /dev/$device "$root/dev/$device"
done
for file in resolv.conf hosts; do mount --bind /etc/$file "$root/etc/$file"; done
mount --bind "$data" "$root/var/lib/callstream"
mount -o remount,ro,bind "$root"
exec setpriv --no-new-privs --bounding-set=-all,+sys_chroot,+setuid,+setgid -- \
    chroot --userspec="$USER_ID:$USER_ID" --groups= "$root" "$@"
"""
# Run inside: what the process is, and where it can write.
PROBE = """\
import importlib, json, os, pathlib, pkgutil, sys
status = dict(line.split(":\\t", 1) for line in open("/proc/self/status").read().splitlines() if ":\\t" in line)
def writable(directory):
    path = pathlib.Path(directory, "probe")
    try:
        path.write_text("x")
    except OSError as error:
        return error.strerror
    path.unlink()
    return "writable"
PLACES = ("/", "/etc", "/opt/callstream", "/usr", "/var", "/tmp", "/var/lib/callstream")
names = ["gateway"] + [m.name for p in ("gateway", "callstream")
         for m in pkgutil.walk_packages(importlib.import_module(p).__path__, p + ".")]
broken = {}
for name in names:
    try:
        importlib.import_module(name)
    except ImportError as error:
        broken[name] = str(error)
import ssl
print(json.dumps({
    "uid": os.getuid(), "gid": os.getgid(), "groups": os.getgroups(),
    "capabilities": status["CapEff"].strip(), "no_new_privileges": status["NoNewPrivs"].strip(),
    "writable": {place: writable(place) for place in PLACES},
    "authorities": ssl.create_default_context().cert_store_stats()["x509_ca"],
    "modules": len(names), "broken": broken,
}))
"""
OF_OTHER_EXTRAS = {"gateway.telemetry.tracing"}
"""Modules that need what EXTRAS=tracing brings."""
UNWANTED = ("bash", "sh", "dash", "busybox", "apt", "apt-get", "dpkg", "perl", "pip", "pip3", "gcc", "cc", "ld", "make")


class CheckFailed(Exception):
    """The image is not what is said of it."""


def expect(condition: bool, claim: str, seen: Any = "") -> None:
    """Prints a claim that holds.

    Raises:
        CheckFailed: It does not.
    """
    if not condition:
        raise CheckFailed(f"{claim}: not so. Seen: {seen}")
    print(f"  {claim}", flush=True)


class Container:
    """One root with a data volume, in which commands run as the image says."""

    def __init__(self, root: Path, config: Mapping[str, Any], data: Path, environ: Mapping[str, str]) -> None:
        self.root, self.config, self.data = root, config, data
        self.environ = {**dict(entry.split("=", 1) for entry in config["Env"]), **environ, "USER_ID": str(USER)}
        for name in ("proc", "dev"):
            (root / name).mkdir(exist_ok=True)
        for name in ("resolv.conf", "hosts"):
            (root / "etc" / name).touch()

    def start(self, *command: str) -> "subprocess.Popen[str]":
        """Starts a command, given in full; what it prints comes out of its standard output."""
        enter = ("unshare", "--mount", "--pid", "--fork", "--kill-child", "--", "/bin/sh", "-c", ENTER, "enter")
        return subprocess.Popen(
            [*enter, str(self.root), str(self.data), *command],
            env={**self.environ, "PATH": f"{self.environ['PATH']}:{os.environ['PATH']}"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def call(self, *command: str) -> tuple[int, str]:
        """Runs a command to its end: its exit code and output."""
        process = self.start(*command)
        output, _ = process.communicate(timeout=PATIENCE)
        return process.returncode, output

    def ask(self, *command: str) -> str:
        """What a command prints.

        Raises:
            CheckFailed: Its exit code is not 0.
        """
        code, output = self.call(*command)
        if code:
            raise CheckFailed(f"{' '.join(command)} ended with {code}: {output}")
        return output


def end(process: "subprocess.Popen[str]", number: signal.Signals) -> tuple[int, str]:
    """Sends a signal to a container's first process, as `docker stop` does: its exit code and last output."""
    if process.poll() is None:
        for child in Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split():
            os.kill(int(child), number)
    output, _ = process.communicate(timeout=PATIENCE)
    return process.returncode, output


def wait_line(process: "subprocess.Popen[str]", text: str) -> None:
    """Reads what a process prints until a line has the text.

    Raises:
        CheckFailed: The process ended before.
    """
    assert process.stdout is not None  # noqa: S101 - it is a pipe
    lines = []
    for line in process.stdout:
        lines.append(line)
        if text in line:
            return
    raise CheckFailed(f"the container ended before it said {text!r}:\n{''.join(lines)}")


def free_port() -> int:
    """A port of loopback that nothing listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def check_contents(tag: str, root: Path, largest: float) -> Mapping[str, Any]:
    """Holds an image to its size, its settings and what must not be in it; returns its settings."""
    config: Mapping[str, Any] = json.loads(buildah("inspect", "--type=image", tag))["Docker"]["config"]
    files = [path for path in root.rglob("*") if path.is_file() and not path.is_symlink()]
    size = sum(path.stat().st_size for path in files) / 1e6
    expect(size < largest, f"it has {size:.1f} MB, of {largest:.0f} MB allowed", f"{size:.1f}")
    expect(config["User"] == f"{USER}:{USER}", f"its user is {USER}, by number", config["User"])
    expect(list(config["Volumes"]) == [f"/{DATA}"], "its journal is a volume", config["Volumes"])
    expect(config["StopSignal"] == "SIGTERM", "it is stopped with SIGTERM", config["StopSignal"])
    expect(config["Healthcheck"]["Test"][0] == "CMD", "it has a health check without a shell", config["Healthcheck"])
    expect("org.opencontainers.image.revision" in config["Labels"], "its labels tell the revision", config["Labels"])
    unwanted = sorted({path.name for path in files} & set(UNWANTED))
    expect(not unwanted, "it has no shell, no package manager, no compiler", unwanted)
    setuid = [str(path) for path in files if path.stat().st_mode & 0o6000]
    expect(not setuid, "no file of it gives its owner's rights", setuid)
    data = (root / DATA).stat()
    expect(
        (data.st_uid, data.st_gid, data.st_mode & 0o777) == (USER, USER, 0o700), "its volume is its user's alone", data
    )
    return config


def check_process(container: Container, *, with_extras: bool) -> None:
    """Holds a process in the container to what it is and can do."""
    seen = json.loads(container.ask("/opt/callstream/bin/python3", "-c", PROBE))
    expect(
        (seen["uid"], seen["gid"], seen["groups"]) == (USER, USER, []), f"it runs as {USER}, in no other group", seen
    )
    expect(int(seen["capabilities"], 16) == 0 and seen["no_new_privileges"] == "1", "it has no capabilities", seen)
    places = seen["writable"]
    free = {place for place, answer in places.items() if answer == "writable"}
    expect(free == {f"/{DATA}"}, "it can write to its volume only", places)
    expect(places["/"] == "Read-only file system", "its root is read-only", places)
    expect(seen["authorities"] > 0, f"it trusts {seen['authorities']} authorities", seen)
    if with_extras:
        broken = set(seen["broken"]) - OF_OTHER_EXTRAS
        expect(not broken, f"all {seen['modules']} modules can be imported, but for other extras'", seen["broken"])


async def check_work(gateway: Container, emulator: Container, certificates: Certificates) -> None:
    """A call is placed at the emulator, and streamed through the gateway, to an endpoint with these certificates."""
    listen, relay, control = (f"127.0.0.1:{free_port()}" for _ in range(3))
    gateway.environ.update(
        CALLSTREAM_LISTEN=listen,
        CALLSTREAM_ADDRESS=listen,
        SIGNALWIRE_PROJECT_ID="demo",
        SIGNALWIRE_API_TOKEN="demo-token",  # noqa: S106 - the emulator's
        SIGNALWIRE_RELAY_HOST=relay,
        SIGNALWIRE_RELAY_SCHEME="ws",
    )
    callstream = gateway.config["Entrypoint"][0]
    shutil.copy(certificates.ca, emulator.data / "ca.pem")
    (emulator.data / "ca.pem").chmod(0o644)
    options = ("--listen", relay, "--control", control, "--ca-file", f"/{DATA}/ca.pem")
    processes = [emulator.start(callstream, "emulator", *options)]
    try:
        await asyncio.to_thread(wait_line, processes[0], "HTTP control")
        processes.append(gateway.start(callstream, *gateway.config["Cmd"]))
        await asyncio.to_thread(wait_line, processes[1], "serves gRPC on")
        await asyncio.to_thread(wait_healthy, gateway)
        await check_stream(gateway, callstream, control, certificates)
        code, output = await asyncio.to_thread(end, processes[1], signal.SIGTERM)
        expect(code == 0, "SIGTERM ends it with 0", f"{code}: {output}")
        modes = {path.name: oct(path.stat().st_mode & 0o777) for path in gateway.data.iterdir()}
        expect(set(modes.values()) == {"0o600"}, "its files are its user's alone", modes)
        processes[1] = gateway.start(callstream, *gateway.config["Cmd"])
        await asyncio.to_thread(wait_line, processes[1], "serves gRPC on")
        listed = await asyncio.to_thread(gateway.ask, callstream, "stream", "list", "--all")
        expect("image-check" in listed, "another container on the volume knows the stream", listed)
    finally:
        for process in processes:
            end(process, signal.SIGKILL)


def wait_healthy(gateway: Container) -> None:
    """Repeats the image's health check, as an engine does, until it succeeds."""
    command = gateway.config["Healthcheck"]["Test"][1:]
    code, output = gateway.call(*command)
    attempts = 1
    while code and attempts < HEALTH_CHECKS:
        code, output = gateway.call(*command)
        attempts += 1
    expect(code == 0 and "SERVING" in output, "its health check tells that it serves", output)


async def check_stream(gateway: Container, callstream: str, control: str, certificates: Certificates) -> None:
    """Places a call, answers it, starts a stream, and takes its audio."""
    async with AudioSink(SinkOptions(certificate=certificates.certificate, key=certificates.key)) as sink:
        call = (await asyncio.to_thread(post, f"http://{control}/calls"))["call_id"]
        await asyncio.to_thread(gateway.ask, callstream, "call", "answer", call)
        start = ("stream", "start", call, sink.url, "--control-id", "image-check", "--wait-until", "streaming")
        await asyncio.to_thread(gateway.ask, callstream, *start)
        received = await sink.wait_stream(within=PATIENCE)
        await received.wait_audio(AUDIO_MS, within=PATIENCE)
        expect(not received.problems, "a stream through it brings a call's audio to an endpoint", received.problems)
        await asyncio.to_thread(gateway.ask, callstream, "stream", "stop", call, "image-check")


def post(url: str) -> dict[str, Any]:
    """The answer to a POST of an empty object."""
    request = urllib.request.Request(url, data=b"{}", headers={"Content-Type": "application/json"})  # noqa: S310 - http
    with urllib.request.urlopen(request, timeout=PATIENCE) as response:  # noqa: S310
        answer: dict[str, Any] = json.load(response)
        return answer


def new_volume(directory: str, name: str) -> Path:
    """A directory as an engine makes it for a new volume: with the owner and mode that the image gives."""
    volume = Path(directory) / name
    volume.mkdir(mode=0o700)
    os.chown(volume, USER, USER)
    return volume


def check(base: str) -> None:
    """Builds and checks both variants of the image.

    Raises:
        BuildFailed: It can't be built.
        CheckFailed: It is not what is said of it.
    """
    room = 0.0 if base == BASE else SYMBOLS_MB
    with ThreadPoolExecutor() as pool:  # each waits for its index most of the time
        builds = {tag: pool.submit(build, tag, base, extras) for tag, extras in VARIANTS.items()}
    for tag, done in builds.items():
        print(f"{tag}: built in {done.result():.0f} s", flush=True)
    with mounted(GATEWAY) as root, mounted(EMULATOR) as other, tempfile.TemporaryDirectory() as directory:
        Path(directory).chmod(0o755)
        print(GATEWAY)
        gateway = Container(
            root, check_contents(GATEWAY, root, LARGEST_MB[GATEWAY] + room), new_volume(directory, "gateway"), {}
        )
        print(EMULATOR)
        emulator = Container(
            other, check_contents(EMULATOR, other, LARGEST_MB[EMULATOR] + room), new_volume(directory, "emulator"), {}
        )
        print("a process")
        check_process(gateway, with_extras=False)
        check_process(emulator, with_extras=True)
        print("a gateway at work")
        asyncio.run(check_work(gateway, emulator, make_certificates(Path(directory) / "certificates")))


def main() -> None:
    """Checks, or says why that can't be done here."""
    parser = argparse.ArgumentParser(description="Build the container image and check it.")
    parser.add_argument("--base", help="an image with Python 3.11 to build on; made with debootstrap by default")
    given = parser.parse_args()
    if why := missing_tools():
        print(f"image-check: SKIPPED, {why}", file=sys.stderr)
        # Whoever asks for it in CI relies on it.
        sys.exit(1 if os.environ.get("CI") else 0)
    try:
        if given.base is None:
            ensure_base()
        check(given.base or BASE)
    except (BuildFailed, CheckFailed) as error:
        sys.exit(f"image-check: {error}")


if __name__ == "__main__":
    main()
