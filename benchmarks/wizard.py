"""Measures the wizard and ``watch``: first paint, verdict, latency of events, idle cost, storms, memory, large trees.

Usage: python benchmarks/wizard.py [--quick]   (with the Python into which etpu-doctor is installed; needs umockdev)

Where it can be, a figure is a ratio to something measured in the same run; the others are seconds of this machine.
"""

# ruff: noqa: PLC0415, SLF001 - each part imports what it measures, and looks inside to see when it is done
# ruff: noqa: S606, ASYNC110 - a program on a terminal of its own; waiting for a screen that sends no event

from __future__ import annotations

import asyncio
import compileall
import fcntl
import json
import os
import pty
import select
import shutil
import signal
import statistics
import struct
import subprocess
import sys
import tempfile
import termios
import time
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from machines import write_capture
from run import PASS, elapsed

from tests.support.live_root import write_machine

ROOT = Path(__file__).resolve().parent.parent
DOCTOR = [sys.executable, "-m", "etpu_doctor"]
LIMIT_SECONDS = 60.0


def in_terminal(package: str, arguments: list[str], *wanted: bytes) -> list[float]:
    """Seconds from the start of a command on a terminal of 120 x 40 until each of these texts was written."""
    began = time.perf_counter()
    pid, terminal = pty.fork()
    if pid == 0:
        os.environ.update(TERM="xterm-256color", PYTHONPATH=package)
        os.execv(sys.executable, [*DOCTOR, *arguments])
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 120, 0, 0))
    seen, times = b"", []
    try:
        for text in wanted:
            while text not in seen and select.select([terminal], [], [], LIMIT_SECONDS)[0]:
                seen += os.read(terminal, 1 << 16)
            times.append(time.perf_counter() - began)
    finally:
        os.kill(pid, signal.SIGTERM)
        while select.select([terminal], [], [], 2.0)[0]:
            try:
                if not os.read(terminal, 1 << 16):
                    break
            except OSError:
                break
        os.waitpid(pid, 0)
        os.close(terminal)
    return times


def first_paint(folder: str, turns: int) -> Iterator[str]:
    """From the command to the first screen, and from there to the verdict, on a live tree of 20 devices."""
    write_capture(os.path.join(folder, "capture"))
    description = Path(folder, "capture", "sysfs.umockdev").read_text(encoding="ascii")
    write_machine(description, Path(folder, "live", "sys"))
    arguments = ["wizard", "--no-probe", "--root", os.path.join(folder, "live")]
    # As an installation has it: every module compiled.
    package = os.path.join(folder, "package")
    shutil.copytree(ROOT / "etpu_doctor", os.path.join(package, "etpu_doctor"))
    compileall.compile_dir(package, quiet=1)
    runs = []
    for _ in range(turns):
        base = elapsed(PASS)
        paint, verdict = in_terminal(package, arguments, b"USB and PCI buses", b"[x] driver")
        runs.append((paint / base, verdict - paint))
    textual = statistics.median(
        elapsed([sys.executable, "-c", "import textual.app"]) / elapsed(PASS) for _ in range(turns)
    )
    yield f"| of which `import textual.app` | {textual:.0f} x `python -c pass` | |"
    yield f"| first paint | {statistics.median(ratio for ratio, _ in runs):.0f} x `python -c pass` | 25 x |"
    yield f"| verdict of 20 devices after it | {statistics.median(late for _, late in runs):.2f} s | 0.3 s |"


