"""The tables of a ``.tflite`` and of the Edge TPU's package in it: which fields lead to other places.

Sources: TensorFlow Lite's ``schema.fbs`` (version 3) and ``executable/executable.fbs`` of google-coral/libedgetpu. Of
the operators' options only those with vectors or strings are told apart, and none of StableHLO's, which came years
after the last Edge TPU compiler.
"""

from __future__ import annotations

from etpu_doctor.evidence.flatbuffer import Part, Schema

_STRING, _STRINGS = Part("string"), Part("strings")


def _numbers(width: int) -> Part:
    return Part("vector", width=width)


def _table(name: str) -> Part:
    return Part("table", name)


def _tables(name: str) -> Part:
    return Part("tables", name)


def _union(name: str) -> Part:
    return Part("union", name)


_OPTIONS = {
    3: "ConcatEmbeddingsOptions",
    8: "FullyConnectedOptions",
    17: "ReshapeOptions",
    30: "SqueezeOptions",
    111: "VarHandleOptions",
    115: "BucketizeOptions",
}

TFLITE = Schema(
    tables={
        "Model": {
            1: _tables("OperatorCode"),
            2: _tables("SubGraph"),
            3: _STRING,
            4: _tables("Buffer"),
            5: _numbers(4),
            6: _tables("Metadata"),
            7: _tables("SignatureDef"),
        },
        "OperatorCode": {1: _STRING},
        "SubGraph": {0: _tables("Tensor"), 1: _numbers(4), 2: _numbers(4), 3: _tables("Operator"), 4: _STRING},
        "Tensor": {
            0: _numbers(4),
            3: _STRING,
            4: _table("QuantizationParameters"),
            6: _table("SparsityParameters"),
            7: _numbers(4),
            9: _tables("VariantSubType"),
        },
        "VariantSubType": {0: _numbers(4)},
        "QuantizationParameters": {
            0: _numbers(4),
            1: _numbers(4),
            2: _numbers(4),
            3: _numbers(8),
            5: _union("QuantizationDetails"),
        },
        "CustomQuantization": {0: _numbers(1)},
        "SparsityParameters": {0: _numbers(4), 1: _numbers(4), 2: _tables("DimensionMetadata")},
        "DimensionMetadata": {3: _union("SparseIndexVector"), 5: _union("SparseIndexVector")},
        "Int32Vector": {0: _numbers(4)},
        "Uint16Vector": {0: _numbers(2)},
        "Uint8Vector": {0: _numbers(1)},
        "Operator": {
            1: _numbers(4),
            2: _numbers(4),
            4: _union("BuiltinOptions"),
            5: _numbers(1),
            7: _numbers(1),
            8: _numbers(4),
        },
        "Options": {},
        "ConcatEmbeddingsOptions": {1: _numbers(4), 2: _numbers(4)},
        "FullyConnectedOptions": {5: _numbers(1)},
        "ReshapeOptions": {0: _numbers(4)},
        "SqueezeOptions": {0: _numbers(4)},
        "VarHandleOptions": {0: _STRING, 1: _STRING},
        "BucketizeOptions": {0: _numbers(4)},
        "Buffer": {0: _numbers(1)},
        "Metadata": {0: _STRING},
        "SignatureDef": {0: _tables("TensorMap"), 1: _tables("TensorMap"), 2: _STRING},
        "TensorMap": {0: _STRING},
    },
    unions={
        "BuiltinOptions": {**dict.fromkeys(range(1, 127), "Options"), **_OPTIONS},
        "QuantizationDetails": {1: "CustomQuantization"},
        "SparseIndexVector": {1: "Int32Vector", 2: "Uint16Vector", 3: "Uint8Vector"},
    },
)
"""Root: ``Model``."""

DARWINN = Schema(
    tables={
        "Package": {1: _numbers(1), 2: _numbers(1), 4: _STRING, 6: _tables("SerializedPackage"), 7: _STRING},
        "SerializedPackage": {0: _numbers(1)},
        "MultiExecutable": {0: _STRINGS},
        "Executable": {
            1: _STRING,
            2: _numbers(1),
            5: _tables("InstructionBitstream"),
            6: _numbers(1),
            7: _table("DmaHints"),
            8: _tables("Layer"),
            9: _tables("Layer"),
            10: _STRING,
        },
        "InstructionBitstream": {0: _numbers(1), 1: _tables("FieldOffset")},
        "FieldOffset": {0: _table("Meta")},
        "Meta": {2: _STRING},
        "DmaHints": {0: _tables("DmaHint")},
        "DmaHint": {1: _union("AnyHint")},
        "DmaDescriptorHint": {0: _table("Meta")},
        "PlainHint": {},
        "Layer": {0: _STRING, 5: _table("NumericsConstants"), 8: _union("AnyLayer"), 11: _table("TensorShape")},
        "NumericsConstants": {},
        "OutputLayer": {0: _table("OutputLayout"), 2: _table("OutputShapeInfo")},
        "InputLayer": {},
        "OutputLayout": dict.fromkeys(range(6), _numbers(4)),
        "OutputShapeInfo": {0: _tables("TensorLayout"), 1: _numbers(4)},
        "TensorLayout": {0: _table("TensorShape"), 1: _numbers(4)},
        "TensorShape": {0: _numbers(8)},
    },
    unions={
        "AnyHint": {1: "DmaDescriptorHint", 2: "PlainHint", 3: "PlainHint", 4: "PlainHint"},
        "AnyLayer": {1: "OutputLayer", 2: "InputLayer"},
    },
)
"""Roots: ``Package``, ``MultiExecutable`` and ``Executable``, each in a buffer of its own."""
