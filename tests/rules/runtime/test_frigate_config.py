"""ETD709: detectors that do not fit the machine."""

from __future__ import annotations

import pytest

from etpu_doctor.rules.finding import Finding
from etpu_doctor.rules.runtime.frigate_config import check
from tests.support.facts import card, judged, root, steps, storage, tpu, values
from tests.support.frigate import CARD, ONE_STICK, STICKS, detector, found, message

NOTHING = (root(2), storage("2-1"))
CPU = detector("cpu1", type="cpu")


def weight(finding: Finding) -> tuple[str, str, str]:
    """Code, severity and confidence."""
    return finding.code, finding.severity, finding.confidence


def test_without_an_application() -> None:
    """Where nothing is known of an application nothing is said."""
    assert [] == judged(check, *STICKS)
    assert [] == found(check)


@pytest.mark.parametrize(
    "devices", [("usb:0", "usb:1"), ("usb:1",), ("usb",), (None,), ("",), ("usb", "usb:1"), (":0", ":1")]
)
def test_detectors_that_fit(devices: tuple[str | None, ...]) -> None:
    """One detector for one stick: no finding."""
    assert [] == found(check, *(detector(f"d{index}", device) for index, device in enumerate(devices)))


@pytest.mark.parametrize(
    "devices", [("usb", "usb"), ("usb:0", "usb:0"), ("usb", "usb:0"), (None, None), ("", "usb"), (":0", "usb:0")]
)
def test_two_on_one_stick(devices: tuple[str | None, ...]) -> None:
    """Two detectors that open the same stick, however each says it."""
    (finding,) = found(check, *(detector(f"d{index}", device) for index, device in enumerate(devices)))
    assert ("ETD709", "error", "likely") == weight(finding)
    assert "Frigate's detectors d0 and d1 open the same Edge TPU, usb:0" in finding.title
    assert {"detector d0: device", "detector d1: device"} == set(values(finding))
    assert any("usb:1 is Edge TPU" in step for step in steps(finding))


def test_the_first_of_all_is_the_card() -> None:
    """Without a device the card comes before the stick."""
    both = (*CARD, *ONE_STICK)
    assert [] == found(check, detector("a", ""), detector("b", "usb"), facts=both)
    (finding,) = found(check, detector("a", ""), detector("b", "pci:0"), facts=both)
    assert "pci:0" in finding.title


def test_more_detectors_than_sticks() -> None:
    """With one stick the advice is to delete, not to number."""
    (finding,) = found(check, detector("a", "usb"), detector("b", "usb"), facts=ONE_STICK)
    assert "There is one Edge TPU here" in steps(finding)[0]


def test_where_the_bus_is_not_known() -> None:
    """Two detectors without a device take the same one, whichever that is."""
    (finding,) = found(check, detector("a"), detector("b", ""), covers=("usb", "usb-ids"))
    assert "open the same Edge TPU, :0" in finding.title


def test_two_configurations() -> None:
    """Detectors of two files are not two detectors of one Frigate."""
    assert [] == found(check, detector("a", "usb"), detector("b", "usb", where="other.yml:2"))


@pytest.mark.parametrize("device", [None, "", "usb", "pci:0", ":0"])
def test_none_is_there(device: str | None) -> None:
    """A detector without any Edge TPU is an error; that it is missing has a rule of its own."""
    (finding,) = found(check, detector(device=device), facts=NOTHING)
    assert ("ETD709", "error", "certain") == weight(finding)
    assert "Frigate's detector coral asks for an Edge TPU, and none is here" == finding.title


def test_none_is_there_for_two() -> None:
    """Two detectors are named in one finding."""
    titles = [each.title for each in found(check, detector("a", "usb:0"), detector("b", "usb:1"), facts=NOTHING)]
    assert ["Frigate's detectors a and b ask for an Edge TPU, and none is here"] == titles


def test_a_bus_that_was_not_looked_at() -> None:
    """Where a bus is not in the evidence the Edge TPU may be there."""
    assert [] == found(check, detector(device=""), facts=NOTHING, covers=("usb", "usb-ids"))
    assert 1 == len(found(check, detector(device="usb"), facts=NOTHING, covers=("usb", "usb-ids")))
    assert [] == found(check, detector(device="pci"), facts=NOTHING, covers=("usb", "usb-ids"))


def test_a_card_without_a_driver() -> None:
    """It is there: what is missing is the driver."""
    assert [] == found(check, detector(device="pci"), facts=(card("0000:01:00.0", driver=None),))


def test_the_cpu_beside() -> None:
    """A CPU detector beside an Edge TPU is a warning; alone, with an Edge TPU there, a note; else nothing."""
    (finding,) = found(check, detector(device="usb"), CPU)
    assert ("ETD709", "warning", "likely") == weight(finding)
    (finding,) = found(check, CPU)
    assert ("ETD709", "info", "certain") == weight(finding)
    assert [] == found(check, CPU, facts=NOTHING)
    assert [] == found(check, CPU, detector("gpu", "GPU", type="openvino"))


@pytest.mark.parametrize("kind", ["coral", "Edge_TPU", "edge-tpu", "usb", "EdgeTPU"])
def test_a_misspelt_type(kind: str) -> None:
    """A type that means an Edge TPU and is none of Frigate's."""
    (finding,) = found(check, detector(type=kind))
    assert ("ETD709", "error", "certain") == weight(finding)
    assert f'has the type "{kind}"' in finding.title


@pytest.mark.parametrize("kind", ["openvino", "onnx", "hailo8l", "tensorrt", None])
def test_other_types(kind: str | None) -> None:
    """Other types of detectors are none of this product's business."""
    assert [] == found(check, detector(type=kind))


@pytest.mark.parametrize("fault", ["flat", "indentation", "tab", "empty-device", "colon"])
@pytest.mark.parametrize("kind", ["live", "capture", "text"])
def test_what_frigate_cannot_read(fault: str, kind: str) -> None:
    """A fault in a file is an error; what a forum does to a text by itself is only said."""
    (finding,) = found(check, detector(device="usb", faults=(fault,)), kind=kind)
    own = fault in ("empty-device", "colon") or kind == "live" or (kind == "capture" and fault != "flat")
    assert ("error" if own else "unknown") == finding.severity
    assert finding.title.startswith("Frigate cannot read" if own else "Frigate could not read")
    assert own == ("Compare with the file itself" not in steps(finding)[0])


def test_what_frigate_prints() -> None:
    """A refusal of Frigate is an error; where the configuration shows why there is no second one."""
    line = message("frigate-config", text="Your config file is not valid!")
    (finding,) = found(check, line)
    assert ("ETD709", "error", "likely") == weight(finding)
    assert "Your config file is not valid!" == values(finding)["message"]
    assert 1 == len(found(check, line, detector(device="usb", faults=("tab",))))
    assert [] == found(check, message("frigate-config", kind="fact"))


def test_a_model_without_its_delegate() -> None:
    """TFLite's words for that may come from any program, so that Frigate is not what is named."""
    text = "RuntimeError: Encountered unresolved custom op: edgetpu-custom-op."
    (finding,) = found(check, message("frigate-config", text=text))
    assert finding.title == "A compiled model was loaded without the Edge TPU delegate"
    assert "load_delegate" in " ".join(steps(finding))


def test_whom_it_concerns() -> None:
    """All Edge TPUs of the machine."""
    (finding,) = found(check, detector("a", "usb"), detector("b", "usb"), facts=(root(2), tpu("2-1"), tpu("2-2")))
    assert ("machine", ("2-1", "2-2")) == (finding.subject, finding.concerns)
