"""Exit statuses by name."""

from __future__ import annotations

OK = 0
"""Nothing at or above ``--fail-on``."""

FOUND = 1
"""A finding at or above ``--fail-on``."""

USAGE = 2
"""Usage error or unreadable evidence."""

BUG = 70
"""A bug of ours (``EX_SOFTWARE``)."""

INTERRUPTED = 130
"""Stopped by the user."""

CLOSED_PIPE = 141
"""The reader of our output went away."""
