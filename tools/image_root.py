"""Gathers the root of the container image: what a virtual environment loads when it runs, and nothing else.

Runs in the Dockerfile's build stage, on any Debian-like base, with that base's own Python and no package beyond it. It
takes the interpreter, the standard library without what needs a screen, a terminal or a test runner, the shared
libraries that any of it is linked to, CA certificates, and the records and licences of the Debian packages that all
this is from, so that scanners know what they look at. Bytecode is compiled here: the image is meant to be read-only.
"""

import argparse
import compileall
import os
import py_compile
import re
import shutil
import ssl
import subprocess
import sys
import sysconfig
from collections.abc import Iterable, Iterator
from pathlib import Path

USER = 65532
# Of the standard library: tests, windows, what installs packages or builds extensions, and the site's own packages.
LEFT_OUT = (
    "__pycache__",
    "config-*",
    "dist-packages",
    "ensurepip",
    "idlelib",
    "lib2to3",
    "pydoc_data",
    "site-packages",
    "test",
    "tests",
    "tkinter",
    "turtle*",
    # Extensions whose libraries nothing else needs: terminals, other databases, NIS, sound.
    "_curses*",
    "_dbm*",
    "_gdbm*",
    "_tkinter*",
    "_test*",
    "_xxtest*",
    "_ctypes_test*",
    "nis.*",
    "ossaudiodev.*",
    "readline.*",
)
# Of the packages.
LEFT_OUT_OF_PACKAGES = (
    "__pycache__",
    "test",
    "tests",
    "testdata",
    "[Aa]ctivate*",
    *("*.pyi", "*.pyx", "*.pxd", "*.pxi", "*.c", "*.h"),
)
CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")
FILES = {
    "/etc/passwd": (
        f"root:x:0:0:root:/:/nonexistent\ncallstream:x:{USER}:{USER}:callstream:/var/lib/callstream:/nonexistent\n"
    ),
    "/etc/group": f"root:x:0:\ncallstream:x:{USER}:\n",
    "/etc/nsswitch.conf": "passwd: files\ngroup: files\nhosts: files dns\n",
}


class Root:
    """The image's root, which files of this machine are copied into, under the paths that they have here."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.taken: set[Path] = set()

    def at(self, path: Path | str) -> Path:
        """Where a path of the image lies on this machine."""
        return self.path / str(path).lstrip("/")

    def link_directories(self) -> None:
        """Makes /lib and the like links into /usr where they are so here: the loader's own path begins with one."""
        for path in Path("/").iterdir():
            if path.is_symlink() and path.name.startswith("lib"):
                self.at(path).symlink_to(path.readlink())

    def add_file(self, path: Path) -> None:
        """Copies a file, and each link on the way to it."""
        while True:
            # Only the last part may stay a link: the image has /usr/lib, and /lib as a link to it.
            path = path.parent.resolve() / path.name
            if path in self.taken:
                return
            self.taken.add(path)
            target = self.at(path)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(path, target, follow_symlinks=False)
            if not path.is_symlink():
                return
            path = path.parent / path.readlink()

    def add_tree(self, directory: Path, left_out: Iterable[str]) -> None:
        """Copies a directory without what matches a pattern. Links that lead out of it bring what they lead to."""
        shutil.copytree(directory, self.at(directory), symlinks=True, ignore=shutil.ignore_patterns(*left_out))
        for path in self.at(directory).rglob("*"):
            original = directory / path.relative_to(self.at(directory))
            self.taken.add(original)
            if path.is_symlink() and not original.resolve().is_relative_to(directory):
                self.add_file(original.parent / original.readlink())

    def add_libraries(self) -> None:
        """Copies the shared libraries that programs and libraries in the root are linked to, and the loader."""
        linked = {library for binary in self._binaries() for library in libraries_of(binary)}
        for library in sorted(linked):
            self.add_file(library)

    def _binaries(self) -> Iterator[Path]:
        for path in self.path.rglob("*"):
            if path.is_file() and not path.is_symlink():
                with path.open("rb") as file:
                    if file.read(4) == b"\x7fELF":
                        yield path

    def write(self, path: str, text: str) -> None:
        """Writes a file of the image."""
        target = self.at(path)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)


