"""Where everything is in the bucket. Every key that two components share is built here.

specs/<name>/spec.yaml            dropped by the user; starts a run
specs/<name>/…                    dataset, checker and model folders beside it
specs/<name>/plan.json            the plan that a submitted spec is to run, if one was saved
specs/<name>/rejection.json       every problem of a spec that was refused
catalog/servers.json              the instance types on offer
catalog/teachers.json             the models that Bedrock offers, as last fetched
catalog/calibration.jsonl         predicted and measured, one line a finished run
catalog/refusals.jsonl            what regions refused to jobs, and when
runs/<run id>/spec.json           the spec as read
runs/<run id>/saved_plan.json     the plan that it was submitted with, if any
runs/<run id>/checker/            checker.py, as it was when the run began
runs/<run id>/dataset/            train.jsonl probe.jsonl heldout.jsonl inspection.json
runs/<run id>/plans.json          the Pareto front, before spending
runs/<run id>/match.json          the choice after probing, with its evidence
runs/<run id>/jobs/<step>/        config/config.json in, progress.json meanwhile, result.json out;
                                  shards-<round>.json: the jobs that share the step, if any do;
                                  kept.json: the result of a shard before it was asked again;
                                  job.json: a shard's job as it was tried last
runs/<run id>/records/a<attempt>/ records.jsonl: verified; rejected.jsonl: some that were not
runs/<run id>/elsewhere/          <job>.json: a job of another region, as last seen
runs/<run id>/transfers/          <job>.jsonl: what was copied between regions for a job
runs/<run id>/shards/<step>/      the same of one of several jobs, until they are one
runs/<run id>/models/             <job>/output/model.tar.gz
runs/<run id>/lineage.json        what the model in deployment.json was made from
runs/<run id>/approval.json       who approved it, and how long that took
runs/<run id>/deployment.json     names of the model, configuration and endpoint it may create
runs/<run id>/staged.json         the same of each region that serves, if not only home does
runs/<run id>/tokens/<name>/      <region>: the task token by which home waits for one of those
runs/<run id>/loads/<name>/       <region>.json: what one endpoint of those did under load
runs/<run id>/measurements.json   every endpoint of the run as measured under load, or its batches
runs/<run id>/batches/<name>/     questions.jsonl of a batch, and its answers/<job>/
runs/<run id>/run.json            the outcome
runs/<run id>/report.html         the same for a person
served/<name>.json                where a model answers that is served in several regions
async/<name>/requests/            what an asynchronous endpoint is asked, one object a request
async/<name>/answers/             what it answered, under the name that the call returned
async/<name>/failures/            why it did not answer
checkpoints/<run id>/<step>/      of the training job; separate, so that they expire on their own

The bucket of a worker region has the same keys, for what a job or an endpoint reads and writes
there, and
copies/<region>/<content>         where a content lies in a region's bucket, or is being copied to
copies/untold/<run id>/           <job>.jsonl: what was moved for a job, of which home has not heard
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from urllib.parse import urlencode

SPEC_PREFIX = "specs/"
SPEC_FILE = "spec.yaml"
SERVERS_KEY = "catalog/servers.json"
TEACHERS_KEY = "catalog/teachers.json"
REJECTION_FILE = "rejection.json"
PLAN_FILE = "plan.json"
PLAN_METADATA = "stratos-plan-sha256"
"""Metadata of a spec's version that is to run by plan.json: the hash of that file's bytes. A spec
without it is planned afresh, whatever lies beside it."""
PROGRESS_FILE = "progress.json"
RESULT_FILE = "result.json"
RECORDS_FILE = "records.jsonl"
EVENTS_FOLDER = "tensorboard/"
"""Of a training job, beside its result."""
REJECTED_FILE = "rejected.jsonl"
CALIBRATION_KEY = "catalog/calibration.jsonl"
REFUSALS_KEY = "catalog/refusals.jsonl"
CHECKPOINT_PREFIX = "checkpoints/"
ASYNC_PREFIX = "async/"
CATALOG_PREFIX = "catalog/"
SERVED_PREFIX = "served/"
RUNS_PREFIX = "runs/"
COPIES_PREFIX = "copies/"
ASYNC_DAYS = 7
"""How long requests to asynchronous endpoints and their answers are kept."""

RECORDS_TAG = ("stratos:kept", "records")
"""Of an object that consists of the dataset's records and expires as such: splits, and what was
made of them to train on."""
TAGGED_AS_RECORDS = urlencode([RECORDS_TAG])
"""The same as S3 takes it with an upload."""


TELLING_CHECKSUM = {"ChecksumAlgorithm": "SHA256"}
"""Of an upload: by its checksum a file is known in another region, whatever its key."""


def s3_uri(bucket: str, key: str) -> str:
    return f"s3://{bucket}/{key}"


def split_uri(uri: str) -> tuple[str, str]:
    """Return bucket and key of an `s3://` URI.

    Raises:
        ValueError: when it is none.
    """
    found = re.fullmatch(r"s3://([^/]+)/(.*)", uri)
    if not found:
        raise ValueError(f"{uri!r} is not an S3 URI; expected s3://bucket/key")
    return found[1], found[2]


def events_prefix(result_uri: str) -> str:
    """Of TensorBoard's files of a training job, with its slash.

    Args:
        result_uri: Of the job.
    """
    return result_uri.rpartition("/")[0] + "/" + EVENTS_FOLDER


def spec_folder(spec_key: str) -> str:
    """Key prefix of the folder a spec lies in, with its slash."""
    return spec_key.rpartition("/")[0] + "/"


def async_folder(spec_name: str) -> str:
    """Key prefix of the requests and answers of an asynchronous endpoint, with its slash."""
    return f"{ASYNC_PREFIX}{spec_name}/"


def untold_key(run_id: str, job_name: str) -> str:
    """What was moved for a job or an endpoint while home did not answer; in a region's bucket."""
    return f"{COPIES_PREFIX}untold/{run_id}/{job_name}.jsonl"


def served_key(spec_name: str) -> str:
    """Key of what says where a model answers: at home, and a copy in each region that serves it."""
    return f"{SERVED_PREFIX}{spec_name}.json"


def run_id_of(bucket: str, key: str, version_id: str, scheduled_at: str = "") -> str:
    """The run that an event belongs to: the same event, delivered again, names the same run.

    The spec's name and eight more characters, by which policies know a spec's runs. At most 41
    characters, so that job names with a step and a retry number stay within 63.
    """
    folder = spec_folder(key).rstrip("/").rpartition("/")[2]
    slug = re.sub(r"[^a-z0-9-]+", "-", folder.lower()).strip("-")[:32].strip("-") or "run"
    digest = hashlib.sha256("\n".join((bucket, key, version_id, scheduled_at)).encode())
    return f"{slug}-{digest.hexdigest()[:8]}"


@dataclass(frozen=True)
class RunKeys:
    """Keys of one run in its bucket."""

    run_id: str

    @property
    def prefix(self) -> str:
        return f"{RUNS_PREFIX}{self.run_id}/"

    @property
    def spec(self) -> str:
        return self.prefix + "spec.json"

    @property
    def dataset(self) -> str:
        return self.prefix + "dataset/"

    @property
    def plans(self) -> str:
        return self.prefix + "plans.json"

    @property
    def saved_plan(self) -> str:
        return self.prefix + "saved_plan.json"

    @property
    def match(self) -> str:
        return self.prefix + "match.json"

    @property
    def records(self) -> str:
        return self.prefix + "records/"

    def records_of(self, attempt: int) -> str:
        """Key prefix of the records that one student learns from, with its slash."""
        return f"{self.records}a{attempt}/"

    def records_of_shard(self, step: str) -> str:
        """Key prefix of the records that one of several jobs made, with its slash."""
        return f"{self.prefix}shards/{step}/"

    @property
    def models(self) -> str:
        return self.prefix + "models/"

    @property
    def checker(self) -> str:
        return self.prefix + "checker/"

    @property
    def deployment(self) -> str:
        return self.prefix + "deployment.json"

    @property
    def lineage(self) -> str:
        return self.prefix + "lineage.json"

    @property
    def approval(self) -> str:
        return self.prefix + "approval.json"

    @property
    def measurements(self) -> str:
        return self.prefix + "measurements.json"

    @property
    def staged(self) -> str:
        return self.prefix + "staged.json"

    def token_of(self, name: str, region: str) -> str:
        """By which home waits for an endpoint of a region.

        Args:
            name: Of the endpoint.
        """
        return f"{self.prefix}tokens/{name}/{region}"

    def load_in(self, name: str, region: str) -> str:
        """What an endpoint did under load in its region.

        Args:
            name: Of the endpoint.
        """
        return f"{self.prefix}loads/{name}/{region}.json"

    @property
    def summary(self) -> str:
        return self.prefix + "run.json"

    @property
    def elsewhere(self) -> str:
        return self.prefix + "elsewhere/"

    def job_elsewhere(self, job_name: str) -> str:
        return f"{self.elsewhere}{job_name}.json"

    @property
    def transfers(self) -> str:
        return self.prefix + "transfers/"

    def transfers_of(self, job_name: str) -> str:
        return f"{self.transfers}{job_name}.jsonl"

    @property
    def report(self) -> str:
        return self.prefix + "report.html"

    def batch_questions(self, name: str) -> str:
        return f"{self.prefix}batches/{name}/questions.jsonl"

    def batch_answers(self, name: str, job_name: str) -> str:
        """Key prefix of the answers of a batch, with its slash."""
        return f"{self.prefix}batches/{name}/answers/{job_name}/"

    @property
    def jobs(self) -> str:
        return self.prefix + "jobs/"

    def job(self, step: str) -> str:
        return f"{self.jobs}{step}/"

    def job_config(self, step: str) -> str:
        return self.job(step) + "config/"

    def job_result(self, step: str) -> str:
        return self.job(step) + RESULT_FILE

    def kept_result(self, step: str) -> str:
        """The best result of a job that runs again, from before."""
        return self.job(step) + "kept.json"

    def retried_job(self, step: str) -> str:
        """The last attempt of a shard's job, where the first failed."""
        return self.job(step) + "job.json"

    def job_progress(self, step: str) -> str:
        return self.job(step) + PROGRESS_FILE

    def events(self, step: str) -> str:
        """Key prefix of TensorBoard's files of a training, with its slash."""
        return self.job(step) + EVENTS_FOLDER

    def shards(self, step: str, round_: int) -> str:
        """The jobs that share a step, in one round: a JSON array of training jobs."""
        return f"{self.job(step)}shards-{round_}.json"

    @property
    def all_checkpoints(self) -> str:
        return f"{CHECKPOINT_PREFIX}{self.run_id}/"

    def checkpoints(self, step: str) -> str:
        return f"{self.all_checkpoints}{step}/"
