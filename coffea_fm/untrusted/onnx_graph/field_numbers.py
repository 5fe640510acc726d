"""Numbers of the fields of ONNX messages, https://github.com/onnx/onnx/blob/main/onnx/onnx.proto."""

from __future__ import annotations

from typing import Final

MODEL_GRAPH: Final = 7
MODEL_METADATA: Final = 14
MODEL_TRAINING: Final = 20
MODEL_FUNCTION: Final = 25
ENTRY_KEY: Final = 1
ENTRY_VALUE: Final = 2
FUNCTION_NODE: Final = 7
FUNCTION_DOMAIN: Final = 10
FUNCTION_ATTRIBUTE: Final = 11
GRAPH_NODE: Final = 1
GRAPH_TENSOR: Final = 5
GRAPH_SPARSE: Final = 15
NODE_INPUT: Final = 1
NODE_OUTPUT: Final = 2
NODE_OPERATOR: Final = 4
NODE_ATTRIBUTE: Final = 5
NODE_DOMAIN: Final = 7
ATTRIBUTE_TENSOR: Final = 5
ATTRIBUTE_TENSORS: Final = 10
ATTRIBUTE_GRAPHS: Final = (6, 11)
ATTRIBUTE_SPARSE: Final = (22, 23)
SPARSE_PARTS: Final = (1, 2)
SPARSE_DIMS: Final = 3
TENSOR_DIMS: Final = 1
TENSOR_TYPE: Final = 2
TENSOR_STRINGS: Final = 6
TENSOR_INT64: Final = 7
TENSOR_NAME: Final = 8
TENSOR_RAW: Final = 9
TENSOR_EXTERNAL: Final = 13
TENSOR_LOCATION: Final = 14
TENSOR_NUMBERS: Final = {4: 4, 5: None, 6: None, 7: None, 10: 8, 11: None}
"""Fields with numbers; their size in bytes, if each has the same. One string is one field."""
