"""`stratos invoke`: with tools, and of a model that several regions serve."""

from __future__ import annotations

import io
import json

import boto3
import pytest
from typer.testing import CliRunner

from stratos.cli import app as cli
from stratos.cli import endpoint
from stratos.contracts.bucket import served_key
from tests import factories
from tests.fakes import ClientExceptions, FakeRuntime
from tests.unit.stratos.cli.stack_contents import put_endpoint, put_run, run
from tests.unit.stratos.client.served_regions import unreached

LOOK = {"name": "look", "description": "around", "parameters": {"type": "object"}}
TOOLS = [{"type": "function", "function": LOOK}]


@pytest.fixture
def calling(stack, monkeypatch):
    """Requests that reach the endpoint of r-1, which calls a tool."""
    put_endpoint(stack, "e", "r-1")
    put_run(stack, "r-1", endpoint_name="e")
    runtime = _CallsATool()
    monkeypatch.setattr(endpoint, "client", of(lambda _: runtime))
    return runtime.sent


class _CallsATool:
    exceptions = ClientExceptions

    def __init__(self):
        self.sent = []

    def invoke_endpoint(self, **request):
        self.sent.append(json.loads(request["Body"]))
        function = {"name": "look", "arguments": '{"where": "Malmö"}'}
        call = {"id": "c", "type": "function", "function": function}
        message = {"content": None, "tool_calls": [call]}
        answer = json.dumps({"choices": [{"message": message}]})
        return {"Body": io.BytesIO(answer.encode())}


def of(runtime):
    """A maker of clients, those of the runtime by a function of their region."""

    def make(service, *, region, longest_seconds):
        if service == "sagemaker-runtime":
            return runtime(region)
        return boto3.client(service, region_name=region)

    return make


def test_invoke_offers_tools_and_prints_the_calls(calling, tmp_path):
    tools = tmp_path / "tools.json"
    tools.write_text(json.dumps(TOOLS))
    called = {"name": "look", "arguments": {"where": "Malmö"}}
    code, out = run("invoke", "r-1", "Where?", "--tools", str(tools), "--tool-choice", "look")
    assert (code, json.loads(out)) == (0, called)
    assert "Malmö" in out
    asked = calling[0]
    assert (asked["tools"], asked["tool_choice"]) == (TOOLS, "required")
    code, out = run("invoke", "r-1", "Where?", "--tools", str(tools), "--json")
    assert (code, json.loads(out)) == (0, {"answer": "", "tool_calls": [called]})
    assert "tool_choice" not in calling[1]


@pytest.mark.parametrize(
    "options",
    [
        ["--tool-choice", "auto"],
        ["--tools", "nothing.json"],
        ["--tools", "t", "--tool-choice", "x"],
    ],
)
def test_invoke_refuses_tools_that_it_cannot_offer(calling, options, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "t").write_text(json.dumps(TOOLS))
    assert run("invoke", "r-1", "Where?", *options)[0] == 2
    assert calling == []


@pytest.fixture
def tiles(stack, monkeypatch):
    """A run whose model two regions serve, of which the nearer one to Ireland is silent."""
    record = factories.served("us-east-1", "eu-west-1")
    body = record.model_dump_json().encode()
    stack.s3.put_object(Bucket="bucket", Key=served_key("tiles"), Body=body)
    name = record.regions[0].endpoint_name
    put_run(stack, record.run_id, spec_name="tiles", endpoint_name=name)

    def runtime(region):
        if region == "eu-west-1":
            return _Silent()
        return FakeRuntime(lambda _: f"from {region}")

    monkeypatch.setattr(endpoint, "client", of(runtime))
    return record


class _Silent:
    exceptions = ClientExceptions

    def invoke_endpoint(self, **_request):
        raise unreached("sagemaker-runtime", "eu-west-1")


def test_it_says_which_region_answered_and_which_did_not(tiles):
    code, out = run("invoke", tiles.run_id, "Which?", "--origin", "eu-central-1")
    assert (code, out) == (0, "from us-east-1\n")
    code, out = run("invoke", tiles.run_id, "Which?", "--origin", "eu-west-1", "--json")
    assert json.loads(out) == {"answer": "from us-east-1", "region": "us-east-1"}


def test_what_it_says_of_regions_goes_to_standard_error(tiles):
    result = CliRunner().invoke(cli.app, ["invoke", tiles.run_id, "?", "--origin", "eu-west-1"])
    assert result.stdout == "from us-east-1\n"
    passed, answered = result.stderr.splitlines()
    assert passed.startswith("passed over stratos-tiles-00000001 in eu-west-1: Could not connect")
    assert answered == "answered by stratos-tiles-00000001 in us-east-1"


def test_an_origin_whose_place_is_unknown_is_refused(tiles):
    assert run("invoke", tiles.run_id, "Which?", "--origin", "eu-west-9")[0] == 2
