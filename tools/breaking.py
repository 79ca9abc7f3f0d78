"""Fails if proto/ breaks clients of the contract on main (buf's FILE rules)."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BUF = Path(sys.executable).parent / "buf"


def git(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Runs git in the repository."""
    return subprocess.run(["git", "-C", str(ROOT), *arguments], capture_output=True, text=True, check=False)


def base() -> str | None:
    """The commit to compare with: main where the remote has it, or this branch's parent commit."""
    for name in ("origin/main", "HEAD~1"):
        found = git("rev-parse", "--verify", "--quiet", name)
        if found.returncode == 0 and git("ls-tree", found.stdout.strip(), "proto/").stdout.strip():
            return found.stdout.strip()
    return None


def main() -> None:
    """Compares, and says so when there is nothing to compare with."""
    commit = base()
    if commit is None:
        print("check-proto: no earlier contract to compare with")
        return
    against = f"{ROOT}/.git#ref={commit}"
    sys.exit(subprocess.run([BUF, "breaking", "--against", against], cwd=ROOT, check=False).returncode)


if __name__ == "__main__":
    main()
