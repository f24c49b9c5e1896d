"""Bedrock's batch inference, over stubbed clients."""

import io
import json

import boto3
import pytest
from botocore.response import StreamingBody
from botocore.stub import ANY, Stubber

from stratos.catalog.models import bedrock_card, bedrock_teachers
from stratos.contracts.messages import Message
from stratos.errors import BudgetExhausted, TeacherFailed
from stratos.spec import Bedrock
from tests.unit.training.fakes import ScriptedTeacher
from training.teachers.bedrock_batch import BedrockBatchTeacher
from training.teachers.teacher import Request

MODEL = next(iter(bedrock_teachers()))


ROLE = "arn:aws:iam::123456789012:role/batch"


JOB = "arn:aws:bedrock:us-east-1:123456789012:model-invocation-job/abcdefghijkl"


REQUEST = Request(
    (Message(role="system", content="be brief"), Message(role="user", content="why?")),
    max_new_tokens=32,
)


def make_client(service):
    return boto3.client(
        service, region_name="us-east-1", aws_access_key_id="x", aws_secret_access_key="x"
    )


def converse_output(text="because", stop_reason="end_turn"):
    return {
        "output": {"message": {"role": "assistant", "content": [{"text": text}]}},
        "stopReason": stop_reason,
        "usage": {"inputTokens": 100, "outputTokens": 20, "totalTokens": 120},
        "metrics": {"latencyMs": 5},
    }


class Batch:
    """A batch teacher over stubbed clients."""

    def __init__(self, budget_usd=None):
        self.bedrock, self.s3 = make_client("bedrock"), make_client("s3")
        self.on_bedrock, self.on_s3 = Stubber(self.bedrock), Stubber(self.s3)
        self.pauses = []
        self.few = ScriptedTeacher(lambda _: "asked one by one")
        self.teacher = BedrockBatchTeacher(
            Bedrock(kind="bedrock", model_id=MODEL, batch=True),
            self.few,
            bedrock=self.bedrock,
            s3=self.s3,
            folder_uri="s3://bucket/runs/r/batch",
            role_arn=ROLE,
            stack="StratosDev",
            budget_usd=budget_usd,
            sleep=self.pauses.append,
        )
        self.on_bedrock.activate()
        self.on_s3.activate()

    def expect_start(self):
        self.on_s3.add_response("put_object", {}, {"Bucket": "bucket", "Key": ANY, "Body": ANY})
        self.on_bedrock.add_response(
            "create_model_invocation_job",
            {"jobArn": JOB},
            {
                "jobName": ANY,
                "roleArn": ROLE,
                "modelId": MODEL,
                "modelInvocationType": "Converse",
                "inputDataConfig": ANY,
                "outputDataConfig": ANY,
                "tags": [{"key": "stratos:stack", "value": "StratosDev"}],
            },
        )

    def expect_status(self, status, message="-"):
        found = {
            "jobArn": JOB,
            "modelId": MODEL,
            "roleArn": ROLE,
            "submitTime": 0,
            "status": status,
            "message": message,
            "inputDataConfig": {"s3InputDataConfig": {"s3Uri": "s3://bucket/in"}},
            "outputDataConfig": {"s3OutputDataConfig": {"s3Uri": "s3://bucket/out"}},
        }
        self.on_bedrock.add_response("get_model_invocation_job", found, {"jobIdentifier": JOB})

    def expect_output(self, lines):
        data = "\n".join(json.dumps(line) for line in lines).encode()
        self.on_s3.add_response("get_object", {"Body": StreamingBody(io.BytesIO(data), len(data))})

    def generate(self, count, stop=lambda: False):
        return self.teacher.generate([REQUEST] * count, stop=stop, on_answer=lambda *_: None)


def test_a_batch_job_is_started_awaited_and_read_in_any_order():
    batch = Batch()
    batch.expect_start()
    for status in ("Submitted", "InProgress", "PartiallyCompleted"):
        batch.expect_status(status)
    lines = [
        {"recordId": f"{index:011d}", "modelOutput": converse_output(f"answer {index}")}
        for index in reversed(range(100))
    ]
    lines[3] = {"recordId": lines[3]["recordId"], "error": {"errorMessage": "too long"}}
    batch.expect_output(lines)
    completions = batch.generate(100)
    assert [one and one.text for one in completions] == [
        None if index == 96 else f"answer {index}" for index in range(100)
    ]
    assert batch.pauses == [30.0, 30.0]
    card = bedrock_card(MODEL, batch=True)
    assert batch.teacher.usage.usd == pytest.approx(
        99
        * (100 * card.input_usd_per_million_tokens + 20 * card.output_usd_per_million_tokens)
        / 1e6
    )
    batch.on_bedrock.assert_no_pending_responses()


def test_too_few_for_a_batch_are_asked_one_by_one():
    batch = Batch()
    assert [one.text for one in batch.generate(3)] == ["asked one by one"] * 3


def test_a_failed_batch_job_says_why():
    batch = Batch()
    batch.expect_start()
    batch.expect_status("Failed", "the role cannot read the input")
    with pytest.raises(TeacherFailed, match="ended as Failed: the role cannot read the input"):
        batch.generate(100)


def test_a_stopped_batch_answers_nothing():
    batch = Batch()
    batch.expect_start()
    batch.expect_status("InProgress")
    batch.on_bedrock.add_response("stop_model_invocation_job", {}, {"jobIdentifier": JOB})
    assert batch.generate(100, stop=lambda: True) == [None] * 100


def test_a_batch_beyond_the_budget_is_not_started():
    batch = Batch(budget_usd=1e-6)
    with pytest.raises(BudgetExhausted, match="a batch of 100 requests"):
        batch.generate(100)
    assert batch.teacher.usage.unpaid == 100


def error_line(index, message):
    return {"recordId": f"{index:011d}", "error": {"errorCode": 400, "errorMessage": message}}


def test_a_parameter_that_spoils_a_batch_is_left_out_of_the_next():
    batch = Batch()
    for lines in (
        [error_line(index, "`temperature` is deprecated for this model.") for index in range(100)],
        [
            {"recordId": f"{index:011d}", "modelOutput": converse_output(f"answer {index}")}
            for index in range(100)
        ],
    ):
        batch.expect_start()
        batch.expect_status("Completed")
        batch.expect_output(lines)
    completions = batch.generate(100)
    assert [one.text for one in completions] == [f"answer {index}" for index in range(100)]
    batch.on_bedrock.assert_no_pending_responses()


def test_odd_lines_leave_the_others_and_are_paid_for():
    batch = Batch()
    batch.expect_start()
    batch.expect_status("Completed")
    whole = [
        {"recordId": f"{index:011d}", "modelOutput": converse_output(f"answer {index}")}
        for index in range(98)
    ]
    withheld = converse_output("", stop_reason="content_filtered")
    odd = ["text", {"recordId": "00000000098", "modelOutput": withheld}, {"modelOutput": {}}]
    batch.expect_output([*whole, *odd])
    completions = batch.generate(100)
    assert sum(one is not None for one in completions) == 98
    assert batch.teacher.usage.prompt_tokens == 99 * 100
