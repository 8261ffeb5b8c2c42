"""Which model a smoke test runs, and getting the smoke model into its place."""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
import threading
from collections.abc import Iterator
from pathlib import Path

import msgspec
import platformdirs
import pytest

from etpu_doctor.evidence import compiled_model
from etpu_doctor.knowledge.smoke_models import SmokeModelEntry, smoke_models
from etpu_doctor.smoke import download, models
from etpu_doctor.smoke.download import BusyError, CutOffError, FetchError, UnreachableError, UnwritableError
from etpu_doctor.smoke.models import (
    PLACES,
    ChosenModel,
    FetchOptions,
    NoModelError,
    NotCompiledError,
    UnsoundModelError,
    cache_folder,
    fault_of,
    fetch,
    find_smoke_model,
)
from tests.support.http_answers import Asked, head, ranges, serving, whole
from tests.support.mk_compiled import Graph, Operator, Recipe, Tensor, compiled, synthetic, tflite
from tests.support.mk_compiled import Program as Made

CONTENT = synthetic()
ENTRY = msgspec.structs.replace(
    smoke_models()[0],
    name="known",
    file="known_edgetpu.tflite",
    size_bytes=len(CONTENT),
    sha256=hashlib.sha256(CONTENT).hexdigest(),
)
TENSORS = (Tensor("in"), Tensor("out"))
PLAIN = tflite(Graph(TENSORS, (Operator(3),)))
PARTLY = tflite(Graph(TENSORS, (compiled(Made()), Operator("TFLite_Detection_PostProcess"))))
OTHER = synthetic(Recipe(parameters=300))


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A user with a home of their own, on a host of their own, with one smoke model that is known."""
    folder = tmp_path / "home"
    for name in ("http_proxy", "HTTP_PROXY", "XDG_CACHE_HOME", "SUDO_UID"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(folder))
    monkeypatch.setattr(models, "smoke_models", lambda: (ENTRY,))
    monkeypatch.setattr(models, "smoke_model_of", lambda sha256: ENTRY if sha256 == ENTRY.sha256 else None)
    return folder


@pytest.fixture
def cache(home: Path) -> Path:
    """This user's cache, made already."""
    folder = home / ".cache" / "etpu-doctor"
    folder.mkdir(parents=True)
    return folder


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """The root of a host that has nothing on it."""
    folder = tmp_path / "root"
    folder.mkdir()
    return folder


def put(path: Path, content: bytes) -> Path:
    """A file with all folders above it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def below(root: Path, place: str) -> Path:
    """One of ``PLACES`` on a host."""
    return root / os.path.expanduser(place).lstrip("/")


# ---- the cache


def test_the_cache(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It lies where the user's caches lie, and is not made by asking."""
    assert str(home / ".cache" / "etpu-doctor") == cache_folder()
    monkeypatch.setenv("XDG_CACHE_HOME", "/var/tmp/caches")  # noqa: S108 - nothing is written there
    assert "/var/tmp/caches/etpu-doctor" == cache_folder()  # noqa: S108 - as above
    assert not home.exists()


