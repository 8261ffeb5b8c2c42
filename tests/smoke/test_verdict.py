"""Causes of failures: the texts, signals and silences are those of the real library on emulated sticks."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etpu_doctor.facts.runtime import Library
from etpu_doctor.knowledge.runtimes import judge_pair
from etpu_doctor.report.report import Cause
from etpu_doctor.smoke.jobs import Phase
from etpu_doctor.smoke.verdict import Around, Judged, judge_failure
from tests.support.smoke import failed

OPEN = "Failed to open device [Apex (USB)] at [/sys/bus/usb/devices/2-1]: "
NULL = "ValueError: Failed to load delegate from libedgetpu.so.1\n"
REFUSED = "DelegateRefused: libedgetpu gave no delegate"
FATAL = "F driver/usb/usb_driver.cc:1148] "
TOO_NEW = (
    "RuntimeError: Failed to prepare for TPU. Failed precondition: Package requires runtime version (15), which is "
    "newer than this runtime version (14).Node number 1 (EdgeTpuDelegateForCustomOp) failed to prepare."
)
NUMPY_2 = (
    "SystemError: <built-in method CreateWrapperFromFile of PyCapsule object at 0x7f> returned a result with an "
    "exception set"
)
OFFICIAL = Library(path="/l", package_version="16.0")


def judged(phase: Phase, *stderr: str, around: dict[str, Any] | None = None, **fields: Any) -> Judged:
    """The judgment of a failure in a phase."""
    return judge_failure(failed(phase, *stderr, **fields), Around(**(around or {})))


@pytest.mark.parametrize("error", [NULL, REFUSED], ids=["string", "path"])
@pytest.mark.parametrize(
    ("line", "around", "cause"),
    [
        ("Permission denied: USB error -3 [OpenDevice]", {}, "permissions-udev"),
        ("Permission denied: USB error -3 [OpenDevice]", {"container": "docker"}, "container-no-access"),
        ("Not found: OpenDevice", {"present": False}, "no-device-visible"),
        ("Not found: USB error -5 [ClaimInterface]", {"present": True}, "hub-power-budget"),
        ("Deadline exceeded: USB error -6 [ClaimInterface]", {"present": True}, "device-busy"),
        (
            "Unknown: USB error -9 [ReadRegister32]",
            {"was_fresh": True, "present": True, "identity": "1a6e:089a"},
            "dfu-not-initialised",
        ),
        (
            "Data loss: Firmware downloading failed",
            {"was_fresh": True, "present": True, "identity": "1a6e:089a"},
            "dfu-not-initialised",
        ),
        ("Deadline exceeded: USB error -7 [ReadRegister32]", {"present": True}, "hardware-defective"),
        ("Unknown: USB error -1 [GetDeviceDescriptor]", {"present": True}, "cable-or-port-signal"),
        ("Not found: FindDfuInterfaces", {"present": True, "holders": ("python (PID 4)",)}, "device-busy"),
    ],
)
def test_an_open_that_fails(error: str, line: str, around: dict[str, Any], cause: str) -> None:
    """The last line at verbosity 1 names the cause, the exception never does."""
    found = judged("open", OPEN + line, error=error, around=around)
    assert cause == found.cause
    assert any(line in said for said in found.said)


def test_a_ready_stick_that_stalls_its_registers_is_at_fault_or_its_link() -> None:
    """Nothing else makes a ready device refuse register reads."""
    found = judged("open", OPEN + "Unknown: USB error -9 [ReadRegister32]", error=NULL, around={"present": True})
    assert found.cause in ("hardware-defective", "cable-or-port-signal")


@pytest.mark.parametrize(
    ("line", "around", "cause"),
    [
        (
            "HandleQueuedBulkIn transfer in failed. Not found: USB transfer error 5 [LibUsbDataInCallback]",
            {"present": False},
            "autosuspend-or-reset",
        ),
        (
            "HandleQueuedBulkIn transfer in failed. Not found: USB transfer error 5 [LibUsbDataInCallback]",
            {"present": True},
            "autosuspend-or-reset",
        ),
        (
            "HandleQueuedBulkIn transfer in failed. Not found: USB transfer error 5 [LibUsbDataInCallback]",
            {"present": True, "holders": ("frigate (PID 9)",)},
            "device-busy",
        ),
        (
            "HandleQueuedBulkIn transfer in failed. Unknown: USB transfer error 1 [LibUsbDataInCallback]",
            {"present": True},
            "cable-or-port-signal",
        ),
        (
            "[1-1] bulk out for header failed. Abort. Deadline exceeded: USB transfer error 2 [LibUsbDataOutCallback]",
            {"present": True},
            "cable-or-port-signal",
        ),
    ],
)
def test_an_inference_that_dies(line: str, around: dict[str, Any], cause: str) -> None:
    """The process aborts; where the device is afterwards tells apart what the line does not."""
    assert cause == judged("invoke", FATAL + line, signal="SIGABRT", around=around).cause


@pytest.mark.parametrize("direction", ["In", "Out"])
def test_a_stall_is_of_the_device_or_its_link(direction: str) -> None:
    """A stalled endpoint is no sign of two versions that do not fit."""
    line = f"transfer failed. Invalid argument: USB transfer error 4 [LibUsbData{direction}Callback]"
    text = (
        f"{FATAL}HandleQueuedBulkIn {line}"
        if direction == "In"
        else f"{FATAL}[1-1] bulk out for header failed. Abort. {line}"
    )
    found = judged("invoke", text, signal="SIGABRT", around={"present": True})
    assert found.cause in ("hardware-defective", "cable-or-port-signal")


@pytest.mark.parametrize("status", ["ffffffffffffffff"])
def test_a_card_that_fell_off(status: str) -> None:
    """All ones from the host interface: the card is off the bus."""
    line = f"E driver/driver.cc:254] HIB Error. hib_error_status = {status}, hib_first_error_status = {status}"
    found = judged("invoke", line, signal="SIGABRT", around={"is_pci": True, "present": True})
    assert "pcie-link-or-slot" == found.cause


@pytest.mark.parametrize("signal", ["SIGSEGV", "SIGBUS"])
@pytest.mark.parametrize("phase", ["model", "allocate", "invoke"])
def test_a_crash_is_a_misfit(signal: str, phase: Phase) -> None:
    """Structures of different layout end in a crash, wherever they are first used."""
    assert "runtime-mismatch" == judged(phase, signal=signal).cause


@pytest.mark.parametrize(
    ("version", "fields"),
    [
        ("2.11.0", {"signal": "SIGSEGV"}),
        ("2.13.0", {"signal": "SIGKILL", "timed_out": "allocate"}),
        (
            "2.14.0",
            {"error": "RuntimeError: Encountered an unresolved custom op. Did you miss a custom op or delegate?"},
        ),
    ],
)
def test_a_pair_of_the_table_is_certain_and_comes_with_a_cure(version: str, fields: dict[str, Any]) -> None:
    """What was observed to fail with the official library is no guess, and the pair that works is named."""
    pair = judge_pair(OFFICIAL, "tflite-runtime", version)
    around = {
        "pair": pair,
        "runtime": f"tflite-runtime {version}",
        "library": "libedgetpu 16.0",
        "fitting": "ai-edge-litert>=2.2",
    }
    found = judged("allocate", around=around, **fields)
    assert ("runtime-mismatch", "certain") == (found.cause, found.confidence)
    assert f"libedgetpu 16.0 does not fit tflite-runtime {version}" in found.reason
    assert "Use a pair that works: ai-edge-litert>=2.2." == found.advice


def test_a_bad_pair_does_not_explain_a_pulled_cable() -> None:
    """A transfer that failed because the device left is that, whatever the versions are."""
    pair = judge_pair(OFFICIAL, "tflite-runtime", "2.14.0")
    line = FATAL + "HandleQueuedBulkIn transfer in failed. Not found: USB transfer error 5 [LibUsbDataInCallback]"
    found = judged("invoke", line, signal="SIGABRT", around={"pair": pair, "present": False})
    assert "autosuspend-or-reset" == found.cause


@pytest.mark.parametrize(
    ("phase", "around", "cause"),
    [
        ("library", {}, "unknown"),
        ("open", {}, "hardware-defective"),
        ("open", {"is_pci": True}, "pcie-link-or-slot"),
        ("model", {}, "runtime-mismatch"),
        ("allocate", {}, "runtime-mismatch"),
        ("invoke", {}, "hardware-defective"),
        ("close", {}, "hardware-defective"),
    ],
)
def test_silence(phase: Phase, around: dict[str, Any], cause: str) -> None:
    """A limit that was passed: what that means depends on what was asked."""
    found = judged(phase, signal="SIGKILL", timed_out=phase, around=around)
    assert cause == found.cause
    assert cause == "unknown" or found.confidence != "certain"


@pytest.mark.parametrize(("is_pci", "confidence"), [(False, "likely"), (True, "possible")])
def test_an_illegal_instruction_has_two_readings_on_a_pcie_host(is_pci: bool, confidence: str) -> None:
    """The CPU, or there an outdated driver; the finding says what decides."""
    found = judged("open", signal="SIGILL", around={"is_pci": is_pci})
    assert ("architecture-cpu-unsupported", confidence) == (found.cause, found.confidence)
    assert is_pci == ("gasket" in found.reason)


@pytest.mark.parametrize(
    ("error", "cause"),
    [
        ("OSError: libedgetpu.so.1: cannot open shared object file: No such file or directory", "runtime-missing"),
        ("OSError: /l/libedgetpu.so.1: file too short", "runtime-missing"),
        ("NotEdgeTpuLibrary: it has neither interface", "runtime-missing"),
        ("WrongArchitecture: for aarch64", "architecture-cpu-unsupported"),
    ],
)
def test_a_library_that_cannot_be_loaded(error: str, cause: str) -> None:
    """Missing, broken, or for another processor."""
    assert cause == judged("library", error=error).cause


def test_a_foreign_library_is_named_although_the_loader_says_missing() -> None:
    """The loader's text lies: the file exists, for another machine."""
    error = "OSError: /l/libedgetpu.so.1: cannot open shared object file: No such file or directory"
    found = judged("library", error=error, around={"foreign": "/l is for aarch64, python for x86_64"})
    assert ("architecture-cpu-unsupported", "/l is for aarch64, python for x86_64") == (found.cause, found.reason)


