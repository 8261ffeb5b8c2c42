"""Bounded reading of files around the buses (``/proc``, ``/etc``, ``/lib``, ``/dev`` nodes by ``stat`` only)."""

from __future__ import annotations

import os
import stat

FILE_LIMIT_BYTES = 4 << 20


class Files:
    """Reads below a root directory; remembers what was refused. Never opens a device, follows no FIFO."""

    def __init__(self, root: str = "/") -> None:
        self.root = root.rstrip("/")
        self.refused: dict[str, str] = {}

    def path(self, path: str) -> str:
        """Where an absolute path lies below the root."""
        return self.root + path

    def read(self, path: str, limit: int = FILE_LIMIT_BYTES) -> bytes | None:
        """Content of a regular file, at most ``limit`` bytes; ``None`` if it is missing, refused or no file."""
        try:
            handle = os.open(self.path(path), os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError as error:
            self._note(path, error)
            return None
        try:
            if not stat.S_ISREG(os.fstat(handle).st_mode):
                return None
            chunks, left = [], limit
            while left > 0 and (chunk := os.read(handle, min(left, 1 << 16))):
                chunks.append(chunk)
                left -= len(chunk)
            return b"".join(chunks)
        except OSError as error:
            self._note(path, error)
            return None
        finally:
            os.close(handle)

    def text(self, path: str, limit: int = FILE_LIMIT_BYTES) -> str | None:
        """Content of a file as text, faults replaced."""
        content = self.read(path, limit)
        return None if content is None else content.decode("utf-8", "replace")

    def names(self, path: str) -> list[str] | None:
        """Sorted names in a directory; ``None`` if it is missing or refused."""
        try:
            return sorted(os.listdir(self.path(path)))
        except OSError as error:
            self._note(path, error)
            return None

    def link(self, path: str) -> str | None:
        """Target of a symbolic link."""
        try:
            return os.readlink(self.path(path))
        except OSError:
            return None

    def stat(self, path: str) -> os.stat_result | None:
        """Status of what a path leads to; ``None`` if there is nothing."""
        try:
            return os.stat(self.path(path))
        except OSError as error:
            self._note(path, error)
            return None

    def exists(self, path: str) -> bool:
        """Whether a path leads to anything."""
        return os.path.exists(self.path(path))

    def _note(self, path: str, error: OSError) -> None:
        if not isinstance(error, (FileNotFoundError, NotADirectoryError)):
            self.refused[path] = error.strerror or str(error)
