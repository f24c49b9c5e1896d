"""Services whose state is saved through their APIs: described, and created again from that."""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime
from typing import Any, Protocol

from moto.scheduler.models import scheduler_backends

from infra.local.host.api_shapes import members, pages
from infra.local.host.clients import Cloud
from infra.local.host.settings import ACCOUNT_ID
from infra.local.iam.sessions import region_of
from infra.local.sagemaker.model_registry import skip_versions
from infra.local.saved.hosting_kinds import Records, SavedComponents, SavedScaling
from stratos.spec.schedule import At, Rate, parse_schedule

log = logging.getLogger(__name__)


class SavedKind(Protocol):
    """One kind of thing that is saved. Restoring skips what a stack has made already."""

    name: str
    before_stacks: bool

    def save(self, cloud: Cloud) -> Records: ...

    def restore(self, cloud: Cloud, records: Records) -> None: ...


class SavedParameters:
    """SSM parameters; the bootstrap version among them, which templates read."""

    name = "parameters"
    before_stacks = True

    def save(self, cloud: Cloud) -> Records:
        ssm = cloud.client("ssm")
        pages = ssm.get_paginator("describe_parameters").paginate()
        described = [item for page in pages for item in page["Parameters"]]
        return [
            {
                "Name": item["Name"],
                "Type": item["Type"],
                "Value": ssm.get_parameter(Name=item["Name"], WithDecryption=True)["Parameter"][
                    "Value"
                ],
            }
            for item in described
            if item["Name"].startswith("/cdk-bootstrap/")
        ]

    def restore(self, cloud: Cloud, records: Records) -> None:
        for record in records:
            cloud.client("ssm").put_parameter(**{"Type": "String", **record, "Overwrite": True})


class SavedTables:
    """DynamoDB items, and the tables that no stack owns."""

    name = "tables"
    before_stacks = False

    _DEFINITION = (
        "KeySchema",
        "AttributeDefinitions",
        "GlobalSecondaryIndexes",
        "LocalSecondaryIndexes",
    )

    def save(self, cloud: Cloud) -> Records:
        dynamodb = cloud.client("dynamodb")
        records = []
        for name in pages(dynamodb, "list_tables", "TableNames"):
            table = dynamodb.describe_table(TableName=name)["Table"]
            definition = {key: table[key] for key in self._DEFINITION if table.get(key)}
            for kind in ("GlobalSecondaryIndexes", "LocalSecondaryIndexes"):
                definition[kind] = [
                    {key: index[key] for key in ("IndexName", "KeySchema", "Projection")}
                    for index in definition.get(kind, [])
                ]
            items = list(pages(dynamodb, "scan", "Items", TableName=name))
            records.append({"name": name, "definition": definition, "items": items})
        return records

    def restore(self, cloud: Cloud, records: Records) -> None:
        dynamodb = cloud.client("dynamodb")
        present = set(pages(dynamodb, "list_tables", "TableNames"))
        for record in records:
            if record["name"] not in present:
                dynamodb.create_table(
                    TableName=record["name"],
                    BillingMode="PAY_PER_REQUEST",
                    **{key: value for key, value in record["definition"].items() if value},
                )
            for item in record["items"]:
                dynamodb.put_item(TableName=record["name"], Item=item)


def put_item(records: dict[str, Any], saved: dict[str, Any]) -> None:
    """Bring the saved items of a region's table up to one that was changed, or is gone."""
    for table in records.get(saved["region"], {}).get(SavedTables.name, []):
        if table["name"] == saved["table"]:
            key = saved["key"]
            others = [i for i in table["items"] if any(i.get(n) != v for n, v in key.items())]
            table["items"] = others + [saved["item"]] * (saved["item"] is not None)


class SavedSecrets:
    """Secrets Manager secrets that hold text."""

    name = "secrets"
    before_stacks = False

    def save(self, cloud: Cloud) -> Records:
        secrets = cloud.client("secretsmanager")
        records = []
        for secret in pages(secrets, "list_secrets", "SecretList"):
            try:
                value = secrets.get_secret_value(SecretId=secret["ARN"]).get("SecretString")
            except secrets.exceptions.ResourceNotFoundException:
                continue  # it has no value yet
            if value is not None:
                tags = secret.get("Tags", [])
                records.append({"Name": secret["Name"], "SecretString": value, "Tags": tags})
        return records

    def restore(self, cloud: Cloud, records: Records) -> None:
        secrets = cloud.client("secretsmanager")
        for record in records:
            tags = [{key: tag[key] for key in ("Key", "Value")} for tag in record["Tags"]]
            try:
                secrets.create_secret(**record | {"Tags": tags})
            except secrets.exceptions.ResourceExistsException:
                secrets.put_secret_value(
                    SecretId=record["Name"], SecretString=record["SecretString"]
                )


