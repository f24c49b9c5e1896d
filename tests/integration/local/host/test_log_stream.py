"""Lines that appear in CloudWatch Logs."""

import pytest
from sagemaker_cloud import running_cloud

from infra.local.host.log_stream import LogStream


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
