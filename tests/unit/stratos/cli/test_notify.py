import io
import json
import zipfile
from dataclasses import replace

import boto3
import pytest

from stratos.cli.stack import Stack
from stratos.errors import NotFound, StackNotFound, StratosError
from tests.unit.stratos.cli.stack_contents import run

SLACK = "https://hooks.slack.com/services/T0/B0/sEcr3t"
MASKED = "https://hooks.slack.com/…cr3t"


@pytest.fixture
def told(stack, monkeypatch):
    """A stack with a topic, its key and the function that posts."""
    topic = boto3.client("sns").create_topic(Name="t")["TopicArn"]
    key = boto3.client("kms").create_key()["KeyMetadata"]["KeyId"]
    boto3.client("kms").create_alias(AliasName="alias/stratos", TargetKeyId=key)
    found = replace(stack, topic_arn=topic)
    monkeypatch.setattr(Stack, "find", classmethod(lambda cls: found))
    return found


@pytest.fixture
def function(told):
    trust = {"Statement": {"Principal": {"Service": "lambda.amazonaws.com"}}}
    role = boto3.client("iam").create_role(
        RoleName="r", AssumeRolePolicyDocument=json.dumps(trust)
    )["Role"]["Arn"]
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("a.py", "")
    boto3.client("lambda").create_function(
        FunctionName="stratos-tell-webhooks",
        Runtime="python3.11",
        Role=role,
        Handler="a.b",
        Code={"ZipFile": content.getvalue()},
    )


def protocols(stack):
    found = boto3.client("sns").list_subscriptions_by_topic(TopicArn=stack.topic_arn)
    return [one["Protocol"] for one in found["Subscriptions"]]


def test_an_address_is_written_to_first(told):
    assert "follows the link" in run("notify", "add", "me@example.com")[1]
    assert "me@example.com" in run("notify", "list")[1]
    assert run("notify", "remove", "me@example.com")[0] == 0
    assert run("notify", "list")[1].startswith("nobody is told")


def test_one_that_has_not_followed_the_link_cannot_be_removed(told, monkeypatch):
    waiting = {"Protocol": "email", "Endpoint": "me@example.com"}
    waiting |= {"SubscriptionArn": "PendingConfirmation"}
    monkeypatch.setattr("stratos.cli.notify._subscriptions", lambda stack: iter([waiting]))
    assert "waits until the link" in run("notify", "list")[1]
    assert json.loads(run("notify", "list", "--json")[1]) == [
        {"kind": "e-mail", "shown": "me@example.com", "is_pending": True}
    ]
    with pytest.raises(StratosError, match="forgets it by itself"):
        run("notify", "remove", "me@example.com")


def test_a_webhook_is_kept_as_a_secret_and_shown_in_part(told, function):
    for _ in range(2):  # the second time nothing changes
        assert run("notify", "add", SLACK) == (
            0,
            f"{MASKED} is told from now on; `stratos notify test` tries it\n",
        )
    secret = boto3.client("secretsmanager").get_secret_value(SecretId="stratos-webhooks")
    assert json.loads(secret["SecretString"]) == {"urls": [SLACK]}
    assert protocols(told) == ["lambda"]
    listed = run("notify", "list")[1]
    assert MASKED in listed
    assert "sEcr3t" not in listed


@pytest.mark.parametrize("name", [SLACK, MASKED], ids=["whole", "as listed"])
def test_the_last_webhook_leaves_nothing_that_is_billed_or_called(told, function, name):
    run("notify", "add", SLACK)
    assert run("notify", "remove", name)[0] == 0
    assert boto3.client("secretsmanager").list_secrets()["SecretList"] == []
    assert protocols(told) == []


def test_another_webhook_stays(told, function):
    run("notify", "add", SLACK)
    run("notify", "add", "https://example.com/hook/1234")
    run("notify", "remove", SLACK)
    assert "https://example.com/…1234" in run("notify", "list")[1]
    assert protocols(told) == ["lambda"]


def test_who_is_not_told_cannot_be_removed(told, function):
    run("notify", "add", SLACK)
    with pytest.raises(NotFound, match=r"you@example\.com is not told; told: https://hooks"):
        run("notify", "remove", "you@example.com")


@pytest.mark.parametrize(
    "target", ["http://example.com/x", "me", "https://a..b/x", "https://example.com/\u00fc"]
)
def test_what_is_no_address_is_wrong_usage(told, function, target):
    assert run("notify", "add", target)[0] == 2
    assert protocols(told) == []


def test_a_stack_of_before_is_to_be_updated(told):
    with pytest.raises(StackNotFound, match="stratos deploy"):
        run("notify", "add", SLACK)
    assert boto3.client("secretsmanager").list_secrets()["SecretList"] == []


def test_everybody_gets_a_test(told):
    sqs = boto3.client("sqs")
    url = sqs.create_queue(QueueName="q")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]
    boto3.client("sns").subscribe(TopicArn=told.topic_arn, Protocol="sqs", Endpoint=arn["QueueArn"])
    assert run("notify", "test")[1].startswith("sent")
    [message] = sqs.receive_message(QueueUrl=url)["Messages"]
    assert json.loads(message["Body"])["Subject"] == "Stratos: a test"


def test_a_secret_that_is_marked_for_deletion_is_taken_back(told, function):
    run("notify", "add", SLACK)
    secrets = boto3.client("secretsmanager")
    secrets.delete_secret(SecretId="stratos-webhooks", RecoveryWindowInDays=7)
    assert run("notify", "add", "https://example.com/hook/1234")[0] == 0
    secret = secrets.get_secret_value(SecretId="stratos-webhooks")
    assert json.loads(secret["SecretString"]) == {"urls": ["https://example.com/hook/1234"]}
