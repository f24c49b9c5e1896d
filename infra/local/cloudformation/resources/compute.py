"""Lambda functions, their versions, aliases and permissions."""

from __future__ import annotations

import io
import zipfile
from typing import Any

from infra.local.cloudformation.resources.handler import (
    Physical,
    Properties,
    ResourceHandler,
    picked,
    tags_of,
)
from infra.local.host.clients import Cloud


class LambdaFunction(ResourceHandler):
    type = "AWS::Lambda::Function"
    name_property = "FunctionName"
    max_name = 64
    replaced_by = frozenset({"FunctionName", "PackageType"})

    _CONFIGURATION = (
        "Role",
        "Handler",
        "Runtime",
        "Description",
        "Timeout",
        "MemorySize",
        "Environment",
        "Layers",
        "VpcConfig",
        "TracingConfig",
        "DeadLetterConfig",
        "EphemeralStorage",
        "LoggingConfig",
    )

    def create(self, cloud: Cloud, name: str, properties: Properties) -> Physical:
        client = cloud.client("lambda")
        function = client.create_function(
            FunctionName=name,
            Code=_code(properties),
            Tags={tag["Key"]: tag["Value"] for tag in tags_of(properties)},
            **picked(properties, *self._CONFIGURATION, "Architectures", "PackageType"),
        )
        self._limit(cloud, name, {}, properties)
        return Physical(name, {"Arn": function["FunctionArn"]})

    def update(
        self, cloud: Cloud, physical: Physical, old: Properties, new: Properties
    ) -> Physical:
        client = cloud.client("lambda")
        if old["Code"] != new["Code"]:
            client.update_function_code(FunctionName=physical.id, **_code(new))
        defaults = {"Environment": {"Variables": {}}, "Layers": [], "Description": ""}
        client.update_function_configuration(
            FunctionName=physical.id, **(defaults | picked(new, *self._CONFIGURATION))
        )
        self._limit(cloud, physical.id, old, new)
        return physical

    def delete(self, cloud: Cloud, physical: Physical, properties: Properties) -> None:
        cloud.client("lambda").delete_function(FunctionName=physical.id)

    def _limit(self, cloud: Cloud, name: str, old: Properties, new: Properties) -> None:
        reserved = "ReservedConcurrentExecutions"
        if reserved in new:
            cloud.client("lambda").put_function_concurrency(
                FunctionName=name, ReservedConcurrentExecutions=int(new[reserved])
            )
        elif reserved in old:
            cloud.client("lambda").delete_function_concurrency(FunctionName=name)


def _code(properties: Properties) -> dict[str, Any]:
    """Where the code is; CloudFormation's inline source becomes the `index` module of a zip."""
    code = properties["Code"]
    if "ZipFile" not in code:
        return picked(code, "S3Bucket", "S3Key", "S3ObjectVersion", "ImageUri")
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as zipped:
        entry = zipfile.ZipInfo("index.py", date_time=(1980, 1, 1, 0, 0, 0))
        entry.external_attr = 0o644 << 16
        zipped.writestr(entry, code["ZipFile"])
    return {"ZipFile": archive.getvalue()}


class LambdaLayerVersion(ResourceHandler):
    type = "AWS::Lambda::LayerVersion"
    name_property = "LayerName"
    max_name = 140

    def create(self, cloud: Cloud, name: str, properties: Properties) -> Physical:
        layer = cloud.client("lambda").publish_layer_version(
            LayerName=name,
            Content=picked(properties["Content"], "S3Bucket", "S3Key"),
            **picked(properties, "Description", "CompatibleRuntimes", "LicenseInfo"),
        )
        return Physical(layer["LayerVersionArn"], {"LayerVersionArn": layer["LayerVersionArn"]})

    def update(
        self, cloud: Cloud, physical: Physical, old: Properties, new: Properties
    ) -> Physical:
        self.delete(cloud, physical, old)
        return self.create(cloud, physical.id.split(":")[-2], new)

    def delete(self, cloud: Cloud, physical: Physical, properties: Properties) -> None:
        *_, name, version = physical.id.split(":")
        cloud.client("lambda").delete_layer_version(LayerName=name, VersionNumber=int(version))


