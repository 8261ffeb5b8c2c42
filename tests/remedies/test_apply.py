"""Writing a file: what is refused, what is kept, and that the file is otherwise as it was."""

from __future__ import annotations

import os
import re
import shlex
import stat
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etpu_doctor.remedies import apply
from etpu_doctor.remedies.apply import ApplyError, NoRightsError, plan, write
from etpu_doctor.remedies.model import SetupFile

NAME = "60-test.rules"
PATH = f"/etc/udev/rules.d/{NAME}"
NEW = SetupFile(path=PATH, content="new\n")


@pytest.fixture(name="folder")
def fixture_folder(tmp_path: Path) -> Path:
    """The folder that the file belongs into, below a root of its own."""
    folder = tmp_path / "root/etc/udev/rules.d"
    folder.mkdir(parents=True)
    return folder


@pytest.fixture(name="root")
def fixture_root(folder: Path) -> str:
    """That root."""
    return str(folder.parents[2])


def names(folder: Path) -> list[str]:
    """What is in the folder."""
    return sorted(path.name for path in folder.iterdir())


def test_a_new_file(folder: Path, root: str) -> None:
    """A file that was not there is written with its mode; nothing else is left behind."""
    planned = plan(NEW, root)
    assert (None, None) == (planned.before, planned.stamp)
    written = write(planned)
    assert "new\n" == (folder / NAME).read_text()
    assert 0o644 == stat.S_IMODE((folder / NAME).stat().st_mode)
    assert [NAME] == names(folder)
    assert (str(folder / NAME), None) == (written.path, written.backup)


def test_the_mode_does_not_depend_on_the_umask(folder: Path, root: str) -> None:
    """The mode is the file's, whatever the umask of who runs it."""
    before = os.umask(0o077)
    try:
        write(plan(NEW, root))
    finally:
        os.umask(before)
    assert 0o644 == stat.S_IMODE((folder / NAME).stat().st_mode)


def test_planning_writes_nothing(folder: Path, root: str) -> None:
    """A plan alone changes nothing."""
    plan(NEW, root)
    assert [] == names(folder)


def test_an_old_file_is_kept(folder: Path, root: str) -> None:
    """What was there is kept beside it, under a name with the time."""
    (folder / NAME).write_text("old\n")
    written = write(plan(NEW, root))
    assert written.backup is not None
    assert re.fullmatch(re.escape(str(folder / NAME)) + r"\.bak-\d{14}", written.backup)
    assert "old\n" == Path(written.backup).read_text()
    assert "new\n" == (folder / NAME).read_text()
    assert 2 == len(names(folder))


def test_a_backup_is_as_secret_as_the_file_was(folder: Path, root: str) -> None:
    """A file that others could not read stays so as a backup."""
    (folder / NAME).write_text("old\n")
    (folder / NAME).chmod(0o600)
    backup = write(plan(NEW, root)).backup
    assert backup is not None
    assert 0o600 == stat.S_IMODE(Path(backup).stat().st_mode)


