"""Measures what the smoke test's workers cost, as ratios of things measured in one run.

Usage: python benchmarks/smoke.py [--quick] [--model FILE]

Linux, gcc, and a Python with etpu-doctor, flatbuffers and a TFLite runtime. No Edge TPU is needed: a double of
libedgetpu, built from tests/support, takes as long for an inference as it is told.

* Eight jobs at once against one, and beyond what their inferences take, start-up included.
* A job's loop, which feeds, measures and compares, against a bare loop that feeds and reads, in the same runtime.
* Start-up of the workers, and the memory of the process that keeps their limits.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import msgspec

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from etpu_doctor.smoke.crew import Crew, CrewRequest  # noqa: E402 - the double lies outside the package
from etpu_doctor.smoke.jobs import RUNTIMES, Done, Ended, Hello, Job  # noqa: E402 - as above
from tests.support.fake_edgetpu.build import build_library  # noqa: E402 - as above
from tests.support.mk_compiled import synthetic  # noqa: E402 - as above

TURNS = 5
RUNS = 30
JOBS = 8
INFERENCE_MS = 20
BARE_LOOP = """
import importlib, sys, time
name, library, model, runs = sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])
module = importlib.import_module(name + ".interpreter")
delegate = module.load_delegate(library, {"device": "usb:0"})
interpreter = module.Interpreter(model_path=model, experimental_delegates=[delegate], num_threads=1)
interpreter.allocate_tensors()
inputs = [(each["index"], interpreter.get_tensor(each["index"]).copy()) for each in interpreter.get_input_details()]
outputs = [each["index"] for each in interpreter.get_output_details()]
interpreter.invoke()
start = time.perf_counter_ns()
for _ in range(runs):
    for index, value in inputs:
        interpreter.set_tensor(index, value)
    interpreter.invoke()
    for index in outputs:
        interpreter.get_tensor(index)
print((time.perf_counter_ns() - start) / 1e6 / runs)
"""
PARENT = """
import sys
import msgspec
from etpu_doctor.smoke.crew import Crew, CrewRequest
from etpu_doctor.smoke.jobs import Job
with Crew(CrewRequest(python=sys.executable)) as crew:
    for job in msgspec.json.decode(sys.argv[1], type=list[Job]):
        crew.start(job)
    for event in crew.events():
        pass
# Not getrusage: its peak is inherited from the process that started this one.
with open("/proc/self/status") as status:
    print(next(int(line.split()[1]) for line in status if line.startswith("VmHWM")) / 1024)
"""


def devices(count: int) -> list[str]:
    """Paths of the double's devices."""
    return [f"/sys/bus/usb/devices/2-{number + 1}" for number in range(count)]


def jobs_of(job: Job, count: int, runs: int = RUNS) -> list[Job]:
    """The same job for each device."""
    return [msgspec.structs.replace(job, device_path=path, runs=runs) for path in devices(count)]


def crew_seconds(runtime: str, jobs: list[Job]) -> tuple[float, float]:
    """Wall time of all jobs with the start of their workers, and of the slowest job's timed inferences alone."""
    start = time.perf_counter()
    inferences = []
    with Crew(CrewRequest(python=sys.executable, runtime=runtime)) as crew:
        for job in jobs:
            crew.start(job)
        for event in crew.events():
            if isinstance(event, Done):
                inferences.append(event.elapsed_ms / 1000)
            elif isinstance(event, Ended) and event.exit_status != 0:
                raise SystemExit(f"a job failed: {event}")
    return time.perf_counter() - start, max(inferences)


