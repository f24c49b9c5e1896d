"""Servers that one training job asks for together: SageMaker starts it on the first that is free.

Whichever is selected, the same request runs there: so they share an image, and each comes from a
plan that holds time and budget by itself. `InstancePreferences` excludes managed spot.
"""

from __future__ import annotations

from collections.abc import Iterable

from stratos.catalog.images import image_uri
from stratos.contracts.plan import Server

MOST = 5
"""Preferences that CreateTrainingJob takes."""


def on_demand(server: Server) -> Server:
    """The same server, uninterrupted; its hour has one price: of spot, fewer seconds are billed."""
    return server.model_copy(update={"purchase": "on_demand"})


def preferences(first: Server, others: Iterable[Server]) -> tuple[Server, ...]:
    """What to ask for, best first: a server, and those that may stand in its place.

    Spot stands alone, and each instance type can be named only once.
    """
    if first.purchase == "spot":
        return (first,)
    found = {first.instance_type: first}
    for server in others:
        if server.purchase == "on_demand" and _image(server) == _image(first):
            found.setdefault(server.instance_type, server)
    return tuple(found.values())[:MOST]


def _image(server: Server) -> str | None:
    """What a job runs on a server, which names its region; None where AWS offers nothing."""
    try:
        return image_uri("training", server.region, server.instance_type)
    except ValueError:
        return None
