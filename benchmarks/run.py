"""Measures start-up, memory and scaling, and prints ratios of things measured in one run.

Usage: python benchmarks/run.py [--quick]   (with the Python into which etpu-doctor is installed)

Wall times of a shared machine mean little; each figure is therefore a ratio to something measured beside it, in turns,
and of several turns the median is taken. Install the package normally (not with -e): an editable install, or
PYTHONDONTWRITEBYTECODE, makes Python compile every module at each start.
"""

from __future__ import annotations

import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time

from machines import tree_listing, write_capture, write_verbose_paste

PASS = [sys.executable, "-c", "pass"]
CHECK = [sys.executable, "-m", "etpu_doctor", "check", "--json"]


def elapsed(command: list[str]) -> float:
    """Wall time of a command, in seconds."""
    start = time.perf_counter()
    subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
    return time.perf_counter() - start


def medians(commands: list[list[str]], turns: int) -> list[float]:
    """Median wall time of each command, measured in turns."""
    times: list[list[float]] = [[] for _ in commands]
    for _ in range(turns):
        for series, command in zip(times, commands, strict=True):
            series.append(elapsed(command))
    return [statistics.median(series) for series in times]


def peak_mib(command: list[str]) -> float:
    """Peak resident memory of a command, in MiB."""
    code = (
        "import resource, subprocess, sys;"
        "subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL);"
        "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)"
    )
    run = subprocess.run([sys.executable, "-c", code, *command], capture_output=True, text=True, check=True)
    return int(run.stdout) / 1024


def start_up(folder: str, turns: int) -> list[str]:
    """Start-up of ``check --json`` on a capture of usual size, against an empty Python."""
    capture = os.path.join(folder, "capture")
    write_capture(capture)
    commands = [PASS, [sys.executable, "-c", "import msgspec"], [*CHECK, "--from", capture], [*CHECK, "--no-probe"]]
    base, msgspec, replay, live = medians(commands, turns)
    memory = peak_mib([*CHECK, "--from", capture])
    return [
        f"| check --json, capture with 20 USB and 30 PCI devices | {replay / base:.1f} x `python -c pass` | 6 |",
        f"| check --json --no-probe, this machine | {live / base:.1f} x `python -c pass` | 10 |",
        f"| of which import msgspec | {msgspec / base:.1f} x `python -c pass` | |",
        f"| peak memory of the capture | {memory:.0f} MiB | 40 |",
    ]


def scaling(folder: str, turns: int) -> list[str]:
    """Listings of 10 to 10,000 devices, above what one device costs."""
    sizes = (1, 10, 100, 1000, 10000)
    commands = []
    for size in sizes:
        path = os.path.join(folder, f"{size}.txt")
        with open(path, "w", encoding="ascii") as handle:
            handle.writelines(tree_listing(size))
        commands.append([*CHECK, "--from", path])
    times = medians(commands, turns)
    memory = [peak_mib(command) for command in commands]
    rows = []
    for size, took, mib in zip(sizes[1:], times[1:], memory[1:], strict=True):
        cost = (took - times[0]) / size * 1e6
        each = f", {cost:.0f} us a device" if size >= 1000 else ""  # below that, start-up drowns it
        rows.append(f"| {size:,} devices | {took:.2f} s{each}, {mib:.0f} MiB | |")
    ratio = (times[-1] - times[0]) / max(times[-2] - times[0], 1e-9) / 10
    rows.append(f"| a device among 10,000 against one among 1,000 | {ratio:.2f} x | linear: about 1 |")
    rows.append(f"| 10,000 devices | {times[-1]:.2f} s | 1 s |")
    return rows


def streaming(folder: str, megabytes: int) -> list[str]:
    """A very long lsusb -v paste."""
    path = os.path.join(folder, "verbose.txt")
    write_verbose_paste(path, megabytes)
    took = elapsed([*CHECK, "--from", path])
    memory = peak_mib([*CHECK, "--from", path])
    return [f"| lsusb -v paste of {megabytes} MB | {memory:.0f} MiB, {megabytes / took:.1f} MB/s | 100 MiB |"]


def main() -> None:
    """Print a Markdown table."""
    quick = "--quick" in sys.argv
    print("| what | measured | to reach |\n|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        for rows in (
            start_up(folder, 5 if quick else 21),
            scaling(folder, 1 if quick else 5),
            streaming(folder, 10 if quick else 100),
        ):
            print("\n".join(rows), flush=True)
    print(f"\n{os.cpu_count()} cores, Python {sys.version.split()[0]}, load {os.getloadavg()[0]:.1f}", end="")
    print(f", own peak {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024} MiB")


if __name__ == "__main__":
    main()