def libraries_of(binary: Path) -> list[Path]:
    """What the loader would load with a program or library of this machine.

    Raises:
        SystemExit: A library is missing here, and would be there.
    """
    listing = subprocess.run(["ldd", binary], check=False, capture_output=True, text=True).stdout
    if "not found" in listing:
        sys.exit(f"{binary} needs what is not here:\n{listing}")
    return [Path(path) for path in re.findall(r"(/\S+) \(0x", listing)]


def compile_bytecode(root: Root, directories: Iterable[Path]) -> None:
    """Compiles all modules, to be loaded without a look at their sources, whose times an image need not keep."""
    for directory in directories:
        compiled = compileall.compile_dir(
            root.at(directory),
            quiet=1,
            stripdir=str(root.path),
            prependdir="/",
            workers=0,
            invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH,
        )
        if not compiled:
            sys.exit(f"modules below {directory} can't be compiled")


def record_packages(root: Root) -> None:
    """Leaves records and licences of the Debian packages that files were taken from, where scanners look for them."""
    names = {name for path in root.taken if (name := package_of(path))}
    names.add("ca-certificates")  # which makes the list of certificates, so that it belongs to no package
    for name in sorted(names):
        status = subprocess.run(["dpkg-query", "--status", name], check=True, capture_output=True, text=True).stdout
        bare = name.partition(":")[0]
        root.write(f"/var/lib/dpkg/status.d/{bare}", status)
        licence = Path(f"/usr/share/doc/{bare}/copyright")
        if licence.exists():
            root.write(str(licence), licence.read_text())


def package_of(path: Path) -> str:
    """The Debian package that a file belongs to; empty when it belongs to none."""
    # dpkg knows files by the paths that they had before /lib became a link into /usr.
    for known_as in (str(path), str(path).removeprefix("/usr")):
        query = subprocess.run(["dpkg-query", "--search", known_as], check=False, capture_output=True, text=True)
        if query.returncode == 0:
            return query.stdout.partition(": ")[0].partition(",")[0]
    return ""


def gather(root: Root, venv: Path) -> None:
    """Fills the root."""
    root.path.mkdir()
    root.link_directories()
    library = Path(sysconfig.get_path("stdlib"))
    root.add_tree(library, LEFT_OUT)
    root.add_tree(venv, LEFT_OUT_OF_PACKAGES)  # its interpreter is a link to the base's, which comes with it
    root.add_file(CERTIFICATES)
    trusted = root.at(ssl.get_default_verify_paths().openssl_cafile)
    trusted.parent.mkdir(parents=True, exist_ok=True)
    trusted.symlink_to(CERTIFICATES)
    root.add_file(Path("/etc/os-release"))
    root.add_libraries()
    record_packages(root)
    for path, text in FILES.items():
        root.write(path, text)
    root.at("/var/lib").mkdir(parents=True, exist_ok=True)
    root.at("/tmp").mkdir()  # noqa: S108 - the image's
    root.at("/tmp").chmod(0o1777)  # noqa: S108
    # Libraries in places that the loader does not know by itself, such as /usr/local/lib.
    for listing in (Path("/etc/ld.so.conf"), *Path("/etc/ld.so.conf.d").glob("*.conf")):
        root.add_file(listing)
    subprocess.run(["ldconfig", "-r", root.path], check=True)
    compile_bytecode(root, [library, venv])


def main() -> None:
    """Gathers the root of a virtual environment, and prints its size."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--venv", type=Path, required=True, help="the virtual environment, at its place in the image")
    parser.add_argument("--output", type=Path, required=True, help="the root to make")
    arguments = parser.parse_args()
    root = Root(arguments.output)
    gather(root, arguments.venv)
    size = sum(os.lstat(path).st_size for path in root.path.rglob("*") if path.is_file() and not path.is_symlink())
    print(f"{root.path}: {size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
