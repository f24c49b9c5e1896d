"""A whole cloud that is started and stopped in this process."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from moto.moto_api._internal.models import moto_api_backend
from moto_cloud import ROLE, Cloud

from infra.local.host.settings import LocalSettings
from infra.local.server import LocalCloud


def make_role(cloud: Cloud) -> None:
    """The role of the tests, which may do anything, in a stack, so that it comes back."""
    services = [f"{name}.amazonaws.com" for name in ("sagemaker", "scheduler", "states")]
    trust = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": services}}
    may = {"Effect": "Allow", "Action": "*", "Resource": "*"}
    version = "2012-10-17"
    role = {
        "RoleName": ROLE.rpartition("/")[2],
        "AssumeRolePolicyDocument": {"Version": version, "Statement": [trust]},
        "Policies": [
            {"PolicyName": "All", "PolicyDocument": {"Version": version, "Statement": [may]}}
        ],
    }
    resources = {"Role": {"Type": "AWS::IAM::Role", "Properties": role}}
    cloud("cloudformation").create_stack(
        StackName="Roles",
        TemplateBody=json.dumps({"Resources": resources}),
        Capabilities=["CAPABILITY_NAMED_IAM"],
    )


@contextmanager
def serving(state_dir: Path, **settings: Any) -> Iterator[Cloud]:
    """A whole cloud in this process, saved at the end, in a moto that knows nothing yet."""
    moto_api_backend.reset()
    local = LocalCloud(LocalSettings(state_dir=state_dir, **settings))
    running = local.start()
    try:
        yield Cloud(running)
    finally:
        local.stop()