def test_two_backups_of_one_second(folder: Path, root: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A backup never replaces another one."""
    monkeypatch.setattr("etpu_doctor.remedies.apply.time.strftime", lambda _: "20260101000000")
    for content in ("one\n", "two\n", "three\n"):
        write(plan(SetupFile(path=PATH, content=content), root))
    backup = f"{NAME}.bak-20260101000000"
    assert [NAME, backup, f"{backup}-1"] == names(folder)
    assert ["three\n", "one\n", "two\n"] == [(folder / name).read_text() for name in names(folder)]


def test_too_many_backups(folder: Path, root: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where no name for a backup is left, nothing is written."""
    monkeypatch.setattr("etpu_doctor.remedies.apply.time.strftime", lambda _: "x")
    (folder / NAME).write_text("old\n")
    (folder / f"{NAME}.bak-x").touch()
    for number in range(1, 100):
        (folder / f"{NAME}.bak-x-{number}").touch()
    with pytest.raises(ApplyError, match="too many backups"):
        write(plan(NEW, root))
    assert "old\n" == (folder / NAME).read_text()
    assert 101 == len(names(folder))


def test_a_file_that_is_done(folder: Path, root: str) -> None:
    """A file that is already as it should be has no difference."""
    (folder / NAME).write_text("new\n")
    planned = plan(NEW, root)
    assert planned.is_done
    assert "" == planned.diff


@pytest.mark.parametrize(
    ("before", "expected"),
    [
        (None, ["--- /dev/null", f"+++ {PATH}", "@@ -0,0 +1 @@", "+new"]),
        ("old\n", [f"--- {PATH}", f"+++ {PATH}", "@@ -1 +1 @@", "-old", "+new"]),
        ("new", [f"--- {PATH}", f"+++ {PATH}", "@@ -1 +1 @@", "-new", "\\ No newline at end of file", "+new"]),
        ("", [f"--- {PATH}", f"+++ {PATH}", "@@ -0,0 +1 @@", "+new"]),
    ],
)
def test_the_difference(folder: Path, root: str, before: str | None, expected: list[str]) -> None:
    """The difference is that of ``diff -u``."""
    if before is not None:
        (folder / NAME).write_text(before)
    assert expected == plan(NEW, root).diff.split("\n")


def test_a_file_that_is_no_text(folder: Path, root: str) -> None:
    """Any bytes can be shown and kept."""
    (folder / NAME).write_bytes(b"\xff\x00\n")
    planned = plan(NEW, root)
    assert "-\ufffd\x00" in planned.diff
    backup = write(planned).backup
    assert backup is not None
    assert b"\xff\x00\n" == Path(backup).read_bytes()


def change_bytes(path: Path) -> None:
    """Another content of the same size, with the time set back."""
    times = path.stat()
    path.write_text("OLD\n")
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))


def change_time(path: Path) -> None:
    """The same content, written later."""
    os.utime(path, ns=(0, 1))


def change_mode(path: Path) -> None:
    """The same content, readable for nobody else."""
    path.chmod(0o600)


def replace_file(path: Path) -> None:
    """Another file of the same content and time."""
    times = path.stat()
    other = path.with_name("other")
    other.write_text("old\n")
    os.utime(other, ns=(times.st_atime_ns, times.st_mtime_ns))
    other.replace(path)


def remove(path: Path) -> None:
    """No file any more."""
    path.unlink()


@pytest.mark.parametrize("change", [change_bytes, change_time, change_mode, replace_file, remove])
def test_a_file_that_changes_meanwhile(folder: Path, root: str, change: Callable[[Path], None]) -> None:
    """What changed between showing and writing stays as it is now, and no backup is left."""
    (folder / NAME).write_text("old\n")
    planned = plan(NEW, root)
    change(folder / NAME)
    now = (folder / NAME).read_text() if (folder / NAME).exists() else None
    with pytest.raises(ApplyError, match="changed since"):
        write(planned)
    assert now == ((folder / NAME).read_text() if (folder / NAME).exists() else None)
    assert ([NAME] if now else []) == names(folder)


def test_a_file_that_comes_meanwhile(folder: Path, root: str) -> None:
    """A file that appears between showing and writing is not replaced."""
    planned = plan(NEW, root)
    (folder / NAME).write_text("theirs\n")
    with pytest.raises(ApplyError, match="changed since"):
        write(planned)
    assert "theirs\n" == (folder / NAME).read_text()
    assert [NAME] == names(folder)


