"""Gets a file of known size and SHA-256 over HTTP: resumed where it broke off, never more bytes than it has.

Only the hash makes it right, so that neither the address nor the connection has to be trusted.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from etpu_doctor import __version__
from etpu_doctor.evidence.errors import shown

if TYPE_CHECKING:  # urllib brings in ssl and email
    from http.client import HTTPResponse
    from urllib.request import OpenerDirector

Progress = Callable[[int, int], None]
"""Called with the bytes that are there and the bytes of the whole."""

_CHUNK_BYTES = 1 << 16
_TRIES = 4
_OK, _PARTIAL, _RANGE_NOT_SATISFIABLE = 200, 206, 416


class FetchError(Exception):
    """A file that was not fetched; the text says why, and what to do."""


class UnreachableError(FetchError):
    """No network, no such host, no answer, a bad certificate, or the server does not have the file."""


class CutOffError(FetchError):
    """The connection broke, or was too slow; what has come is kept for the next time."""


class WrongContentError(FetchError):
    """What came is not the file: another size, or another SHA-256. Nothing of it is kept."""


class UnwritableError(FetchError):
    """No room, no right to write, or no folder to write to."""


class BusyError(FetchError):
    """Another process is fetching the same file to the same place."""


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """A file to get: where from, and what it must be. Times in seconds: for one answer, and for all of it."""

    url: str
    size_bytes: int
    sha256: str
    answer_seconds: float = 20.0
    total_seconds: float = 300.0


class _Answer(NamedTuple):
    """An answer of the server, and at which byte its content begins."""

    response: HTTPResponse
    start: int


def download(handle: int, wanted: Wanted, progress: Progress) -> int:
    """Complete the file behind a descriptor; returns how many of its bytes were there before.

    Raises ``FetchError``. Afterwards the file holds the right bytes, or those of a download to be continued.
    """
    work = _Download(handle, wanted, progress)
    work.complete()
    if work.kept and sha256_of(handle) != wanted.sha256:
        # What lay there may have been wrong from the start.
        work.keep(0)
        work.complete()
    found = sha256_of(handle)
    if found != wanted.sha256:
        work.keep(0)
        raise WrongContentError(f"{shown(wanted.url)} gave other bytes: SHA-256 {found}, not {wanted.sha256}")
    return work.kept


def sha256_of(handle: int) -> str:
    """SHA-256 of the whole file behind a descriptor."""
    import hashlib  # noqa: PLC0415 - loads OpenSSL

    digest = hashlib.sha256()
    os.lseek(handle, 0, os.SEEK_SET)
    while chunk := os.read(handle, _CHUNK_BYTES):
        digest.update(chunk)
    return digest.hexdigest()


class _Download:
    """A file that grows; ``kept`` bytes at its start are of an earlier try."""

    def __init__(self, handle: int, wanted: Wanted, progress: Progress) -> None:
        self._handle, self._wanted, self._progress = handle, wanted, progress
        self._deadline = time.monotonic() + wanted.total_seconds
        self.kept = self._size()
        if self.kept > wanted.size_bytes:
            self.keep(0)

    def _size(self) -> int:
        return os.fstat(self._handle).st_size

    def keep(self, size: int) -> None:
        """Cut the file after some bytes."""
        os.ftruncate(self._handle, size)
        os.lseek(self._handle, size, os.SEEK_SET)
        self.kept = min(self.kept, size)

    def complete(self) -> None:
        """Fetch what is missing; a connection that breaks is made anew a few times, if each brought something."""
        tries = 0
        while (before := self._size()) < self._wanted.size_bytes:
            tries += 1
            try:
                self._attempt()
            except CutOffError:
                if tries == _TRIES or self._size() <= before or time.monotonic() >= self._deadline:
                    raise

    def _attempt(self) -> None:
        answer = _ask(self._size(), self._wanted)
        with answer.response:
            _check_length(answer, self._wanted)
            self.keep(answer.start)
            for chunk in _chunks(answer, self._wanted, self._deadline):
                self._write(chunk)
                self._progress(self._size(), self._wanted.size_bytes)

    def _write(self, chunk: bytes) -> None:
        while chunk:
            chunk = chunk[os.write(self._handle, chunk) :]


def _ask(start: int, wanted: Wanted) -> _Answer:
    """Ask for the rest from ``start`` on; a server that cannot give just that is asked for the whole."""
    response = _request(wanted, start)
    begins = _begins_at(response) if response is not None else None
    if response is not None and begins in (0, start):
        return _Answer(response, begins)
    if response is not None:
        response.close()
    response = _request(wanted, 0) if start else response
    if response is None or response.status != _OK:
        raise UnreachableError(f"{shown(wanted.url)}: no sound answer")
    return _Answer(response, 0)


def _request(wanted: Wanted, start: int) -> HTTPResponse | None:
    """The server's answer, ``None`` if it does not have the range. Raises ``UnreachableError``."""
    from http.client import HTTPException  # noqa: PLC0415 - urllib brings in ssl and email
    from urllib.error import HTTPError, URLError  # noqa: PLC0415 - as above

    where = shown(wanted.url)
    try:
        return _open(wanted, start)
    except HTTPError as error:
        error.close()
        if start and error.code == _RANGE_NOT_SATISFIABLE:
            return None
        raise UnreachableError(f"{where}: the server answers {error.code} {shown(str(error.reason))}") from error
    except URLError as error:
        raise UnreachableError(f"{where} cannot be reached: {_reason(error.reason)}") from error
    except TimeoutError as error:
        raise UnreachableError(f"{where}: no answer within {wanted.answer_seconds:g} s") from error
    except (OSError, HTTPException, ValueError) as error:
        raise UnreachableError(f"{where}: no sound answer ({shown(str(error) or repr(error))})") from error


