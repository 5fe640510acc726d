"""A small server of the KServe v2 protocol with Triton's extensions: it serves a model repository by onnxruntime.

It reads ``config.pbtxt`` as Triton's protocol buffers, runs the warm-up, checks shapes and batch sizes against the
configuration, and can be made to fail.
"""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self

import numpy as np
import onnxruntime
from google.protobuf import json_format, text_format
from tritonclient.grpc import model_config_pb2

DTYPES = {"FP32": np.float32, "BOOL": np.bool_, "INT64": np.int64}


class Refusal(Exception):
    """Status 400 with a sentence."""


class Model:
    """One folder of a repository."""

    def __init__(self, folder: Path) -> None:
        self.config = text_format.Parse((folder / "config.pbtxt").read_text(), model_config_pb2.ModelConfig())
        assert self.config.name == folder.name
        self.version = max(path.name for path in folder.iterdir() if path.is_dir())
        self.session = None
        if self.config.backend == "onnxruntime":
            self.session = onnxruntime.InferenceSession(str(folder / self.version / "model.onnx"))
        for warm in self.config.model_warmup:
            self.run(
                {
                    name: np.zeros((warm.batch_size, *tensor.dims), DTYPES[self.kind(tensor.data_type)])
                    for name, tensor in warm.inputs.items()
                },
                [output.name for output in self.config.output],
            )

    @staticmethod
    def kind(data_type: int) -> str:
        return model_config_pb2.DataType.Name(data_type).removeprefix("TYPE_")

    def check(self, arrays: dict[str, np.ndarray]) -> None:
        expected = {tensor.name: tensor for tensor in self.config.input}
        if set(arrays) != set(expected):
            raise Refusal(f"expected inputs {sorted(expected)}, got {sorted(arrays)}")
        for name, array in arrays.items():
            dims = list(expected[name].dims)
            fits = len(dims) == array.ndim - 1 and all(a in (-1, b) for a, b in zip(dims, array.shape[1:], strict=True))
            if not fits or array.dtype != DTYPES[self.kind(expected[name].data_type)]:
                raise Refusal(f"unexpected shape {array.shape} or type for input '{name}', expected [-1,{dims}]")
            if len(array) > self.config.max_batch_size:
                raise Refusal(f"batch-size must be <= {self.config.max_batch_size} for '{self.config.name}'")

    def run(self, arrays: dict[str, np.ndarray], wanted: list[str]) -> list[np.ndarray]:
        self.check(arrays)
        return self.session.run(wanted, arrays)


class KServe:
    """The server, on a free port of the loopback interface; a context manager."""

    def __init__(self, repository: Path) -> None:
        self.repository = repository
        self.requests: list[tuple[str, str, int]] = []
        self.faults: list[str] = []
        self.port = 0
        self.start()

    def start(self) -> None:
        self.models = {path.name: Model(path) for path in self.repository.iterdir() if path.is_dir()}
        server = self

        class Handler(_Handler):
            served = server

        self.http = ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        self.http.daemon_threads = True
        self.port = self.http.server_address[1]
        threading.Thread(target=self.http.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    def stop(self) -> None:
        self.http.shutdown()
        self.http.server_close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def url(self, model: str) -> str:
        return f"triton://127.0.0.1:{self.port}/{model}"

    def find(self, name: str, version: str | None) -> Model:
        if name not in self.models:
            raise Refusal(f"Request for unknown model: '{name}' is not found")
        model = self.models[name]
        if version not in (None, model.version):
            raise Refusal(f"Request for unknown model: '{name}' version {version} is not at ready state")
        return model

    def infer(self, name: str, version: str | None, arrays: dict[str, np.ndarray], wanted: list[str]) -> Any:
        model = self.find(name, version)
        if model.session is not None:
            return model.run(arrays, wanted)
        model.check(arrays)
        known = dict(arrays)
        read = {tensor for step in model.config.ensemble_scheduling.step for tensor in step.input_map.values()}
        if any(output.name in read and output.name not in wanted for output in model.config.output):
            raise Refusal(
                "unexpected deadlock, at least one output is not set while no more ensemble steps can be made"
            )
        for step in model.config.ensemble_scheduling.step:
            part = self.find(step.model_name, str(step.model_version))
            names = list(step.output_map)
            given = part.run({key: known[value] for key, value in step.input_map.items()}, names)
            known |= {step.output_map[key]: value for key, value in zip(names, given, strict=True)}
        return [known[name] for name in wanted]


class _Handler(BaseHTTPRequestHandler):
    served: KServe
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        _, name, version, what = self.parts()
        try:
            assert what == "config"
            config = json_format.MessageToDict(self.served.find(name, version).config, preserving_proto_field_name=True)
        except Refusal as refusal:
            self.answer(400, json.dumps({"error": str(refusal)}).encode())
            return
        self.answer(200, json.dumps(config).encode())

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        fault = self.served.faults.pop(0) if self.served.faults else ""
        if fault == "drop":
            self.close_connection = True
            self.connection.close()
            return
        if fault:
            self.answer(int(fault), json.dumps({"error": "inference request exceeds queue size"}).encode())
            return
        _, name, version, _ = self.parts()
        start = int(self.headers.get("Inference-Header-Content-Length", len(body)))
        asked = json.loads(body[:start])
        arrays = {}
        for each in asked["inputs"]:
            stop = start + each["parameters"]["binary_data_size"]
            values = np.frombuffer(body[start:stop], DTYPES[each["datatype"]])
            arrays[each["name"]] = values.reshape(each["shape"])
            start = stop
        wanted = [each["name"] for each in asked["outputs"]]
        self.served.requests.append((name, version or "", len(next(iter(arrays.values())))))
        try:
            results = self.served.infer(name, version, arrays, wanted)
        except Refusal as refusal:
            self.answer(400, json.dumps({"error": str(refusal)}).encode())
            return
        blobs = [np.ascontiguousarray(values).tobytes() for values in results]
        outputs = [
            {
                "name": each,
                "datatype": "FP32",
                "shape": list(values.shape),
                "parameters": {"binary_data_size": len(blob)},
            }
            for each, values, blob in zip(wanted, results, blobs, strict=True)
        ]
        head = json.dumps(
            {"model_name": name, "model_version": self.served.models[name].version, "outputs": outputs}
        ).encode()
        self.answer(200, head + b"".join(blobs), {"Inference-Header-Content-Length": str(len(head))})

    def parts(self) -> tuple[str, str, str | None, str]:
        words = self.path.strip("/").split("/")
        assert words[:2] == ["v2", "models"]
        version = words[4] if "versions" in words else None
        return words[0], words[2], version, words[-1]

    def answer(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in {**(headers or {}), "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass
