"""The files of a step that several jobs share."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field

from pydantic import BaseModel, TypeAdapter

from lambdas.aws.bucket import Bucket
from lambdas.aws.clients import client
from stratos.contracts.bucket import TAGGED_AS_RECORDS, RunKeys
from stratos.contracts.jobs import EvaluateResult, SynthesizeResult
from stratos.contracts.records import SampledAttempt
from stratos.contracts.run import RunRef
from stratos.pipeline.steps import TrainingJob
from stratos.sharding.number import shard_step

_JOBS: TypeAdapter[list[TrainingJob]] = TypeAdapter(list[TrainingJob])


class _Worked(BaseModel):
    """Of a job's progress or result, what the next round needs."""

    seconds: float


@dataclass(frozen=True)
class ShardFiles:
    """What lies in the bucket of one step's shards."""

    run: RunRef
    step: str

    def put_jobs(self, round_: int, jobs: Sequence[TrainingJob]) -> str:
        """Write the jobs of a round, and return the key."""
        key = self._keys.shards(self.step, round_)
        self._bucket.put(key, _JOBS.dump_json(list(jobs)), "application/json")
        return key

    def put_retried(self, job: TrainingJob) -> None:
        """Keep the next attempt of a shard: only its own execution knows it else."""
        self._bucket.put_model(self._keys.retried_job(job.step), job)

    def jobs(self, round_: int) -> list[TrainingJob]:
        """The jobs of a round, each on the server and in the region where it was tried last."""
        begun = _JOBS.validate_json(self._bucket.read(self._keys.shards(self.step, round_)))
        return [self._tried_last(job) for job in begun]

    def _tried_last(self, job: TrainingJob) -> TrainingJob:
        retried = self._bucket.find_model(self._keys.retried_job(job.step), TrainingJob)
        return job if retried is None or retried.attempt <= job.attempt else retried

    def records_uri(self, index: int) -> str:
        return self._bucket.uri(self._records(index))

    def find_synthesized(self, index: int) -> SynthesizeResult | None:
        return self._bucket.find_model(self._result(index), SynthesizeResult)

    def find_evaluated(self, index: int) -> EvaluateResult | None:
        """A shard's result: the one that was kept, if the last round had fewer answers."""
        last = self._bucket.find_model(self._result(index), EvaluateResult)
        kept = self._bucket.find_model(self._kept(index), EvaluateResult)
        if last is None or kept is None or _num_judged(last) >= _num_judged(kept):
            return last
        return kept.model_copy(update={"usd": max(kept.usd, last.usd)})

    def keep_evaluated(self, index: int) -> None:
        """Keep a shard's result, which its next job overwrites."""
        best = self.find_evaluated(index)
        if best is not None:
            self._bucket.put_model(self._kept(index), best)

    def worked_seconds(self, step: str) -> float:
        """How long the last attempt of one shard worked, as far as it has said."""
        keys = (self._keys.job_result(step), self._keys.job_progress(step))
        found = (self._bucket.find_model(key, _Worked) for key in keys)
        return max((told.seconds for told in found if told is not None), default=0.0)

    def put_result(self, result: SynthesizeResult | EvaluateResult) -> None:
        """The result of all shards, where one job's would be."""
        self._bucket.put_model(self._keys.job_result(self.step), result)

    def rows(self, name: str, index: int) -> Iterator[SampledAttempt]:
        """The rows of a shard's file, one at a time."""
        with closing(self._bucket.open(self._records(index) + name)) as body:
            for line in body.iter_lines():
                yield SampledAttempt.model_validate_json(line)

    def put_rows(self, key: str, rows: Iterable[SampledAttempt]) -> None:
        lines = (row.model_dump_json(exclude_none=True) + "\n" for row in rows)
        self._upload(_Chained(line.encode() for line in lines), key)

    def join(self, name: str, num_shards: int, key: str) -> None:
        """Put the files of all shards end to end, in their order, a few MiB at a time."""

        def chunks() -> Iterator[bytes]:
            for index in range(num_shards):
                with closing(self._bucket.open(self._records(index) + name)) as body:
                    yield from body.iter_chunks(1 << 20)

        self._upload(_Chained(chunks()), key)

    def _upload(self, body: _Chained, key: str) -> None:
        tagging = {"Tagging": TAGGED_AS_RECORDS}
        client("s3").upload_fileobj(body, self._bucket.name, key, ExtraArgs=tagging)

    def _records(self, index: int) -> str:
        return self._keys.records_of_shard(shard_step(self.step, index))

    def _result(self, index: int) -> str:
        return self._keys.job_result(shard_step(self.step, index))

    def _kept(self, index: int) -> str:
        return self._keys.kept_result(shard_step(self.step, index))

    @property
    def _bucket(self) -> Bucket:
        return Bucket(self.run.bucket)

    @property
    def _keys(self) -> RunKeys:
        return RunKeys(self.run.run_id)


def _num_judged(result: EvaluateResult) -> int:
    return 0 if result.part is None else result.part.num_judged


@dataclass
class _Chained:
    """Pieces of a file as a file that is read from its beginning to its end."""

    pieces: Iterator[bytes]
    _rest: bytearray = field(default_factory=bytearray)

    def read(self, size: int = -1) -> bytes:
        while size < 0 or len(self._rest) < size:
            piece = next(self.pieces, None)
            if piece is None:
                break
            self._rest += piece
        end = len(self._rest) if size < 0 else size
        taken = bytes(self._rest[:end])
        del self._rest[:end]
        return taken
