"""IAM roles and policies, KMS keys."""

from __future__ import annotations

import json
from typing import Any

from infra.local.cloudformation.resources.handler import (
    Physical,
    Properties,
    ResourceHandler,
    picked,
    tags_of,
)
from infra.local.host.clients import Cloud


class IAMRole(ResourceHandler):
    type = "AWS::IAM::Role"
    name_property = "RoleName"
    max_name = 64
    replaced_by = frozenset({"RoleName", "Path"})

    def create(self, cloud: Cloud, name: str, properties: Properties) -> Physical:
        role = cloud.client("iam").create_role(
            RoleName=name,
            AssumeRolePolicyDocument=json.dumps(properties["AssumeRolePolicyDocument"]),
            Tags=tags_of(properties),
            **picked(
                properties, "Path", "Description", "MaxSessionDuration", "PermissionsBoundary"
            ),
        )["Role"]
        self._set_policies(cloud, name, properties)
        return Physical(name, {"Arn": role["Arn"], "RoleId": role["RoleId"]})

    def update(
        self, cloud: Cloud, physical: Physical, old: Properties, new: Properties
    ) -> Physical:
        iam = cloud.client("iam")
        iam.update_assume_role_policy(
            RoleName=physical.id, PolicyDocument=json.dumps(new["AssumeRolePolicyDocument"])
        )
        iam.update_role(RoleName=physical.id, **picked(new, "Description", "MaxSessionDuration"))
        self._remove_policies(cloud, physical.id, old)
        self._set_policies(cloud, physical.id, new)
        return physical

    def delete(self, cloud: Cloud, physical: Physical, properties: Properties) -> None:
        iam = cloud.client("iam")
        attached = iam.list_attached_role_policies(RoleName=physical.id)["AttachedPolicies"]
        for policy in attached:
            iam.detach_role_policy(RoleName=physical.id, PolicyArn=policy["PolicyArn"])
        for policy_name in iam.list_role_policies(RoleName=physical.id)["PolicyNames"]:
            iam.delete_role_policy(RoleName=physical.id, PolicyName=policy_name)
        iam.delete_role(RoleName=physical.id)

    def _set_policies(self, cloud: Cloud, role: str, properties: Properties) -> None:
        iam = cloud.client("iam")
        for arn in _customer_managed(properties):
            iam.attach_role_policy(RoleName=role, PolicyArn=arn)
        for policy in properties.get("Policies", []):
            iam.put_role_policy(
                RoleName=role,
                PolicyName=policy["PolicyName"],
                PolicyDocument=json.dumps(policy["PolicyDocument"]),
            )

    def _remove_policies(self, cloud: Cloud, role: str, properties: Properties) -> None:
        iam = cloud.client("iam")
        for arn in _customer_managed(properties):
            iam.detach_role_policy(RoleName=role, PolicyArn=arn)
        for policy in properties.get("Policies", []):
            iam.delete_role_policy(RoleName=role, PolicyName=policy["PolicyName"])


def _customer_managed(properties: Properties) -> list[str]:
    """Managed policies of this account; AWS's own are not loaded here, and grant nothing."""
    return [arn for arn in properties.get("ManagedPolicyArns", []) if ":iam::aws:" not in arn]


class IAMPolicy(ResourceHandler):
    type = "AWS::IAM::Policy"
    replaced_by = frozenset({"PolicyName"})

    def create(self, cloud: Cloud, name: str, properties: Properties) -> Physical:
        for role in properties.get("Roles", []):
            cloud.client("iam").put_role_policy(
                RoleName=role,
                PolicyName=properties["PolicyName"],
                PolicyDocument=json.dumps(properties["PolicyDocument"]),
            )
        return Physical(properties["PolicyName"])

    def update(
        self, cloud: Cloud, physical: Physical, old: Properties, new: Properties
    ) -> Physical:
        gone = [role for role in old.get("Roles", []) if role not in new.get("Roles", [])]
        self.delete(cloud, physical, {**old, "Roles": gone})
        return self.create(cloud, physical.id, new)

    def delete(self, cloud: Cloud, physical: Physical, properties: Properties) -> None:
        iam = cloud.client("iam")
        for role in properties.get("Roles", []):
            if physical.id in iam.list_role_policies(RoleName=role)["PolicyNames"]:
                iam.delete_role_policy(RoleName=role, PolicyName=physical.id)


