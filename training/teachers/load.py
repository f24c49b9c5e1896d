"""From a teacher in the spec to one that can be asked."""

from __future__ import annotations

from stratos.jobs import JobConfig
from stratos.spec import Teacher as TeacherSpec
from stratos.spec import Weights
from training.paths import SageMakerPaths
from training.teachers import Teacher
from training.teachers.weights import WeightsTeacher
from training.weights import load_model, locate


def load_teacher(
    spec: TeacherSpec, config: JobConfig, paths: SageMakerPaths, channel: str, seed: int = 0
) -> Teacher:
    """Open a teacher: weights are read from `channel`, services are asked over the network."""
    if isinstance(spec, Weights):
        return open_weights(spec, config, paths, channel, seed)
    raise NotImplementedError(spec.kind)


def open_weights(
    spec: Weights, config: JobConfig, paths: SageMakerPaths, channel: str, seed: int = 0
) -> WeightsTeacher:
    """Read weights from a channel (or the Hub) and make them answer."""
    source = locate(spec, paths.channels.get(channel))
    local = load_model(spec.name, source)
    return WeightsTeacher(local, batch_size=config.batch_size, seed=seed)