class LambdaVersion(ResourceHandler):
    type = "AWS::Lambda::Version"
    replaced_by = frozenset({"FunctionName"})

    def create(self, cloud: Cloud, name: str, properties: Properties) -> Physical:
        published = cloud.client("lambda").publish_version(
            **picked(properties, "FunctionName", "Description")
        )
        arn = cloud.arn("lambda", f"function:{published['FunctionName']}:{published['Version']}")
        return Physical(arn, {"Version": published["Version"], "FunctionArn": arn})

    def update(
        self, cloud: Cloud, physical: Physical, old: Properties, new: Properties
    ) -> Physical:
        return physical  # A published version never changes.

    def delete(self, cloud: Cloud, physical: Physical, properties: Properties) -> None:
        cloud.client("lambda").delete_function(
            FunctionName=properties["FunctionName"], Qualifier=physical.id.rsplit(":", 1)[-1]
        )


class LambdaAlias(ResourceHandler):
    type = "AWS::Lambda::Alias"
    replaced_by = frozenset({"FunctionName", "Name"})

    _REQUEST = ("FunctionName", "Name", "FunctionVersion", "Description", "RoutingConfig")

    def create(self, cloud: Cloud, name: str, properties: Properties) -> Physical:
        arn = cloud.client("lambda").create_alias(**picked(properties, *self._REQUEST))["AliasArn"]
        return Physical(arn, {"AliasArn": arn})

    def update(
        self, cloud: Cloud, physical: Physical, old: Properties, new: Properties
    ) -> Physical:
        cloud.client("lambda").update_alias(**picked(new, *self._REQUEST))
        return physical

    def delete(self, cloud: Cloud, physical: Physical, properties: Properties) -> None:
        cloud.client("lambda").delete_alias(**picked(properties, "FunctionName", "Name"))


class LambdaPermission(ResourceHandler):
    type = "AWS::Lambda::Permission"
    max_name = 100

    def create(self, cloud: Cloud, name: str, properties: Properties) -> Physical:
        cloud.client("lambda").add_permission(
            StatementId=name,
            **picked(
                properties, "FunctionName", "Action", "Principal", "SourceArn", "SourceAccount"
            ),
        )
        return Physical(name, {"Id": name})

    def delete(self, cloud: Cloud, physical: Physical, properties: Properties) -> None:
        cloud.client("lambda").remove_permission(
            FunctionName=properties["FunctionName"], StatementId=physical.id
        )


class LambdaEventInvokeConfig(ResourceHandler):
    type = "AWS::Lambda::EventInvokeConfig"

    def create(self, cloud: Cloud, name: str, properties: Properties) -> Physical:
        cloud.client("lambda").put_function_event_invoke_config(
            **picked(
                properties,
                "FunctionName",
                "Qualifier",
                "MaximumRetryAttempts",
                "MaximumEventAgeInSeconds",
                "DestinationConfig",
            )
        )
        return Physical(name)

    def update(
        self, cloud: Cloud, physical: Physical, old: Properties, new: Properties
    ) -> Physical:
        return self.create(cloud, physical.id, new)

    def delete(self, cloud: Cloud, physical: Physical, properties: Properties) -> None:
        cloud.client("lambda").delete_function_event_invoke_config(
            **picked(properties, "FunctionName", "Qualifier")
        )


HANDLERS: tuple[ResourceHandler, ...] = (
    LambdaFunction(),
    LambdaLayerVersion(),
    LambdaVersion(),
    LambdaAlias(),
    LambdaPermission(),
    LambdaEventInvokeConfig(),
)
