import boto3
import pytest
from botocore.exceptions import ConnectTimeoutError, ReadTimeoutError
from botocore.stub import Stubber

from stratos.catalog.models import bedrock_card, bedrock_teachers
from stratos.contracts.messages import Message, ToolCall
from stratos.errors import TeacherFailed
from stratos.spec import Bedrock
from training.teachers.bedrock import BedrockService
from training.teachers.service import Busy, Refused
from training.teachers.teacher import Request

MODEL = next(iter(bedrock_teachers()))
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


@pytest.fixture
def converse():
    client = make_client("bedrock-runtime")
    with Stubber(client) as stubber:
        yield BedrockService(Bedrock(kind="bedrock", model_id=MODEL), client), stubber
    client.close()


def test_converse_is_asked_and_read_as_documented(converse):
    service, stubber = converse
    expected = {
        "modelId": MODEL,
        "messages": [{"role": "user", "content": [{"text": "why?"}]}],
        "system": [{"text": "be brief"}],
        "inferenceConfig": {"maxTokens": 32, "temperature": 0.0},
    }
    stubber.add_response("converse", converse_output(" because "), expected)
    completion = service.call(REQUEST)
    card = bedrock_card(MODEL)
    assert (completion.text, completion.finished) == ("because", True)
    assert (completion.prompt_tokens, completion.completion_tokens) == (100, 20)
    assert completion.usd == pytest.approx(
        (100 * card.input_usd_per_million_tokens + 20 * card.output_usd_per_million_tokens) / 1e6
    )


def test_an_answer_at_its_token_limit_is_unfinished(converse):
    service, stubber = converse
    stubber.add_response("converse", converse_output(stop_reason="max_tokens"))
    assert not service.call(REQUEST).finished


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("ThrottlingException", Busy),
        ("ModelNotReadyException", Busy),
        ("InternalServerException", Busy),
        ("ValidationException", Refused),
        ("AccessDeniedException", TeacherFailed),
        ("ResourceNotFoundException", TeacherFailed),
    ],
)
def test_errors_of_converse_are_told_apart(converse, code, expected):
    service, stubber = converse
    stubber.add_client_error("converse", code, "no")
    with pytest.raises(expected, match=code):
        service.call(REQUEST)


@pytest.mark.parametrize(
    ("error", "is_paid"), [(ReadTimeoutError, True), (ConnectTimeoutError, False)]
)
def test_a_call_that_ran_out_of_time_may_have_to_be_paid(error, is_paid):
    def silent(**_):
        raise error(endpoint_url="https://bedrock")

    client = make_client("bedrock-runtime")
    client.meta.events.register("before-send.bedrock-runtime.Converse", silent)
    service = BedrockService(Bedrock(kind="bedrock", model_id=MODEL), client)
    with pytest.raises(Busy) as caught:
        service.call(REQUEST)
    client.close()
    billed = caught.value.billed
    assert (billed is not None) is is_paid
    if billed is not None:
        assert billed.usd == pytest.approx(service.prices.at_most(REQUEST))


def test_a_withheld_answer_is_refused(converse):
    service, stubber = converse
    stubber.add_response("converse", converse_output(stop_reason="guardrail_intervened"))
    with pytest.raises(Refused, match="guardrail_intervened"):
        service.call(REQUEST)


@pytest.mark.parametrize(
    "message",
    [
        "The model returned the following errors: `temperature` is deprecated for this model.",
        "This model doesn't support the temperature field. Remove temperature and try again.",
    ],
)
def test_a_temperature_that_the_model_refuses_is_left_out_from_then_on(converse, message):
    service, stubber = converse
    stubber.add_client_error("converse", "ValidationException", message)
    expected = {
        "modelId": MODEL,
        "messages": [{"role": "user", "content": [{"text": "why?"}]}],
        "system": [{"text": "be brief"}],
        "inferenceConfig": {"maxTokens": 32},
    }
    for _ in range(2):
        stubber.add_response("converse", converse_output(), expected)
        assert service.call(REQUEST).text == "because"
    stubber.assert_no_pending_responses()


def test_a_profile_of_the_account_has_the_prices_of_the_spec():
    profile = "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/a1b2c3"
    spec = Bedrock(
        kind="bedrock",
        model_id=profile,
        input_usd_per_million_tokens=2.0,
        output_usd_per_million_tokens=10.0,
    )
    client = make_client("bedrock-runtime")
    assert BedrockService(spec, client).prices.cost(10**6, 10**6) == 12.0
    unpriced = Bedrock(kind="bedrock", model_id=profile)
    with pytest.raises(LookupError, match="give `input_usd_per_million_tokens`"):
        BedrockService(unpriced, client)
    client.close()


def test_a_conversation_that_converse_cannot_hold_is_refused():
    client = make_client("bedrock-runtime")
    service = BedrockService(Bedrock(kind="bedrock", model_id=MODEL), client)
    nameless = Message(role="assistant", content="", tool_calls=(ToolCall(name=""),))
    with pytest.raises(Refused, match="Invalid length"):
        service.call(Request((*REQUEST.messages, nameless), 32))
    client.close()
