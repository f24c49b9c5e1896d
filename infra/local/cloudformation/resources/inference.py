"""SageMaker models, endpoints and model package groups."""

from __future__ import annotations

from infra.local.cloudformation.resources.handler import (
    Physical,
    Properties,
    ResourceHandler,
    tags_of,
)
from infra.local.host.clients import Cloud


class _SageMakerResource(ResourceHandler):
    """`create_x` takes the resource's properties as they are; its reference is its ARN."""

    noun: str
    api: str

    def create(self, cloud: Cloud, name: str, properties: Properties) -> Physical:
        request = {key: value for key, value in properties.items() if key != "Tags"}
        request[f"{self.noun}Name"] = name
        created = getattr(cloud.client("sagemaker"), f"create_{self.api}")(
            Tags=tags_of(properties), **request
        )
        arn = created[f"{self.noun}Arn"]
        return Physical(arn, {f"{self.noun}Name": name, f"{self.noun}Arn": arn, "Arn": arn})

    def update(
        self, cloud: Cloud, physical: Physical, old: Properties, new: Properties
    ) -> Physical:
        self.delete(cloud, physical, old)
        return self.create(cloud, physical.attributes[f"{self.noun}Name"], new)

    def delete(self, cloud: Cloud, physical: Physical, properties: Properties) -> None:
        name = physical.attributes[f"{self.noun}Name"]
        getattr(cloud.client("sagemaker"), f"delete_{self.api}")(**{f"{self.noun}Name": name})


class SageMakerModelPackageGroup(_SageMakerResource):
    type = "AWS::SageMaker::ModelPackageGroup"
    noun, api = "ModelPackageGroup", "model_package_group"
    name_property = "ModelPackageGroupName"
    max_name = 63
    keeps_data = True

    def delete(self, cloud: Cloud, physical: Physical, properties: Properties) -> None:
        # Not in moto's API, so this goes to its backend; deploying imports this module without it.
        from moto.sagemaker.models import sagemaker_backends

        backend = sagemaker_backends[cloud.account_id][cloud.region]
        name = physical.attributes["ModelPackageGroupName"]
        held = [
            package
            for package in backend.model_packages.values()
            if package.model_package_group_name == name
        ]
        if held:
            raise ValueError(f"it holds {len(held)} model packages; delete them first")
        backend.model_package_groups.pop(name)


class SageMakerModel(_SageMakerResource):
    type = "AWS::SageMaker::Model"
    noun, api = "Model", "model"
    name_property = "ModelName"
    max_name = 63


class SageMakerEndpointConfig(_SageMakerResource):
    type = "AWS::SageMaker::EndpointConfig"
    noun, api = "EndpointConfig", "endpoint_config"
    name_property = "EndpointConfigName"
    max_name = 63


class SageMakerEndpoint(_SageMakerResource):
    type = "AWS::SageMaker::Endpoint"
    noun, api = "Endpoint", "endpoint"
    name_property = "EndpointName"
    max_name = 63

    def update(
        self, cloud: Cloud, physical: Physical, old: Properties, new: Properties
    ) -> Physical:
        cloud.client("sagemaker").update_endpoint(
            EndpointName=physical.attributes["EndpointName"],
            EndpointConfigName=new["EndpointConfigName"],
        )
        return physical


HANDLERS: tuple[ResourceHandler, ...] = (
    SageMakerModelPackageGroup(),
    SageMakerModel(),
    SageMakerEndpointConfig(),
    SageMakerEndpoint(),
)
