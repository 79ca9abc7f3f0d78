"""Builds the container image without a container engine, with Debian's buildah.

The base image is a Debian that debootstrap makes from the mirror that apt here uses, with the same version of Python as
the Dockerfile's own base; the Dockerfile's argument then names it. The Dockerfile is built as it stands.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
STORE = ROOT / ".cache" / "images"
"""Where images are kept, apart from those of the machine: the base of one run serves the next."""
BASE = "localhost/callstream-python-base"
SUITE = "bookworm"
PACKAGES = ("python3", "python3-venv", "ca-certificates")
# What a build has to know of how pip reaches its index here. Nothing of it stays in the image.
PIP_OPTIONS = ("index-url", "extra-index-url", "trusted-host", "proxy", "timeout", "default-timeout", "cert")
CERTIFICATES = "/run/host-certificates"


class BuildFailed(Exception):
    """A step failed; the message holds the end of what it printed."""


def missing_tools() -> str:
    """Why images can't be built here; empty when they can."""
    if os.geteuid() != 0:
        return "only root can make a base image and mount it"
    missing = [name for name in ("buildah", "debootstrap", "unshare", "setpriv") if shutil.which(name) is None]
    return f"not installed: {', '.join(missing)} (apt-get install buildah debootstrap)" if missing else ""


def run(*command: str | Path) -> str:
    """What a command prints.

    Raises:
        BuildFailed: Its exit code is not 0.
    """
    done = subprocess.run(command, check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=ROOT)
    if done.returncode:
        raise BuildFailed(f"{command[0]} ended with {done.returncode}:\n{done.stdout[-4000:]}")
    return done.stdout


def buildah(*arguments: str | Path) -> str:
    """What a buildah command prints; it sees the images of the store only."""
    where = ("--storage-driver=vfs", f"--root={STORE / 'root'}", f"--runroot={STORE / 'run'}")
    return run("buildah", *where, *arguments)


def apt_mirror() -> str:
    """The mirror that apt here takes the suite from.

    Raises:
        BuildFailed: apt knows none.
    """
    targets = run("apt-get", "indextargets", "--format", "$(CODENAME) $(REPO_URI)", "Created-By: Packages")
    for line in targets.splitlines():
        codename, _, address = line.partition(" ")
        if codename == SUITE:
            return address
    raise BuildFailed(
        f"apt here has no mirror of {SUITE}: run this on Debian {SUITE}, or give a base image with --base"
    )


def ensure_base() -> None:
    """Makes the base image, unless the store has it."""
    if BASE in buildah("images", "--format", "{{.Name}}").split():
        return
    with tempfile.TemporaryDirectory() as directory:
        root = Path(directory) / "root"
        run("debootstrap", "--variant=minbase", f"--include={','.join(PACKAGES)}", SUITE, root, apt_mirror())
        shutil.rmtree(root / "var/cache/apt")
        container = buildah("from", "scratch").strip()
        try:
            buildah("add", "--quiet", container, root, "/")
            buildah("commit", "--quiet", container, BASE)
        finally:
            buildah("rm", container)


def build(tag: str, base: str, extras: str) -> float:
    """Builds the Dockerfile.

    Args:
        tag: The image's name.
        base: The image to build on.
        extras: The Dockerfile's argument of that name.

    Returns:
        Seconds that it took.
    """
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as directory:
        buildah(
            "build",
            "--format=docker",  # the OCI format has no place for a health check
            "--isolation=chroot",
            "--network=host",
            f"--build-arg=PYTHON_IMAGE={base}",
            f"--build-arg=EXTRAS={extras}",
            f"--build-arg=REVISION={run('git', 'rev-parse', 'HEAD').strip()}",
            *pip_mounts(Path(directory)),
            f"--tag={tag}",
            ".",
        )
    return time.monotonic() - began


def pip_mounts(directory: Path) -> list[str]:
    """Arguments that lend a build the pip settings of this machine, read-only and for the time of the build."""
    listed = run(sys.executable, "-m", "pip", "config", "list")
    found = dict(re.findall(r"^(?:global|install|:env:)\.([\w-]+)='(.*)'$", listed, re.MULTILINE))
    settings = {name: value for name, value in found.items() if name in PIP_OPTIONS}
    mounts = []
    if certificates := settings.get("cert"):
        # Not where the base has its own certificates: those go into the image, these must not.
        mounts.append(f"--volume={Path(certificates).parent}:{CERTIFICATES}:ro")
        settings["cert"] = f"{CERTIFICATES}/{Path(certificates).name}"
    configuration = directory / "pip.conf"
    configuration.write_text("[global]\n" + "".join(f"{name} = {value}\n" for name, value in settings.items()))
    return [*mounts, f"--volume={configuration}:/etc/pip.conf:ro"]


@contextmanager
def mounted(tag: str) -> Iterator[Path]:
    """An image's root, as a directory that may be written to."""
    container = buildah("from", "--pull-never", tag).strip()
    try:
        yield Path(buildah("mount", container).strip())
    finally:
        buildah("umount", container)
        buildah("rm", container)
