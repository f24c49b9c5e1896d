"""S3 buckets, DynamoDB tables and Secrets Manager secrets."""

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
from infra.local.host.clients import Cloud, make_bucket


class S3Bucket(ResourceHandler):
    type = "AWS::S3::Bucket"
    name_property = "BucketName"
    max_name = 63
    replaced_by = frozenset({"BucketName"})
    keeps_data = True

    def create(self, cloud: Cloud, name: str, properties: Properties) -> Physical:
        make_bucket(cloud, name)
        self._configure(cloud, name, properties)
        return Physical(
            name,
            {
                "Arn": f"arn:aws:s3:::{name}",
                "DomainName": f"{name}.s3.amazonaws.com",
                "RegionalDomainName": f"{name}.s3.{cloud.region}.amazonaws.com",
            },
        )

    def update(
        self, cloud: Cloud, physical: Physical, old: Properties, new: Properties
    ) -> Physical:
        self._configure(cloud, physical.id, new)
        return physical

    def delete(self, cloud: Cloud, physical: Physical, properties: Properties) -> None:
        cloud.client("s3").delete_bucket(Bucket=physical.id)

    def _configure(self, cloud: Cloud, name: str, properties: Properties) -> None:
        s3 = cloud.client("s3")
        if versioning := properties.get("VersioningConfiguration"):
            s3.put_bucket_versioning(Bucket=name, VersioningConfiguration=versioning)
        if encryption := properties.get("BucketEncryption"):
            s3.put_bucket_encryption(
                Bucket=name, ServerSideEncryptionConfiguration=_encryption(encryption)
            )
        if block := properties.get("PublicAccessBlockConfiguration"):
            s3.put_public_access_block(Bucket=name, PublicAccessBlockConfiguration=block)
        if ownership := properties.get("OwnershipControls"):
            s3.put_bucket_ownership_controls(Bucket=name, OwnershipControls=ownership)
        if lifecycle := properties.get("LifecycleConfiguration"):
            s3.put_bucket_lifecycle_configuration(
                Bucket=name,
                LifecycleConfiguration={"Rules": [_lifecycle(rule) for rule in lifecycle["Rules"]]},
            )
        if tags := tags_of(properties):
            s3.put_bucket_tagging(Bucket=name, Tagging={"TagSet": tags})
        s3.put_bucket_notification_configuration(
            Bucket=name,
            NotificationConfiguration=_notifications(properties.get("NotificationConfiguration")),
        )


def _encryption(encryption: Properties) -> dict[str, Any]:
    rules = []
    for rule in encryption["ServerSideEncryptionConfiguration"]:
        default = rule.get("ServerSideEncryptionByDefault", {})
        rules.append(
            picked(rule, "BucketKeyEnabled")
            | {"ApplyServerSideEncryptionByDefault": picked(default, "SSEAlgorithm")}
            | (
                {
                    "ApplyServerSideEncryptionByDefault": {
                        "SSEAlgorithm": default["SSEAlgorithm"],
                        "KMSMasterKeyID": default["KMSMasterKeyID"],
                    }
                }
                if "KMSMasterKeyID" in default
                else {}
            )
        )
    return {"Rules": rules}


def _lifecycle(rule: Properties) -> dict[str, Any]:
    """One rule as the API spells it."""
    api: dict[str, Any] = {"Status": rule["Status"], "Filter": {"Prefix": rule.get("Prefix", "")}}
    if "Id" in rule:
        api["ID"] = rule["Id"]
    if "ExpirationInDays" in rule:
        api["Expiration"] = {"Days": int(rule["ExpirationInDays"])}
    elif "ExpiredObjectDeleteMarker" in rule:
        api["Expiration"] = {"ExpiredObjectDeleteMarker": rule["ExpiredObjectDeleteMarker"]}
    if noncurrent := rule.get("NoncurrentVersionExpiration"):
        api["NoncurrentVersionExpiration"] = noncurrent
    elif "NoncurrentVersionExpirationInDays" in rule:
        days = int(rule["NoncurrentVersionExpirationInDays"])
        api["NoncurrentVersionExpiration"] = {"NoncurrentDays": days}
    if abort := rule.get("AbortIncompleteMultipartUpload"):
        api["AbortIncompleteMultipartUpload"] = abort
    if transitions := rule.get("Transitions"):
        api["Transitions"] = [
            {"Days": int(item["TransitionInDays"]), "StorageClass": item["StorageClass"]}
            for item in transitions
            if "TransitionInDays" in item
        ]
    return api


def _notifications(configuration: Properties | None) -> dict[str, Any]:
    """The API's spelling, which names each target differently from CloudFormation."""
    configuration = configuration or {}
    api: dict[str, Any] = {}
    if "EventBridgeConfiguration" in configuration:
        enabled = configuration["EventBridgeConfiguration"].get("EventBridgeEnabled", True)
        if str(enabled).lower() == "true":
            api["EventBridgeConfiguration"] = {}
    for theirs, api_name, target, arn in (
        ("LambdaConfigurations", "LambdaFunctionConfigurations", "Function", "LambdaFunctionArn"),
        ("QueueConfigurations", "QueueConfigurations", "Queue", "QueueArn"),
        ("TopicConfigurations", "TopicConfigurations", "Topic", "TopicArn"),
    ):
        for item in configuration.get(theirs, []):
            one = {arn: item[target], "Events": [item["Event"]]}
            if rules := item.get("Filter", {}).get("S3Key", {}).get("Rules"):
                one["Filter"] = {"Key": {"FilterRules": rules}}
            api.setdefault(api_name, []).append(one)
    return api


