"""The model of a smoke test: the one asked for, the smoke model in the cache, or one that lies on this host.

Every file is read with our own reader before it is chosen: one that is cut off makes the runtimes crash or hang.
"""

from __future__ import annotations

import fcntl
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

import msgspec

from etpu_doctor.evidence.compiled_model import ModelError, load_model
from etpu_doctor.evidence.errors import shown
from etpu_doctor.facts.model import CompiledModel, LoadedModel
from etpu_doctor.knowledge.smoke_models import SmokeModelEntry, smoke_model_of, smoke_models
from etpu_doctor.smoke.download import (
    BusyError,
    FetchError,
    Progress,
    UnreachableError,
    UnwritableError,
    Wanted,
    download,
    sha256_of,
)

Origin = Literal["asked", "cache", "host"]

PLACES = (
    "/edgetpu_model.tflite",
    "/usr/share/edgetpu/examples/models",
    "/detectors/models/edgetpu",
    "/opt/doods/models",
    "~/coral/pycoral/test_data",
    "~/pycoral/test_data",
    "~/coral/tflite/python/examples/classification/models",
)
"""Where compiled models usually lie, files and folders: Frigate's image, Debian's ``edgetpu-examples``, the images of
Viseron and DOODS, and the folders that Coral's "Get started" has people make. Folders are not searched deeper."""

_NAMES_LIMIT, _READ_LIMIT = 500, 20
_SIZE_LIMIT_BYTES = 64 << 20


class ChoiceError(Exception):
    """No model to run; the text says why, and what to do."""


class NoModelError(ChoiceError):
    """None was asked for, none is in the cache, and none was found on this host."""


class UnsoundModelError(ChoiceError):
    """The file that was asked for cannot be read, is no model, or is damaged."""


class NotCompiledError(ChoiceError):
    """The model that was asked for has no part that an Edge TPU runs."""


