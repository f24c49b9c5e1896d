"""Deploy a synthesized CDK assembly (`cdk.out/`) into a running embedded cloud.

What `cdk deploy` does, with boto3 alone: publish the file assets to the bootstrap bucket of each
region, then create or update each stack in its own. A stack whose template is deployed already is
left alone.
"""

from __future__ import annotations

import json
import logging
import tempfile
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import IO, Any

from botocore.config import Config
from botocore.exceptions import ClientError

from infra.local.cloudformation.assembly import DeployError, StackArtifact, stacks_of
from infra.local.cloudformation.parameters import parameter_problems, rule_problems
from infra.local.cloudformation.template_check import check_template
from infra.local.host.clients import Cloud, make_bucket
from infra.local.host.cloud_key import Credentials
from infra.local.host.settings import ACCOUNT_ID, REGION
from stratos.waiting import every, wait_until

_SETTLED = ("CREATE_COMPLETE", "UPDATE_COMPLETE")
_POLL_SECONDS = 0.1
_EPOCH = (1980, 1, 1, 0, 0, 0)
"""The earliest time a zip can hold: equal content then gives equal bytes."""

log = logging.getLogger(__name__)


def deploy(
    assembly_dir: Path,
    endpoint_url: str,
    caller: Credentials,
    parameters: Mapping[str, str] | None = None,
    regions: Sequence[str] = (REGION,),
) -> dict[str, str]:
    """Deploy every stack of an assembly, dependencies first.

    Args:
        assembly_dir: The directory with `manifest.json`.
        endpoint_url: The running cloud.
        caller: Who deploys.
        parameters: Values of the templates' parameters, in place of their defaults.
        regions: Of the cloud. The first is home, where a stack goes that names none.

    Returns:
        The outputs of its stacks at home by output key.

    Raises:
        DeployError: A stack failed, the parameters do not go together, or as `check_assembly`.
        UnsupportedTemplateError: As `check_assembly`.
    """
    stacks = _checked(assembly_dir, parameters, regions)
    config = Config(retries={"total_max_attempts": 1}, read_timeout=900)
    cloud = Cloud(endpoint_url, config, caller=caller)
    deployments = {region: _Deployment(cloud.in_region(region)) for region in regions}
    for stack in stacks:
        deployments[stack.region].keep_parameters(stack)
        _check_parameters(stack)
        _refuse(stack, rule_problems(stack.template, stack.parameters))
    outputs: dict[str, str] = {}
    for stack in stacks:
        deployments[stack.region].publish_assets(stack)
        given = deployments[stack.region].deploy_stack(stack)
        if stack.region == regions[0]:
            outputs |= given
    return outputs


def check_assembly(
    assembly_dir: Path,
    parameters: Mapping[str, str] | None = None,
    regions: Sequence[str] = (REGION,),
) -> None:
    """Refuse what could not be deployed, without a cloud to deploy it into.

    Raises:
        DeployError: There is no assembly, it is for another environment, no template has such a
            parameter, or one does not take such a value.
        UnsupportedTemplateError: A template needs what the embedded cloud lacks.
    """
    _checked(assembly_dir, parameters, regions)


def _checked(
    assembly_dir: Path, parameters: Mapping[str, str] | None, regions: Sequence[str]
) -> list[StackArtifact]:
    stacks = list(stacks_of(assembly_dir))
    for stack in stacks:
        stack.settle(regions)
    _give(parameters or {}, stacks)
    for stack in stacks:
        _check_parameters(stack)
        check_template(stack.template)
    return stacks


def _check_parameters(stack: StackArtifact) -> None:
    _refuse(stack, parameter_problems(stack.template, stack.parameters))


def _refuse(stack: StackArtifact, problems: Iterable[str]) -> None:
    if found := list(problems):
        raise DeployError(f"stack {stack.name}: {'; '.join(found)}")