def _open(wanted: Wanted, start: int) -> HTTPResponse:
    from urllib.request import Request  # noqa: PLC0415 - urllib brings in ssl and email

    headers = {"User-Agent": f"etpu-doctor/{__version__}", "Accept-Encoding": "identity"}
    if start:
        headers["Range"] = f"bytes={start}-"
    request = Request(wanted.url, headers=headers)  # noqa: S310 - _opener knows no other schemes
    response: HTTPResponse = _opener().open(request, timeout=wanted.answer_seconds)
    return response


def _opener() -> OpenerDirector:
    """As urllib makes it, with the environment's proxies, but without ``file:``, ``ftp:`` and ``data:``."""
    from urllib import request  # noqa: PLC0415 - brings in ssl and email

    opener = request.OpenerDirector()
    for handler in (
        request.ProxyHandler,
        request.UnknownHandler,
        request.HTTPHandler,
        request.HTTPSHandler,
        request.HTTPDefaultErrorHandler,
        request.HTTPRedirectHandler,
        request.HTTPErrorProcessor,
    ):
        opener.add_handler(handler())
    return opener


def _begins_at(response: HTTPResponse) -> int | None:
    """At which byte of the file the content begins; ``None`` where the answer does not say."""
    if response.status != _PARTIAL:
        return 0
    unit, _, rest = response.headers.get("Content-Range", "").partition(" ")
    first = rest.partition("-")[0].strip()
    return int(first) if unit == "bytes" and first.isascii() and first.isdigit() and len(first) < 20 else None


def _check_length(answer: _Answer, wanted: Wanted) -> None:
    """Refuse an answer that already says that it is another file."""
    length = answer.response.length
    if length is None or answer.start + length == wanted.size_bytes:
        return
    kind = answer.response.headers.get_content_type()
    page = ": a web page, perhaps the login of a network or of a proxy" if kind == "text/html" else ""
    has = f"has {answer.start + length:,} bytes of {shown(kind)} and not {wanted.size_bytes:,}"
    raise WrongContentError(f"{shown(wanted.url)} {has}{page}")


def _chunks(answer: _Answer, wanted: Wanted, deadline: float) -> Iterator[bytes]:
    """The content up to the size that is wanted: of more than that, the hash tells. Raises ``CutOffError``."""
    got = answer.start
    while got < wanted.size_bytes:
        if time.monotonic() >= deadline:
            raise CutOffError(_cut_off(wanted, got, f"it took longer than {wanted.total_seconds:g} s"))
        chunk = _read(answer.response, min(_CHUNK_BYTES, wanted.size_bytes - got), wanted, got)
        if not chunk:
            raise CutOffError(_cut_off(wanted, got, "the connection ended"))
        got += len(chunk)
        yield chunk


def _read(response: HTTPResponse, limit: int, wanted: Wanted, got: int) -> bytes:
    """What comes next, as soon as something comes."""
    from http.client import HTTPException  # noqa: PLC0415 - urllib brings in ssl and email

    try:
        return response.read1(limit)
    except TimeoutError as error:
        raise CutOffError(_cut_off(wanted, got, f"nothing came for {wanted.answer_seconds:g} s")) from error
    except (OSError, HTTPException, ValueError) as error:
        raise CutOffError(_cut_off(wanted, got, shown(str(error) or repr(error)))) from error


def _cut_off(wanted: Wanted, got: int, why: str) -> str:
    return (
        f"{shown(wanted.url)} broke off at {got:,} of {wanted.size_bytes:,} bytes ({why}); "
        "the same command continues from there"
    )


def _reason(reason: object) -> str:
    """Why a host cannot be reached, with a hint where the cause is at home."""
    from ssl import SSLCertVerificationError  # noqa: PLC0415 - loads OpenSSL

    text = shown(str(getattr(reason, "strerror", None) or reason))
    if isinstance(reason, SSLCertVerificationError):
        why = getattr(reason, "verify_message", None) or text
        return f"{shown(why)} (is this machine's clock right, and is ca-certificates installed?)"
    return text
