"""Runs one recipe under the contract of SageMaker's training container."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from stratos.contracts.jobs import JobConfig, JobResult, JobStep
from stratos.errors import LibraryPanicked, StratosError
from stratos.log_lines import log_to
from training.container.clock import JobClock
from training.container.failure import report_failure
from training.container.paths import SageMakerPaths
from training.container.storage import ObjectStore
from training.container.world import ALONE, World
from training.job.progress import ProgressReporter

Config = TypeVar("Config", bound=JobConfig)
_log = logging.getLogger(__name__)
_PANIC = "PanicException"
"""What Rust libraries, such as tokenizers, raise where they give up. It is no `Exception`."""
_OTHER = (
    "where that is of a tokenizer, name a model with another one, or take out of the dataset the "
    "texts on which it gives up"
)


@dataclass(frozen=True)
class Job(Generic[Config]):
    """What a recipe works with."""

    config: Config
    paths: SageMakerPaths
    storage: ObjectStore
    progress: ProgressReporter
    clock: JobClock
    world: World = ALONE


def run_job(
    step: JobStep, config_model: type[Config], recipe: Callable[[Job[Config]], JobResult | None]
) -> int:
    """Read the config, run the recipe, upload its result, and return the exit code.

    0: done; 1: a failure that Stratos names; 2: any other. The reason of a failure goes to the
    failure file as `ErrorName: message`, which is what Step Functions gets to see. A recipe has no
    result in a process that only helps another.
    """
    log_to(sys.stdout, "%(asctime)s %(levelname)s %(message)s")
    paths = SageMakerPaths.from_environment()
    try:
        text = (paths.channel("config") / "config.json").read_text(encoding="utf-8")
        config = config_model.model_validate_json(text)
        clock, storage = JobClock(config.deadline_seconds), ObjectStore()
        clock.end_on_sigterm()
        with ProgressReporter(
            step, config.progress_uri, storage, clock, config.spent_usd
        ) as progress:
            world = World.from_environment()
            if world.is_first:
                progress.doing("reading models and data")
            result = recipe(Job(config, paths, storage, progress, clock, world))
        if result is None:
            return 0
        result = result.model_copy(update={"usd": config.spent_usd + result.usd})
        storage.put(config.result_uri, result)
        _log.info("%s finished in %.1f s: %s", step, result.seconds, config.result_uri)
        return 0
    except StratosError as error:
        report_failure(paths.output_dir, error)
        return 1
    except Exception as error:
        _log.exception("%s failed", step)
        report_failure(paths.output_dir, error)
        return 2
    except BaseException as error:
        if type(error).__name__ != _PANIC:
            raise
        _log.exception("%s failed", step)
        report_failure(paths.output_dir, LibraryPanicked(f"{error}; {_OTHER}"))
        return 1