class _Deployment:
    """boto3 clients of the region being deployed to."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud
        self._s3 = cloud.client("s3")
        self._ssm = cloud.client("ssm")
        self._cloudformation = cloud.client("cloudformation")

    def publish_assets(self, stack: StackArtifact) -> None:
        """Upload the file assets that are not there yet; their keys are hashes of their content."""
        for manifest_file in stack.asset_files:
            manifest = json.loads(manifest_file.read_text())
            if manifest.get("dockerImages"):
                raise DeployError(
                    f"{manifest_file.name} has image assets, which need Docker; package the code "
                    "as a zip asset instead"
                )
            for asset in manifest.get("files", {}).values():
                for destination in asset["destinations"].values():
                    self._publish(stack.directory, asset["source"], destination)

    def keep_parameters(self, stack: StackArtifact) -> None:
        """Let a parameter that is not given stay what it is, as the `cdk` command does."""
        present = self._describe(stack.name)
        if present is None or present["StackStatus"] == "CREATE_FAILED":
            return
        declared = stack.template.get("Parameters", {})
        former = {
            item["ParameterKey"]: item["ParameterValue"]
            for item in present.get("Parameters", [])
            if "AWS::SSM::" not in declared.get(item["ParameterKey"], {}).get("Type", "AWS::SSM::")
        }
        stack.parameters = former | stack.parameters

    def deploy_stack(self, stack: StackArtifact) -> dict[str, str]:
        """Create the stack, update it, or leave it; then return its outputs."""
        if stack.bootstrap_parameter:
            self._ssm.put_parameter(
                Name=stack.bootstrap_parameter,
                Value=stack.bootstrap_version,
                Type="String",
                Overwrite=True,
            )
        request: dict[str, Any] = {
            "StackName": stack.name,
            "TemplateBody": json.dumps(stack.template),
            "Parameters": [
                {"ParameterKey": key, "ParameterValue": value}
                for key, value in stack.parameters.items()
            ],
        }
        present = self._describe(stack.name)
        if present is not None and present["StackStatus"] not in ("CREATE_FAILED", *_SETTLED):
            log.info("%s is %s; it is updated from there", stack.name, present["StackStatus"])
        if present is not None and present["StackStatus"] == "CREATE_FAILED":
            self._cloudformation.delete_stack(StackName=stack.name)
            present = None
        if present is None:
            self._apply(stack.name, self._cloudformation.create_stack, request)
        elif present["StackStatus"] not in _SETTLED or self._differs(stack, present):
            self._apply(stack.name, self._cloudformation.update_stack, request)
        return {
            output["OutputKey"]: output["OutputValue"]
            for output in self._settled(stack.name).get("Outputs", [])
        }

    def _publish(
        self, directory: Path, source: Mapping[str, str], destination: Mapping[str, str]
    ) -> None:
        bucket, key = (self._filled(destination[name]) for name in ("bucketName", "objectKey"))
        if "path" not in source:
            raise DeployError(f"asset {key} is made by a command, which is not supported")
        self._ensure_bucket(bucket)
        if self._exists(bucket, key):
            return
        path = directory / source["path"]
        if source["packaging"] == "zip" and path.is_dir():
            with tempfile.TemporaryFile() as archive:
                _zip(path, archive)
                archive.seek(0)
                self._s3.put_object(Bucket=bucket, Key=key, Body=archive)
        else:
            with path.open("rb") as content:
                self._s3.put_object(Bucket=bucket, Key=key, Body=content)

    def _filled(self, text: str) -> str:
        """An asset destination with its placeholders filled in."""
        return (
            text.replace("${AWS::AccountId}", ACCOUNT_ID)
            .replace("${AWS::Region}", self._cloud.region)
            .replace("${AWS::Partition}", "aws")
        )

    def _ensure_bucket(self, bucket: str) -> None:
        try:
            self._s3.head_bucket(Bucket=bucket)
        except ClientError:
            make_bucket(self._cloud, bucket)
        # As in AWS, where the bucket of a bootstrapped region keeps versions.
        kept = {"Status": "Enabled"}
        self._s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration=kept)

    def _exists(self, bucket: str, key: str) -> bool:
        try:
            self._s3.head_object(Bucket=bucket, Key=key)
        except ClientError:
            return False
        return True

    def _apply(self, name: str, action: Any, request: Mapping[str, Any]) -> None:
        try:
            action(**request, Capabilities=["CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND"])
        except ClientError as error:
            raise DeployError(f"stack {name}: {error.response['Error']['Message']}") from error

    def _differs(self, stack: StackArtifact, present: Mapping[str, Any]) -> bool:
        deployed = self._cloudformation.get_template(StackName=stack.name)["TemplateBody"]
        if isinstance(deployed, str):
            deployed = json.loads(deployed)
        given = {
            item["ParameterKey"]: item["ParameterValue"] for item in present.get("Parameters", [])
        }
        return deployed != stack.template or any(
            given.get(key) != value for key, value in stack.parameters.items()
        )

    def _describe(self, name: str) -> dict[str, Any] | None:
        try:
            stacks = self._cloudformation.describe_stacks(StackName=name)["Stacks"]
        except ClientError as error:
            if "does not exist" in error.response["Error"]["Message"]:
                return None
            raise
        return dict(stacks[0])

    def _settled(self, name: str) -> dict[str, Any]:
        """The stack once it is no longer in progress."""
        stack = wait_until(
            lambda: self._describe(name),
            lambda found: found is None or not found["StackStatus"].endswith("_IN_PROGRESS"),
            pauses=every(_POLL_SECONDS),
        )
        if stack is None or stack["StackStatus"] not in _SETTLED:
            state = stack["StackStatus"] if stack else "gone"
            raise DeployError(f"stack {name} is {state}")
        return stack


def _give(parameters: Mapping[str, str], stacks: list[StackArtifact]) -> None:
    """Let each stack have the parameters that its template knows."""
    known = {name for stack in stacks for name in stack.template.get("Parameters", {})}
    if unknown := sorted(parameters.keys() - known):
        raise DeployError(
            f"no template has a parameter {', '.join(unknown)}; there are "
            f"{', '.join(sorted(known)) or 'none'}"
        )
    for stack in stacks:
        own = stack.template.get("Parameters", {})
        stack.parameters |= {key: value for key, value in parameters.items() if key in own}


def _zip(directory: Path, archive: IO[bytes]) -> None:
    """Zip a directory so that equal files give equal bytes, whenever and wherever it is done."""
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as zipped:
        for path in sorted(directory.rglob("*")):
            if path.is_file():
                entry = zipfile.ZipInfo(path.relative_to(directory).as_posix(), date_time=_EPOCH)
                mode = 0o755 if path.stat().st_mode & 0o100 else 0o644
                entry.external_attr = (0o100000 | mode) << 16
                entry.compress_type = zipfile.ZIP_DEFLATED
                zipped.writestr(entry, path.read_bytes(), compresslevel=1)


__all__ = ["DeployError", "deploy"]
