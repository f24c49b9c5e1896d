"""What is deployed: the stacks of a synthesized folder, each with its template and archives.

The folder is one that the CDK wrote, or the part of it that travels in the installed package. Its
template expects the CDK's own bucket, which only `cdk bootstrap` makes; here it is given one that
the deployment makes.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import stratos
from stratos.errors import NothingToDeploy
from stratos.hosting.names import StackNames
from stratos.hosting.ownership import STACK_TAG

_CDK_BUCKET = "cdk-hnb659fds-assets-"
_CDK_CHECKS = {"Parameters": "BootstrapVersion", "Rules": "CheckBootstrapVersion"}
_OF_THE_CDK = ("cdk-hnb659fds-", "/cdk-bootstrap/")
_ANYWHERE = "unknown-region"
_NAMED = ("RoleName", "ManagedPolicyName", "UserName", "GroupName")


@dataclass(frozen=True)
class Archive:
    """A file that functions or jobs read; its key is a hash of its content."""

    path: Path
    key: str


@dataclass(frozen=True)
class BuiltStack:
    """One stack, ready to be deployed.

    Attributes:
        owner: The home stack that it belongs to, which may be itself.
        region: Empty for one that may be deployed anywhere.
        template: Without anything of the CDK's.
    """

    name: str
    owner: str
    region: str
    template: Mapping[str, Any]
    archives: tuple[Archive, ...]
    tags: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_home(self) -> bool:
        return self.name == self.owner

    @cached_property
    def template_text(self) -> str:
        return json.dumps(self.template, separators=(",", ":"))

    @property
    def capabilities(self) -> list[str]:
        """What CloudFormation wants acknowledged: that it makes roles, or roles of given names."""
        properties = [one.get("Properties", {}) for one in self.template["Resources"].values()]
        named = any(name in one for one in properties for name in _NAMED)
        return ["CAPABILITY_NAMED_IAM" if named else "CAPABILITY_IAM"]


def asset_bucket_name(owner: str, account: str, region: str) -> str:
    """The bucket that a stack's archives and template are read from, one in each region."""
    return f"{_bucket_start(owner)}{account}-{region}"


def built_folder() -> Path:
    """The folder that the package brought, or the one that `make synth` wrote in a clone.

    Raises:
        NothingToDeploy: there is neither.
    """
    package = Path(stratos.__file__).parent
    for folder in (package / "assembly", package.parent / "cdk.out"):
        if (folder / "manifest.json").exists():
            return folder
    raise NothingToDeploy(
        f"{package.parent} holds no synthesized stack; run `make synth` in the clone, install the "
        "built package, or name a folder with --assembly"
    )


def read_stacks(folder: Path, name: str | None = None) -> list[BuiltStack]:
    """The home stack of a folder, then those of its worker regions.

    Args:
        name: Of the home stack; None for the only one.

    Raises:
        NothingToDeploy: The folder holds no such stack, or one that needs the CDK's command.
    """
    try:
        artifacts = json.loads((folder / "manifest.json").read_text())["artifacts"]
    except (FileNotFoundError, NotADirectoryError):
        raise NothingToDeploy(
            f"{folder} has no manifest.json, so nothing was synthesized into it; name a folder "
            "that `python -m infra.app --out FOLDER` or `npx cdk synth -o FOLDER` wrote"
        ) from None
    stacks = [
        _read_stack(folder, artifact_id, artifacts)
        for artifact_id, artifact in artifacts.items()
        if artifact["type"] == "aws:cloudformation:stack"
    ]
    return _of_one_owner(folder, stacks, name)


def _of_one_owner(folder: Path, stacks: list[BuiltStack], name: str | None) -> list[BuiltStack]:
    owners = sorted({stack.owner for stack in stacks})
    if not owners or (name is None and len(owners) > 1):
        told = f"the stacks {', '.join(owners)}; say which with --stack NAME" if owners else "none"
        raise NothingToDeploy(f"one home stack is deployed at a time, and {folder} holds {told}")
    owner = owners[0] if name is None else name
    if owner not in owners:
        raise NothingToDeploy(
            f"{folder} was synthesized for the stack {', '.join(owners)}, whose name begins the "
            f"names of all that it makes, and not for {owner}. In a clone run `.venv/bin/python -m "
            f"infra.app --out cdk.{owner} -c stratos:stack={owner}`, then `stratos --stack {owner} "
            f"deploy --assembly cdk.{owner}`"
        )
    return sorted((s for s in stacks if s.owner == owner), key=lambda s: (not s.is_home, s.region))


def _read_stack(folder: Path, artifact_id: str, artifacts: Mapping[str, Any]) -> BuiltStack:
    artifact = artifacts[artifact_id]
    properties = artifact["properties"]
    name = properties.get("stackName", artifact_id)
    tags = properties.get("tags", {})
    owner = tags.get(STACK_TAG, name)
    text = (folder / properties["templateFile"]).read_text()
    needed = [artifacts.get(dependency, {}) for dependency in artifact.get("dependencies", ())]
    manifests = [
        folder / one["properties"]["file"]
        for one in needed
        if one.get("type") == "cdk:asset-manifest"
    ]
    region = artifact.get("environment", "").rpartition("/")[2]
    return BuiltStack(
        name=name,
        owner=owner,
        region="" if region == _ANYWHERE else region,
        template=_without_the_cdk(name, text, owner),
        archives=tuple(sorted(_archives(folder, manifests), key=lambda archive: archive.key)),
        tags=tags,
    )


def _without_the_cdk(name: str, text: str, owner: str) -> dict[str, Any]:
    """The template with the deployment's bucket in place of the CDK's."""
    template: dict[str, Any] = json.loads(text.replace(_CDK_BUCKET, _bucket_start(owner)))
    for section, check in _CDK_CHECKS.items():
        template.get(section, {}).pop(check, None)
        if not template.get(section, True):
            del template[section]
    left = [word for word in _OF_THE_CDK if word in json.dumps(template)]
    if left:
        raise NothingToDeploy(
            f"the template of {name} refers to {', '.join(left)}, which `cdk bootstrap` makes; "
            "deploy it with `npx cdk deploy`"
        )
    return template


def _archives(folder: Path, manifests: list[Path]) -> set[Archive]:
    """The files that functions and jobs read. Of the template, which is listed as well, none."""
    found = set()
    for manifest in manifests:
        content = json.loads(manifest.read_text())
        for asset in content.get("files", {}).values():
            path = folder / asset["source"].get("path", "")
            if path.name.endswith(".template.json"):
                continue
            if content.get("dockerImages") or not path.is_file():
                raise NothingToDeploy(
                    f"{manifest} lists an image, a folder or a command, and a deployment takes "
                    "archives alone; deploy it with `npx cdk deploy`"
                )
            keys = {one["objectKey"] for one in asset["destinations"].values()}
            found |= {Archive(path, key) for key in keys}
    return found


def _bucket_start(owner: str) -> str:
    return f"{StackNames(owner).prefix}-assets-"
