"""A small host below another root, for the readers of access: account files, processes, device nodes."""

from __future__ import annotations

import os
from pathlib import Path

from etpu_doctor.evidence.files import Files

USERS = "root:x:0:0:root:/root:/bin/bash\nmia:x:1000:1000:Mia,,,:/home/mia:/bin/bash\n"
GROUPS = "root:x:0:\nplugdev:x:46:mia,tom\napex:x:990:\nmia:x:1000:\n"


def put(root: Path, path: str, content: str | bytes = b"") -> Path:
    """Write a file below another root."""
    place = root / path.lstrip("/")
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(content.encode() if isinstance(content, str) else content)
    return place


def put_device(root: Path, path: str) -> Path:
    """A device node: a link to one that every system has, since only root can make one."""
    place = root / path.lstrip("/")
    place.parent.mkdir(parents=True, exist_ok=True)
    place.symlink_to("/dev/null")
    return place


def put_process(root: Path, pid: int, name: str, *held: str) -> None:
    """A process with open files."""
    put(root, f"proc/{pid}/comm", f"{name}\n")
    put(root, f"proc/{pid}/cmdline", f"/usr/bin/{name}\0")
    folder = root / f"proc/{pid}/fd"
    folder.mkdir(parents=True, exist_ok=True)
    for number, target in enumerate(("/dev/null", *held)):
        os.symlink(target, folder / str(number))


def put_accounts(root: Path, users: str = USERS, groups: str = GROUPS) -> None:
    """Users and groups."""
    put(root, "etc/passwd", users)
    put(root, "etc/group", groups)


def put_first_namespace(root: Path) -> None:
    """What tells that no container and no user namespace is around."""
    put(root, "proc/self/uid_map", "         0          0 4294967295\n")
    put(root, "proc/2/comm", "kthreadd\n")
    put(root, "proc/2/cmdline", "")


class RefusingFiles(Files):
    """A root in which some paths may not be looked at."""

    def __init__(self, root: Path, *endings: str) -> None:
        super().__init__(str(root))
        self._endings = endings

    def stat(self, path: str) -> os.stat_result | None:
        if path.endswith(self._endings):
            self.refused[path] = "Permission denied"
            return None
        return super().stat(path)
