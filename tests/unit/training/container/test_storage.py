"""Files and JSON documents in S3."""

from stratos.contracts.bucket import RECORDS_TAG
from stratos.contracts.jobs import Progress
from tests.unit.training.jobs import BUCKET, read
from training.container.storage import ObjectStore


def test_a_document_is_put_as_json_and_a_file_comes_back_as_it_went(s3, tmp_path):
    storage = ObjectStore()
    progress = Progress(step="probe", label="teacher", done=1, total=2, unit="answers", seconds=3)
    storage.put(f"s3://{BUCKET}/a/progress.json", progress)
    assert read(s3, Progress, "a/progress.json") == progress
    (tmp_path / "up").write_bytes(b"\0records")
    storage.upload_records(tmp_path / "up", f"s3://{BUCKET}/a/records")
    tags = s3.get_object_tagging(Bucket=BUCKET, Key="a/records")["TagSet"]
    assert [(tag["Key"], tag["Value"]) for tag in tags] == [RECORDS_TAG]
    storage.download(f"s3://{BUCKET}/a/records", tmp_path / "new" / "down")
    assert (tmp_path / "new" / "down").read_bytes() == b"\0records"