@pytest.mark.parametrize(
    ("error", "cause"),
    [
        ("NotDelegated: 0 operators", "model-not-compiled"),
        (TOO_NEW, "runtime-mismatch"),
        (NUMPY_2, "runtime-mismatch"),
    ],
)
def test_a_model_that_is_not_taken(error: str, cause: str) -> None:
    """Not compiled, too new, or a NumPy that does not fit."""
    assert cause == judged("allocate", error=error).cause


@pytest.mark.parametrize(
    ("around", "cause"),
    [
        ({"present": False}, "no-device-visible"),
        ({"present": False, "was_fresh": True, "vm": "kvm"}, "vm-passthrough-id-change"),
        ({"present": False, "was_fresh": True, "container": "lxc"}, "vm-passthrough-id-change"),
        ({"present": True, "holders": ("python (PID 4)",)}, "device-busy"),
        ({"present": True, "node_missing": True}, "permissions-udev"),
        ({"present": True, "node_missing": True, "container": "docker"}, "container-no-access"),
        ({"present": True, "by_string": True}, "wrong-device-string"),
        ({"present": True}, "unknown"),
    ],
)
def test_an_open_that_says_nothing(around: dict[str, Any], cause: str) -> None:
    """The runtime's one sentence for a dozen causes: the bus and the rights tell more."""
    assert cause == judged("open", error=NULL, around=around).cause


