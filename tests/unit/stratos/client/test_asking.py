"""Asking the nearest region that is well, and the next one if it fails."""

from __future__ import annotations

import json

import pytest

from stratos.client import asking
from stratos.client.health import REMEMBERED_SECONDS
from stratos.client.stack import Stack
from stratos.contracts.messages import Message
from stratos.errors import EndpointNotFound, RequestRefused
from tests import factories
from tests.unit.stratos.client.served_regions import EUROPE, HOME, TOKYO, Silent, refusal

MADE = "stratos-tiles-00000001"


@pytest.fixture
def served(regions):
    """Two regions serve the first model; no origin is planned for."""
    record = factories.served(HOME, EUROPE)
    places = tuple(place.model_copy(update={"origins": ()}) for place in record.regions)
    record = record.model_copy(update={"regions": places})
    regions.promote(record)
    return record


@pytest.mark.parametrize(("origin", "region"), [("eu-central-1", EUROPE), ("us-west-2", HOME)])
@pytest.mark.usefixtures("served")
def test_the_nearest_region_answers(regions, origin, region):
    answer = regions.client(origin=origin).ask("Which tile?")
    assert (answer.text, answer.region, answer.passed_over) == (f"from {region}", region, ())
    assert regions.asked == [f"{region}/{MADE}"]


def test_the_region_that_is_planned_for_an_origin_answers_it(regions, served):
    home, europe = served.regions
    planned = (home.model_copy(update={"origins": ("eu-central-1",)}), europe)
    regions.promote(factories.served(HOME, EUROPE, generation=2, regions=planned))
    assert regions.client(origin="eu-central-1").ask("?").region == HOME


@pytest.mark.usefixtures("served")
def test_the_next_region_answers_for_one_that_is_cut_off_and_is_asked_first_for_a_while(regions):
    client = regions.client(origin=EUROPE)
    regions.cut.add(EUROPE)
    answer = client.ask("?")
    assert answer.region == HOME
    assert [passed.region for passed in answer.passed_over] == [EUROPE]
    assert client.ask("?").passed_over == ()
    regions.cut.clear()
    regions.clock.sleep_until(REMEMBERED_SECONDS)
    assert client.ask("?").region == EUROPE


@pytest.mark.parametrize(
    "error",
    [
        refusal("ThrottlingException"),
        refusal("InternalFailure", status=500),
        refusal("ModelError", status=424, OriginalStatusCode=503),
    ],
    ids=["throttled", "failed", "model failed"],
)
@pytest.mark.usefixtures("served")
def test_a_region_that_throttles_or_fails_is_passed_over(regions, error):
    regions.failing[EUROPE] = error
    assert regions.client(origin=EUROPE).ask("?").region == HOME


@pytest.mark.parametrize(
    "error",
    [
        refusal("ModelError", "context is too long", status=424, OriginalStatusCode=400),
        refusal("ValidationError", "1 validation error detected"),
        refusal("AccessDeniedException", status=403),
    ],
    ids=["model", "sagemaker", "rights"],
)
@pytest.mark.usefixtures("served")
def test_what_is_refused_is_asked_nowhere_else(regions, error):
    regions.failing[MADE] = error
    with pytest.raises(RequestRefused, match=r"in eu-west-1 does not take the request.*none was"):
        regions.client(origin=EUROPE).ask("?")
    assert regions.asked == [f"{EUROPE}/{MADE}"]


@pytest.mark.usefixtures("served")
def test_a_refusal_of_an_endpoint_that_is_out_of_service_is_no_refusal(regions, monkeypatch):
    regions.failing[EUROPE] = refusal("ValidationError", "it has no capacity")
    sagemaker = regions.boto("sagemaker", EUROPE)
    monkeypatch.setattr(sagemaker, "describe_endpoint", lambda **_: {"EndpointStatus": "Failed"})
    answer = regions.client(origin=EUROPE).ask("?")
    assert answer.region == HOME
    assert "it is Failed" in answer.passed_over[0].reason


