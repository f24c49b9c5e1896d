"""Change sets as CloudFormation has them: what would change, then the change, with its events.

Stock moto knows actions only, applies a change within the call that asks for it, leaves a stack
that failed as if it had not, and does not know termination protection.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Collection, Iterator, Mapping
from typing import Any
from urllib.parse import urlparse

from moto.cloudformation import models, responses
from moto.cloudformation.exceptions import ValidationError
from moto.core.responses import ActionResult

from infra.local.cloudformation.parameters import parameter_problems, rule_problems
from infra.local.cloudformation.resources import HANDLERS
from infra.local.cloudformation.stack_resources import (
    CHANGING,
    KEPT,
    delete_resources,
    remember_outputs,
    told_of,
    update_resources,
)
from infra.local.host.patching import Patches
from infra.local.host.settings import LocalSettings

_NO_CHANGES = (
    "The submitted information didn't contain changes. Submit different information to create a "
    "change set."
)
_REVIEWED = "REVIEW_IN_PROGRESS"


class ResourceChange(models.Change):  # type: ignore[misc]
    """One resource of a change set, with the fields of the API that moto lacks."""

    def __init__(
        self,
        action: str,
        logical_id: str,
        new: Any,
        old: Any,
        physical: str | None = None,
        parameters: Collection[str] = (),
    ) -> None:
        super().__init__(action, logical_id, (new or old)["Type"])
        self.physical_resource_id = physical
        self.policy_action = _policy_action(action, old)
        self.replacement = None if action != "Modify" else _replacement(new, old, parameters)
        self.scope = ["Properties"] if action == "Modify" else []
        self.details: list[Any] = []


class ChangeSets:
    """What is patched for change sets, and the changes that are under way."""

    def __init__(self, patches: Patches) -> None:
        self._patches = patches
        self._threads: list[threading.Thread] = []

    def install(self, settings: LocalSettings) -> None:
        replace = self._patches.replace
        backend = models.CloudFormationBackend

        def create(backend: Any, stack_name: str, *args: Any, **named: Any) -> tuple[str, str]:
            return _create(original_create, backend, stack_name, *args, **named)

        def execute(backend: Any, change_set_name: str, stack_name: str | None = None) -> None:
            self._execute(backend, change_set_name)

        def delete(backend: Any, name_or_id: str) -> None:
            _delete(original_delete, backend, name_or_id)

        def template_at(response: Any, url: str) -> str:
            return _template_at(original_template_at, settings, response, url)

        original_create = replace(backend, "create_change_set", create)
        replace(backend, "execute_change_set", execute)
        original_delete = replace(backend, "delete_stack", delete)
        replace(backend, "list_stack_resources", _resources_of)
        replace(models.ChangeSet, "_parse_template", _parse)
        replace(models.ChangeSet, "diff", _differences)
        replace(models.Stack, "stack_parameters", property(_given_parameters))
        api = responses.CloudFormationResponse

        def check_update(response: Any, *args: Any) -> None:
            """That nothing changes is an error of UpdateStack's, and a change set's status."""
            if response._get_param("ChangeSetName") is None:
                original_check(response, *args)

        original_check = replace(api, "_validate_different_update", check_update)
        original_template_at = replace(api, "_get_stack_from_s3_url", template_at)
        replace(api, "list_change_sets", _of_a_stack)
        operation = "update_termination_protection"
        # Another cloud of this process may have added it.
        put = replace if hasattr(api, operation) else self._patches.add
        put(api, operation, _update_protection)

    def close(self) -> None:
        """Wait for the changes that are under way."""
        for thread in self._threads:
            thread.join()

    def _execute(self, backend: Any, name: str) -> None:
        """Begin to apply a change set, and return, as CloudFormation does."""
        change_set = backend.describe_change_set(name)
        if change_set.execution_status != "AVAILABLE":
            raise ValidationError(
                message=f"ChangeSet [{change_set.change_set_id}] cannot be executed in its current "
                f"execution status of [{change_set.execution_status}]"
            )
        stack = backend.stacks[change_set.stack_id]
        change_set.execution_status = "EXECUTE_IN_PROGRESS"
        remember_outputs(stack)
        stack.status = f"{change_set.change_set_type}_IN_PROGRESS"
        stack._add_stack_event(stack.status, resource_status_reason="User Initiated")
        self._threads = [thread for thread in self._threads if thread.is_alive()]
        thread = threading.Thread(target=_apply, args=(change_set, stack), name=f"change {name}")
        self._threads.append(thread)
        thread.start()


def _create(
    original: Any, backend: Any, stack_name: str, *args: Any, **named: Any
) -> tuple[str, str]:
    """Make a change set; for a stack that is only reviewed, in place of its shell."""
    shells = [
        stack
        for stack in backend.stacks.values()
        if stack.name == stack_name and stack.status == _REVIEWED
    ]
    for shell in shells:
        del backend.stacks[shell.stack_id]
    creates = named["change_set_type"] == "CREATE"
    if creates and any(stack.name == stack_name for stack in backend.stacks.values()):
        raise ValidationError(
            message=f"Stack [{stack_name}] already exists and cannot be created again with the "
            f"changeSet [{named['change_set_name']}]."
        )
    _check_parameters(named["template"], named["parameters"])
    change_set_id, stack_id = original(backend, stack_name, *args, **named)
    change_set = backend.change_sets[change_set_id]
    unchanged = not creates and not change_set.changes and not _outputs_differ(change_set)
    change_set.status = "FAILED" if unchanged else "CREATE_COMPLETE"
    change_set.execution_status = "UNAVAILABLE" if unchanged else "AVAILABLE"
    change_set.status_reason = _NO_CHANGES if unchanged else None
    return change_set_id, stack_id


def _check_parameters(text: str, given: Mapping[str, str]) -> None:
    """Refuse what the template's parameters and rules do, before anything is changed."""
    template = models.Stack.parse_template(text)
    if unknown := sorted(given.keys() - template.get("Parameters", {}).keys()):
        raise ValidationError(
            message=f"Parameters: [{', '.join(unknown)}] do not exist in the template"
        )
    problems = [*parameter_problems(template, given), *rule_problems(template, given)]
    if problems:
        raise ValidationError(message="; ".join(problems))


