"""cdk-nag's findings that stay, each with the reason."""

from __future__ import annotations

from aws_cdk import App, Stack


def check_findings(app: App, stack: Stack) -> None:
    """Fail the synthesis on any finding without a reason here."""
