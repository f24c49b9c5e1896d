"""The page for whoever reviews a stack of several regions: what it has besides."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from infra.parts.functions import ELSEWHERE_HANDLERS
from infra.review.data_at_rest import stores
from infra.review.page import idle_costs, right, rights, statements_of
from infra.review.resource_policies import resource_policies
from infra.review.template_text import plain

REGIONS_PAGE = "review-regions.md"

_MORE_ROLES = frozenset(f"Functions{handler.id}Role" for handler in ELSEWHERE_HANDLERS)
"""Of functions that a stack without worker regions has not."""
_INTRODUCTION = """\
# For a review of several regions

What a stack has besides if it has [worker regions](deploy.md#several-regions): what its home region
[may do more](#what-home-may-do-besides), and, for each worker region, who may do what there, who is
let in, how data is kept, and what it costs while nobody uses it. The rest is on the
[page of every stack](review.md). `us-east-1` stands for the home region, `eu-west-1` and
`ap-northeast-1` for the workers.

Data of a run leaves its home region for the worker regions that its spec allows
(`constraints.regions`), and no others. Secrets stay at home, and Bedrock is asked there.

Within one account a role's own rights suffice, so nothing at home lets a worker in by name. In turn
a worker's statements cannot name what CloudFormation names at home: they take the bucket by how its
name begins and by its account (`aws:ResourceAccount`), and the key by its alias
(`kms:ResourceAliases`). Whoever may give a key of the home region the alias `alias/stratos` lets
the workers use it.

This page is generated from the synthesized templates by `python -m infra.docs`.
"""
_MORE = """\
## What home may do besides

What reaches into a worker region, and the functions that hand jobs over and bring models into
service in several regions.

| Role | May | On | If | Why |
|---|---|---|---|---|
"""
_KEPT = """\
## Data at rest in a worker region

Nothing outlives the stack: CloudFormation removes the bucket once it is empty, and the key 30 days
after that.

"""


def regions_page(
    home: Mapping[str, Any],
    worker: Mapping[str, Any],
    handlers: Path,
    *,
    regions: tuple[str, ...],
) -> str:
    """`docs/review-regions.md`.

    Args:
        home: Template of a stack that has worker regions.
        worker: Template of one of them.
        regions: The worker regions.

    Raises:
        ValueError: As for `review_page`.
    """
    rows = (
        f"| `{plain(owner)}` {right(plain(owner), statement)}"
        for owner, statement in statements_of(home)
        if plain(owner) in _MORE_ROLES or any(region in str(statement) for region in regions)
    )
    sections = (
        _MORE + "".join(rows),
        rights(worker, handlers).replace("Who may do what", "Who may do what in a worker region"),
        resource_policies(worker),
        _KEPT + stores(worker),
        idle_costs(worker),
    )
    return "\n".join((_INTRODUCTION, *sections))
