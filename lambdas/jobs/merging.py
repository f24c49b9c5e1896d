"""From the files of a step's shards to those that one job would have left."""

from __future__ import annotations

from collections.abc import Sequence

from lambdas.aws.bucket import Bucket
from lambdas.aws.shard_files import ShardFiles
from stratos.contracts.bucket import RECORDS_FILE, REJECTED_FILE
from stratos.contracts.jobs import (
    EvaluateResult,
    SynthesizeConfig,
    SynthesizeResult,
)
from stratos.sharding.evaluation import merged_evaluation
from stratos.sharding.rejected import RejectedSample
from stratos.sharding.synthesis import added_up, counts_of, merged_synthesis, require_yield


def merge_synthesis(
    files: ShardFiles, shards: Sequence[SynthesizeResult], config: SynthesizeConfig
) -> None:
    """Put the records of all shards together, in the order in which one job would have them.

    Memory does not grow with them.

    Args:
        config: That one job would have had.

    Raises:
        TooFewVerifiedRecords: all shards together kept too few.
    """
    _, key = Bucket.of(config.records_uri)
    folder = key.rstrip("/") + "/"
    counts = added_up([counts_of(shard) for shard in shards])
    sample = RejectedSample()
    for index in range(len(shards)):
        for attempt in files.rows(REJECTED_FILE, index):
            sample.add(attempt)
    # People look at them above all where too few were kept.
    files.put_rows(folder + REJECTED_FILE, sample.attempts(counts.rejects))
    require_yield(counts, config.synthesis, config.judging.answer_marker)
    files.join(RECORDS_FILE, len(shards), folder + RECORDS_FILE)
    files.put_result(merged_synthesis(shards))


def merge_evaluation(files: ShardFiles, shards: Sequence[EvaluateResult]) -> None:
    """Compare the models on the answers of all shards.

    Raises:
        TeacherFailed: a model answered too few questions, over all shards.
    """
    files.put_result(merged_evaluation(shards))
