"""Bedrock: a profile needs the model behind it too."""

from __future__ import annotations

from api_requests import needed

NOVA = "arn:aws:bedrock:us-east-1::foundation-model/amazon.nova-lite-v1:0"


def test_a_conversation_is_an_invocation_of_the_model() -> None:
    assert needed("bedrock-runtime", "Converse", modelId="amazon.nova-lite-v1:0") == [
        ("bedrock:InvokeModel", NOVA)
    ]


def test_a_profile_needs_its_model_too() -> None:
    assert needed("bedrock-runtime", "Converse", modelId="us.amazon.nova-lite-v1:0") == [
        ("bedrock:InvokeModel", "inference-profile/us.amazon.nova-lite-v1:0"),
        ("bedrock:InvokeModel", NOVA),
    ]


def test_a_batch_hands_its_role_to_bedrock() -> None:
    role = "arn:aws:iam::123456789012:role/Batch"
    job = {"modelId": "amazon.nova-lite-v1:0", "roleArn": role}
    assert needed("bedrock", "CreateModelInvocationJob", **job) == [
        ("bedrock:CreateModelInvocationJob", NOVA),
        ("bedrock:CreateModelInvocationJob", "model-invocation-job/*"),
        ("iam:PassRole", "role/Batch"),
    ]
    tagged = needed("bedrock", "CreateModelInvocationJob", **job, tags=[{"key": "a", "value": "b"}])
    assert ("bedrock:TagResource", "model-invocation-job/*") in tagged
    assert needed("bedrock", "StopModelInvocationJob", jobIdentifier="j") == [
        ("bedrock:StopModelInvocationJob", "model-invocation-job/j")
    ]