def _outputs_differ(change_set: Any) -> bool:
    new, old = change_set.template_dict, _as_given(change_set.stack)
    return bool(new.get("Outputs") != old.get("Outputs"))


def _delete(original: Any, backend: Any, name_or_id: str) -> None:
    """Delete a stack. One that cannot be deleted stays, and says why in its events."""
    found = [s for s in backend.stacks.values() if name_or_id in (s.name, s.stack_id)]
    for stack in found:
        if stack.enable_termination_protection:
            raise ValidationError(
                message=f"Stack [{stack.name}] cannot be deleted while TerminationProtection is "
                "enabled"
            )
        stack.left = _left_by(stack)
        try:
            with told_of(_event_of(stack, "DELETE")):
                original(backend, stack.stack_id)
        except ValidationError as error:
            backend.stacks[stack.stack_id] = stack
            stack.status = "DELETE_FAILED"
            stack._add_stack_event("DELETE_FAILED", resource_status_reason=error.message)


def _left_by(stack: Any) -> list[Any]:
    """The resources that outlive a stack."""
    declared, made = _as_given(stack).get("Resources", {}), stack.resource_map._parsed_resources
    return [
        made[name]
        for name, one in declared.items()
        if one.get("DeletionPolicy") in KEPT and made.get(name) is not None
    ]


def _resources_of(backend: Any, name_or_id: str) -> tuple[Any, list[Any]]:
    """Those of a stack. Of a deleted one, stock moto would make them again."""
    stack = backend.get_stack(name_or_id)
    gone = stack.status == "DELETE_COMPLETE"
    return stack, stack.left if gone else list(stack.stack_resources)


def _apply(change_set: Any, stack: Any) -> None:
    """Bring a stack to a change set, or back to what it was."""
    with CHANGING:
        _apply_alone(change_set, stack)


def _apply_alone(change_set: Any, stack: Any) -> None:
    verb = change_set.change_set_type
    before = (stack.template, stack.template_dict, dict(stack.resource_map.input_parameters))
    wanted = (change_set.template, change_set.template_dict, change_set.parameters)
    try:
        _bring(stack, wanted, verb)
    except Exception as error:
        reason = getattr(error, "message", str(error))
        rolling = "ROLLBACK" if verb == "CREATE" else "UPDATE_ROLLBACK"
        stack.status = f"{rolling}_IN_PROGRESS"
        stack._add_stack_event(stack.status, resource_status_reason=reason)
        change_set.execution_status = "EXECUTE_FAILED"
        stack.status = _roll_back(stack, before, rolling)
    else:
        change_set.execution_status = "EXECUTE_COMPLETE"
        stack.status = f"{verb}_COMPLETE"
    stack._add_stack_event(stack.status)


def _bring(stack: Any, wanted: tuple[Any, Any, Any], verb: str) -> None:
    text, template, parameters = wanted
    resources = stack.resource_map
    with told_of(_event_of(stack, verb)):
        if verb == "CREATE":
            resources.input_parameters = parameters
            resources._template = template
            resources._resource_json_map = template["Resources"]
            resources.load()
            resources.create(template)
        else:
            update_resources(resources, template, parameters)
    stack.template, stack.template_dict, stack.parameters = text, template, parameters
    stack.description = template.get("Description")
    stack.output_map = stack._create_output_map()


