"""Frigate's configuration on the live host, and the models that it names."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec
import pytest

from etpu_doctor.evidence.around import HostRequest
from etpu_doctor.evidence.capture import capture_live
from etpu_doctor.evidence.frigate import read_config, read_frigate, read_model_file
from etpu_doctor.evidence.gather import gather_live
from etpu_doctor.evidence.redact import redact
from etpu_doctor.evidence.sources import read_sources
from etpu_doctor.facts.application import Application, DetectorConfig
from etpu_doctor.facts.evidence import Evidence, Missing
from tests.support.elf import files_below
from tests.support.mk_compiled import synthetic
from tests.support.sysfs_folder import write_folder

SECRET = "not-for-anybody"  # noqa: S105 - what must be found nowhere
CONFIG = f"""\
mqtt:
  password: {SECRET}-1
detectors:
  coral:
    type: edgetpu
    device: usb
model:
  path: /config/models/x.tflite
cameras:
  front:
    ffmpeg:
      inputs:
        - path: rtsp://admin:{SECRET}-2@192.168.7.31:554/live
"""
NO_MODEL = "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n"


def read(tmp_path: Path, contents: dict[str, bytes | str]) -> tuple[tuple[DetectorConfig, ...], list[Missing]]:
    """The detectors below a root with these files."""
    application, missing = read_frigate(files_below(tmp_path, contents))
    return (application.detectors if application is not None else ()), missing


def test_no_frigate(tmp_path: Path) -> None:
    """Most machines have none: nothing is known of an application, and nothing is missing."""
    assert (None, []) == read_frigate(files_below(tmp_path, {}))


@pytest.mark.parametrize(
    "path",
    [
        "/config/config.yml",
        "/config/config.yaml",
        "/config/frigate.yml",
        "/opt/frigate/config/config.yml",
        "/opt/frigate/config.yml",
        "/var/snap/frigate/current/config/config.yml",
        "/addon_configs/ccab4aaf_frigate/config.yml",
    ],
)
def test_the_usual_places(tmp_path: Path, path: str) -> None:
    """The configuration is found where hosts, containers and add-ons have it, and its place is said in full."""
    ((found,), missing) = read(tmp_path, {path: CONFIG})
    assert ("coral", "usb", f"{path}:4", []) == (found.name, found.device, found.where, missing)


def test_the_first_of_two(tmp_path: Path) -> None:
    """Where both names are there Frigate takes config.yml."""
    other = CONFIG.replace("coral", "other")
    found, _ = read(tmp_path, {"/config/config.yml": CONFIG, "/config/config.yaml": other})
    assert ["coral"] == [each.name for each in found]


def test_a_file_of_something_else(tmp_path: Path) -> None:
    """A configuration without detectors is none of Frigate's that matters."""
    assert ((), []) == read(tmp_path, {"/config/config.yml": "homeassistant:\n  name: x\n"})


def test_what_is_no_file(tmp_path: Path) -> None:
    """A folder of that name is said to be none."""
    (tmp_path / "config" / "config.yml").mkdir(parents=True)
    _, missing = read(tmp_path, {})
    assert [("the configuration of Frigate in /config/config.yml", "it is no file")] == [
        (each.what, each.why) for each in missing
    ]


def test_a_file_that_may_not_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A refusal is missing evidence with its reason and a command."""
    files = files_below(tmp_path, {"/config/config.yml": CONFIG})

    def refuse(path: str, *_: object) -> int:
        raise PermissionError(13, "Permission denied", path)

    monkeypatch.setattr(os, "open", refuse)
    application, (missing,) = read_frigate(files)
    assert (None, "Permission denied", "sudo cat /config/config.yml") == (application, missing.why, missing.how)


def test_lines_that_are_not_read(tmp_path: Path) -> None:
    """Forms of YAML that are not understood are counted, and the rest is used."""
    found, (missing,) = read(tmp_path, {"/config/config.yml": "detectors:\n  <<: *all\n  a:\n    type: edgetpu\n"})
    assert (["a"], True) == ([each.name for each in found], missing.why.startswith("1 line among the detectors"))


def test_lines_end_as_on_windows() -> None:
    """A carriage return is no part of a value."""
    detectors, ignored = read_config("x", CONFIG.replace("\n", "\r\n"))
    assert (["usb"], 0) == ([each.device for each in detectors], ignored)


def test_a_compiled_model(tmp_path: Path) -> None:
    """On the host a path below /config is one of the configuration's own folder."""
    contents: dict[str, bytes | str] = {
        "/opt/frigate/config/config.yml": CONFIG,
        "/opt/frigate/config/models/x.tflite": synthetic(),
    }
    ((found,), _) = read(tmp_path, contents)
    assert found.model is not None
    assert ("/opt/frigate/config/models/x.tflite", "full", None) == (
        found.model.path,
        found.model.compiled,
        found.model.fault,
    )


