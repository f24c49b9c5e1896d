"""Every failure Stratos names. A class name is API: Retry and Catch match on it.

    StratosError
    ├── DuplicateEvent          the same S3 event, again; ends quietly
    ├── SpecRejected            the spec has problems, all of them listed
    ├── QueueError
    │   ├── QueueBusy           its item is asked too much of, or by too many; the run asks again
    │   ├── QueueFull           as many runs work and wait as a stack's queue holds
    │   └── QueueTimedOut       a run got no place in time
    ├── DatasetRejected         the dataset cannot be used
    │   └── DatasetTooLarge     there is no room or time to split it; in a function, a job does
    ├── NoFeasiblePlan          no candidate meets every hard constraint
    ├── SavedPlanChanged        what a saved plan shows is no longer what would run
    ├── RunRolesRefused         IAM has no room for the roles of a run
    ├── JobNotStarted           a training job lacks its code or a package
    ├── OutOfMemory             a training job needed more memory than its server has
    ├── TeacherFailed           a teacher gave no usable answer
    ├── CheckerFailed           the spec's checker cannot be run, or fails time after time
    ├── BudgetExhausted         the next step would exceed `max_budget_usd`
    ├── ShardsFailed            some of the jobs that share a step could not be brought to an end
    ├── TooFewVerifiedRecords   synthesis kept less than training needs
    ├── IncompatibleVocabulary  teacher and student do not share a tokenizer
    ├── LibraryPanicked         a library of a job gave up on a model or a text
    ├── DivergedTraining        the loss is no longer a number
    ├── CorruptCheckpoint       no usable checkpoint is left
    ├── NotExportable           the student cannot be written for the engine that serves it
    ├── GateError
    │   ├── QualityGateError    the student misses an accuracy constraint
    │   └── LatencyGateError    the endpoint misses a latency constraint
    ├── ApprovalError
    │   ├── ApprovalRejected    a person refused the model
    │   ├── ApprovalTimedOut    nobody decided in time
    │   └── NotAwaitingApproval the run has nothing to approve
    ├── EndpointBusy            another run is changing the endpoint; the run waits
    ├── ComponentNotReady       SageMaker is still working on a component; the run waits
    ├── DeploymentFailed        the endpoint never became healthy
    │   └── EndpointUnsettled   SageMaker is still changing the endpoint; CleanUp tries again
    ├── BatchRejected           a file of questions has lines that cannot be asked
    ├── BatchFailed             a batch ended without answers
    ├── SweepIncomplete         resources that belong to no run could not be removed
    ├── RegionUnreachable       a region does not answer, or has lost its job
    │   └── HomeUnreachable     the home region does not; its answer waits
    ├── HandedOverBefore        an earlier call gave a job to its region; it needs another name
    ├── CopyUnfinished          files are on their way to another region; the next call goes on
    ├── NoLongerAwaited         home has stopped waiting for a job of another region
    ├── RequestRefused          an endpoint refuses a request that no other would take either
    ├── RunLost                 an execution ended and nothing reported it
    ├── WebhooksFailed          none of the addresses that are told of runs took a notice
    ├── NothingToDeploy         there is no synthesized stack, or not the one that is asked for
    ├── StackFailed             a stack could not be deployed, changed or deleted
    ├── StackInUse              runs are under way or models in service, which would be lost
    ├── NotAllowed              `stratos ui` was not started for that, or nobody agreed to its cost
    └── NotFound                what a command names does not exist
        ├── StackNotFound       no deployed stack
        ├── RunNotFound         no run of that id, or no report of it yet
        ├── EndpointNotFound    no endpoint that answers
        │   └── RequestFailed   an endpoint with a queue failed at one request
        └── ModelNotFound       no model for batches

A message says what was found, what was needed, and what to do. Only the standard library is
imported: a training job names its failures before it has its packages.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from stratos.problems import Problem


_MOST_PROBLEMS = 50
_LONGEST_PROBLEM = 2_000
"""Characters."""


class StratosError(Exception):
    """Base of every error that a user is meant to read."""


class DuplicateEvent(StratosError):
    """This event already has a run."""


class SpecRejected(StratosError):
    """The spec cannot be run as written."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__(_describe(problems))
        self.problems = tuple(problems)


class QueueError(StratosError):
    """A run got no place among those that work."""


class QueueBusy(QueueError):
    """The queue could not be changed now; the run may ask again."""


class QueueFull(QueueError):
    """No more runs can wait."""


class QueueTimedOut(QueueError):
    """Other runs took all places for as long as a run waits."""


class DatasetRejected(StratosError):
    """The dataset cannot be used as it is."""


class DatasetTooLarge(DatasetRejected):
    """The dataset cannot be split in the room and time that there is."""


class NoFeasiblePlan(StratosError):
    """No candidate meets every hard constraint."""


class SavedPlanChanged(StratosError):
    """A saved plan cannot run as it was shown; nothing is trained instead of it."""


class RunRolesRefused(StratosError):
    """A run cannot have roles of its own, and nothing runs under anybody else's."""


class JobNotStarted(StratosError):
    """A training job lacks its code or a package."""


