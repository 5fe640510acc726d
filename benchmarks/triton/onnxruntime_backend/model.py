"""The backend "onnxruntime" for a Triton server that comes without it: the onnxruntime of PyPI behind Triton's Python backend.

Triton calls a backend that is a folder with a ``model.py`` through its Python backend. So a server takes the repositories
of `coffea_fm.export_triton` as they are.
"""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import triton_python_backend_utils as triton


class TritonPythonModel:
    """One graph."""

    def initialize(self, args: dict[str, str]) -> None:
        """Open the graph of this version."""
        folder = Path(args["model_repository"]) / args["model_version"]
        config = json.loads(args["model_config"])
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(
            str(folder / "model.onnx"), options, providers=["CPUExecutionProvider"]
        )
        self.inputs = [tensor["name"] for tensor in config["input"]]

    def execute(self, requests: list[Any]) -> list[Any]:
        """Run the requests that Triton put into one batch."""
        given = [[triton.get_input_tensor_by_name(each, name).as_numpy() for name in self.inputs] for each in requests]
        wanted = sorted({name for each in requests for name in each.requested_output_names()})
        batch = [np.concatenate(parts) for parts in zip(*given, strict=True)]
        try:
            results = self.session.run(wanted, dict(zip(self.inputs, batch, strict=True)))
        except Exception as error:  # noqa: BLE001 - whatever onnxruntime says goes to the client
            answer = triton.InferenceResponse(error=triton.TritonError(str(error)))
            return [answer for _ in requests]
        edges = np.cumsum([0, *(len(arrays[0]) for arrays in given)])
        return [
            triton.InferenceResponse(
                [triton.Tensor(name, values[start:stop]) for name, values in zip(wanted, results, strict=True)]
            )
            for start, stop in pairwise(edges)
        ]
