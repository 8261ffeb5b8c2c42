"""Measures the triage of pasted threads: one, many, and one of 50 MB, as ratios of things measured in one run.

Usage: python benchmarks/ticket.py [--quick] [--threads FOLDER]   (with the Python into which etpu-doctor is installed)

Without a folder the small threads of the tests are read. Install the package normally (not with -e), for Python would
else compile every module at each start. A thread of a batch is compared with a loop that does nothing but count, too:
how many runs of an empty Python fit into a second depends on more than the processor.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import msgspec
from run import PASS, elapsed, medians, peak_mib

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).resolve().parent.parent
TICKET = [sys.executable, "-m", "etpu_doctor", "ticket"]
TURNS = 5
BATCH = 2000
LARGE_BYTES = 50_000_000
LOOP = 100_000
"""Steps of the calibrated loop; on a processor of 2020 they take about as long as two threads."""

NOTICE = b"[%12.6f] usb 2-1.%d: reset SuperSpeed USB device number %d using xhci_hcd\n"
NOISE = b"[%12.6f] audit: type=1400 apparmor=ALLOWED operation=open profile=snap.app-%d pid=%d\n"


def threads_of(folder: str | None) -> list[str]:
    """The texts of a folder of threads, or of the tests' own."""
    if folder is not None:
        return [path.read_bytes().decode("utf-8", "replace") for path in sorted(Path(folder).rglob("*.txt"))]
    content = tomllib.loads((ROOT / "tests" / "data" / "tickets" / "tickets.toml").read_text(encoding="utf-8"))
    return [ticket["text"] for ticket in content["ticket"]]


def loop_seconds() -> float:
    """How long the calibrated loop takes."""
    start = time.perf_counter()
    count = 0
    while count < LOOP:
        count += 1
    return time.perf_counter() - start


def single(folder: Path, texts: list[str], turns: int) -> str:
    """One thread of middling length against an empty Python."""
    path = folder / "thread.txt"
    path.write_text(sorted(texts, key=len)[len(texts) // 2], encoding="utf-8")
    nothing, one = medians([PASS, [*TICKET, "--json", str(path)]], turns * 3)
    return f"| one thread, --json | {one / nothing:.1f} x `python -c pass` ({one:.3f} s) | 8 |"


def batch(folder: Path, texts: list[str], turns: int) -> list[str]:
    """Many threads: a thread's share of the time, beyond what starting takes."""
    first, all_of_them = folder / "first.jsonl", folder / "all.jsonl"
    lines = [msgspec.json.encode(texts[number % len(texts)]) for number in range(BATCH)]
    first.write_bytes(b"\n".join(lines[: len(texts)]))
    all_of_them.write_bytes(b"\n".join(lines))
    shares, loops, empty = [], [], []
    for _ in range(turns):
        loops.append(loop_seconds())
        empty.append(elapsed(PASS))
        begun = elapsed([*TICKET, "--json", "--batch", str(first)])
        whole = elapsed([*TICKET, "--json", "--batch", str(all_of_them)])
        shares.append((whole - begun) / (BATCH - len(texts)))
    share, loop, nothing = map(statistics.median, (shares, loops, empty))
    return [
        f"| a thread of a batch of {BATCH} | {share / nothing:.3f} x `python -c pass` | |",
        f"| a thread of a batch of {BATCH} | {share / loop:.2f} x {LOOP} steps of a loop | |",
        f"| threads a second | {1 / share:.0f} | 500 |",
    ]


def write_log(path: Path) -> None:
    """50 MB of a kernel log, no two lines of it the same."""
    with path.open("wb") as handle:
        number = size = 0
        while size < LARGE_BYTES:
            shape = NOTICE if number % 10 == 0 else NOISE
            size += handle.write(shape % (number / 50, number % 7 + 1, number % 100_000))
            number += 1


def write_threads(path: Path, texts: list[str]) -> None:
    """The threads one after another, again and again, up to 50 MB."""
    once = "\n\n".join(texts).encode()
    path.write_bytes((once * (LARGE_BYTES // len(once) + 1))[:LARGE_BYTES])


def large(path: Path, what: str) -> str:
    """A paste of 50 MB: time, and memory."""
    nothing, seconds = elapsed(PASS), elapsed([*TICKET, "--json", str(path)])
    memory = peak_mib([*TICKET, "--json", str(path)])
    ratio = f"{seconds / nothing:.0f} x `python -c pass`"
    return f"| 50 MB of {what} | {seconds:.1f} s, {ratio}, {memory:.0f} MiB | 10 s, 150 |"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="one turn of each, and nothing large")
    parser.add_argument("--threads", metavar="FOLDER", help="a folder of threads (*.txt)")
    arguments = parser.parse_args()
    turns = 1 if arguments.quick else TURNS
    texts = threads_of(arguments.threads)
    print("| what | measured | to reach |\n|---|---|---|")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        subprocess.run([*TICKET, "--batch", name], stdout=subprocess.DEVNULL, check=False)
        print(single(folder, texts, turns), flush=True)
        print("\n".join(batch(folder, texts, turns)), flush=True)
        if not arguments.quick:
            path = folder / "large.txt"
            write_log(path)
            print(large(path, "kernel log"), flush=True)
            write_threads(path, texts)
            print(large(path, "these threads"), flush=True)
    print(f"\n{os.cpu_count()} cores, Python {sys.version.split()[0]}, load {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