class S3BucketPolicy(ResourceHandler):
    type = "AWS::S3::BucketPolicy"
    replaced_by = frozenset({"Bucket"})

    def create(self, cloud: Cloud, name: str, properties: Properties) -> Physical:
        cloud.client("s3").put_bucket_policy(
            Bucket=properties["Bucket"], Policy=json.dumps(properties["PolicyDocument"])
        )
        return Physical(properties["Bucket"])

    def update(
        self, cloud: Cloud, physical: Physical, old: Properties, new: Properties
    ) -> Physical:
        return self.create(cloud, physical.id, new)

    def delete(self, cloud: Cloud, physical: Physical, properties: Properties) -> None:
        cloud.client("s3").delete_bucket_policy(Bucket=properties["Bucket"])


class DynamoDBTable(ResourceHandler):
    type = "AWS::DynamoDB::Table"
    name_property = "TableName"
    max_name = 255
    replaced_by = frozenset({"TableName", "KeySchema", "LocalSecondaryIndexes"})
    keeps_data = True

    def create(self, cloud: Cloud, name: str, properties: Properties) -> Physical:
        stream = properties.get("StreamSpecification")
        description = cloud.client("dynamodb").create_table(
            TableName=name,
            **picked(
                properties,
                "KeySchema",
                "AttributeDefinitions",
                "BillingMode",
                "ProvisionedThroughput",
                "GlobalSecondaryIndexes",
                "LocalSecondaryIndexes",
                "DeletionProtectionEnabled",
            ),
            **({"StreamSpecification": {"StreamEnabled": True, **stream}} if stream else {}),
            **({"Tags": tags} if (tags := tags_of(properties)) else {}),
        )["TableDescription"]
        self._configure(cloud, name, properties)
        attributes = {"Arn": description["TableArn"]}
        if "LatestStreamArn" in description:
            attributes["StreamArn"] = description["LatestStreamArn"]
        return Physical(name, attributes)

    def update(
        self, cloud: Cloud, physical: Physical, old: Properties, new: Properties
    ) -> Physical:
        changed = {
            name: value
            for name, value in picked(
                new,
                "BillingMode",
                "ProvisionedThroughput",
                "DeletionProtectionEnabled",
                "AttributeDefinitions",
            ).items()
            if old.get(name) != value
        }
        changes = self._index_changes(old, new)
        if changes:
            changed["GlobalSecondaryIndexUpdates"] = changes
            changed["AttributeDefinitions"] = new["AttributeDefinitions"]
        if changed:
            cloud.client("dynamodb").update_table(TableName=physical.id, **changed)
        self._configure(cloud, physical.id, new)
        return physical

    def delete(self, cloud: Cloud, physical: Physical, properties: Properties) -> None:
        if properties.get("DeletionProtectionEnabled"):
            cloud.client("dynamodb").update_table(
                TableName=physical.id, DeletionProtectionEnabled=False
            )
        cloud.client("dynamodb").delete_table(TableName=physical.id)

    def _index_changes(self, old: Properties, new: Properties) -> list[dict[str, Any]]:
        before = {index["IndexName"]: index for index in old.get("GlobalSecondaryIndexes", [])}
        after = {index["IndexName"]: index for index in new.get("GlobalSecondaryIndexes", [])}
        removed = [{"Delete": {"IndexName": name}} for name in before if name not in after]
        added = [{"Create": index} for name, index in after.items() if name not in before]
        return removed + added

    def _configure(self, cloud: Cloud, name: str, properties: Properties) -> None:
        dynamodb = cloud.client("dynamodb")
        current = dynamodb.describe_time_to_live(TableName=name)["TimeToLiveDescription"]
        ttl = properties.get("TimeToLiveSpecification")
        if ttl and (current.get("TimeToLiveStatus") == "ENABLED") != ttl["Enabled"]:
            dynamodb.update_time_to_live(
                TableName=name,
                TimeToLiveSpecification=picked(ttl, "AttributeName", "Enabled"),
            )
        if recovery := properties.get("PointInTimeRecoverySpecification"):
            dynamodb.update_continuous_backups(
                TableName=name,
                PointInTimeRecoverySpecification=picked(recovery, "PointInTimeRecoveryEnabled"),
            )


class SecretsManagerSecret(ResourceHandler):
    type = "AWS::SecretsManager::Secret"
    name_property = "Name"
    max_name = 512
    replaced_by = frozenset({"Name"})
    keeps_data = True

    def create(self, cloud: Cloud, name: str, properties: Properties) -> Physical:
        secrets = cloud.client("secretsmanager")
        value = properties.get("SecretString")
        if value is None:
            value = secrets.get_random_password()["RandomPassword"]
            generate = properties.get("GenerateSecretString", {})
            if "GenerateStringKey" in generate:
                template = json.loads(generate.get("SecretStringTemplate", "{}"))
                value = json.dumps(template | {generate["GenerateStringKey"]: value})
        arn = secrets.create_secret(
            Name=name, SecretString=value, **picked(properties, "Description", "KmsKeyId")
        )["ARN"]
        return Physical(arn, {"Id": arn})

    def update(
        self, cloud: Cloud, physical: Physical, old: Properties, new: Properties
    ) -> Physical:
        secrets = cloud.client("secretsmanager")
        if old.get("SecretString") != new.get("SecretString") and "SecretString" in new:
            secrets.put_secret_value(SecretId=physical.id, SecretString=new["SecretString"])
        return physical

    def delete(self, cloud: Cloud, physical: Physical, properties: Properties) -> None:
        cloud.client("secretsmanager").delete_secret(
            SecretId=physical.id, ForceDeleteWithoutRecovery=True
        )


HANDLERS: tuple[ResourceHandler, ...] = (
    S3Bucket(),
    S3BucketPolicy(),
    DynamoDBTable(),
    SecretsManagerSecret(),
)
