"""The vocabulary: frozen structs, units in names, no behaviour.

Every field that evidence may lack is ``None`` when it is not known; it is never replaced by 0 or ``""``.
"""

from __future__ import annotations

import sys

if "typing_extensions" not in sys.modules:
    # msgspec takes two helpers from typing_extensions if it is installed and from typing if not; both serve. Importing
    # it pulls in inspect, ast and tokenize, a fifth of this program's start-up, so msgspec is imported without it.
    sys.modules["typing_extensions"] = None  # type: ignore[assignment] # None makes an import of the name fail
    import msgspec  # noqa: F401 - imported for its effect: the next import finds it loaded

    del sys.modules["typing_extensions"]