class ChosenModel(msgspec.Struct, frozen=True, kw_only=True):
    """The model to run.

    ``entry`` is what is known of its outputs, found by its SHA-256; ``remarks`` tell of files that were passed over.
    """

    path: str
    sha256: str
    origin: Origin
    model: CompiledModel
    entry: SmokeModelEntry | None = None
    remarks: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The name that is known for it, else that of its file."""
        return self.entry.name if self.entry is not None else shown(os.path.basename(self.path))


class Fetched(msgspec.Struct, frozen=True, kw_only=True):
    """A smoke model in its place.

    ``was_there``: nothing had to be fetched. ``replaced`` says what was wrong with the file that lay there before.
    ``resumed_at_bytes`` is how much was left of an earlier try.
    """

    path: str
    size_bytes: int
    sha256: str
    url: str
    was_there: bool = False
    replaced: str | None = None
    resumed_at_bytes: int = 0


class FetchOptions(msgspec.Struct, frozen=True, kw_only=True):
    """What to fetch, if not the first smoke model into the cache from its own address; times as in ``Wanted``."""

    entry: SmokeModelEntry | None = None
    folder: str | None = None
    url: str | None = None
    answer_seconds: float = 20.0
    total_seconds: float = 300.0


def cache_folder() -> str | None:
    """Where the smoke model is kept (``$XDG_CACHE_HOME/etpu-doctor``, ``~/.cache/etpu-doctor``); it need not exist.

    ``None`` where this user has no home.
    """
    import platformdirs  # noqa: PLC0415 - slow, and only the smoke test has a cache

    folder = platformdirs.user_cache_dir("etpu-doctor", appauthor=False)
    return folder if os.path.isabs(folder) else None


def find_smoke_model(asked: str | None = None, *, root: str = "/") -> ChosenModel:
    """The model to run: the one asked for, the cached smoke model if its hash is right, else one of ``PLACES``.

    ``root`` is where the host's ``PLACES`` are. Raises ``ChoiceError``; never fetches anything.
    """
    if asked is not None:
        return _asked(asked)
    remarks: list[str] = []
    chosen = _cached(remarks) or _on_host(root)
    if chosen is None:
        advice = "fetch the smoke model with etpu-doctor model fetch, or name a compiled one with --model"
        raise NoModelError(" ".join([*remarks, f"There is no model to run: {advice}"]))
    return msgspec.structs.replace(chosen, remarks=tuple(remarks))


def _asked(path: str) -> ChosenModel:
    try:
        loaded = load_model(path)
    except ModelError as error:
        raise UnsoundModelError(f"{shown(path)}: {error}") from error
    if loaded.model.compiled == "no":
        raise NotCompiledError(
            f"{shown(path)}: not compiled for the Edge TPU, so that all of it would run on the CPU "
            f"(more: etpu-doctor model {shown(path)})"
        )
    return _chosen(loaded, "asked")


def _chosen(loaded: LoadedModel, origin: Origin) -> ChosenModel:
    return ChosenModel(
        path=loaded.path,
        sha256=loaded.sha256,
        origin=origin,
        model=loaded.model,
        entry=smoke_model_of(loaded.sha256),
    )


def _cached(remarks: list[str]) -> ChosenModel | None:
    for folder in _caches():
        for entry in smoke_models():
            path = os.path.join(folder, entry.file)
            fault = fault_of(path, entry)
            chosen = _readable(path, "cache") if fault is None else None
            if chosen is not None:
                return chosen
            if fault:
                remarks.append(f"{shown(path)} {fault}; etpu-doctor model fetch replaces it.")
    return None


def _readable(path: str, origin: Origin) -> ChosenModel | None:
    try:
        return _chosen(load_model(path), origin)
    except ModelError:
        return None


def _caches() -> Iterator[str]:
    """This user's cache, and under sudo that of the user who called it."""
    own = cache_folder()
    if own is not None:
        yield own
    caller = os.environ.get("SUDO_UID", "")
    if os.geteuid() == 0 and caller.isascii() and caller.isdigit():
        import pwd  # noqa: PLC0415 - only under sudo

        try:
            yield os.path.join(pwd.getpwuid(int(caller)).pw_dir, ".cache", "etpu-doctor")
        except (KeyError, OverflowError):
            return


def fault_of(path: str, entry: SmokeModelEntry) -> str | None:
    """What is wrong with a file that should be a smoke model: ``None`` if nothing, empty if there is no file."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError):
        return ""
    except OSError as error:
        return f"cannot be opened ({error.strerror or error})"
    try:
        status = os.fstat(handle)
        if not stat.S_ISREG(status.st_mode):
            return "is no file"
        if status.st_size != entry.size_bytes:
            return f"has {status.st_size:,} bytes and should have {entry.size_bytes:,}"
        return None if sha256_of(handle) == entry.sha256 else "does not match its SHA-256"
    except OSError as error:
        return f"cannot be read ({error.strerror or error})"
    finally:
        os.close(handle)


def _on_host(root: str) -> ChosenModel | None:
    """The first known or wholly compiled model of ``PLACES``, else the first that is compiled in part."""
    found: ChosenModel | None = None
    for path in _candidates(root)[:_READ_LIMIT]:
        chosen = _readable(path, "host")
        if chosen is None or chosen.model.compiled == "no":
            continue
        if chosen.entry is not None or chosen.model.compiled == "full":
            return chosen
        found = found or chosen
    return found


def _candidates(root: str) -> list[str]:
    """Files that may be compiled models: those of a known size first, then those named so, the small ones first."""
    known = {entry.size_bytes for entry in smoke_models()}
    sized = [(path, _size(path)) for place in PLACES for path in _files(_below(root, place))]
    fitting = [(path, size) for path, size in sized if 0 < size <= _SIZE_LIMIT_BYTES]
    return [path for path, _ in sorted(fitting, key=lambda each: _rank(each[0], each[1], known))]


def _size(path: str) -> int:
    """Size of a regular file, 0 for what is none."""
    try:
        status = os.stat(path)
    except OSError:
        return 0
    return status.st_size if stat.S_ISREG(status.st_mode) else 0


def _rank(path: str, size: int, known: set[int]) -> tuple[bool, bool, int, str]:
    return size not in known, "edgetpu" not in os.path.basename(path).lower(), size, path


def _below(root: str, place: str) -> str:
    """A place on the host; ``~`` is this user's home, which lies below the root too."""
    path = os.path.expanduser(place)
    return os.path.join(root, path.lstrip("/")) if os.path.isabs(path) else ""