class SavedSchedules:
    """EventBridge schedules: reruns are made by the pipeline, not by the stack."""

    name = "schedules"
    before_stacks = False

    def save(self, cloud: Cloud) -> Records:
        scheduler = cloud.client("scheduler")
        taken = members(scheduler, "CreateSchedule")
        records = []
        for item in pages(scheduler, "list_schedules", "Schedules"):
            schedule = scheduler.get_schedule(Name=item["Name"], GroupName=item["GroupName"])
            expression = parse_schedule(
                schedule["ScheduleExpression"], schedule.get("ScheduleExpressionTimezone", "UTC")
            )
            if isinstance(expression, At) and expression.time <= datetime.now(UTC):
                continue  # It has fired, and must not again.
            request = {key: value for key, value in schedule.items() if key in taken}
            records.append({"request": request, "created": schedule["CreationDate"]})
        return records

    def restore(self, cloud: Cloud, records: Records) -> None:
        scheduler = cloud.client("scheduler")
        groups = scheduler_backends[ACCOUNT_ID][cloud.region].schedule_groups
        for record in records:
            request = record["request"]
            try:
                expression = parse_schedule(
                    request["ScheduleExpression"], request.get("ScheduleExpressionTimezone", "UTC")
                )
            except ValueError as error:  # An earlier parser took what AWS does not.
                log.warning("schedule %s is not made again: %s", request["Name"], error)
                continue
            try:
                scheduler.create_schedule(**request)
            except scheduler.exceptions.ConflictException:
                log.debug("schedule %s is the stack's", request["Name"])
            if isinstance(expression, Rate):
                # A new rate schedule fires at once; this one goes on with its old rhythm.
                following = expression.after(
                    datetime.now(UTC), datetime.fromisoformat(record["created"])
                )
                schedule = groups[request["GroupName"]].schedules[request["Name"]]
                schedule.start_date = following.timestamp() if following else None


def forget_fired(records: dict[str, Any], fired: dict[str, Any]) -> None:
    """Leave out a schedule of one time that has fired since it was saved.

    Args:
        fired: The content of its errand.
    """
    named = fired["arn"].partition(":schedule/")[2].split("/")

    def has_fired(request: dict[str, Any]) -> bool:
        if [request["GroupName"], request["Name"]] != named:
            return False
        zone = request.get("ScheduleExpressionTimezone", "UTC")
        expression = parse_schedule(request["ScheduleExpression"], zone)
        due = datetime.fromisoformat(fired["due"])
        return isinstance(expression, At) and expression.time <= due

    of_region = records.get(region_of(fired["arn"]), {})
    saved = of_region.get(SavedSchedules.name, [])
    of_region[SavedSchedules.name] = [one for one in saved if not has_fired(one["request"])]


class SavedRoles:
    """IAM roles that functions have made, with their policies; those of stacks have no path."""

    name = "roles"
    before_stacks = False

    _REQUEST = ("RoleName", "Path", "Description", "Tags")

    def save(self, cloud: Cloud) -> Records:
        iam = cloud.client("iam")
        records = []
        for listed in pages(iam, "list_roles", "Roles"):
            if listed["Path"] == "/":
                continue
            name = listed["RoleName"]
            role = iam.get_role(RoleName=name)["Role"]
            request = {key: role[key] for key in self._REQUEST if role.get(key)}
            request["AssumeRolePolicyDocument"] = json.dumps(role["AssumeRolePolicyDocument"])
            attached = iam.list_attached_role_policies(RoleName=name)["AttachedPolicies"]
            arns = [policy["PolicyArn"] for policy in attached]
            records.append({"request": request, "attached": arns})
        return records

    def restore(self, cloud: Cloud, records: Records) -> None:
        iam = cloud.client("iam")
        for record in records:
            try:
                iam.create_role(**record["request"])
            except iam.exceptions.EntityAlreadyExistsException:
                continue  # IAM is one for all regions
            for arn in record["attached"]:
                iam.attach_role_policy(RoleName=record["request"]["RoleName"], PolicyArn=arn)


