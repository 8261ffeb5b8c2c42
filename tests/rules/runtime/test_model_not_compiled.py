"""ETD710: models that an Edge TPU cannot run."""

from __future__ import annotations

from typing import Any

import pytest

from etpu_doctor.facts.application import DetectorConfig, DetectorModel
from etpu_doctor.rules.finding import Finding
from etpu_doctor.rules.runtime.model_not_compiled import check
from tests.support.facts import judged, root, storage, strings, values
from tests.support.frigate import STICKS, detector, found, message

PATH = "/config/my model.tflite"


def named(path: str | None, name: str = "coral") -> DetectorConfig:
    """A detector of whose model only the name is known."""
    return detector(name, "usb", model_path=path, value_where={"model": "config.yml:9"})


def read(**fields: Any) -> DetectorConfig:
    """A detector whose model was read."""
    return detector(device="usb", model_path=PATH, model=DetectorModel(path=PATH, size_bytes=4096, **fields))


def weight(finding: Finding) -> tuple[str, str, str]:
    """Code, severity and confidence."""
    return finding.code, finding.severity, finding.confidence


def test_without_an_application() -> None:
    """Where nothing is known of a model nothing is said."""
    assert [] == judged(check, *STICKS)
    assert [] == found(check)
    assert [] == found(check, detector(device="usb"))


@pytest.mark.parametrize(
    "path",
    [
        "/config/x_edgetpu.tflite",
        "/models/EdgeTPU.tflite",
        "/edgetpu_model.tflite",
        "plus://abc",
        "/config/model_cache/abc",
    ],
)
def test_names_that_are_fine(path: str) -> None:
    """Compiled models by their usual names, and those of Frigate+."""
    assert [] == found(check, named(path))


@pytest.mark.parametrize(
    ("path", "severity", "confidence"),
    [
        ("/cpu_model.tflite", "error", "likely"),
        ("/openvino-model/ssdlite_mobilenet_v2.xml", "error", "certain"),
        ("/config/yolo.onnx", "error", "certain"),
        ("/config/yolov5s.tflite", "info", "possible"),
    ],
)
def test_names_that_tell(path: str, severity: str, confidence: str) -> None:
    """The model for the CPU, another format, and a name that says nothing: only a hint."""
    (finding,) = found(check, named(path))
    assert ("ETD710", severity, confidence) == weight(finding)
    assert (path, "config.yml:9") == (finding.facts[0].value, finding.facts[0].where)
    assert path in finding.title


def test_one_finding_for_a_common_model() -> None:
    """Two detectors with one model are one finding with two facts."""
    (finding,) = found(check, named("/cpu_model.tflite", "a"), named("/cpu_model.tflite", "b"))
    assert {"detector a: model", "detector b: model"} == set(values(finding))


def test_other_types() -> None:
    """The model of a CPU detector may be one for the CPU."""
    assert [] == found(check, detector(type="cpu", model_path="/cpu_model.tflite"))


def test_compiled() -> None:
    """The content decides, whatever the name."""
    assert [] == found(check, read(compiled="full"))


def test_not_compiled() -> None:
    """Not compiled at all is an error for certain, and the steps quote the path for a shell."""
    (finding,) = found(check, read(compiled="no", cpu_operators={"CONV_2D": 12}))
    assert ("ETD710", "error", "certain") == weight(finding)
    assert "is not compiled for the Edge TPU" in finding.title
    assert "edgetpu_compiler -s '/config/my model.tflite'" in strings(finding)
    assert 4096 == values(finding)["file"]


@pytest.mark.parametrize(
    ("operators", "severity"),
    [
        ({"TFLite_Detection_PostProcess": 1}, None),
        ({"QUANTIZE": 2, "DEQUANTIZE": 1, "SOFTMAX": 1}, None),
        ({"RESIZE_BILINEAR": 1}, "info"),
        ({"CONV_2D": 3, "ADD": 9, "QUANTIZE": 1}, "warning"),
    ],
)
def test_compiled_in_part(operators: dict[str, int], severity: str | None) -> None:
    """What good models leave to the CPU is no fault; heavy operators there are a warning."""
    findings = found(check, read(compiled="partly", cpu_operators=operators))
    assert ([] if severity is None else [severity]) == [finding.severity for finding in findings]


def test_which_operators() -> None:
    """The heavy ones come first, with how often each occurs."""
    (finding,) = found(check, read(compiled="partly", cpu_operators={"ADD": 9, "CONV_2D": 3}))
    assert "3 x CONV_2D, 9 x ADD" == values(finding)["operators on the CPU"]
    assert "CONV_2D stay on the CPU" in finding.title


def test_damaged() -> None:
    """A file that is no model says what it is instead."""
    (finding,) = found(check, read(fault="it is a pointer of Git LFS"))
    assert ("ETD710", "error", "certain") == weight(finding)
    assert "it is a pointer of Git LFS" in finding.title


def test_what_programs_print() -> None:
    """A line that says so is enough; where the model shows it there is one finding."""
    line = message("model-not-compiled", text="Package verification failed.")
    (finding,) = found(check, line)
    assert ("ETD710", "error", "likely") == weight(finding)
    assert 1 == len(found(check, line, read(compiled="no")))
    assert 2 == len(found(check, line, named("/config/yolov5s.tflite")))
    assert [] == found(check, message("model-not-compiled", kind="benign"))


def test_without_an_edge_tpu() -> None:
    """Where there is none, that comes first; where no bus was looked at, nothing comes before the model."""
    nothing = (root(2), storage("2-1"))
    assert ["warning"] == [each.severity for each in found(check, read(compiled="no"), facts=nothing)]
    assert ["error"] == [each.severity for each in found(check, read(compiled="no"), facts=nothing, covers=())]
    assert ["info"] == [each.severity for each in found(check, named("/config/yolov5s.tflite"), facts=nothing)]