@pytest.mark.parametrize(("container", "cause"), [(None, "no-device-visible"), ("docker", "container-no-access")])
def test_a_device_that_the_library_does_not_list(container: str | None, cause: str) -> None:
    """In a container its devices are those that were passed."""
    found = judged(
        "open", error="DeviceNotListed: /sys/bus/usb/devices/2-1", around={"container": container, "present": True}
    )
    assert (cause, "likely") == (found.cause, found.confidence)


def test_noise_of_good_runs_is_no_cause() -> None:
    """Lines that every good run prints at verbosity 1 decide nothing."""
    noise = (
        "I driver/beagle/beagle_top_level_handler.cc:1] e-fuse programming revision: 0",
        "W driver/usb/local_usb_device.cc:1] ConvertLibUsbTransferStatus: USB transfer error 3 [LibUsbDataInCallback]",
        "USB error -5 [Close]",
    )
    assert "unknown" == judged("open", *noise, error=NULL, around={"present": True}).cause


def test_a_lost_foreman_is_no_cause_of_the_device() -> None:
    """When the process that watched over it was killed, nobody knows more."""
    found = judged("invoke", lost="killed by SIGKILL")
    assert ("unknown", True) == (found.cause, "killed by SIGKILL" in found.reason)


lines = st.text(max_size=80) | st.sampled_from([OPEN + "Permission denied: USB error -3 [OpenDevice]", NULL, FATAL])
phases = st.sampled_from(["start", "library", "open", "model", "allocate", "invoke", "close"])
signals = st.none() | st.sampled_from(["SIGSEGV", "SIGABRT", "SIGILL", "SIGKILL", "SIGTERM"])


@given(phases, st.lists(lines, max_size=6), signals, st.booleans(), st.none() | st.booleans())
def test_every_failure_has_a_cause_of_the_closed_list(
    phase: Phase, stderr: list[str], signal: str | None, is_pci: bool, present: bool | None
) -> None:
    """Whatever was printed: a cause, a sentence, and at most a few quoted lines."""
    found = judged(phase, *stderr, signal=signal, around={"is_pci": is_pci, "present": present})
    assert found.cause in Cause.__args__  # type: ignore[attr-defined] # a Literal
    assert found.reason
    assert len(found.said) <= 4
    assert found.cause != "healthy"
