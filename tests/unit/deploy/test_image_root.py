"""What goes into the image's root, and what does not."""

import sys
from pathlib import Path

import pytest

from tools.image_root import LEFT_OUT, Root, libraries_of


@pytest.fixture
def root(tmp_path: Path) -> Root:
    """A root without anything in it."""
    path = tmp_path / "root"
    path.mkdir()
    return Root(path)


def test_a_link_brings_what_it_leads_to(root: Root, tmp_path: Path) -> None:
    """A library is known by a link, which leads to a link, which leads to the file."""
    (tmp_path / "lib.so.1.2").write_text("code")
    (tmp_path / "lib.so.1").symlink_to("lib.so.1.2")
    (tmp_path / "lib.so").symlink_to(tmp_path / "lib.so.1")
    root.add_file(tmp_path / "lib.so")
    assert {path.name for path in root.at(tmp_path).iterdir()} == {"lib.so", "lib.so.1", "lib.so.1.2"}
    assert root.at(tmp_path / "lib.so.1").read_text() == "code"


def test_links_in_a_circle_come_to_an_end(root: Root, tmp_path: Path) -> None:
    """A file is taken once."""
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    root.add_file(tmp_path / "a")
    assert root.taken == {tmp_path / "a", tmp_path / "b"}


def test_a_tree_comes_without_what_is_left_out(root: Root, tmp_path: Path) -> None:
    """Tests and terminals stay behind, modules with names like theirs do not."""
    library = tmp_path / "python"
    for name in ("test/test_os.py", "idlelib/idle.py", "lib-dynload/_curses.so", "testing.py", "asyncio/events.py"):
        path = library / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("")
    root.add_tree(library, LEFT_OUT)
    taken = {str(path.relative_to(library)) for path in root.taken if path.suffix}
    assert taken == {"testing.py", "asyncio/events.py"}


def test_a_tree_brings_what_its_links_lead_to(root: Root, tmp_path: Path) -> None:
    """A virtual environment's interpreter is a link out of it."""
    (tmp_path / "python3.11").write_text("interpreter")
    environment = tmp_path / "venv"
    environment.mkdir()
    (environment / "python3").symlink_to(tmp_path / "python3.11")
    root.add_tree(environment, ())
    assert root.at(tmp_path / "python3.11").read_text() == "interpreter"


def test_the_interpreter_needs_its_loader() -> None:
    """The list of libraries has the loader itself, without which nothing starts."""
    libraries = libraries_of(Path(sys.executable).resolve())
    assert any(path.name.startswith("ld-linux") for path in libraries)
    assert all(path.is_absolute() and path.exists() for path in libraries)