def test_a_file_that_comes_at_the_last_moment(folder: Path, root: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor is one that appears after the last look."""
    planned = plan(NEW, root)
    monkeypatch.setattr(apply, "_check_unchanged", lambda *_: (folder / NAME).write_text("theirs\n"))
    with pytest.raises(ApplyError, match="exists"):
        write(planned)
    assert "theirs\n" == (folder / NAME).read_text()
    assert [NAME] == names(folder)


def test_a_symbolic_link(folder: Path, root: str, tmp_path: Path) -> None:
    """A link is neither followed nor replaced."""
    target = tmp_path / "target"
    target.write_text("old\n")
    (folder / NAME).symlink_to(target)
    with pytest.raises(ApplyError, match="symbolic link"):
        plan(NEW, root)
    assert "old\n" == target.read_text()
    assert (folder / NAME).is_symlink()


def test_a_dangling_link(folder: Path, root: str, tmp_path: Path) -> None:
    """Nor is one that points nowhere."""
    (folder / NAME).symlink_to(tmp_path / "nowhere")
    with pytest.raises(ApplyError, match="symbolic link"):
        plan(NEW, root)
    assert not (tmp_path / "nowhere").exists()


def test_a_file_that_becomes_a_link(folder: Path, root: str, tmp_path: Path) -> None:
    """A link that takes the file's place meanwhile is not followed."""
    (folder / NAME).write_text("old\n")
    planned = plan(NEW, root)
    target = tmp_path / "target"
    target.write_text("old\n")
    (folder / NAME).unlink()
    (folder / NAME).symlink_to(target)
    with pytest.raises(ApplyError, match="symbolic link"):
        write(planned)
    assert "old\n" == target.read_text()
    assert [NAME] == names(folder)


def test_a_folder_that_is_a_link(tmp_path: Path) -> None:
    """Below another root no link leads out of it."""
    outside = tmp_path / "outside/udev/rules.d"
    outside.mkdir(parents=True)
    (tmp_path / "root").mkdir()
    (tmp_path / "root/etc").symlink_to(tmp_path / "outside")
    with pytest.raises(ApplyError, match="etc is a link"):
        plan(NEW, str(tmp_path / "root"))
    assert [] == names(outside)


def test_a_missing_folder(tmp_path: Path) -> None:
    """Where there is no folder nothing would read the file, and none is made."""
    with pytest.raises(ApplyError, match="there is no folder etc"):
        plan(NEW, str(tmp_path))
    assert [] == names(tmp_path)


def test_a_missing_root(tmp_path: Path) -> None:
    """A root that is not there is an error like the others."""
    with pytest.raises(ApplyError, match="No such file"):
        plan(NEW, str(tmp_path / "nowhere"))


def make_folder(path: Path) -> None:
    """A folder in the file's place."""
    path.mkdir()


def make_pipe(path: Path) -> None:
    """A named pipe, which nobody writes to."""
    os.mkfifo(path)


@pytest.mark.parametrize("make", [make_folder, make_pipe])
def test_what_is_no_regular_file(folder: Path, root: str, make: Callable[[Path], None]) -> None:
    """Anything else than a file is refused, without waiting for it."""
    make(folder / NAME)
    with pytest.raises(ApplyError, match=r"no regular file|Is a directory"):
        plan(NEW, root)
    assert [NAME] == names(folder)


def test_a_huge_file(folder: Path, root: str) -> None:
    """A file that nobody can have meant is not read into memory."""
    with (folder / NAME).open("wb") as stream:
        stream.truncate(1 << 40)
    with pytest.raises(ApplyError, match="larger than"):
        plan(NEW, root)


def test_without_rights(folder: Path, root: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder that one may not write into is an error of its own, and nothing is tried."""
    monkeypatch.setattr(os, "access", lambda *_, **__: False)
    with pytest.raises(NoRightsError, match="may not write"):
        plan(NEW, root)
    assert [] == names(folder)


def test_a_read_only_file_system(root: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rights do not help on a file system that is mounted read-only."""

    class Mounted:
        f_flag = os.ST_RDONLY

    monkeypatch.setattr(os, "access", lambda *_, **__: False)
    monkeypatch.setattr(os, "statvfs", lambda _: Mounted())
    with pytest.raises(ApplyError, match="read-only") as caught:
        plan(NEW, root)
    assert not isinstance(caught.value, NoRightsError)


@pytest.fixture(name="foreign_root")
def fixture_foreign_root() -> Iterator[Path]:
    """A root whose folders belong to somebody else than the test, which runs as another user meanwhile."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "etc/udev/rules.d"
        folder.mkdir(parents=True)
        (folder / NAME).write_text("old\n")
        Path(name).chmod(0o755)
        # Root may write everywhere, so it becomes nobody; anybody else takes the right from itself.
        is_root = os.geteuid() == 0
        folder.chmod(0o755 if is_root else 0o555)
        if is_root:
            os.seteuid(65534)
        yield Path(name)
        if is_root:
            os.seteuid(0)
        folder.chmod(0o755)


def test_a_folder_of_somebody_else(foreign_root: Path) -> None:
    """With real rights: the folder is not one's own."""
    with pytest.raises(NoRightsError, match="may not write"):
        plan(NEW, str(foreign_root))
    assert "old\n" == (foreign_root / PATH.lstrip("/")).read_text()


def test_a_file_that_one_may_not_read(foreign_root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What cannot be read cannot be compared: the rights are missing for that too."""

    def forbidden(*_: object, **__: object) -> int:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "open", forbidden)
    with pytest.raises(NoRightsError, match="Permission denied"):
        apply._read(3, NAME, PATH)
    with pytest.raises(NoRightsError, match="Permission denied"):
        apply._open_below(3, "etc", PATH, 0)
    monkeypatch.undo()
    assert "old\n" == (foreign_root / PATH.lstrip("/")).read_text()


def test_rights_do_not_matter_where_nothing_is_to_do(folder: Path, root: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that is done needs no rights."""
    (folder / NAME).write_text("new\n")
    monkeypatch.setattr(os, "access", lambda *_, **__: False)
    assert plan(NEW, root).is_done


@pytest.mark.parametrize("call", ["fsync", "fchmod", "replace"])
def test_a_write_that_fails(folder: Path, root: str, monkeypatch: pytest.MonkeyPatch, call: str) -> None:
    """Where the system refuses half-way, the file is as it was and nothing lies about."""
    (folder / NAME).write_text("old\n")
    planned = plan(NEW, root)

    def refuse(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, call, refuse)
    with pytest.raises(ApplyError, match="No space left on device; nothing was written"):
        write(planned)
    assert "old\n" == (folder / NAME).read_text()
    assert [NAME] == names(folder)


def test_an_interrupted_write(folder: Path, root: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Control-C leaves nothing behind either."""
    (folder / NAME).write_text("old\n")
    planned = plan(NEW, root)

    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "replace", interrupt)
    with pytest.raises(KeyboardInterrupt):
        write(planned)
    assert [NAME] == names(folder)


def test_the_way_back_from_a_new_file(folder: Path, root: str) -> None:
    """A new file is undone by removing it."""
    assert ["sudo", "rm", "--", str(folder / NAME)] == shlex.split(write(plan(NEW, root)).undo)


def test_the_way_back_to_an_old_file(folder: Path, root: str) -> None:
    """A changed one by putting the backup in its place."""
    (folder / NAME).write_text("old\n")
    written = write(plan(NEW, root))
    assert ["sudo", "mv", "--", written.backup, str(folder / NAME)] == shlex.split(written.undo)


@pytest.mark.parametrize("hostile", ["a b", "$(id)", "';rm -rf x;'", "--help", "a\nb"])
def test_the_way_back_is_quoted(tmp_path: Path, hostile: str) -> None:
    """No name of a folder is more than a word of the command."""
    folder = tmp_path / hostile / "etc/udev/rules.d"
    folder.mkdir(parents=True)
    undo = write(plan(NEW, str(tmp_path / hostile))).undo
    assert ["sudo", "rm", "--", str(folder / NAME)] == shlex.split(undo)


@given(before=st.none() | st.binary(max_size=200), content=st.text(max_size=200).filter(lambda text: "\r" not in text))
def test_any_content_is_written_and_kept(
    tmp_path_factory: pytest.TempPathFactory, before: bytes | None, content: str
) -> None:
    """Whatever was there and whatever is to be there: the one is kept, the other is there."""
    folder = tmp_path_factory.mktemp("any") / "etc/udev/rules.d"
    folder.mkdir(parents=True)
    if before is not None:
        (folder / NAME).write_bytes(before)
    planned = plan(SetupFile(path=PATH, content=content), str(folder.parents[2]))
    written = write(planned)
    assert content.encode() == (folder / NAME).read_bytes()
    assert (before is None) is (written.backup is None)
    assert before is None or before == Path(written.backup or "").read_bytes()