def test_a_user_without_a_home(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Such a user has no cache: nothing is looked for in this folder, and nothing written to it."""
    monkeypatch.setattr(platformdirs, "user_cache_dir", lambda *_, **__: "~/.cache/etpu-doctor")
    assert cache_folder() is None
    with pytest.raises(NoModelError):
        find_smoke_model(root=str(root))
    with pytest.raises(UnwritableError, match="--dest"):
        fetch()


# ---- the choice


def test_the_one_asked_for(tmp_path: Path, cache: Path) -> None:
    """It goes before the cached one, compiled in full or in part."""
    put(cache / ENTRY.file, CONTENT)
    for content, degree in ((OTHER, "full"), (PARTLY, "partly")):
        path = put(tmp_path / "m.tflite", content)
        chosen = find_smoke_model(str(path))
        assert (str(path), "asked", None, "m.tflite", degree) == (
            chosen.path,
            chosen.origin,
            chosen.entry,
            chosen.name,
            chosen.model.compiled,
        )


def test_one_that_is_known(tmp_path: Path) -> None:
    """Whatever its file is called, its hash tells what is known of it."""
    chosen = find_smoke_model(str(put(tmp_path / "m.tflite", CONTENT)))
    assert (ENTRY, "known", ENTRY.sha256) == (chosen.entry, chosen.name, chosen.sha256)


def test_one_that_is_not_compiled(tmp_path: Path, cache: Path) -> None:
    """It is refused, and no other is taken in its place."""
    put(cache / ENTRY.file, CONTENT)
    path = put(tmp_path / "m.tflite", PLAIN)
    with pytest.raises(NotCompiledError, match="not compiled"):
        find_smoke_model(str(path))


@pytest.mark.parametrize(
    ("content", "expected"), [(CONTENT[:-200], "cut off"), (b"<html>", "a web page"), (b"", "an empty file")]
)
def test_one_that_is_no_model(tmp_path: Path, content: bytes, expected: str) -> None:
    """A damaged one is refused before any runtime could crash over it."""
    path = put(tmp_path / "m.tflite", content)
    with pytest.raises(UnsoundModelError, match=expected) as caught:
        find_smoke_model(str(path))
    assert str(caught.value).startswith(f"{path}: ")


def test_one_that_is_not_there(tmp_path: Path) -> None:
    """So is a missing one, and a folder."""
    for path, expected in ((tmp_path / "none", "No such file"), (tmp_path, "a folder")):
        with pytest.raises(UnsoundModelError, match=expected):
            find_smoke_model(str(path))


def test_the_cached_one(cache: Path, root: Path) -> None:
    """It goes before one that lies on the host."""
    put(cache / ENTRY.file, CONTENT)
    put(root / "edgetpu_model.tflite", OTHER)
    chosen = find_smoke_model(root=str(root))
    assert (str(cache / ENTRY.file), "cache", ENTRY, ()) == (chosen.path, chosen.origin, chosen.entry, chosen.remarks)


@pytest.mark.parametrize(
    ("content", "expected"),
    [(OTHER, "bytes and should have"), (CONTENT[:-1] + b"x", "does not match its SHA-256"), (b"", "has 0 bytes")],
)
def test_a_cached_one_that_is_wrong(cache: Path, root: Path, content: bytes, expected: str) -> None:
    """It is passed over with a word about it, whether another is found or none."""
    put(cache / ENTRY.file, content)
    with pytest.raises(NoModelError, match=expected):
        find_smoke_model(root=str(root))
    put(root / "edgetpu_model.tflite", OTHER)
    chosen = find_smoke_model(root=str(root))
    (remark,) = chosen.remarks
    assert "host" == chosen.origin
    assert expected in remark
    assert "model fetch" in remark


def test_a_cached_one_that_is_no_file(cache: Path, root: Path) -> None:
    """A folder, or what never ends to be opened, is passed over as well."""
    os.mkfifo(cache / ENTRY.file)
    with pytest.raises(NoModelError, match="is no file"):
        find_smoke_model(root=str(root))
    (cache / ENTRY.file).unlink()
    (cache / ENTRY.file).mkdir()
    with pytest.raises(NoModelError, match="is no file"):
        find_smoke_model(root=str(root))


def test_a_cached_one_that_changes_meanwhile(cache: Path, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that is damaged after its hash was looked at is not chosen."""
    put(cache / ENTRY.file, CONTENT)
    monkeypatch.setattr(models, "fault_of", lambda path, _entry: Path(path).write_bytes(b"x") and None)
    with pytest.raises(NoModelError):
        find_smoke_model(root=str(root))


def test_the_cache_of_the_one_who_called_sudo(tmp_path: Path, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Under sudo the model that the user fetched is found, if its hash is right."""
    account = type("Account", (), {"pw_dir": str(tmp_path / "caller")})
    monkeypatch.setattr("pwd.getpwuid", {1000: account}.__getitem__)
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    path = put(tmp_path / "caller" / ".cache" / "etpu-doctor" / ENTRY.file, CONTENT)
    for uid, found in (("1000", True), ("1001", False), ("", False), ("9" * 30, False), ("-1", False), ("²", False)):
        monkeypatch.setenv("SUDO_UID", uid)
        if found:
            assert str(path) == find_smoke_model(root=str(root)).path
        else:
            with pytest.raises(NoModelError):
                find_smoke_model(root=str(root))
    monkeypatch.setenv("SUDO_UID", "1000")
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(NoModelError):
        find_smoke_model(root=str(root))


def test_nothing_anywhere(root: Path) -> None:
    """It is said what to do."""
    with pytest.raises(NoModelError, match=r"model fetch.*--model"):
        find_smoke_model(root=str(root))


@pytest.mark.parametrize("place", PLACES)
def test_places(root: Path, place: str) -> None:
    """A model in each of the usual places is found, in folders under any name."""
    path = below(root, place)
    path = put(path if place.endswith(".tflite") else path / "any.tflite", OTHER)
    chosen = find_smoke_model(root=str(root))
    assert (str(path), "host", "full") == (chosen.path, chosen.origin, chosen.model.compiled)


def test_the_best_on_the_host(root: Path) -> None:
    """Known goes before wholly compiled, that before compiled in part; what is not compiled or damaged is none."""
    folder = below(root, PLACES[1])
    put(folder / "cpu.tflite", PLAIN)
    put(folder / "edgetpu_broken.tflite", OTHER[:-300])
    put(folder / "labels.txt", b"0 person")
    put(folder / "a_edgetpu.txt", OTHER)
    with pytest.raises(NoModelError):
        find_smoke_model(root=str(root))
    for name, content in (("p_edgetpu.tflite", PARTLY), ("f_edgetpu.tflite", OTHER), ("z.tflite", CONTENT)):
        path = put(folder / name, content)
        assert str(path) == find_smoke_model(root=str(root)).path


def test_the_smallest_on_the_host(root: Path) -> None:
    """Of two of a kind the smaller is taken, it is the quicker test; names that say edgetpu are looked at first."""
    folder = below(root, PLACES[1])
    put(folder / "a_edgetpu.tflite", synthetic(Recipe(parameters=9000)))
    small = put(folder / "b_edgetpu.tflite", OTHER)
    put(folder / "c.tflite", synthetic(Recipe(parameters=1, instructions=1)))
    assert str(small) == find_smoke_model(root=str(root)).path


def test_the_search_is_bounded(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder full of files, and files of any size, cost no more than a few reads."""
    read: list[str] = []

    def counted(path: str) -> ChosenModel:
        read.append(path)
        raise compiled_model.ModelError("damaged")

    monkeypatch.setattr(models, "load_model", counted)
    folder = below(root, PLACES[1])
    for index in range(700):
        put(folder / f"{index:03}.tflite", b"x")
    huge = folder / "000.tflite"
    os.truncate(huge, 65 << 20)
    with pytest.raises(NoModelError):
        find_smoke_model(root=str(root))
    assert 20 == len(read)
    assert str(huge) not in read


def test_what_lies_in_the_way(root: Path) -> None:
    """Links that lead nowhere or in circles, pipes and folders are no models, and nothing waits for them."""
    folder = below(root, PLACES[1])
    folder.mkdir(parents=True)
    (folder / "loop.tflite").symlink_to("loop.tflite")
    (folder / "gone.tflite").symlink_to("nowhere")
    (folder / "deep.tflite").mkdir()
    os.mkfifo(folder / "fifo.tflite")
    put(below(root, "/detectors"), b"a file where a folder should be")
    (root / "edgetpu_model.tflite").mkdir()
    with pytest.raises(NoModelError):
        find_smoke_model(root=str(root))
    path = put(folder / "m.tflite", OTHER)
    assert str(path) == find_smoke_model(root=str(root)).path


# ---- what is wrong with a file


def test_faults(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing, no file, and everything else in words."""
    path = tmp_path / "m"
    assert "" == fault_of(str(path), ENTRY)
    assert "" == fault_of(str(put(tmp_path / "file", b"") / "m"), ENTRY)
    assert fault_of(str(put(path, CONTENT)), ENTRY) is None
    (tmp_path / "loop").symlink_to("loop")
    assert "cannot be opened" in (fault_of(str(tmp_path / "loop"), ENTRY) or "")

    def unreadable(_handle: int) -> str:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(models, "sha256_of", unreadable)
    assert "cannot be read (Input/output error)" == fault_of(str(path), ENTRY)


# ---- fetching


def options(url: str, **more: object) -> FetchOptions:
    """What to fetch from where, without much patience."""
    return msgspec.structs.replace(FetchOptions(entry=ENTRY, url=url, answer_seconds=5, total_seconds=30), **more)


def names(folder: Path) -> list[str]:
    """What is in a folder."""
    return sorted(os.listdir(folder))


def test_fetch(home: Path) -> None:
    """The model comes into the cache, which is made; a second time nothing is asked for, even without a network."""
    with serving(whole(CONTENT)) as server:
        fetched = fetch(options(server.url))
    path = home / ".cache" / "etpu-doctor" / ENTRY.file
    assert (str(path), False, None, 0, server.url) == (
        fetched.path,
        fetched.was_there,
        fetched.replaced,
        fetched.resumed_at_bytes,
        fetched.url,
    )
    assert CONTENT == path.read_bytes()
    assert [ENTRY.file] == names(path.parent)
    assert fetch(options(server.url)).was_there
    assert 1 == len(server.asked)
    assert "cache" == find_smoke_model(root="/nonexistent").origin


def test_a_crash_leaves_no_half_model(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The bytes are on the disk before the name is: at the moment of flushing only the part is there."""
    there: list[list[str]] = []
    flush = os.fsync

    def watched(handle: int) -> None:
        there.append(names(cache))
        flush(handle)

    monkeypatch.setattr(os, "fsync", watched)
    with serving(whole(CONTENT)) as server:
        fetch(options(server.url))
    assert [[f"{ENTRY.file}.part"]] == there
    assert [ENTRY.file] == names(cache)


def test_fetch_elsewhere(tmp_path: Path, home: Path) -> None:
    """Another folder is made and filled, and the cache left alone."""
    with serving(whole(CONTENT)) as server:
        fetched = fetch(options(server.url, folder=str(tmp_path / "a" / "b")))
    assert CONTENT == Path(fetched.path).read_bytes()
    assert not home.exists()


def test_fetch_tells_its_progress(cache: Path) -> None:
    """How much of how much is there."""
    seen: list[tuple[int, int]] = []
    with serving(whole(CONTENT)) as server:
        fetch(options(server.url), lambda got, size: seen.append((got, size)))
    assert (len(CONTENT), len(CONTENT)) == seen[-1]
    assert [ENTRY.file] == names(cache)


def test_fetch_goes_on(cache: Path) -> None:
    """A download that broke off leaves its part beside the place, and the next one goes on from there."""
    with serving(ranges(CONTENT, limit=100)) as server, pytest.raises(CutOffError):
        fetch(options(server.url))
    assert [f"{ENTRY.file}.part"] == names(cache)
    with serving(ranges(CONTENT)) as server:
        assert 400 == fetch(options(server.url)).resumed_at_bytes
    assert [ENTRY.file] == names(cache)
    assert CONTENT == (cache / ENTRY.file).read_bytes()


@pytest.mark.parametrize("old", [b"", b"x" * len(CONTENT), CONTENT + b"x"])
def test_fetch_replaces_what_is_wrong(cache: Path, old: bytes) -> None:
    """A file that does not match is said to, and replaced at once by the right one."""
    put(cache / ENTRY.file, old)
    with serving(whole(CONTENT)) as server:
        fetched = fetch(options(server.url))
    assert fetched.replaced
    assert CONTENT == (cache / ENTRY.file).read_bytes()


def test_fetch_leaves_what_is_there(cache: Path) -> None:
    """A failed download takes nothing away, and leaves nothing that is of no use."""
    put(cache / ENTRY.file, b"old")
    for answer in (whole(b"x" * len(CONTENT)), lambda _: [head("404 Not Found")], whole(b"short")):
        with serving(answer) as server, pytest.raises(FetchError):
            fetch(options(server.url))
        assert b"old" == (cache / ENTRY.file).read_bytes()
        assert [ENTRY.file] == names(cache)


def test_fetch_without_a_network(cache: Path) -> None:
    """It is said where the file belongs, which may come by other means."""
    with pytest.raises(UnreachableError, match="belongs into") as caught:
        fetch(options("http://nowhere.invalid/"))
    assert str(cache) in str(caught.value)


def test_the_address_is_that_of_the_entry(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without another it is the model's own."""
    asked: list[str] = []

    def never(_handle: int, wanted: download.Wanted, _progress: object) -> int:
        asked.append(wanted.url)
        raise UnreachableError("no network in tests")

    monkeypatch.setattr(models, "download", never)
    with pytest.raises(UnreachableError):
        fetch()
    assert [ENTRY.url] == asked


def test_no_room(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A full disk is called one; what was written stays for the next time."""
    room, write = [700], os.write

    def full(handle: int, chunk: bytes) -> int:
        if not room[0]:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        written = write(handle, chunk[: room[0]])
        room[0] -= written
        return written

    monkeypatch.setattr(os, "write", full)
    with serving(whole(CONTENT)) as server, pytest.raises(UnwritableError, match="No space left"):
        fetch(options(server.url))
    assert CONTENT[:700] == (cache / f"{ENTRY.file}.part").read_bytes()


def test_folders_that_cannot_be_written_to(tmp_path: Path) -> None:
    """A file in the place of a folder, and a file system that takes none."""
    file = put(tmp_path / "file", b"")
    for folder, expected in (
        (str(file), "is no folder"),
        (f"{file}/below", "Not a directory"),
        ("/proc/1/etpu", "cannot be written to"),
    ):
        with pytest.raises(UnwritableError, match=expected):
            fetch(options("http://nowhere.invalid/", folder=folder))


def test_a_folder_in_the_place_of_the_model(cache: Path) -> None:
    """It is not touched."""
    (cache / ENTRY.file).mkdir()
    with pytest.raises(UnwritableError, match="move it away"):
        fetch(options("http://nowhere.invalid/"))


def test_a_link_in_the_place_of_the_part(cache: Path, tmp_path: Path) -> None:
    """A link that somebody laid is not followed: what it leads to stays as it is."""
    victim = put(tmp_path / "victim", b"precious")
    (cache / f"{ENTRY.file}.part").symlink_to(victim)
    with serving(whole(CONTENT)) as server, pytest.raises(UnwritableError):
        fetch(options(server.url))
    assert b"precious" == victim.read_bytes()


def test_two_at_a_time(cache: Path) -> None:
    """A second one says that the first is at it, and spoils nothing."""
    begun, go_on = threading.Event(), threading.Event()

    def slow(_asked: Asked) -> Iterator[bytes]:
        begun.set()
        go_on.wait(10)
        yield from whole(CONTENT)(_asked)

    with serving(slow) as server:
        first = threading.Thread(target=fetch, args=(options(server.url),))
        first.start()
        assert begun.wait(10)
        with pytest.raises(BusyError, match="another"):
            fetch(options(server.url))
        assert [f"{ENTRY.file}.part"] == names(cache)
        go_on.set()
        first.join()
    assert CONTENT == (cache / ENTRY.file).read_bytes()
    assert [ENTRY.file] == names(cache)


def test_one_that_has_just_finished(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who opened the part just before the other moved it into place does not write to it."""

    def moved(handle: int, _operation: int) -> None:
        os.replace(cache / f"{ENTRY.file}.part", cache / ENTRY.file)
        assert os.fstat(handle).st_nlink

    monkeypatch.setattr(fcntl, "flock", moved)
    with pytest.raises(BusyError):
        fetch(options("http://nowhere.invalid/"))


def test_a_file_system_without_locks(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The hash decides in any case."""

    def refused(_handle: int, _operation: int) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "flock", refused)
    with serving(whole(CONTENT)) as server:
        fetch(options(server.url))
    assert CONTENT == (cache / ENTRY.file).read_bytes()


def test_the_model_to_fetch_is_the_first() -> None:
    """The knowledge file's first model is what a user gets, and it is small."""
    entry: SmokeModelEntry = smoke_models()[0]
    assert ("split_concat", 58_504) == (entry.name, entry.size_bytes)