def _roll_back(stack: Any, before: tuple[Any, Any, Any], rolling: str) -> str:
    """Undo what was done, and return the status that this ends in."""
    try:
        if rolling == "ROLLBACK":
            with told_of(_event_of(stack, "DELETE")):
                delete_resources(stack.resource_map)
        else:
            _bring(stack, before, "UPDATE")
    except Exception as error:
        reason = getattr(error, "message", str(error))
        stack._add_stack_event(f"{rolling}_FAILED", resource_status_reason=reason)
        return f"{rolling}_FAILED"
    return f"{rolling}_COMPLETE"


def _event_of(stack: Any, verb: str) -> Any:
    """A function that adds the event of a resource to a stack's."""

    def add(logical_id: str, kind: str, physical: str, status: str, reason: str | None) -> None:
        stack.events.append(
            models.Event(
                stack_id=stack.stack_id,
                stack_name=stack.name,
                logical_resource_id=logical_id,
                physical_resource_id=physical,
                resource_type=kind,
                resource_status=f"{verb}_{status}",
                resource_status_reason=reason,
                resource_properties=None,
            )
        )

    return add


def _parse(change_set: Any) -> None:
    change_set.template_dict = models.Stack.parse_template(change_set.template)


def _differences(change_set: Any) -> list[ResourceChange]:
    return list(_changes(change_set))


def _changes(change_set: Any) -> Iterator[ResourceChange]:
    """As CloudFormation finds them: from both texts, and the parameters that they refer to."""
    stack = change_set.stack
    old = _as_given(stack).get("Resources", {})
    new = change_set.template_dict["Resources"]
    made = stack.resource_map._parsed_resources
    present = _given_parameters(stack)
    differing = {key for key, value in change_set.parameters.items() if present.get(key) != value}
    for logical_id in sorted(new.keys() | old.keys()):
        before, after = old.get(logical_id), new.get(logical_id)
        physical = getattr(made.get(logical_id), "physical_resource_id", None)
        if before is None:
            yield ResourceChange("Add", logical_id, after, None)
        elif after is None:
            yield ResourceChange("Remove", logical_id, None, before, physical)
        elif before != after or _refers(after, differing):
            yield ResourceChange("Modify", logical_id, after, before, physical, differing)


def _replacement(
    new: Mapping[str, Any], old: Mapping[str, Any], parameters: Collection[str]
) -> str:
    """Whether a changed property means another resource; by a parameter, it may."""
    replaced_by = HANDLERS[new["Type"]].replaced_by if new["Type"] in HANDLERS else frozenset()
    after, before = new.get("Properties", {}), old.get("Properties", {})
    changed = {key for key in {*after, *before} if after.get(key) != before.get(key)}
    if new["Type"] != old["Type"] or changed & replaced_by:
        return "True"
    may_differ = {key for key, value in after.items() if _refers(value, parameters)}
    return "Conditional" if may_differ & replaced_by else "False"


def _refers(value: Any, parameters: Collection[str]) -> bool:
    """Whether a part of a template has one of these parameters in it, conditions aside."""
    text = json.dumps(value)
    return any(f'{{"Ref": "{name}"}}' in text for name in parameters)


def _policy_action(action: str, old: Any) -> str | None:
    if action != "Remove":
        return None
    return "Retain" if old.get("DeletionPolicy") in KEPT else "Delete"


def _as_given(stack: Any) -> dict[str, Any]:
    """A stack's template: what moto parsed it into has since got defaults of moto's."""
    parsed: dict[str, Any] = models.Stack.parse_template(stack.template) if stack.template else {}
    return parsed


def _given_parameters(stack: Any) -> dict[str, str]:
    """The values of a stack's parameters as texts: a list's as it was given."""
    return {item["ParameterKey"]: item["ParameterValue"] for item in stack.parameter_list}


def _template_at(original: Any, settings: LocalSettings, response: Any, url: str) -> str:
    """The template at an address of this cloud, which has the bucket in its path."""
    if not url.startswith(settings.endpoint_url):
        return str(original(response, url))
    address = urlparse(url)
    return str(original(response, f"https://s3.amazonaws.com{address.path}"))


def _of_a_stack(response: Any) -> ActionResult:
    """The change sets of the stack that is named. Stock moto lists those of all."""
    backend = response.cloudformation_backend
    stack = backend.get_stack(response._get_param("StackName"))
    found = [one for one in backend.list_change_sets() if one.stack_id == stack.stack_id]
    return ActionResult({"Summaries": found})


def _update_protection(response: Any) -> ActionResult:
    stack = response.cloudformation_backend.get_stack(response._get_param("StackName"))
    stack.enable_termination_protection = response._get_bool_param("EnableTerminationProtection")
    return ActionResult({"StackId": stack.stack_id})