class IAMManagedPolicy(ResourceHandler):
    type = "AWS::IAM::ManagedPolicy"
    name_property = "ManagedPolicyName"
    replaced_by = frozenset({"ManagedPolicyName", "Path", "Description"})

    def create(self, cloud: Cloud, name: str, properties: Properties) -> Physical:
        iam = cloud.client("iam")
        arn = iam.create_policy(
            PolicyName=name,
            PolicyDocument=json.dumps(properties["PolicyDocument"]),
            **picked(properties, "Path", "Description"),
        )["Policy"]["Arn"]
        for role in properties.get("Roles", []):
            iam.attach_role_policy(RoleName=role, PolicyArn=arn)
        return Physical(arn, {"PolicyArn": arn})

    def update(
        self, cloud: Cloud, physical: Physical, old: Properties, new: Properties
    ) -> Physical:
        """Give it another version, which whatever it is attached to has, too: a run's role."""
        iam = cloud.client("iam")
        for version in iam.list_policy_versions(PolicyArn=physical.id)["Versions"]:
            if not version["IsDefaultVersion"]:  # IAM keeps five at most
                iam.delete_policy_version(PolicyArn=physical.id, VersionId=version["VersionId"])
        document = json.dumps(new["PolicyDocument"])
        iam.create_policy_version(PolicyArn=physical.id, PolicyDocument=document, SetAsDefault=True)
        wanted, had = new.get("Roles", []), old.get("Roles", [])
        for role in (one for one in had if one not in wanted):
            iam.detach_role_policy(RoleName=role, PolicyArn=physical.id)
        for role in (one for one in wanted if one not in had):
            iam.attach_role_policy(RoleName=role, PolicyArn=physical.id)
        return Physical(physical.id, {"PolicyArn": physical.id})

    def delete(self, cloud: Cloud, physical: Physical, properties: Properties) -> None:
        iam = cloud.client("iam")
        for role in iam.list_entities_for_policy(PolicyArn=physical.id)["PolicyRoles"]:
            iam.detach_role_policy(RoleName=role["RoleName"], PolicyArn=physical.id)
        iam.delete_policy(PolicyArn=physical.id)


class KMSKey(ResourceHandler):
    type = "AWS::KMS::Key"
    keeps_data = True

    def create(self, cloud: Cloud, name: str, properties: Properties) -> Physical:
        kms = cloud.client("kms")
        request: dict[str, Any] = picked(properties, "Description", "KeySpec", "KeyUsage")
        if "KeyPolicy" in properties:
            request["Policy"] = json.dumps(properties["KeyPolicy"])
        key = kms.create_key(**request)["KeyMetadata"]
        if properties.get("EnableKeyRotation"):
            kms.enable_key_rotation(KeyId=key["KeyId"])
        return Physical(key["KeyId"], {"Arn": key["Arn"], "KeyId": key["KeyId"]})

    def update(
        self, cloud: Cloud, physical: Physical, old: Properties, new: Properties
    ) -> Physical:
        kms = cloud.client("kms")
        if "KeyPolicy" in new:
            policy = json.dumps(new["KeyPolicy"])
            kms.put_key_policy(KeyId=physical.id, PolicyName="default", Policy=policy)
        kms.update_key_description(KeyId=physical.id, Description=new.get("Description", ""))
        return physical

    def delete(self, cloud: Cloud, physical: Physical, properties: Properties) -> None:
        cloud.client("kms").schedule_key_deletion(KeyId=physical.id, PendingWindowInDays=7)


class KMSAlias(ResourceHandler):
    type = "AWS::KMS::Alias"

    def create(self, cloud: Cloud, name: str, properties: Properties) -> Physical:
        alias = properties["AliasName"]
        cloud.client("kms").create_alias(
            AliasName=alias, TargetKeyId=properties["TargetKeyId"].rsplit("/", 1)[-1]
        )
        return Physical(alias)

    def delete(self, cloud: Cloud, physical: Physical, properties: Properties) -> None:
        cloud.client("kms").delete_alias(AliasName=physical.id)


HANDLERS: tuple[ResourceHandler, ...] = (
    IAMRole(),
    IAMPolicy(),
    IAMManagedPolicy(),
    KMSKey(),
    KMSAlias(),
)
