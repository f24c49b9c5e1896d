"""The five calls of MLflow's REST API that a training makes, kept in memory."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class MlflowStandIn:
    """A server that refuses what MLflow refuses: unknown ids, large batches."""

    uri: str = ""
    down: bool = False
    experiments: list[dict[str, str]] = field(default_factory=list)
    runs: list[dict[str, Any]] = field(default_factory=list)
    metrics: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    params: dict[str, dict[str, str]] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)

    def answer(self, path: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        self.calls.append(path)
        if self.down:
            return 503, {"error_code": "TEMPORARILY_UNAVAILABLE"}
        match path:
            case "experiments/search":
                (name,) = _quoted(r'name = "([^"]*)"', body["filter"])
                found = [one for one in self.experiments if one["name"] == name]
                return 200, {"experiments": found}
            case "experiments/create":
                made = {"experiment_id": str(len(self.experiments)), "name": body["name"]}
                self.experiments.append(made)
                return 200, made
            case "runs/search":
                key, value = _quoted(r"tags\.`(.*)` = '(.*)'", body["filter"])
                tag = {"key": key, "value": value}
                return 200, {"runs": [run for run in self.runs if tag in run["data"]["tags"]]}
            case "runs/create":
                info = {"run_id": f"run-{len(self.runs)}", "status": "RUNNING"}
                run = {"info": info | body, "data": {"tags": body["tags"]}}
                self.runs.append(run)
                self.metrics[info["run_id"]], self.params[info["run_id"]] = [], {}
                return 200, {"run": run}
            case "runs/log-batch" if body["run_id"] in self.metrics:
                metrics = body.get("metrics", [])
                if len(metrics) > 1000:
                    return 400, {"error_code": "INVALID_PARAMETER_VALUE"}
                self.metrics[body["run_id"]] += metrics
                params = {one["key"]: one["value"] for one in body.get("params", [])}
                self.params[body["run_id"]] |= params
                return 200, {}
            case "runs/update":
                run = next(one for one in self.runs if one["info"]["run_id"] == body["run_id"])
                run["info"] |= body
                return 200, {}
            case _:
                return 404, {"error_code": "RESOURCE_DOES_NOT_EXIST", "message": path}


def _quoted(pattern: str, text: str) -> tuple[str, ...]:
    found = re.fullmatch(pattern, text)
    assert found is not None, text
    return found.groups()


@contextmanager
def mlflow_stand_in(
    lets_in: Callable[[Mapping[str, str], str, bytes], bool] = lambda *_: True,
) -> Iterator[MlflowStandIn]:
    """A server on this machine.

    Args:
        lets_in: Judges a call by its headers (names in lower case), path and body.
    """
    stand_in = MlflowStandIn()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            text = self.rfile.read(int(self.headers["Content-Length"]))
            headers = {name.lower(): value for name, value in self.headers.items()}
            if not lets_in(headers, self.path, text):
                status, reply = 403, {"error_code": "PERMISSION_DENIED"}
            else:
                path = self.path.removeprefix("/api/2.0/mlflow/")
                status, reply = stand_in.answer(path, json.loads(text))
            body = json.dumps(reply).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    stand_in.uri = f"http://127.0.0.1:{server.server_port}"
    try:
        yield stand_in
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
