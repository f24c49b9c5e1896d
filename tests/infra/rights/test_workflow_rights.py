"""What the state machine may do."""

from __future__ import annotations

import json

from tests.infra.policies import listed, statements


def test_the_state_machine_may_look_at_the_tags_of_all_that_it_tags(template):
    role = list(statements(template, "WorkflowRole"))
    (listing,) = (s for s in role if "sagemaker:ListTags" in listed(s["Action"]))
    tagged = {
        json.dumps(arn)
        for s in role
        if "sagemaker:AddTags" in listed(s["Action"])
        for arn in listed(s["Resource"])
    }
    assert {json.dumps(arn) for arn in listed(listing["Resource"])} == tagged


def test_the_state_machine_calls_exactly_the_functions_of_its_states(template, module_of):
    (invoke,) = (
        s
        for s in statements(template, "WorkflowRole")
        if listed(s["Action"]) == ["lambda:InvokeFunction"]
    )
    called = {f"<{arn['Fn::GetAtt'][0]}.Arn>" for arn in listed(invoke["Resource"])}
    assert called == {
        item for item, module in module_of.items() if module not in ("sweep", "tell_webhooks")
    }