def test_the_record_is_read_anew_when_an_endpoint_is_gone(regions, served):
    client = regions.client(origin=EUROPE)
    assert client.ask("?").endpoint_name == MADE
    regions.promote(factories.served(HOME, EUROPE, generation=2))
    for place in served.regions:
        regions.delete_endpoint(place.region, place.endpoint_name)
    answer = client.ask("?")
    assert (answer.region, answer.endpoint_name) == (EUROPE, "stratos-tiles-00000002")
    assert [passed.endpoint_name for passed in answer.passed_over] == [MADE]


def test_a_record_is_kept_for_a_minute_and_then_the_new_model_is_asked(regions, served):
    client = regions.client(origin=EUROPE)
    client.ask("?")
    regions.promote(factories.served(HOME, EUROPE, generation=2))
    regions.clock.sleep_until(59)
    assert client.ask("?").endpoint_name == MADE
    regions.clock.sleep_until(60)
    assert client.ask("?").endpoint_name == "stratos-tiles-00000002"
    assert served.generation == 1


@pytest.mark.usefixtures("served")
def test_where_no_region_answers_all_are_named_and_the_time_is_bounded(regions):
    regions.cut |= {HOME, EUROPE}
    client = regions.client(origin=EUROPE, within_seconds=20)
    with pytest.raises(
        EndpointNotFound, match=r"not answered within 20 s:\n- .*eu-west-1(.|\n)*us-"
    ):
        client.ask("?")
    assert len(regions.asked) == 6  # three rounds
    assert regions.clock.now() < 20


@pytest.mark.usefixtures("served")
def test_a_region_that_comes_back_in_time_answers(regions):
    regions.failing |= {HOME: refusal("ThrottlingException"), EUROPE: refusal("Throttling")}
    client = regions.client(origin=EUROPE)
    sleep = client._sleep

    def recover(seconds: float) -> None:
        sleep(seconds)
        regions.failing.clear()

    client._sleep = recover
    answer = client.ask("?")
    assert answer.region == EUROPE
    assert len(answer.passed_over) == 2


@pytest.mark.usefixtures("served")
def test_a_home_that_comes_back_in_time_says_where_the_model_is(regions, monkeypatch):
    regions.cut |= {EUROPE, TOKYO}
    answering = Stack.s3
    monkeypatch.setattr(Stack, "s3", Silent("s3", HOME))
    client = regions.client(origin=HOME)
    sleep = client._sleep

    def recover(seconds: float) -> None:
        sleep(seconds)
        monkeypatch.setattr(Stack, "s3", answering)

    client._sleep = recover
    assert client.ask("?").region == HOME
    monkeypatch.setattr(Stack, "s3", Silent("s3", HOME))
    client._sleep = sleep
    assert client.ask("?").region == HOME  # it remembers
    with pytest.raises(EndpointNotFound, match="home region us-east-1 does not answer"):
        regions.client(origin=HOME).ask("?")


@pytest.mark.usefixtures("served")
def test_what_is_no_chat_completion_is_passed_over(regions, monkeypatch):
    monkeypatch.setattr(asking, "json", _Garbled(f"from {EUROPE}"))
    answer = regions.client(origin=EUROPE).ask("?")
    assert answer.region == HOME
    assert "no chat completion" in answer.passed_over[0].reason


class _Garbled:
    """`json`, to which a region's answers are none."""

    def __init__(self, text: str) -> None:
        self._text = text
        self.dumps = json.dumps

    def loads(self, body: bytes):
        read = json.loads(body)
        return {"odd": 1} if self._text in str(read) else read


def test_one_region_answers_from_the_runs_table(regions):
    regions.put_endpoint(HOME, "stratos-tiles")
    regions.put_run(endpoint_name="stratos-tiles")
    answer = regions.client(origin=TOKYO).ask("?")
    assert (answer.region, answer.endpoint_name, answer.num_regions) == (HOME, "stratos-tiles", 1)


@pytest.mark.usefixtures("served")
def test_a_conversation_is_put_as_messages_or_dicts(regions):
    client = regions.client()
    for asked in (Message(role="user", content="?"), {"role": "user", "content": "?"}):
        assert client.converse([asked]).text == f"from {HOME}"
    with pytest.raises(ValueError, match="role"):
        client.converse([{"content": "?"}])
