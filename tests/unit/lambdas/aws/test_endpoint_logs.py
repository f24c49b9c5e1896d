"""The end of an engine's log."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

from lambdas.aws import endpoint_logs
from lambdas.aws.clients import client
from stratos.hosting.deployment import DEPLOYMENT, AnyEndpoint, BatchDeployment
from tests.unit.lambdas.conftest import Account
from tests.unit.lambdas.pipeline import start

LONG_AGO = datetime(2026, 1, 5, 10, tzinfo=UTC)


def deployment(account: Account) -> AnyEndpoint:
    found = start(account).until_registered().state["quality"]["deployment"]
    made = DEPLOYMENT.validate_python(found)
    assert not isinstance(made, BatchDeployment)
    return made


def write(*lines: str) -> None:
    group, stream = "/aws/sagemaker/Endpoints/stratos-tiles", "AllTraffic/i-1"
    client("logs").create_log_group(logGroupName=group)
    client("logs").create_log_stream(logGroupName=group, logStreamName=stream)
    events = [{"timestamp": int(1000 * time.time()), "message": line} for line in lines]
    client("logs").put_log_events(logGroupName=group, logStreamName=stream, logEvents=events)


def test_the_last_lines_are_the_engines_own_without_its_access_log(account: Account) -> None:
    made = deployment(account)
    many = [f"line {number}" for number in range(50)]
    write(*many, '"GET /ping HTTP/1.1" 200 0', "ggml: out of memory")
    lines = endpoint_logs.last_lines(made, LONG_AGO)
    assert len(lines) == endpoint_logs.NUM_LINES
    assert lines[-2:] == ("line 49", "ggml: out of memory")


def test_what_was_written_before_the_deployment_is_another_models(account: Account) -> None:
    made = deployment(account)
    write("former model")
    assert endpoint_logs.last_lines(made, datetime.now(UTC) + timedelta(hours=1)) == ()


def test_without_a_log_there_are_no_lines(account: Account) -> None:
    assert endpoint_logs.last_lines(deployment(account), LONG_AGO) == ()