def test_the_model_of_the_container(tmp_path: Path) -> None:
    """Where the configuration names none, it is the one that Frigate brings."""
    text = "detectors:\n  a:\n    type: edgetpu\n"
    ((found,), _) = read(tmp_path, {"/config/config.yml": text, "/edgetpu_model.tflite": synthetic()})
    assert found.model is not None
    assert ("/edgetpu_model.tflite", None) == (found.model.path, found.model_path)


def test_no_model_at_all(tmp_path: Path) -> None:
    """A file that is something else has a fault in words."""
    ((found,), _) = read(tmp_path, {"/config/config.yml": CONFIG, "/config/models/x.tflite": NO_MODEL})
    assert found.model is not None
    assert found.model.compiled is None
    assert found.model.fault


@pytest.mark.parametrize("kind", ["openvino", "cpu"])
def test_the_model_of_another_detector(tmp_path: Path, kind: str) -> None:
    """Only the models of Edge TPUs are looked at."""
    text = CONFIG.replace("edgetpu", kind)
    ((found,), _) = read(tmp_path, {"/config/config.yml": text, "/config/models/x.tflite": synthetic()})
    assert found.model is None


def test_a_model_that_is_not_there(tmp_path: Path) -> None:
    """Missing, or larger than any model: not judged."""
    files = files_below(tmp_path, {})
    assert read_model_file(files, "/x.tflite") is None
    with (tmp_path / "y.tflite").open("wb") as handle:
        handle.truncate(1 << 30)
    assert read_model_file(files, "/y.tflite") is None


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A machine with Frigate on it."""
    write_folder(tmp_path / "root/sys")
    files_below(tmp_path / "root", {"/config/config.yml": CONFIG})
    return tmp_path / "root"


def test_a_live_check_has_it(root: Path) -> None:
    """The detectors are part of the evidence of a host, unless only the buses were asked for."""
    application = gather_live(str(root)).application
    assert application is not None
    assert ["coral"] == [each.name for each in application.detectors]
    assert gather_live(str(root), request=HostRequest(around=False)).application is None


def test_a_capture_keeps_the_detectors_and_no_secret(root: Path, tmp_path: Path) -> None:
    """What a capture holds of the configuration are its detectors."""
    capture_live(str(tmp_path / "x.tar.gz"), root=str(root))
    evidence = read_sources([str(tmp_path / "x.tar.gz")])
    assert evidence.application == gather_live(str(root)).application
    assert SECRET.encode() not in msgspec.json.encode(evidence)


def test_redaction() -> None:
    """A home folder in a path names its user."""
    detector = DetectorConfig(
        name="a", device="usb", model_path="/home/jane/x.tflite", where="x:1", value_where={"model": "x:3"}
    )
    application = redact(Evidence(kind="text", application=Application(detectors=(detector,)))).application
    assert application is not None
    (found,) = application.detectors
    assert ("/home/user-1/x.tflite", "usb", {"model": "x:3"}) == (found.model_path, found.device, found.value_where)


def test_a_text_beside_a_capture(root: Path, tmp_path: Path) -> None:
    """Detectors of a pasted configuration and those of the capture are both there."""
    capture_live(str(tmp_path / "x.tar.gz"), root=str(root))
    (tmp_path / "post.txt").write_text("detectors:\n  other:\n    type: edgetpu\n")
    evidence = read_sources([str(tmp_path / "x.tar.gz"), str(tmp_path / "post.txt")])
    assert evidence.application is not None
    assert ["other", "coral"] == [each.name for each in evidence.application.detectors]