def at_once(runtime: str, job: Job, turns: int) -> list[str]:
    """Eight jobs against one, and against what they must take."""
    os.environ["FAKE_EDGETPU_MS"] = str(INFERENCE_MS)
    one, eight, beyond = [], [], []
    for _ in range(turns):
        one.append(crew_seconds(runtime, jobs_of(job, 1))[0])
        seconds, slowest = crew_seconds(runtime, jobs_of(job, JOBS))
        eight.append(seconds)
        beyond.append(seconds - 1.15 * slowest)
    first, whole = statistics.median(one), statistics.median(eight)
    what = f"{runtime}: {JOBS} jobs of {RUNS} runs of {INFERENCE_MS} ms"
    return [
        f"| {what} against 1 | {whole / first:.2f} x ({whole:.2f} s, {first:.2f} s) | |",
        f"| {what} beyond 1.15 x the slowest | {statistics.median(beyond):.2f} s | 0.5 s |",
    ]


def overhead(runtime: str, job: Job, turns: int, ms: float) -> str:
    """A job's time for an inference against a bare loop's, in turns."""
    os.environ["FAKE_EDGETPU_MS"] = f"{ms:g}"
    runs = max(int(2000 / ms), RUNS)
    ours, bare = [], []
    for _ in range(turns):
        ours.append(crew_seconds(runtime, jobs_of(job, 1, runs))[1] * 1000 / runs)
        command = [sys.executable, "-c", BARE_LOOP, runtime, str(job.library), job.model, str(runs)]
        bare.append(float(subprocess.run(command, capture_output=True, text=True, check=True).stdout))
    ratio = statistics.median(one / other for one, other in zip(ours, bare, strict=True))
    more_us = (statistics.median(ours) - statistics.median(bare)) * 1000
    goal = "1.03 x" if ms >= 5 else ""
    return f"| {runtime}: inference of {ms:g} ms against a bare loop | {ratio:.3f} x ({more_us:+.0f} us) | {goal} |"


def start_up(runtime: str, turns: int) -> str:
    """The workers' start against an empty Python."""
    workers, empty = [], []
    for _ in range(turns):
        start = time.perf_counter()
        with Crew(CrewRequest(python=sys.executable, runtime=runtime)) as crew:
            if not isinstance(crew.ready(), Hello):
                raise SystemExit(f"no {runtime} here")
            workers.append(time.perf_counter() - start)
        start = time.perf_counter()
        subprocess.run([sys.executable, "-c", "pass"], check=True)
        empty.append(time.perf_counter() - start)
    ready, nothing = statistics.median(workers), statistics.median(empty)
    return f"| {runtime}: start of the workers | {ready / nothing:.1f} x `python -c pass` ({ready:.2f} s) | |"


def parent_memory(job: Job) -> str:
    """What the process that keeps the limits takes, with eight jobs."""
    jobs = json.dumps(msgspec.to_builtins(jobs_of(job, JOBS)))
    done = subprocess.run([sys.executable, "-c", PARENT, jobs], capture_output=True, text=True, check=True, cwd=ROOT)
    return f"| peak memory of the parent, {JOBS} jobs | {float(done.stdout):.0f} MiB | 40 |"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="one turn of each")
    parser.add_argument("--model", metavar="FILE", help="another compiled model, with more or larger tensors")
    arguments = parser.parse_args()
    turns = 1 if arguments.quick else TURNS
    os.environ["FAKE_EDGETPU_DEVICES"] = ",".join(f"usb={path}" for path in devices(JOBS))
    with tempfile.TemporaryDirectory() as folder:
        library, model = build_library("gcc", Path(folder)), Path(folder, "model.tflite")
        model.write_bytes(synthetic())
        job = Job(model=arguments.model or str(model), library=str(library))
        print("| what | measured | to reach |\n|---|---|---|")
        for runtime in RUNTIMES:
            print(start_up(runtime, turns), flush=True)
            print("\n".join(at_once(runtime, job, turns)), flush=True)
            for ms in (1, 5, 20):
                print(overhead(runtime, job, turns, ms), flush=True)
        print(parent_memory(job))
    print(f"\n{os.cpu_count()} cores, Python {sys.version.split()[0]}, load {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