class OutOfMemory(StratosError):
    """A training job needed more memory than its server has."""


class TeacherFailed(StratosError):
    """A teacher gave no usable answer after every retry."""


class CheckerFailed(StratosError):
    """The spec's checker could not be run, or failed at one rationale after the other."""


class BudgetExhausted(StratosError):
    """Going on would spend more than the spec allows."""


class ShardsFailed(StratosError):
    """Some of the jobs that share a step failed; what the others made is kept."""


class TooFewVerifiedRecords(StratosError):
    """The teacher's verified records are too few to train on."""


class IncompatibleVocabulary(StratosError):
    """Token distributions of teacher and student cannot be compared."""


class LibraryPanicked(StratosError):
    """A library of a job gave up on a model or a text."""


class DivergedTraining(StratosError):
    """The training loss stopped being finite."""


class CorruptCheckpoint(StratosError):
    """No checkpoint could be read."""


class NotExportable(StratosError):
    """The engine that serves the student would not answer as it was taught."""


class GateError(StratosError):
    """A measured value misses its constraint."""


class QualityGateError(GateError):
    """Held-out accuracy misses its constraint."""


class LatencyGateError(GateError):
    """Measured latency or throughput misses its constraint."""


class ApprovalError(StratosError):
    """A model was not approved."""


class ApprovalRejected(ApprovalError):
    """A person refused the model, for the reason given."""


class ApprovalTimedOut(ApprovalError):
    """Nobody approved or refused the model in time."""


class NotAwaitingApproval(ApprovalError):
    """The run does not wait for a decision, or no longer."""


class EndpointBusy(StratosError):
    """The endpoint is being changed; the run may ask again."""


class ComponentNotReady(StratosError):
    """SageMaker is still working on the endpoint or its component; the run may ask again."""


class DeploymentFailed(StratosError):
    """The endpoint did not come into service."""


class EndpointUnsettled(DeploymentFailed):
    """A change takes longer than one call, or a region is silent; the next call continues."""


class BatchRejected(StratosError):
    """Questions that cannot be asked, each with the number of its line."""


class BatchFailed(StratosError):
    """The batch failed or was stopped; there are no answers."""


class FolderTaken(StratosError):
    """A folder that a command would fill is there already."""


class DamagedModel(StratosError):
    """A model's files are not what the training job wrote."""


class NoEngine(StratosError):
    """No engine on this machine can serve the model."""


class NotUploaded(StratosError):
    """A model could not be uploaded to the Hub."""


class SweepIncomplete(StratosError):
    """Some resources that belong to no run are still there."""


class RegionUnreachable(StratosError):
    """A region could not be asked, or does not have what it was given."""


class HomeUnreachable(RegionUnreachable):
    """The home region does not answer; what it is to be told is kept until it does."""


class HandedOverBefore(StratosError):
    """An earlier call gave this job to its region, for an answer that nobody awaits any more."""


class CopyUnfinished(StratosError):
    """What is copied between regions takes longer than one call; the next call continues."""


class NoLongerAwaited(StratosError):
    """The home execution does not wait for this job any more."""


class RequestRefused(StratosError):
    """A request is at fault, not the endpoint that refuses it."""


class RunLost(StratosError):
    """The execution is over, but its run has no final status."""


class WebhooksFailed(StratosError):
    """None of the addresses that are to be told of runs took a notice."""


class NothingToDeploy(StratosError):
    """No synthesized stack is at hand, or not the one that is asked for."""


class StackFailed(StratosError):
    """CloudFormation could not deploy, change or delete a stack; the message names the resource."""


class StackInUse(StratosError):
    """Deleting the stack would end runs or models in service."""


class NotAllowed(StratosError):
    """A page was asked to do what its server was not started for, or what nobody agreed to."""


class NotFound(StratosError):
    """What a command names does not exist."""


class StackNotFound(NotFound):
    """No Stratos stack answers where boto3 looks."""


class LogsNotFound(NotFound):
    """A run has written nothing, or nothing of the kind asked for."""


class CloneNeeded(StratosError):
    """A command that needs what is in the repository and not in the installed package."""


class RunNotFound(NotFound):
    """No run has this id, or it has no report yet."""


class EndpointNotFound(NotFound):
    """The run has no endpoint that answers."""


class RequestFailed(EndpointNotFound):
    """The endpoint took a request into its queue, and failed at it."""


class ModelNotFound(NotFound):
    """The run has no model for batches."""


def _describe(problems: Sequence[Problem]) -> str:
    """Return the problems in one text, a line each: no more of them than somebody reads.

    Step Functions and a notification have room for a few hundred thousand bytes.
    """
    count = "1 problem" if len(problems) == 1 else f"{len(problems)} problems"
    told = [f"- {_cut(str(problem))}" for problem in problems[:_MOST_PROBLEMS]]
    more = len(problems) - len(told)
    rest = [f"- and {more} more: correct these first"] if more else []
    return "\n".join([f"the spec has {count}:", *told, *rest])


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST_PROBLEM else f"{text[: _LONGEST_PROBLEM - 1]}…"
