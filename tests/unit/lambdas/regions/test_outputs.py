"""What a job made goes home."""

from __future__ import annotations

from stratos.pipeline.worker_jobs import WorkerJob
from tests.unit.lambdas.running_job import STEP, bring, synthesis
from tests.unit.lambdas.two_regions import AWAY_BUCKET, HOME, TwoRegions


def test_records_that_a_job_wrote_come_home_with_their_tag(
    regions: TwoRegions, worker: WorkerJob
) -> None:
    config = synthesis(f"s3://{AWAY_BUCKET}/runs/tiles-0123abcd/records/a0/")
    regions.put(f"{STEP}config/config.json", config, bucket=AWAY_BUCKET)
    key = "runs/tiles-0123abcd/records/a0/records.jsonl"
    regions.put(key, b"rows", bucket=AWAY_BUCKET, Tagging="stratos:kept=records")
    regions.settle(worker, "Completed")
    bring(worker)
    assert regions.at_home()[key] == b"rows"
    tags = regions.s3("us-east-1").get_object_tagging(Bucket=HOME.bucket, Key=key)["TagSet"]
    assert tags == [{"Key": "stratos:kept", "Value": "records"}]
