"""The requests of the state machine, and what SageMaker's agent does with one."""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from infra.local.host.transfers import download_prefix
from infra.local.sagemaker.container import ContainerRoot
from infra.local.sagemaker.training.first_process import FirstProcess
from infra.local.sagemaker.training.request import TrainingJobRequest
from infra.states.definition_reader import definition_of, states_of
from stratos.pipeline.steps import TrainingJob
from tests.integration.containers.sandbox import Container

ROOT = Path(__file__).parents[3]
_STATES = {"probe": "Probe", "synthesize": "Synthesize", "distill": "Distill"}
_MERGE = re.compile(r"States\.JsonMerge\((\$\S+), (\$\S+), false\)")
_FORMAT = re.compile(r"States\.Format\('([^']*)', (\$\S+)\)")


def request_of(job: TrainingJob, student_artifact: str | None = None) -> dict[str, Any]:
    """CreateTrainingJob as the state machine of the template fills it in.

    Args:
        student_artifact: What Distill left, for the job that follows it.
    """
    template = json.loads((ROOT / "cdk.out" / "Stratos.template.json").read_text())
    states = dict(states_of(definition_of(template)))
    kind = job.step.split("-")[0]
    told = job.model_dump(mode="json")
    data = {
        "run": {"run_id": "containers"},
        "job": told,
        "match": {kind: told},
        "distilled": {"hyper_parameters": {"student_artifact": student_artifact}},
    }
    filled: dict[str, Any] = _filled(states[_STATES.get(kind, "Evaluate")]["Parameters"], data)
    return filled


def _filled(value: Any, data: Mapping[str, Any]) -> Any:
    if isinstance(value, dict):
        return {
            key.removesuffix(".$"): _evaluated(part, data)
            if key.endswith(".$")
            else _filled(part, data)
            for key, part in value.items()
        }
    return [_filled(part, data) for part in value] if isinstance(value, list) else value


def _evaluated(expression: str, data: Mapping[str, Any]) -> Any:
    if merged := _MERGE.fullmatch(expression):
        return {**_evaluated(merged[1], data), **_evaluated(merged[2], data)}
    if formatted := _FORMAT.fullmatch(expression):
        return formatted[1].format(_evaluated(formatted[2], data))
    found: Any = data
    for name in expression.removeprefix("$.").split("."):
        found = found[name]
    return found


def start(
    request: Mapping[str, Any],
    folder: Path,
    s3: Any,
    *,
    python: Path = Path(sys.executable),
    command: tuple[str, ...] = (),
    **variables: str,
) -> Container:
    """Download the channels, write the configuration, and run what the request says.

    Args:
        python: Stands for that of the image.
        command: The image's own, where the request names none.
    """
    asked = TrainingJobRequest.model_validate(request)
    root = ContainerRoot(folder / "opt-ml")
    root.create()
    for channel in asked.input_data_config:
        target = root.channel(channel.channel_name)
        target.mkdir()
        assert download_prefix(s3, channel.data_source.s3_data_source.s3_uri, target) > 0
    kind, _ = asked.resource_config.choices[0]
    FirstProcess(asked, root, kind, threads=1).write_configuration()
    algorithm = asked.algorithm_specification
    return Container(
        root.path,
        [*algorithm.container_entrypoint, *algorithm.container_arguments] or list(command),
        {
            "PATH": f"{python.parent}{os.pathsep}{os.environ['PATH']}",
            "TRAINING_JOB_NAME": asked.training_job_name,
            "OMP_NUM_THREADS": "1",
            **{name: os.environ[name] for name in os.environ if name.startswith("AWS_")},
            **asked.environment,
            **variables,
        },
    )
