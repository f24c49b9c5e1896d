"""What survives a restart of the embedded cloud, kept under `state_dir/saved`.

Saved: stacks (as template and parameters; they are made again, under the same names), bucket
contents with their versions, table items, parameters, secrets, schedules, SageMaker models,
endpoints, components and model packages, and what scales a fleet. Not saved: jobs, logs, messages
in queues. An execution that was running is reported as aborted once the cloud is up again, so that
its clean-up happens.
"""

from __future__ import annotations

import base64
import json
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from infra.local.host.clients import Cloud, cloud_at, make_bucket
from infra.local.host.settings import LocalSettings
from infra.local.iam.sessions import region_of
from infra.local.saved.kinds import SAVED_KINDS
from infra.local.saved.objects import SavedBodies, restore_objects, saved_objects
from infra.local.stepfunctions.executions import aborted_event, running_executions

FORMAT = 2
_OF_ONE_REGION = 1
"""The format before there were regions."""


class RestoreError(RuntimeError):
    """What was saved cannot be made again."""


class SavedState:
    """The saved state of one state directory; both directions need the cloud to be serving."""

    def __init__(self, settings: LocalSettings) -> None:
        self._home = settings.home
        self._regions = settings.regions
        self._cloud = cloud_at(settings.endpoint_url, self._home)
        self._directory = settings.state_dir / "saved"
        self._file = self._directory / "state.json"
        self._bodies = SavedBodies(self._directory / "blobs", settings.objects_dir)

    def save(self) -> None:
        """Replace what was saved before; an interruption leaves the older state whole."""
        self._directory.mkdir(parents=True, exist_ok=True)
        state = {
            "format": FORMAT,
            "stacks": self._stacks(),
            "buckets": saved_objects(self._bodies),
            "records": {region: self._records(region) for region in self._regions},
            "aborted": [
                aborted_event(execution, "the embedded cloud was stopped while it ran")
                for execution in running_executions()
            ],
        }
        draft = self._file.with_suffix(".new")
        draft.write_text(json.dumps(state, default=_encode))
        draft.replace(self._file)
        self._bodies.forget_unused()

    def restore(self) -> None:
        """Make again what was saved; without a saved state, do nothing.

        Raises:
            RestoreError: A part cannot be made; what is saved is left as it is.
        """
        try:
            state = json.loads(self._file.read_text(), object_hook=_decode)
        except FileNotFoundError:
            return
        if state["format"] not in (_OF_ONE_REGION, FORMAT):
            raise RestoreError(self._advice(f"its format is {state['format']}, not {FORMAT}"))
        if state["format"] == _OF_ONE_REGION:
            state["records"] = {self._home: state["records"]}
        if lost := sorted(_regions_of(state) - set(self._regions)):
            raise RestoreError(
                self._advice(
                    f"it has something in {', '.join(lost)}; start it with --regions "
                    f"{','.join((*self._regions, *lost))}"
                )
            )
        try:
            self._restore(state)
        except (ClientError, BotoCoreError, OSError) as error:
            raise RestoreError(self._advice(str(error))) from error

    def _restore(self, state: dict[str, Any]) -> None:
        managed = {name for stack in state["stacks"] for name in stack["buckets"]}
        buckets: dict[str, Any] = state["buckets"]
        for name, bucket in buckets.items():
            if name not in managed:
                make_bucket(self._in(bucket.get("region")), name)
                restore_objects(name, bucket, self._bodies)
        self._restore_records(state["records"], before_stacks=True)
        for stack in state["stacks"]:
            self._in(stack.get("region")).client("cloudformation").create_stack(
                StackName=stack["name"],
                TemplateBody=stack["template"],
                Parameters=stack["parameters"],
                Capabilities=["CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND"],
            )
        for name in managed & buckets.keys():
            restore_objects(name, buckets[name], self._bodies)
        self._restore_records(state["records"], before_stacks=False)
        for event in state["aborted"]:
            region = region_of(event["Resources"][0])
            self._in(region).client("events").put_events(Entries=[event])

    def _in(self, region: str | None) -> Cloud:
        """A region; home, where what was saved names none."""
        return self._cloud.in_region(region or self._home)

    def _records(self, region: str) -> dict[str, Any]:
        return {kind.name: kind.save(self._in(region)) for kind in SAVED_KINDS}

    def _restore_records(self, records: dict[str, Any], *, before_stacks: bool) -> None:
        for region, of_region in records.items():
            for kind in SAVED_KINDS:
                if kind.before_stacks == before_stacks:
                    kind.restore(self._in(region), of_region.get(kind.name, []))

    def _stacks(self) -> list[dict[str, Any]]:
        return [stack for region in self._regions for stack in self._stacks_in(region)]

    def _stacks_in(self, region: str) -> list[dict[str, Any]]:
        cloudformation = self._in(region).client("cloudformation")
        saved = []
        for stack in cloudformation.describe_stacks()["Stacks"]:
            if stack["StackStatus"] not in ("CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_FAILED"):
                continue
            name = stack["StackName"]
            template = cloudformation.get_template(StackName=name)["TemplateBody"]
            resources = cloudformation.describe_stack_resources(StackName=name)["StackResources"]
            saved.append(
                {
                    "name": name,
                    "region": region,
                    "template": template if isinstance(template, str) else json.dumps(template),
                    "parameters": [
                        {key: item[key] for key in ("ParameterKey", "ParameterValue")}
                        for item in stack.get("Parameters", [])
                        if not item["ParameterKey"].startswith("BootstrapVersion")
                    ],
                    "buckets": [
                        resource["PhysicalResourceId"]
                        for resource in resources
                        # moto lists what a condition leaves out, too: without its type.
                        if resource.get("ResourceType") == "AWS::S3::Bucket"
                    ],
                }
            )
        return saved

    def _advice(self, problem: str) -> str:
        return (
            f"the saved state in {self._directory} cannot be restored: {problem}. Move that "
            "directory away to start with an empty cloud"
        )


def _regions_of(state: dict[str, Any]) -> set[str]:
    """The regions in which something was; those of before name none."""
    placed = (*state["stacks"], *state["buckets"].values())
    return {one["region"] for one in placed if "region" in one}


def _encode(value: Any) -> Any:
    if isinstance(value, bytes):
        return {"$bytes": base64.b64encode(value).decode()}
    if hasattr(value, "isoformat"):
        return value.isoformat()
    raise TypeError(f"cannot save {type(value).__name__}")


def _decode(value: dict[str, Any]) -> Any:
    return base64.b64decode(value["$bytes"]) if set(value) == {"$bytes"} else value


__all__ = ["RestoreError", "SavedState"]