def _files(place: str) -> list[str]:
    """The files that a place may mean: itself, or the models in it if it is a folder."""
    try:
        names = sorted(name for name in os.listdir(place) if name.endswith(".tflite"))
    except OSError:
        return [place]
    return [os.path.join(place, name) for name in names[:_NAMES_LIMIT]]


def fetch(options: FetchOptions | None = None, progress: Progress = lambda _got, _size: None) -> Fetched:
    """Get a smoke model into its place, which holds the right bytes afterwards or what it held before.

    Raises ``FetchError``.
    """
    options = options or FetchOptions()
    entry = options.entry or smoke_models()[0]
    folder = options.folder if options.folder is not None else cache_folder()
    if folder is None:
        raise UnwritableError("this user has no home folder: name a folder with --dest")
    path = os.path.join(folder, entry.file)
    fault = fault_of(path, entry)
    fetched = Fetched(
        path=path,
        size_bytes=entry.size_bytes,
        sha256=entry.sha256,
        url=options.url or entry.url,
        replaced=fault or None,
        was_there=fault is None,
    )
    return fetched if fetched.was_there else _fetch(fetched, options, progress)


def _fetch(fetched: Fetched, options: FetchOptions, progress: Progress) -> Fetched:
    folder, part = os.path.dirname(fetched.path), f"{fetched.path}.part"
    if os.path.isdir(fetched.path):
        raise UnwritableError(f"{shown(fetched.path)} is a folder, where the model belongs: move it away")
    wanted = Wanted(
        url=fetched.url,
        size_bytes=fetched.size_bytes,
        sha256=fetched.sha256,
        answer_seconds=options.answer_seconds,
        total_seconds=options.total_seconds,
    )
    with _writing(folder), _part(part) as handle:
        try:
            resumed = download(handle, wanted, progress)
        except UnreachableError as error:
            raise UnreachableError(f"{error}; fetched by other means, it belongs into {shown(folder)}") from error
        os.fsync(handle)
        os.replace(part, fetched.path)
    return msgspec.structs.replace(fetched, resumed_at_bytes=resumed)


@contextmanager
def _writing(folder: str) -> Iterator[None]:
    """Makes a folder, and turns what writing to it fails with into ``UnwritableError``."""
    try:
        os.makedirs(folder, exist_ok=True)
        yield
    except FileExistsError as error:
        raise UnwritableError(f"{shown(folder)} is no folder") from error
    except OSError as error:
        raise UnwritableError(f"{shown(folder)} cannot be written to: {error.strerror or error}") from error


@contextmanager
def _part(path: str) -> Iterator[int]:
    """The file that a download grows in, which only one process at a time may have."""
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, 0o644)
    try:
        if not _lock(handle) or not _is_at(handle, path):
            raise BusyError(f"{shown(path)}: another etpu-doctor is fetching it right now")
        try:
            yield handle
        except FetchError:
            if not os.fstat(handle).st_size:
                # Nothing came, so that there is nothing to continue.
                os.unlink(path)
            raise
    finally:
        os.close(handle)


def _is_at(handle: int, path: str) -> bool:
    """Whether a path still leads to an open file; a process that has finished moved it away."""
    try:
        return os.path.samestat(os.fstat(handle), os.stat(path))
    except FileNotFoundError:
        return False


def _lock(handle: int) -> bool:
    """Whether no other process has the file."""
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        # Some network file systems have no locks; the hash decides in any case.
        return True
    return True
