"""``python -m etpu_doctor``."""

from __future__ import annotations

import sys

from etpu_doctor.cli import main

if __name__ == "__main__":
    sys.exit(main())
