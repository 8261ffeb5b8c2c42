"""Writes a file of a setup: nothing else in the package changes a system.

A plan is made first: what is there, what would be, the difference. Writing checks that what is there is still what was
planned with, keeps it as a backup, and puts the new file in its place in one step. Folders are opened one below the
other without following links, so that below another root nothing outside it is touched.
"""

from __future__ import annotations

import contextlib
import errno
import os
import shlex
import stat
import time
from collections.abc import Iterator

import msgspec

from etpu_doctor.remedies.model import SetupFile

_LARGEST_BYTES = 1 << 20


class ApplyError(Exception):
    """Why a file was not written; the file is as it was."""


class NoRightsError(ApplyError):
    """The folder belongs to somebody else: another user could write there."""


class Stamp(msgspec.Struct, frozen=True, kw_only=True):
    """What tells that a file was replaced or changed, beside its bytes."""

    device: int
    inode: int
    modified_ns: int
    size: int
    mode: int


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What would be written, and what was there: ``before`` and ``stamp`` are ``None`` for a file that is not there."""

    root: str
    path: str
    content: bytes
    mode: int
    before: bytes | None = None
    stamp: Stamp | None = None
    diff: str = ""

    @property
    def is_done(self) -> bool:
        """Whether the file is already as it should be."""
        return self.before == self.content


class Written(msgspec.Struct, frozen=True, kw_only=True):
    """A file that was written. ``backup`` is the path of what was there before, ``undo`` the command back to it."""

    path: str
    backup: str | None
    undo: str


def plan(file: SetupFile, root: str = "/") -> Plan:
    """Look at what is there. Raises ``ApplyError`` where writing would be wrong, ``NoRightsError`` without rights."""
    with _folder_of(file.path, root) as folder:
        name = os.path.basename(file.path)
        before, stamp = _read(folder, name, file.path)
        content = file.content.encode()
        planned = Plan(
            root=root,
            path=file.path,
            content=content,
            mode=file.mode,
            before=before,
            stamp=stamp,
            diff=_difference(file.path, before, content),
        )
        if not planned.is_done:
            _check_rights(folder, file.path)
        return planned


def write(planned: Plan) -> Written:
    """Write it. Raises ``ApplyError`` if the file changed since, or if the system refuses."""
    with _folder_of(planned.path, planned.root) as folder, _refusals(planned.path):
        return _write(folder, planned)


def _write(folder: int, planned: Plan) -> Written:
    name = os.path.basename(planned.path)
    backup = None
    with contextlib.ExitStack() as leftovers:
        temporary = f".{name}.etpu-doctor-{os.getpid()}"
        _new_file(folder, temporary, planned.content, planned.mode)
        leftovers.callback(_unlink, folder, temporary)
        if planned.before is not None:
            backup = _backup(folder, name, planned)
            leftovers.callback(_unlink, folder, backup)
        # As late as can be: what is left is the time of one system call.
        _check_unchanged(folder, name, planned)
        _put(folder, temporary, name, replace=planned.before is not None)
        leftovers.pop_all()
    with contextlib.suppress(OSError):
        os.fsync(folder)
    return _written(planned, backup)


def _put(folder: int, temporary: str, name: str, *, replace: bool) -> None:
    if replace:
        os.replace(temporary, name, src_dir_fd=folder, dst_dir_fd=folder)
        return
    # Unlike a rename, a link never replaces what somebody else has put there meanwhile.
    os.link(temporary, name, src_dir_fd=folder, dst_dir_fd=folder, follow_symlinks=False)
    _unlink(folder, temporary)


def _unlink(folder: int, name: str) -> None:
    with contextlib.suppress(OSError):
        os.unlink(name, dir_fd=folder)


def _new_file(folder: int, name: str, content: bytes, mode: int) -> None:
    """A file that was not there before, with its content on the disk."""
    handle = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600, dir_fd=folder)
    try:
        with open(handle, "wb") as stream:
            stream.write(content)
            stream.flush()
            os.fchmod(stream.fileno(), mode)
            os.fsync(stream.fileno())
    except OSError:
        _unlink(folder, name)
        raise


def _backup(folder: int, name: str, planned: Plan) -> str:
    """Keep what was there, beside it; its name ends in no way that udev or modprobe would read."""
    now = time.strftime("%Y%m%d%H%M%S")
    mode = planned.mode if planned.stamp is None else planned.stamp.mode
    for number in range(100):
        backup = f"{name}.bak-{now}" + (f"-{number}" if number else "")
        with contextlib.suppress(FileExistsError):
            _new_file(folder, backup, planned.before or b"", mode)
            return backup
    raise ApplyError(f"{planned.path}: there are too many backups of this second beside it; nothing was written")


def _written(planned: Plan, backup: str | None) -> Written:
    path = _below(planned.root, planned.path)
    if backup is None:
        return Written(path=path, backup=None, undo=f"sudo rm -- {shlex.quote(path)}")
    kept = os.path.join(os.path.dirname(path), backup)
    return Written(path=path, backup=kept, undo=f"sudo mv -- {shlex.quote(kept)} {shlex.quote(path)}")


def _below(root: str, path: str) -> str:
    return os.path.join(root, path.lstrip("/"))


@contextlib.contextmanager
def _refusals(path: str) -> Iterator[None]:
    """Turns what the system answers into ``ApplyError``."""
    try:
        yield
    except OSError as error:
        raise ApplyError(f"{path}: {error.strerror or error}; nothing was written") from error


@contextlib.contextmanager
def _folder_of(path: str, root: str) -> Iterator[int]:
    """The open folder of a file."""
    flags = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
    with contextlib.ExitStack() as handles, _refusals(os.path.dirname(path)):
        folder = os.open(root, flags)
        handles.callback(os.close, folder)
        for part in os.path.dirname(path).strip("/").split("/"):
            folder = _open_below(folder, part, path, flags)
            handles.callback(os.close, folder)
        yield folder


def _open_below(folder: int, part: str, path: str, flags: int) -> int:
    try:
        return os.open(part, flags | os.O_NOFOLLOW, dir_fd=folder)
    except FileNotFoundError:
        raise ApplyError(f"{path}: there is no folder {part}, so nothing would read the file") from None
    except NotADirectoryError:
        # A link is none either, with these flags.
        raise ApplyError(f"{path}: {part} is a link or no folder; nothing was written") from None
    except PermissionError as error:
        raise NoRightsError(f"{path}: {error.strerror}") from error


def _read(folder: int, name: str, path: str) -> tuple[bytes, Stamp] | tuple[None, None]:
    try:
        handle = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder)
    except FileNotFoundError:
        return None, None
    except PermissionError as error:
        raise NoRightsError(f"{path}: {error.strerror}") from error
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise ApplyError(f"{path} is a symbolic link; nothing was written") from error
        raise
    with open(handle, "rb") as stream:
        status = os.fstat(stream.fileno())
        if not stat.S_ISREG(status.st_mode):
            raise ApplyError(f"{path} is no regular file; nothing was written")
        content = stream.read(_LARGEST_BYTES + 1)
    if len(content) > _LARGEST_BYTES:
        raise ApplyError(f"{path} is larger than any file of this kind; nothing was written")
    return content, Stamp(
        device=status.st_dev,
        inode=status.st_ino,
        modified_ns=status.st_mtime_ns,
        size=status.st_size,
        mode=stat.S_IMODE(status.st_mode),
    )


def _check_rights(folder: int, path: str) -> None:
    if os.access(".", os.W_OK | os.X_OK, dir_fd=folder, effective_ids=True):
        return
    if os.statvfs(folder).f_flag & os.ST_RDONLY:
        raise ApplyError(f"{path} is on a read-only file system; nothing was written")
    raise NoRightsError(f"{path}: you may not write there")


def _check_unchanged(folder: int, name: str, planned: Plan) -> None:
    if _read(folder, name, planned.path) != (planned.before, planned.stamp):
        raise ApplyError(f"{planned.path} has changed since its difference was shown; nothing was written")


def _difference(path: str, before: bytes | None, content: bytes) -> str:
    import difflib  # noqa: PLC0415 - only where something is to be written

    name = "/dev/null" if before is None else path
    return "\n".join(difflib.unified_diff(_text_lines(before or b""), _text_lines(content), name, path, lineterm=""))


def _text_lines(content: bytes) -> list[str]:
    """Lines as ``diff`` shows them, with its remark where the last one has no end."""
    *lines, last = content.decode("utf-8", "replace").split("\n")
    return [*lines, f"{last}\n\\ No newline at end of file"] if last else lines
