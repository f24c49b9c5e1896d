"""Which network containers have, with a VPC and without."""

from __future__ import annotations

from typing import Any

import pytest

from infra.local.cloudformation.parameters import rule_problems
from infra.parts.network import NetworkDefaults
from infra.states.definition_reader import definition_of, states_of
from tests.infra.resources import of_type

VPC = {"Subnets": ["<SubnetIds>"], "SecurityGroupIds": ["<SecurityGroupIds>"]}
JOBS = (
    *("InspectLarge", "Probe", "Synthesize", "SynthesizeShard"),
    *("Distill", "Evaluate", "EvaluateShard"),
)
MODELS = (
    *("CreateModel", "CreatePoolModel", "CreateAsyncModel"),
    *("CreateComponentModel", "CreateBatchModel"),
)


def requests(template: dict[str, Any], *, in_vpc: bool) -> dict[str, dict[str, Any]]:
    states = states_of(definition_of(template, in_vpc=in_vpc))
    return {name: dict(state.get("Parameters", {})) for name, state in states}


@pytest.mark.parametrize("in_vpc", [True, False])
def test_models_are_isolated_and_jobs_are_not_with_a_vpc_and_without(template, in_vpc):
    asked = requests(template, in_vpc=in_vpc)
    for name in (*MODELS, "CreateComponentConfig"):
        assert asked[name]["EnableNetworkIsolation"] is True
    for name in JOBS:
        assert asked[name]["EnableNetworkIsolation"] is False
        assert asked[name]["EnableInterContainerTrafficEncryption"] is False
    for name in (*MODELS, *JOBS, "CreateComponentConfig"):
        assert asked[name].get("VpcConfig") == (VPC if in_vpc else None)


@pytest.mark.parametrize("in_vpc", [True, False])
def test_a_serverless_model_is_asked_for_without_what_serverless_endpoints_lack(template, in_vpc):
    asked = requests(template, in_vpc=in_vpc)["CreateServerlessModel"]
    assert not {"EnableNetworkIsolation", "VpcConfig"} & asked.keys()


def test_every_model_with_instances_and_every_job_says_which_network_it_has(template):
    saying = {
        name
        for name, state in states_of(definition_of(template))
        if str(state.get("Resource", "")).endswith((":createModel", ":createTrainingJob.sync"))
    }
    assert saying == {*MODELS, *JOBS, "CreateServerlessModel"}


def test_the_rights_to_join_a_vpc_are_there_only_with_one_and_for_containers_alone(template):
    (rights, of_runs) = (
        r
        for r in template["Resources"].values()
        if "ec2:CreateNetworkInterface" in str(r.get("Properties", {}).get("PolicyDocument"))
    )
    assert of_runs["Type"] == "AWS::IAM::ManagedPolicy"
    for resource in template["Resources"].values():
        if resource["Type"] == "AWS::Lambda::Function":
            told = resource["Properties"]["Environment"]["Variables"]
            for variable in ("JOB_POLICIES", "MODEL_POLICIES"):
                given, with_vpc, without = told[variable]["Fn::If"]
                assert given == "InVpc"
                assert "RunRolesJoining" in str(with_vpc)
                assert "Joining" not in str(without)
    assert rights["Condition"] == "InVpc"
    roles = {item["Ref"].rstrip("0123456789ABCDEF") for item in rights["Properties"]["Roles"]}
    assert roles == {"TrainingJobsRole", "EndpointsRole", "EndpointsQueueRole", "BatchesRole"}


def test_what_differs_between_accounts_is_a_parameter_with_a_default(template):
    asked = {k: p for k, p in template["Parameters"].items() if k != "BootstrapVersion"}
    assert {name: item["Default"] for name, item in asked.items()} == {
        "SubnetIds": "",
        "SecurityGroupIds": "",
        "EncryptTraffic": "false",
    }


@pytest.mark.parametrize(
    ("given", "refused"),
    [
        ({}, False),
        ({"SubnetIds": "subnet-1,subnet-2", "SecurityGroupIds": "sg-1"}, False),
        ({"SubnetIds": "subnet-1"}, True),
        ({"SecurityGroupIds": "sg-1"}, True),
    ],
)
def test_half_a_vpc_is_refused_on_deploying(template, given, refused):
    problems = list(rule_problems(template, given))
    assert bool(problems) == refused
    assert all("give both, or neither" in problem for problem in problems)


def test_no_function_is_in_a_vpc(template):
    assert all("VpcConfig" not in f for f in of_type(template, "AWS::Lambda::Function").values())


@pytest.mark.parametrize(("subnets", "groups"), [("subnet-1", ""), ("", "sg-1")])
def test_half_a_vpc_is_refused(subnets, groups):
    with pytest.raises(ValueError, match="one of them is empty; set both, or neither"):
        NetworkDefaults(subnets=subnets, security_groups=groups, encrypts_traffic=False)