class SavedSageMakerResources:
    """One SageMaker noun, e.g. endpoints, created again in the order they were created."""

    before_stacks = False

    def __init__(self, noun: str, api: str, listed: str) -> None:
        self.name = f"sagemaker-{api}"
        self._noun = noun
        self._api = api
        self._listed = listed

    def save(self, cloud: Cloud) -> Records:
        sagemaker = cloud.client("sagemaker")
        taken = members(sagemaker, f"Create{self._noun}")
        records = []
        for listed in pages(sagemaker, f"list_{self._api}s", self._listed):
            described = getattr(sagemaker, f"describe_{self._api}")(
                **{f"{self._noun}Name": listed[f"{self._noun}Name"]}
            )
            if described.get(f"{self._noun}Status") == "Deleting":
                continue
            # moto describes what was never given as empty, which creating does not take.
            record = {key: value for key, value in described.items() if key in taken and value}
            tags = sagemaker.list_tags(ResourceArn=described[f"{self._noun}Arn"])["Tags"]
            moment = str(described.get("CreationTime", ""))
            records.append((moment, record | ({"Tags": tags} if tags else {})))
        return [record for _, record in sorted(records, key=lambda item: item[0])]

    def restore(self, cloud: Cloud, records: Records) -> None:
        sagemaker = cloud.client("sagemaker")
        names = {
            item[f"{self._noun}Name"]
            for item in pages(sagemaker, f"list_{self._api}s", self._listed)
        }
        for record in records:
            if record[f"{self._noun}Name"] not in names:
                getattr(sagemaker, f"create_{self._api}")(**record)


class SavedModelPackages:
    """Versions of model package groups, which get their numbers back."""

    name = "sagemaker-model_package"
    before_stacks = False

    def save(self, cloud: Cloud) -> Records:
        sagemaker = cloud.client("sagemaker")
        taken = members(sagemaker, "CreateModelPackage")
        records: Records = []
        groups = pages(sagemaker, "list_model_package_groups", "ModelPackageGroupSummaryList")
        for group in groups:
            listed = pages(
                sagemaker,
                "list_model_packages",
                "ModelPackageSummaryList",
                ModelPackageGroupName=group["ModelPackageGroupName"],
            )
            versions = [
                sagemaker.describe_model_package(ModelPackageName=item["ModelPackageArn"])
                for item in listed
            ]
            for version in sorted(versions, key=lambda item: item["ModelPackageVersion"]):
                record = {key: value for key, value in version.items() if key in taken and value}
                record.pop("ModelPackageName", None)  # Given for a group's version, not taken.
                if why := version.get("ApprovalDescription"):  # which only an update takes
                    record["ApprovalDescription"] = why
                record["ModelPackageVersion"] = version["ModelPackageVersion"]
                records.append(record)
        return records

    def restore(self, cloud: Cloud, records: Records) -> None:
        sagemaker = cloud.client("sagemaker")
        for record in records:
            why = record.pop("ApprovalDescription", None)
            # Without a number, as saved before versions could be deleted, there were no gaps.
            if number := record.pop("ModelPackageVersion", None):
                skip_versions(cloud.region, record["ModelPackageGroupName"], number - 1)
            arn = sagemaker.create_model_package(**record)["ModelPackageArn"]
            if why:
                sagemaker.update_model_package(ModelPackageArn=arn, ApprovalDescription=why)


SAVED_KINDS: tuple[SavedKind, ...] = (
    SavedParameters(),
    SavedTables(),
    SavedSecrets(),
    SavedSchedules(),
    SavedRoles(),
    SavedSageMakerResources(
        "ModelPackageGroup", "model_package_group", "ModelPackageGroupSummaryList"
    ),
    SavedModelPackages(),
    SavedSageMakerResources("Model", "model", "Models"),
    SavedSageMakerResources("EndpointConfig", "endpoint_config", "EndpointConfigs"),
    SavedSageMakerResources("Endpoint", "endpoint", "Endpoints"),
    SavedComponents(),
    SavedScaling(),
)
"""In the order they are restored."""

__all__ = ["SAVED_KINDS", "SavedKind"]
