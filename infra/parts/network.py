"""Which network containers have: none, SageMaker's own, or subnets that are given on deploying.

Models need none: what answers is in their image and artifact, so they are isolated, wherever they
run. Training jobs need one: they write progress and results to S3, ask Bedrock and the teachers of
other providers, and read secrets. Functions call AWS's APIs alone, under roles of their own, and
stay outside.

The subnets are parameters of the template, so that one template serves with and without a VPC.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from aws_cdk import (
    Aws,
    CfnCondition,
    CfnParameter,
    CfnRule,
    CfnRuleAssertion,
    Fn,
    ICfnRuleConditionExpression,
    Token,
)
from aws_cdk import aws_iam as iam
from constructs import Construct

from infra.permissions import arn


@dataclass(frozen=True)
class NetworkDefaults:
    """What the template's parameters are without a value, from `cdk.json`."""

    subnets: str
    """Ids, with commas between."""
    security_groups: str
    encrypts_traffic: bool
    """Between the hosts of one job."""
    private_hosts: tuple[str, ...] = ()
    """Hosts within private networks that jobs may ask as teachers."""

    def __post_init__(self) -> None:
        if bool(self.subnets) != bool(self.security_groups):
            raise ValueError(
                "a VPC is given by stratos:subnets and stratos:security_groups together, and one "
                "of them is empty; set both, or neither"
            )


class Network(Construct):
    """The parameters, and what the requests for jobs and models say of them."""

    def __init__(self, scope: Construct, id: str, *, defaults: NetworkDefaults) -> None:
        super().__init__(scope, id)
        self._subnets = _ids(self, "SubnetIds", defaults.subnets, "Subnets of all containers")
        self._groups = _ids(
            self, "SecurityGroupIds", defaults.security_groups, "Their security groups"
        )
        self._encrypts = CfnParameter(
            self,
            "EncryptTraffic",
            default=str(defaults.encrypts_traffic).lower(),
            allowed_values=["true", "false"],
            description="Encrypt what the hosts of one training job send to each other",
        )
        # One of both alone does not get as far: the rule below refuses it.
        self._given = CfnCondition(
            self, "InVpc", expression=Fn.condition_or(_given(self._subnets), _given(self._groups))
        )
        whole = CfnRule(
            self,
            "WholeVpc",
            assertions=[
                CfnRuleAssertion(
                    assert_=_both_or_neither(_empty(self._subnets), _empty(self._groups)),
                    assert_description=(
                        "a VPC is given by SubnetIds and SecurityGroupIds together, and one of "
                        "them is empty; give both, or neither"
                    ),
                )
            ],
        )
        for element in (self._subnets, self._groups, self._encrypts, self._given, whole):
            element.override_logical_id(element.node.id)

    @property
    def of_jobs(self) -> Mapping[str, Any]:
        """Fields of CreateTrainingJob."""
        encrypts = self._encrypts.value_as_string
        return {
            "EnableNetworkIsolation": False,
            "EnableInterContainerTrafficEncryption": self._and_vpc(encrypts),
        }

    @property
    def of_models(self) -> Mapping[str, Any]:
        """Fields of CreateModel."""
        return {"EnableNetworkIsolation": self._and_vpc("true")}

    def let_join(self, *roles: iam.IRole) -> None:
        """Let the roles of containers have what SageMaker needs to put them into the subnets.

        The roles that runs make get it by a policy of its own.
        """
        rights = iam.Policy(self, "Rights", roles=list(roles), statements=[*use_interfaces()])
        policy = rights.node.default_child
        assert isinstance(policy, iam.CfnPolicy)
        policy.cfn_options.condition = self._given

    def attached(self, policies: Sequence[iam.IManagedPolicy], joining: iam.IManagedPolicy) -> str:
        """ARNs of what a run's role gets, with commas between.

        Args:
            joining: What it gets only where there are subnets.
        """
        arns = [policy.managed_policy_arn for policy in policies]
        joins = [*arns, joining.managed_policy_arn]
        return Fn.condition_if(
            self._given.logical_id, Fn.join(",", joins), Fn.join(",", arns)
        ).to_string()

    def _and_vpc(self, value: str) -> float:
        """A field's value as it stands in JSON, and after it the field `VpcConfig` where given.

        A field that may be missing cannot be written otherwise: the definition is one text, and
        CloudFormation fills in texts. The CDK writes the token of a number without quotes.
        """
        vpc = Fn.join(
            "",
            [
                f'{value},"VpcConfig":{{"Subnets":["',
                Fn.join('","', self._subnets.value_as_list),
                '"],"SecurityGroupIds":["',
                Fn.join('","', self._groups.value_as_list),
                '"]}',
            ],
        )
        return Token.as_number(Fn.condition_if(self._given.logical_id, vpc, value))


def _ids(scope: Construct, id: str, default: str, description: str) -> CfnParameter:
    return CfnParameter(
        scope,
        id,
        type="CommaDelimitedList",
        default=default,
        description=f"{description}; empty for SageMaker's own network",
    )


def _given(ids: CfnParameter) -> ICfnRuleConditionExpression:
    nothing = Fn.condition_equals(Fn.join("", ids.value_as_list), "")
    return Fn.condition_not(nothing)


def _empty(ids: CfnParameter) -> ICfnRuleConditionExpression:
    """The same in a rule, which has no function Join."""
    return Fn.condition_each_member_equals(ids.value_as_list, "")


def _both_or_neither(
    one: ICfnRuleConditionExpression, other: ICfnRuleConditionExpression
) -> ICfnRuleConditionExpression:
    return Fn.condition_or(
        Fn.condition_and(one, other),
        Fn.condition_not(Fn.condition_or(one, other)),
    )


def use_interfaces(region: str = Aws.REGION) -> list[iam.PolicyStatement]:
    """What SageMaker needs of a role to put its containers into subnets of this account.

    https://docs.aws.amazon.com/sagemaker/latest/dg/sagemaker-roles.html#sagemaker-roles-createtrainingjob-perms
    """
    return [
        iam.PolicyStatement(
            actions=["ec2:CreateNetworkInterface"],
            resources=[
                arn("ec2", f"{kind}/*", region=region)
                for kind in ("network-interface", "subnet", "security-group")
            ],
        ),
        iam.PolicyStatement(
            actions=["ec2:CreateNetworkInterfacePermission", "ec2:DeleteNetworkInterface"],
            resources=[arn("ec2", "network-interface/*", region=region)],
        ),
        iam.PolicyStatement(
            actions=[
                "ec2:DeleteNetworkInterfacePermission",
                "ec2:DescribeDhcpOptions",
                "ec2:DescribeNetworkInterfaces",
                "ec2:DescribeSecurityGroups",
                "ec2:DescribeSubnets",
                "ec2:DescribeVpcs",
            ],
            resources=["*"],
        ),
    ]
