"""Events: taken at once, tried again, and reported to where the function says."""

from __future__ import annotations

from pathlib import Path

from moto_cloud import Cloud

from tests.patience import eventually


def test_a_throttled_event_waits_for_its_turn(cloud: Cloud, tmp_path: Path) -> None:
    source = (
        "import pathlib, time\n"
        "def handler(event, context):\n"
        "    here = pathlib.Path(event['here'])\n"
        "    (here / str(event['n'])).touch()\n"
        "    while not (here / 'go').exists(): time.sleep(0.01)\n"
    )
    cloud.create_function("queued", source)
    cloud("lambda").put_function_concurrency(FunctionName="queued", ReservedConcurrentExecutions=1)
    for n in range(2):
        event = {"here": str(tmp_path), "n": n}
        cloud.invoke("queued", event, InvocationType="Event")
    eventually(lambda: len(list(tmp_path.iterdir())) == 1)
    (tmp_path / "go").touch()
    eventually(lambda: len(list(tmp_path.iterdir())) == 3)


def test_an_event_is_accepted_at_once_and_runs_later(cloud: Cloud, tmp_path: Path) -> None:
    source = (
        "import pathlib, time\n"
        "def handler(event, context):\n"
        "    here = pathlib.Path(event)\n"
        "    while not (here / 'go').exists(): time.sleep(0.01)\n"
        "    (here / 'done').touch()\n"
    )
    cloud.create_function("later", source)
    response = cloud.invoke("later", str(tmp_path), InvocationType="Event")
    assert (response["StatusCode"], response["Payload"]) == (202, None)
    (tmp_path / "go").touch()
    eventually((tmp_path / "done").exists)


def test_a_failing_event_is_tried_three_times_then_goes_to_its_destination(cloud: Cloud) -> None:
    url, arn = cloud.create_queue("failures")
    cloud.create_function(
        "doomed", "class Nope(Exception): pass\ndef handler(event, context):\n    raise Nope\n"
    )
    cloud("lambda").put_function_event_invoke_config(
        FunctionName="doomed", DestinationConfig={"OnFailure": {"Destination": arn}}
    )
    cloud.invoke("doomed", {"n": 1}, InvocationType="Event")
    record = cloud.receive(url)["Body"]
    assert record["requestPayload"] == {"n": 1}
    assert record["requestContext"]["condition"] == "RetriesExhausted"
    assert record["requestContext"]["approximateInvokeCount"] == 3
    assert record["responseContext"]["functionError"] == "Unhandled"
    assert record["responsePayload"]["errorType"] == "Nope"


def test_a_failed_event_goes_to_the_dead_letter_queue(cloud: Cloud) -> None:
    url, arn = cloud.create_queue("dead-events")
    cloud.create_function(
        "dying",
        "def handler(event, context):\n    raise ValueError('no')\n",
        DeadLetterConfig={"TargetArn": arn},
    )
    cloud("lambda").put_function_event_invoke_config(FunctionName="dying", MaximumRetryAttempts=0)
    cloud.invoke("dying", {"n": 2}, InvocationType="Event")
    message = cloud.receive(url)
    assert message["Body"] == {"n": 2}
    assert "ValueError" in message["MessageAttributes"]["ErrorMessage"]["StringValue"]
