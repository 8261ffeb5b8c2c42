"""An HTTP server on the loopback that answers as a test says: truthfully, with lies, in pieces, or not at all."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from socketserver import StreamRequestHandler, ThreadingTCPServer
from typing import NamedTuple


class Asked(NamedTuple):
    """A request: the target as it stands in its first line, and its headers in small letters."""

    target: str
    headers: dict[str, str]

    @property
    def start(self) -> int:
        """Where the range that it asks for begins; 0 for the whole."""
        return int(self.headers.get("range", "bytes=0-").removeprefix("bytes=").removesuffix("-"))


Answer = Callable[[Asked], Iterable[bytes]]
"""Gives the bytes to send, in pieces; when it ends, the connection does."""


class Server(NamedTuple):
    """A running server: the address of a file on it, its port, and what it was asked for so far."""

    url: str
    port: int
    asked: list[Asked]


@contextmanager
def serving(answer: Answer) -> Iterator[Server]:
    """A server for the time of a test."""
    asked: list[Asked] = []

    class Handler(StreamRequestHandler):
        def handle(self) -> None:
            first, *rest = iter(lambda: self.rfile.readline().decode().strip(), "")
            request = Asked(
                first.split()[1], {key.lower(): value for key, _, value in (h.partition(": ") for h in rest)}
            )
            asked.append(request)
            try:
                for piece in answer(request):
                    self.wfile.write(piece)
                    self.wfile.flush()
            except ConnectionError:
                # The one that asked has left.
                return

    class Threads(ThreadingTCPServer):
        daemon_threads = True
        allow_reuse_address = True

    with Threads(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        try:
            yield Server(f"http://127.0.0.1:{server.server_address[1]}/m.tflite", server.server_address[1], asked)
        finally:
            server.shutdown()
            thread.join()


def head(status: str, *headers: str) -> bytes:
    """The head of an answer."""
    return "\r\n".join([f"HTTP/1.1 {status}", *headers, "Connection: close", "", ""]).encode()


def whole(content: bytes) -> Answer:
    """Gives the file, and knows no ranges."""
    return lambda _: [head("200 OK", f"Content-Length: {len(content)}"), content]


def ranges(content: bytes, limit: int | None = None) -> Answer:
    """Gives the file from where it is asked for; breaks off ``limit`` bytes later."""

    def answer(asked: Asked) -> list[bytes]:
        rest = content[asked.start :]
        length = f"Content-Length: {len(rest)}"
        part = f"Content-Range: bytes {asked.start}-{len(content) - 1}/{len(content)}"
        first = head("206 Partial Content", length, part) if "range" in asked.headers else head("200 OK", length)
        return [first, rest if limit is None else rest[:limit]]

    return answer
