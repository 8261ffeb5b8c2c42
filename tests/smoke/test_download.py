"""Getting a file of known size and hash from servers that work, and from servers that do not."""

from __future__ import annotations

import hashlib
import os
import socket
import ssl
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from etpu_doctor.smoke.download import (
    CutOffError,
    FetchError,
    UnreachableError,
    Wanted,
    WrongContentError,
    _reason,
    download,
    sha256_of,
)
from tests.support.http_answers import Answer, Asked, Server, head, ranges, serving, whole

CONTENT = bytes(range(256)) * 300
WANTED = Wanted(
    url="", size_bytes=len(CONTENT), sha256=hashlib.sha256(CONTENT).hexdigest(), answer_seconds=5, total_seconds=30
)


@pytest.fixture(autouse=True)
def _no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.fixture
def part(tmp_path: Path) -> Path:
    """Where the file grows."""
    return tmp_path / "m.part"


def get(part: Path, wanted: Wanted, seen: list[tuple[int, int]] | None = None) -> int:
    """Download into a file."""
    handle = os.open(part, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        return download(handle, wanted, lambda got, size: seen.append((got, size)) if seen is not None else None)
    finally:
        os.close(handle)


def at(server: Server, wanted: Wanted = WANTED) -> Wanted:
    """The file on a server."""
    return msgspec.structs.replace(wanted, url=server.url)


def kept(part: Path, content: bytes) -> None:
    """Put down what an earlier try left."""
    part.write_bytes(content)


def test_a_whole_file(part: Path) -> None:
    """It comes, its progress is told, and the request says who asks and that nothing may be packed."""
    seen: list[tuple[int, int]] = []
    with serving(whole(CONTENT)) as server:
        assert 0 == get(part, at(server), seen)
    assert CONTENT == part.read_bytes()
    assert (len(CONTENT), len(CONTENT)) == seen[-1]
    assert sorted(seen) == seen
    (asked,) = server.asked
    assert asked.headers["user-agent"].startswith("etpu-doctor/")
    assert ("identity", False) == (asked.headers["accept-encoding"], "range" in asked.headers)


def test_it_goes_on_where_it_broke_off(part: Path) -> None:
    """Only what is missing is asked for."""
    kept(part, CONTENT[:1000])
    with serving(ranges(CONTENT)) as server:
        assert 1000 == get(part, at(server))
    assert [1000] == [asked.start for asked in server.asked]
    assert CONTENT == part.read_bytes()


def refuses_ranges(asked: Asked) -> list[bytes]:
    """A server that has no such range, but the file."""
    if "range" in asked.headers:
        return [head("416 Range Not Satisfiable", "Content-Length: 0")]
    return list(whole(CONTENT)(asked))


def gives_another_range(asked: Asked) -> list[bytes]:
    """A server that gives another part than the one that was asked for."""
    if "range" in asked.headers:
        return [head("206 Partial Content", "Content-Range: bytes 7-9/76800", "Content-Length: 3"), b"abc"]
    return list(whole(CONTENT)(asked))


def gives_a_part_of_nothing(asked: Asked) -> list[bytes]:
    """A server that does not say which part it gives."""
    if "range" in asked.headers:
        return [head("206 Partial Content", "Content-Length: 3"), b"abc"]
    return list(whole(CONTENT)(asked))


@pytest.mark.parametrize(
    ("answer", "requests"),
    [(whole(CONTENT), 1), (refuses_ranges, 2), (gives_another_range, 2), (gives_a_part_of_nothing, 2)],
    ids=["ignores", "refuses", "another", "silent"],
)
def test_servers_that_cannot_go_on(part: Path, answer: Answer, requests: int) -> None:
    """The file is then fetched anew, and nothing is said to be left of the earlier try."""
    kept(part, CONTENT[:1000])
    with serving(answer) as server:
        assert 0 == get(part, at(server))
    assert CONTENT == part.read_bytes()
    assert requests == len(server.asked)


def test_what_was_left_was_wrong(part: Path) -> None:
    """If the whole does not match, it is fetched anew once, from its first byte."""
    kept(part, b"x" * 1000)
    with serving(ranges(CONTENT)) as server:
        assert 0 == get(part, at(server))
    assert [1000, 0] == [asked.start for asked in server.asked]
    assert CONTENT == part.read_bytes()


@pytest.mark.parametrize(
    ("left", "starts"),
    [(CONTENT, []), (b"x" * len(CONTENT), [0]), (CONTENT + b"x", [0]), (b"", [0])],
    ids=["complete", "wrong", "too-long", "empty"],
)
def test_what_was_left_is_all_or_nothing(part: Path, left: bytes, starts: list[int]) -> None:
    """A complete file needs no network; one that is as long but wrong, or longer, is of no use."""
    kept(part, left)
    with serving(ranges(CONTENT)) as server:
        get(part, at(server))
    assert starts == [asked.start for asked in server.asked]
    assert CONTENT == part.read_bytes()


def test_a_connection_that_breaks_is_made_anew(part: Path) -> None:
    """As long as each brings something, a few are tried."""
    with serving(ranges(CONTENT, limit=len(CONTENT) // 3)) as server:
        assert 0 == get(part, at(server))
    assert 3 == len(server.asked)
    assert CONTENT == part.read_bytes()


def test_a_connection_that_breaks_again_and_again(part: Path) -> None:
    """After that it is given up; what has come is kept for the next time."""
    with serving(ranges(CONTENT, limit=1000)) as server, pytest.raises(CutOffError, match=r"4,000 of 76,800 bytes"):
        get(part, at(server))
    assert CONTENT[:4000] == part.read_bytes()


def test_a_connection_that_brings_nothing(part: Path) -> None:
    """One that breaks off at once is not tried again."""
    with serving(ranges(CONTENT, limit=0)) as server, pytest.raises(CutOffError, match="continues from there"):
        get(part, at(server))
    assert 1 == len(server.asked)


@pytest.mark.parametrize("length", [len(CONTENT) - 1, len(CONTENT) + 1, 0, 10**15])
def test_another_length(part: Path, length: int) -> None:
    """An answer that says it is another file is refused before anything of it is taken, and what was left stays."""
    kept(part, CONTENT[:1000])
    with (
        serving(lambda _: [head("200 OK", f"Content-Length: {length}"), CONTENT]) as server,
        pytest.raises(WrongContentError, match=f"{length:,} bytes"),
    ):
        get(part, at(server))
    assert CONTENT[:1000] == part.read_bytes()


def test_a_page_instead(part: Path) -> None:
    """A web page in place of the file is called one."""
    page = [head("200 OK", "Content-Type: text/html; charset=utf-8", "Content-Length: 6"), b"<html>"]
    with serving(lambda _: page) as server, pytest.raises(WrongContentError, match=r"6 bytes of text/html.*a web page"):
        get(part, at(server))


def endless(_: Asked) -> Iterator[bytes]:
    """A body without an end."""
    yield head("200 OK")
    while True:
        yield b"x" * 10_000


def test_a_body_without_an_end(part: Path) -> None:
    """Not a byte more is taken than the file has; then the hash tells that it is another."""
    with serving(endless) as server, pytest.raises(WrongContentError, match="other bytes"):
        get(part, at(server))
    assert b"" == part.read_bytes()


def test_a_body_without_a_length(part: Path) -> None:
    """The file may come without one, and more may follow."""
    with serving(lambda _: [head("200 OK"), CONTENT, b"and more"]) as server:
        get(part, at(server))
    assert CONTENT == part.read_bytes()


def test_a_body_in_chunks(part: Path) -> None:
    """HTTP's own chunks are put together."""
    chunks = [b"%x\r\n%s\r\n" % (len(piece), piece) for piece in (CONTENT[:7], CONTENT[7:], b"")]
    with serving(lambda _: [head("200 OK", "Transfer-Encoding: chunked"), *chunks]) as server:
        get(part, at(server))
    assert CONTENT == part.read_bytes()


def test_wrong_bytes(part: Path) -> None:
    """As many bytes as wanted, but others, are not kept; both hashes are named."""
    with serving(whole(b"x" * len(CONTENT))) as server, pytest.raises(WrongContentError) as caught:
        get(part, at(server))
    assert WANTED.sha256 in str(caught.value)
    assert b"" == part.read_bytes()
    assert 1 == len(server.asked)


@pytest.mark.parametrize("status", ["404 Not Found", "403 Forbidden", "500 Oops", "429 Slow down"])
def test_refusals(part: Path, status: str) -> None:
    """The server's words are passed on."""
    with (
        serving(lambda _: [head(status, "Content-Length: 0")]) as server,
        pytest.raises(UnreachableError, match=f"the server answers {status}"),
    ):
        get(part, at(server))


@pytest.mark.parametrize(
    "answer",
    [b"", b"SSH-2.0-OpenSSH_9.2\r\n", b"HTTP/1.1 abc\r\n\r\n", b"\0" * 100, b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 200],
    ids=["nothing", "another-protocol", "no-number", "zeros", "too-many-headers"],
)
def test_what_is_no_answer(part: Path, answer: bytes) -> None:
    """Whatever listens there, the failure is a sentence."""
    with serving(lambda _: [answer]) as server, pytest.raises(UnreachableError, match=r"no sound answer|abc"):
        get(part, at(server))


@pytest.mark.parametrize("status", ["204 No Content", "205 Reset", "299 Whatever"])
def test_answers_without_the_file(part: Path, status: str) -> None:
    """A success that is none is no file."""
    with serving(lambda _: [head(status)]) as server, pytest.raises(FetchError):
        get(part, at(server))


def test_words_of_the_server_are_plain(part: Path) -> None:
    """What a server says cannot act on a terminal."""
    with (
        serving(lambda _: [head("404 \x1b[31mred", "Content-Length: 0")]) as server,
        pytest.raises(UnreachableError) as caught,
    ):
        get(part, at(server))
    assert str(caught.value).isprintable()


def moved_to(place: str) -> Answer:
    """A server that sends everybody to another place, and has the file at ``/there``."""

    def answer(asked: Asked) -> list[bytes]:
        if asked.target == "/there":
            return list(whole(CONTENT)(asked))
        return [head("302 Found", f"Location: {place}", "Content-Length: 0")]

    return answer


def test_a_file_that_moved(part: Path) -> None:
    """A redirection is followed."""
    with serving(moved_to("/there")) as server:
        get(part, at(server))
    assert CONTENT == part.read_bytes()


@pytest.mark.parametrize("place", ["file:///etc/passwd", "ftp://127.0.0.1/x", "data:,x", "/again"])
def test_redirections_that_are_not_followed(part: Path, place: str) -> None:
    """To what is no web server, or in a circle."""
    with serving(moved_to(place)) as server, pytest.raises(UnreachableError):
        get(part, at(server))
    assert b"" == part.read_bytes()


@pytest.mark.parametrize("url", ["file:///etc/passwd", "ftp://127.0.0.1/x", "data:,x", "x", "", "http://[", "http:///"])
def test_addresses_that_are_none(part: Path, url: str) -> None:
    """Only http and https are spoken."""
    with pytest.raises(UnreachableError):
        get(part, msgspec.structs.replace(WANTED, url=url))


def test_nobody_listens(part: Path) -> None:
    """A refused connection says so."""
    with closing(socket.socket()) as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}/"
        with pytest.raises(UnreachableError, match="Connection refused"):
            get(part, msgspec.structs.replace(WANTED, url=url))


def test_no_such_host(part: Path) -> None:
    """So does a name that leads nowhere, as without a network."""
    with pytest.raises(UnreachableError, match="cannot be reached"):
        get(part, msgspec.structs.replace(WANTED, url="http://nowhere.invalid/"))


def silent(_: Asked) -> Iterator[bytes]:
    """A server that takes its time."""
    time.sleep(1.5)
    yield b""


def test_no_answer(part: Path) -> None:
    """A server that is silent is waited for only so long."""
    wanted = msgspec.structs.replace(WANTED, answer_seconds=0.2)
    with serving(silent) as server, pytest.raises(UnreachableError, match=r"no answer within 0\.2 s"):
        get(part, at(server, wanted))


def stalling(_: Asked) -> Iterator[bytes]:
    """A server that falls silent in the middle."""
    yield head("200 OK", f"Content-Length: {len(CONTENT)}")
    yield CONTENT[:500]
    time.sleep(1.5)


def test_a_server_that_falls_silent(part: Path) -> None:
    """What has come until then is kept."""
    wanted = msgspec.structs.replace(WANTED, answer_seconds=0.2, total_seconds=0.1)
    with serving(stalling) as server, pytest.raises(CutOffError, match=r"nothing came for 0\.2 s"):
        get(part, at(server, wanted))
    assert CONTENT[:500] == part.read_bytes()


def dripping(_: Asked) -> Iterator[bytes]:
    """A server that gives a byte now and then, for ever."""
    yield head("200 OK", f"Content-Length: {len(CONTENT)}")
    for place in range(len(CONTENT)):
        yield CONTENT[place : place + 1]
        time.sleep(0.02)


def test_a_server_that_drips(part: Path) -> None:
    """All of it together has a limit too, which no single wait breaks."""
    wanted = msgspec.structs.replace(WANTED, total_seconds=0.3)
    with serving(dripping) as server, pytest.raises(CutOffError, match=r"longer than 0\.3 s"):
        get(part, at(server, wanted))
    got = part.read_bytes()
    assert got
    assert CONTENT.startswith(got)


@pytest.mark.parametrize("name", ["http_proxy", "HTTP_PROXY"])
def test_proxies(part: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """The environment's proxy is asked instead of the host."""
    # In a CGI program the one in capitals may come from a request's header; urllib takes it only outside of one.
    monkeypatch.delenv("REQUEST_METHOD", raising=False)
    with serving(whole(CONTENT)) as server:
        monkeypatch.setenv(name, f"http://127.0.0.1:{server.port}")
        get(part, msgspec.structs.replace(WANTED, url="http://nowhere.invalid/m"))
    assert ["http://nowhere.invalid/m"] == [asked.target for asked in server.asked]


def test_hosts_without_a_proxy(part: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """``no_proxy`` names hosts that are asked themselves."""
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with serving(whole(CONTENT)) as server:
        get(part, at(server))
    assert ["/m.tflite"] == [asked.target for asked in server.asked]


def test_a_bad_certificate() -> None:
    """It is said where that usually comes from."""
    error = ssl.SSLCertVerificationError(1, "certificate verify failed")
    assert "clock" in _reason(error)
    assert "clock" not in _reason(TimeoutError("timed out"))


@given(st.binary(max_size=3000))
def test_hash(content: bytes) -> None:
    """The hash is that of the whole file, wherever its descriptor stands."""
    handle = os.memfd_create("m")
    try:
        os.write(handle, content)
        assert hashlib.sha256(content).hexdigest() == sha256_of(handle)
    finally:
        os.close(handle)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.binary(max_size=400), max_size=6), st.binary(max_size=200))
def test_any_answer(pieces: list[bytes], left: bytes) -> None:
    """Whatever a server sends, and whatever was left, there is the right file or a ``FetchError``; never more bytes."""
    wanted = msgspec.structs.replace(WANTED, size_bytes=100, sha256=hashlib.sha256(CONTENT[:100]).hexdigest())
    handle = os.memfd_create("m")
    try:
        os.write(handle, left)
        with serving(lambda _: [head("200 OK"), *pieces]) as server:
            try:
                download(handle, at(server, wanted), lambda _got, _size: None)
            except FetchError:
                assert wanted.size_bytes >= os.fstat(handle).st_size
            else:
                assert wanted.sha256 == sha256_of(handle)
    finally:
        os.close(handle)
