"""What survives a restart of the embedded cloud, kept under `state_dir/saved`.

Saved: stacks (as template and parameters; they are made again, under the same names), bucket
contents with their versions, table items, parameters, secrets, schedules, SageMaker models,
endpoints, components and model packages, and what scales a fleet. Not saved: jobs, logs, messages
in queues. A save is whole; objects, items and executions that came after it are in a journal. An
execution that was running is reported as aborted once the cloud is up again, so that its clean-up
happens; one that had not left its first state begins again. What was promised and not done (an
event to deliver, a function to invoke) is done then.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from pathlib import Path
from threading import Lock
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from infra.local.cloudformation.stack_resources import CHANGING
from infra.local.events.scheduler import FIRING
from infra.local.host.clients import Cloud, cloud_at, make_bucket
from infra.local.host.outbox import OUTBOX, Errand
from infra.local.host.settings import LocalSettings
from infra.local.iam.sessions import region_of
from infra.local.saved.acknowledged import STOPPED, AcknowledgedChanges
from infra.local.saved.encoding import decode, encode
from infra.local.saved.hosting_kinds import Records, forget_deleted
from infra.local.saved.journal import Journal
from infra.local.saved.kinds import SAVED_KINDS, SavedKind, forget_fired, put_item
from infra.local.saved.objects import (
    SavedBodies,
    blobs_of,
    put_key,
    restore_objects,
    saved_objects,
)
from infra.local.stepfunctions.executions import (
    STATUS,
    aborted_event,
    has_begun,
    running_executions,
)

log = logging.getLogger(__name__)

FORMAT = 2
_OF_ONE_REGION = 1
"""The format before there were regions."""
_LONGEST_REASON = 1000
_LOOKS = 3
"""At what there is of a kind, before a save fails."""


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
        self._journal = Journal(self._directory)
        self._damaged_lines: list[str] = []
        self._aside: Path | None = None
        """Where the next save keeps what it would delete."""
        self._saving = Lock()

    def acknowledging(self, changed: Callable[[], None]) -> AcknowledgedChanges:
        """What keeps changes between two saves; `save` has to be called after it watches."""
        return AcknowledgedChanges(self._journal, self._bodies, changed, self._home)

    def save(self, cause: str = STOPPED) -> None:
        """Replace what was saved before; an interruption leaves the older state whole.

        Args:
            cause: Of the end of executions that run now, should this be the last save.
        """
        with self._saving:
            # Not its parents: a state directory that was deleted is not made again.
            self._directory.mkdir(exist_ok=True)
            # First, so that no change is in neither.
            number = self._journal.begin()
            # Before executions: an errand that starts one is open until that one is noted.
            errands = [errand.as_json() for errand in OUTBOX.open()]
            running = running_executions()
            state: dict[str, Any] = {
                "format": FORMAT,
                "journal": number,
                "stacks": self._stacks(),
                "buckets": saved_objects(self._bodies),
                "records": {region: self._records(region) for region in self._regions},
                "aborted": [aborted_event(one, cause) for one in running],
                "unbegun": [one.exec_arn for one in running if not has_begun(one)],
                "errands": errands,
            }
            draft = self._file.with_suffix(".new")
            draft.write_text(json.dumps(state, default=encode))
            if self._aside is not None:  # before the next start takes this state for whole
                with self._journal.lock:
                    self._journal.put_aside(number, self._aside)
                    self._bodies.put_aside(self._used(state), self._aside)
                self._aside = None
            draft.replace(self._file)
            self._journal.forget_before(number)
            # In this order: a content of a later line may be there already.
            with self._journal.lock:
                self._bodies.forget_all_but(self._used(state))

    def _used(self, state: dict[str, Any]) -> frozenset[str]:
        """The contents that this state or a later line names."""
        return self._journal.blobs | set(blobs_of(state["buckets"]))

    def close(self) -> None:
        self._journal.close()

    @property
    def damaged(self) -> list[str]:
        """What was cut or gone when it was restored, in words: contents of objects, and changes."""
        return [*self._damaged_lines, *self._bodies.damaged]

    def restore(self) -> None:
        """Make again what was saved; without a saved state, do nothing.

        Raises:
            RestoreError: A part cannot be made; what is saved is left as it is.
        """
        try:
            self._restore_saved()
        except (RestoreError, MemoryError):
            raise
        except (ClientError, BotoCoreError, OSError) as error:
            raise RestoreError(self._advice(str(error))) from error
        except Exception as error:  # of any kind: of a damaged file anything may be wrong
            told = f"it is damaged ({type(error).__name__}: {error})"
            raise RestoreError(self._advice(told)) from error

    def _restore_saved(self) -> None:
        state = self._read()
        if self._journal.damaged:
            self._aside = self._directory / "damaged"
            told = f"is lost; the file, and contents that nothing names, are kept in {self._aside}"
            self._damaged_lines = [f"{line} {told}" for line in self._journal.damaged]
        if state is None:
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
        self._restore(state)

    def _read(self) -> dict[str, Any] | None:
        """The last whole save, with what was acknowledged after it; None where nothing is saved."""
        try:
            state: dict[str, Any] = json.loads(self._file.read_text(), object_hook=decode)
        except FileNotFoundError:
            return self._replayed(_nothing()) if any(self._journal.read(0)) else None
        except (ValueError, OSError) as error:
            raise RestoreError(
                self._advice(f"{self._file.name} cannot be read ({error})")
            ) from error
        if not isinstance(state, dict) or "format" not in state:
            raise RestoreError(self._advice(f"{self._file.name} is no saved state"))
        return self._replayed(state) if state["format"] == FORMAT else state

    def _replayed(self, state: dict[str, Any]) -> dict[str, Any]:
        aborted = {event["Resources"][0]: event for event in state["aborted"]}
        errands = {errand["id"]: errand for errand in state.get("errands", ())}
        started = {_name_of(arn) for arn in aborted}
        unbegun = set(state.get("unbegun", ()))
        billed = []
        for entry in self._journal.read(state.get("journal", 0)):
            if "object" in entry:
                put_key(state["buckets"], entry["object"])
            elif "item" in entry:
                put_item(state["records"], entry["item"])
            elif "errand" in entry:
                errands[entry["errand"]["id"]] = entry["errand"]
                if entry["errand"]["kind"] == FIRING:
                    forget_fired(state["records"], entry["errand"]["content"])
            elif "resource" in entry:
                billed.append(entry["resource"])
            elif "done" in entry:
                errands.pop(entry["done"], None)
            else:
                arn = entry["execution"]["arn"]
                started.add(_name_of(arn))
                aborted.pop(arn, None)
                unbegun.discard(arn)
                if "aborted" in entry["execution"]:
                    aborted[arn] = entry["execution"]["aborted"]
                    if not entry["execution"].get("has_begun", True):
                        unbegun.add(arn)
        forget_deleted(state["records"], billed)
        for errand in errands.values():
            aborted.pop(_ended_by(errand), None)
        # What has started was delivered, though the process may have died before it said so.
        left = [one for one in errands.values() if _execution_of(one) not in started]
        found = {"aborted": list(aborted.values()), "unbegun": list(unbegun), "errands": left}
        return state | found

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
            [arn] = event["Resources"]
            if arn not in state.get("unbegun", ()) or not self._begins_again(event):
                self._in(region_of(arn)).client("events").put_events(Entries=[event])
        for errand in state.get("errands", ()):
            OUTBOX.take_up(Errand(**errand))

    def _begins_again(self, event: dict[str, Any]) -> bool:
        """Start an execution under the name that it had. Returns whether that was possible."""
        told = json.loads(event["Detail"])
        states = self._in(region_of(told["executionArn"])).client("stepfunctions")
        try:
            states.start_execution(
                stateMachineArn=told["stateMachineArn"], name=told["name"], input=told["input"]
            )
        except ClientError as error:  # such as a machine that is there no more
            log.warning("%s does not begin again: %s", told["executionArn"], error)
            return False
        return True

    def _in(self, region: str | None) -> Cloud:
        """A region; home, where what was saved names none."""
        return self._cloud.in_region(region or self._home)

    def _records(self, region: str) -> dict[str, Any]:
        return {kind.name: _saved(kind, self._in(region)) for kind in SAVED_KINDS}

    def _restore_records(self, records: dict[str, Any], *, before_stacks: bool) -> None:
        for region, of_region in records.items():
            for kind in SAVED_KINDS:
                if kind.before_stacks == before_stacks:
                    kind.restore(self._in(region), of_region.get(kind.name, []))

    def _stacks(self) -> list[dict[str, Any]]:
        with CHANGING:
            return self._stacks_as_they_are()

    def _stacks_as_they_are(self) -> list[dict[str, Any]]:
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
                        if resource["ResourceType"] == "AWS::S3::Bucket"
                    ],
                }
            )
        return saved

    def _advice(self, problem: str) -> str:
        return (
            f"the saved state in {self._directory} cannot be restored: "
            f"{problem[:_LONGEST_REASON]}. Move that directory away to start with an empty cloud"
        )


def _saved(kind: SavedKind, cloud: Cloud) -> Records:
    """What there is of a kind; looked at again where something was deleted while it was read."""
    for _ in range(_LOOKS - 1):
        try:
            return kind.save(cloud)
        except ClientError as error:
            log.warning("%s are looked at again: %s", kind.name, error)
    return kind.save(cloud)


def _regions_of(state: dict[str, Any]) -> set[str]:
    """The regions in which something was; those of before name none."""
    placed = (*state["stacks"], *state["buckets"].values())
    return {one["region"] for one in placed if "region" in one}


def _name_of(execution_arn: str) -> str:
    return execution_arn.rpartition(":")[2]


def _execution_of(errand: dict[str, Any]) -> str | None:
    """The name of the execution that an errand would start, if it would start one."""
    name: str | None = errand["content"].get("execution_name")
    return name


def _ended_by(errand: dict[str, Any]) -> str:
    """The execution whose own end an errand tells; empty where it tells none."""
    if errand["kind"] != STATUS:
        return ""
    detail = json.loads(errand["content"]["Detail"])
    return "" if detail["status"] == "RUNNING" else str(detail["executionArn"])


def _nothing() -> dict[str, Any]:
    """The state of a cloud that was killed before its first save."""
    empty: dict[str, Any] = {"stacks": [], "buckets": {}, "records": {}, "aborted": []}
    return empty | {"format": FORMAT}
