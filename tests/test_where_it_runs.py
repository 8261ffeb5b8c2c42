"""The default check where little is to be had: no environment, a broken locale, a bare namespace, a read-only root."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parent.parent
CHECK = (sys.executable, "-m", "etpu_doctor", "check", "--json")

ENVIRONMENTS: Mapping[str, Mapping[str, str]] = {
    "no environment": {},
    "broken locale": {"LC_ALL": "xx_YY.bogus", "LANG": "x"},
    "ASCII only": {"LC_ALL": "C", "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"},
}

BARE: Mapping[str, str] = {
    "a user namespace": "",
    "a container without sysfs": "mount -t tmpfs none /sys && ",
    "neither sysfs nor procfs": "mount -t tmpfs none /sys && mount -t tmpfs none /proc && ",
    "a read-only root": "mount -o remount,ro,bind / && ",
}


def report_of(command: tuple[str, ...], environment: Mapping[str, str]) -> dict[str, Any]:
    """The JSON report of a check, which must end as one that found nothing wrong or a fault, and say nothing else."""
    done = subprocess.run(
        command, cwd=ROOT, env=dict(environment), capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode in (0, 1), done.stderr
    assert done.stderr == ""
    report: dict[str, Any] = json.loads(done.stdout)
    return report


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_any_environment_gives_a_report(name: str) -> None:
    """An empty environment, a locale that does not exist and a terminal of ASCII give a report each."""
    report = report_of(CHECK, ENVIRONMENTS[name])

    assert report["diagnosis"]["summary"]


@pytest.mark.parametrize("name", BARE)
def test_a_bare_host_gives_a_report(name: str, needs_program: Callable[..., str]) -> None:
    """Without sysfs, without procfs, without rights and without a place to write there is a report."""
    unshare = (needs_program("unshare", package="util-linux"), "--map-root-user", "--mount", "sh", "-c")
    if subprocess.run((*unshare, "mount -t tmpfs none /sys"), capture_output=True, check=False).returncode != 0:
        pytest.skip("needs the right to make a user namespace")

    report = report_of((*unshare, BARE[name] + 'exec "$@"', "sh", *CHECK), {"PATH": "/usr/bin:/bin:/usr/sbin:/sbin"})

    assert report["diagnosis"]["summary"]
    if "sysfs" in name:
        assert {"USB devices", "PCI devices"} <= {gap["what"] for gap in report["source"]["missing"]}
        assert report["diagnosis"]["cause"] == "unknown", "what could not be looked at is no fault"
