"""Lines that appear in CloudWatch Logs."""

import pytest
from sagemaker_cloud import running_cloud

from infra.local.host.log_stream import LogStream, delete_folders_with_streams
from infra.local.host.patching import Patches


@pytest.fixture
def cloud(tmp_path):
    with running_cloud([], tmp_path) as running:
        yield running


def test_a_long_output_reaches_logs_whole_and_in_order(cloud, tmp_path):
    stream = LogStream(cloud.client("logs"), "/test/long", "s", tmp_path / "long.log")
    for number in range(2500):
        stream.write_line(f"{number} " + "y" * 1000)
    stream.write_line("")
    stream.close()
    events: list[str] = []
    token: dict[str, str] = {}
    logs = cloud.client("logs")
    while True:
        page = logs.get_log_events(
            logGroupName="/test/long", logStreamName="s", startFromHead=True, **token
        )
        if not page["events"]:
            break
        events += [event["message"].split()[0] for event in page["events"]]
        token = {"nextToken": page["nextForwardToken"]}
    assert events == [str(number) for number in range(2500)]
    assert stream.tail(10) == "y" * 10


def test_a_stream_takes_its_jobs_folder_along_and_nothing_beside_it(cloud, tmp_path):
    home, patches = tmp_path / "state" / "jobs", Patches()
    for job in ("done", "other"):
        (home / job).mkdir(parents=True)
    delete_folders_with_streams(patches, "/test/jobs", lambda region: home)
    logs = cloud.client("logs")
    logs.create_log_group(logGroupName="/test/jobs")
    try:
        for stream in ("done/algo-1", "../algo-1", "./algo-1", "/algo-1"):
            logs.create_log_stream(logGroupName="/test/jobs", logStreamName=stream)
            logs.delete_log_stream(logGroupName="/test/jobs", logStreamName=stream)
    finally:
        patches.restore()
    assert [folder.name for folder in home.iterdir()] == ["other"]