def spent(pid: int) -> float:
    """Processor seconds of a process so far."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def resident_kib(pid: int) -> int:
    """Resident memory of a process."""
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    return next(int(line.split()[1]) for line in status.split("\n") if line.startswith("VmRSS"))


def watching(folder: str, *arguments: str) -> subprocess.Popen[bytes]:
    """A watch on the live tree that has said its first line."""
    command = [*DOCTOR, "watch", "--json", *arguments, "--root", os.path.join(folder, "live")]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, env={**os.environ, "PYTHONPATH": str(ROOT)})
    if process.stdout is not None:
        process.stdout.readline()
    return process


def idle(folder: str, seconds: float) -> Iterator[str]:
    """What a watch costs while nothing happens, polling ten times a second."""
    process = watching(folder)
    before = spent(process.pid)
    time.sleep(seconds)
    share = (spent(process.pid) - before) / seconds
    process.terminate()
    process.wait()
    yield f"| idle, polling | {share:.2%} of a processor | 1 % |"


def soak(folder: str, seconds: float) -> Iterator[str]:
    """Memory while a stick comes and goes twenty times a second."""
    process = watching(folder, "--only", "usb2-link")
    link = Path(folder, "live", "sys/bus/usb/devices/2-1.1")
    target = os.readlink(link)
    samples, end, events = [], time.monotonic() + seconds, 0
    began = time.monotonic()
    while time.monotonic() < end:
        link.unlink()
        time.sleep(0.025)
        link.symlink_to(target)
        time.sleep(0.025)
        events += 2
        if process.stdout is not None and select.select([process.stdout], [], [], 0)[0]:
            os.read(process.stdout.fileno(), 1 << 20)
        samples.append((time.monotonic() - began, resident_kib(process.pid)))
    process.terminate()
    process.wait()
    late = samples[len(samples) // 4 :]
    slope = statistics.linear_regression([at for at, _ in late], [kib for _, kib in late]).slope * 60
    yield f"| {events} events in {seconds:.0f} s | {samples[-1][1] / 1024:.0f} MiB, {slope:+.0f} KiB a minute | flat |"


def events(folder: str, count: int) -> Iterator[str]:
    """From the kernel's event to the line that tells of it, and a storm, through udev's monitor."""
    from tests.hotplug.test_udev import arrival, blocks, machine, played, removal

    none, good = machine(), machine(good="tpu")
    pair = (arrival(none, good, rest_s=0.3), removal(good, none, rest_s=0.3))
    found = played(Path(folder), none, *(step for _ in range(count) for step in pair))
    took = sorted(found["took_s"])
    median, worst = statistics.median(took), took[-1]
    yield f"| event to line, {len(took)} events | median {median * 1000:.0f} ms, worst {worst * 1000:.0f} ms | 150 ms |"
    hub = next(path for path in blocks(none) if path.endswith("/2-1"))
    storm = {"storm": [hub] * 1000, "every_s": 0.01}
    found = played(Path(folder), none, storm, arrival(none, good, rest_s=1.0))
    share = found["ticks"] / os.sysconf("SC_CLK_TCK") / 12
    places = [event["id"] for event in found["events"] if event["event"] == "plugged"]
    yield f"| 1,000 events in 10 s | {share:.0%} of a processor, then {places[0]} is told | the right tree |"


async def keys(devices: int, presses: int) -> Iterator[str]:
    """A key press on the map of a large tree, until the screen is as it is after it."""
    from etpu_doctor.wizard.app import WizardApp
    from etpu_doctor.wizard.widgets.rows import RowsView
    from tests.support.facts import evidence, hub, root, tpu
    from tests.support.screens import until
    from tests.support.sessions import real_session

    below = [(bus, port) for bus in range(2, 2 + devices // 100) for port in range(1, 21)]
    facts = [root(bus, port_count=20) for bus in range(2, 2 + devices // 100)]
    facts += [hub(f"{bus}-{port}") for bus, port in below]
    facts += [tpu(f"{bus}-{port}.{number}") for bus, port in below for number in range(1, 5)]
    walk = real_session(evidence(*facts), is_replay=False)
    app = WizardApp(walk, theme="dark")
    moves, steps = [], []
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, "[x] driver")
        await pilot.press("2")
        await until(pilot, "[2 Map]")
        detail = app.screen.query_one("#detail", RowsView)
        for _ in range(presses):
            before = detail._shown
            began = time.perf_counter()
            app.simulate_key("down")
            while detail._shown is before:
                await asyncio.sleep(0)
            moves.append(time.perf_counter() - began)
            await pilot.pause()
        for key in ("3", "2") * 3:
            began = time.perf_counter()
            await pilot.press(key)
            steps.append(time.perf_counter() - began)
    walk.close()
    moves.sort()
    times = f"median {statistics.median(moves) * 1000:.0f} ms, worst {moves[-1] * 1000:.0f} ms"
    return iter(
        [
            f"| {len(facts)} devices, a key press | {times} | 100 ms |",
            f"| {len(facts)} devices, another step | median {statistics.median(steps) * 1000:.0f} ms | |",
        ]
    )


def main() -> None:
    """Print a Markdown table."""
    quick = "--quick" in sys.argv
    print("| what | measured | to reach |\n|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        for rows in (
            first_paint(folder, 3 if quick else 11),
            idle(folder, 3 if quick else 20),
            soak(folder, 10 if quick else 60),
            events(folder, 3 if quick else 15),
            asyncio.run(keys(100, 20)),
            asyncio.run(keys(500, 20)),
        ):
            print("\n".join(rows), flush=True)
    print(json.dumps({"cores": os.cpu_count(), "python": sys.version.split()[0], "load": os.getloadavg()[0]}))


if __name__ == "__main__":
    main()
