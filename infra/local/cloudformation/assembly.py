"""What `cdk synth` leaves: a manifest, the stacks that it names, and what each needs."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from infra.local.host.settings import ACCOUNT_ID
from stratos.errors import StratosError

_UNKNOWN = ("unknown-account", "unknown-region")


class DeployError(StratosError):
    """The assembly cannot be deployed, or a stack failed; the message names the resource."""


class StackArtifact:
    """One stack artifact of an assembly."""

    def __init__(
        self,
        directory: Path,
        artifact_id: str,
        artifact: Mapping[str, Any],
        asset_files: Sequence[Path],
    ) -> None:
        """`asset_files` list what it needs in the bootstrap bucket of its region."""
        properties = artifact["properties"]
        self.asset_files = asset_files
        self.directory = directory
        self.name: str = properties.get("stackName", artifact_id)
        self.template: dict[str, Any] = json.loads(
            (directory / properties["templateFile"]).read_text()
        )
        self.parameters: dict[str, str] = dict(properties.get("parameters", {}))
        self.bootstrap_version = str(properties.get("requiresBootstrapStackVersion", 6))
        self.bootstrap_parameter: str | None = properties.get("bootstrapStackVersionSsmParameter")
        environment = str(artifact.get("environment", "")).removeprefix("aws://")
        self.account, _, self.region = environment.partition("/")

    def settle(self, regions: Sequence[str]) -> None:
        """Give it a region of a cloud, home if it names none.

        Raises:
            DeployError: It is for another account, or a region that the cloud does not have.
        """
        region = regions[0] if self.region in ("", _UNKNOWN[1]) else self.region
        if self.account not in ("", ACCOUNT_ID, _UNKNOWN[0]) or region not in regions:
            raise DeployError(
                f"stack {self.name} is for account {self.account} in {self.region}; the embedded "
                f"cloud is account {ACCOUNT_ID} in {', '.join(regions)}. Synthesize without an "
                "environment or with one of those, or name the region in --regions"
            )
        self.region = region


def stacks_of(directory: Path) -> Iterator[StackArtifact]:
    """StackArtifact artifacts with every artifact after those it depends on."""
    try:
        manifest = json.loads((directory / "manifest.json").read_text())
    except FileNotFoundError:
        raise DeployError(
            f"{directory} has no manifest.json; synthesize first, and name the output directory"
        ) from None
    artifacts: dict[str, Any] = manifest.get("artifacts", {})
    seen: set[str] = set()

    def visit(artifact_id: str) -> Iterator[StackArtifact]:
        if artifact_id in seen or artifact_id not in artifacts:
            return
        seen.add(artifact_id)
        artifact = artifacts[artifact_id]
        for dependency in artifact.get("dependencies", []):
            yield from visit(dependency)
        if artifact["type"] == "aws:cloudformation:stack":
            needed = [artifacts.get(name, {}) for name in artifact.get("dependencies", [])]
            files = [
                directory / one["properties"]["file"]
                for one in needed
                if one.get("type") == "cdk:asset-manifest"
            ]
            yield StackArtifact(directory, artifact_id, artifact, files)
        elif artifact["type"] == "cdk:cloud-assembly":
            yield from stacks_of(directory / artifact["properties"]["directoryName"])

    for artifact_id in artifacts:
        yield from visit(artifact_id)
