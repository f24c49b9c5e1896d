"""Every handler has its function, and is given the time, space and settings it needs."""

from __future__ import annotations

from infra.parts.functions import ELSEWHERE_HANDLERS, HANDLERS
from lambdas.aws.clients import made_client
from lambdas.aws.settings import Settings
from lambdas.serving import leftovers
from stratos.dataset.allowance import MAX_BYTES, MAX_SECONDS
from stratos.hosting.names import DEFAULT_STACK, StackNames
from stratos.spec.constraints import LONGEST_MEASURE_SECONDS
from tests.infra.resources import function

_NAMES = StackNames(DEFAULT_STACK)
UPLOAD_BYTES_PER_SECOND = 50e6
"""From a function to S3 in its region; assumed."""


def test_inspection_stops_while_time_and_disk_for_the_rest_are_left() -> None:
    (inspect,) = (handler for handler in HANDLERS if handler.module == "inspect_dataset")
    assert inspect.package == "dataset"
    assert inspect.timeout_seconds >= MAX_SECONDS + MAX_BYTES / UPLOAD_BYTES_PER_SECOND
    assert inspect.storage_mib * 1024**2 >= 1.5 * MAX_BYTES


def test_handing_a_job_over_outlasts_a_region_that_connects_and_does_not_answer() -> None:
    """It may be asked to start, to look at, to look at again and to stop an execution."""
    (hand_over,) = (one for one in ELSEWHERE_HANDLERS if one.module == "hand_over")
    config = made_client("stepfunctions", "eu-west-1").meta.config
    one_try = config.connect_timeout + config.read_timeout
    assert hand_over.timeout_seconds > 4 * config.retries["total_max_attempts"] * one_try
    copies = made_client("s3", "eu-west-1").meta.config
    assert copies.read_timeout >= 60  # S3 answers once the bytes of a part are there


def test_every_function_is_told_what_its_settings_read(template):
    for resource in template["Resources"].values():
        if resource["Type"] == "AWS::Lambda::Function":
            given = resource["Properties"]["Environment"]["Variables"]
            fields = Settings.model_fields.items()
            needed = {name.upper() for name, field in fields if field.is_required()}
            needed -= {"AWS_REGION"}
            assert needed <= set(given)
            assert all(given[name] for name in needed)


def test_every_handler_has_its_function_with_logs_kept_for_a_while(template):
    functions = {
        r["Properties"]["FunctionName"]: r["Properties"]
        for r in template["Resources"].values()
        if r["Type"] == "AWS::Lambda::Function"
    }
    groups = {
        r["Properties"]["LogGroupName"]: r["Properties"]
        for r in template["Resources"].values()
        if r["Type"] == "AWS::Logs::LogGroup"
    }
    assert set(functions) == {_NAMES.function(item.module) for item in HANDLERS}
    for handler in HANDLERS:
        name = _NAMES.function(handler.module)
        assert functions[name]["Handler"] == f"lambdas.handlers.{handler.module}.handler"
        assert functions[name]["TracingConfig"] == {"Mode": "Active"}
        group = groups[f"/aws/lambda/{name}"]
        assert group["RetentionInDays"] == 90
        assert "KmsKeyId" in group


def test_clean_up_waits_for_less_time_than_it_has(template):
    margin_seconds = 60
    timeout = function(template, "stratos-clean-up")["Timeout"]
    assert leftovers.PATIENCE_SECONDS + margin_seconds <= timeout


def test_measuring_ends_before_its_function_does(template):
    slowest_reply_seconds = 65
    timeout = function(template, "stratos-measure-endpoint")["Timeout"]
    assert LONGEST_MEASURE_SECONDS + slowest_reply_seconds <= timeout
