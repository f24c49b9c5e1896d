"""Servers that one training job asks for together: SageMaker starts it on the first that is free.

Whichever is selected, the same request runs there: so they share an image and a size of disk, and
each comes from a plan that holds time and budget by itself. `InstancePreferences` excludes
managed spot.
"""

from __future__ import annotations

from collections.abc import Iterable

from stratos.catalog.images import image_uri
from stratos.contracts.plan import Server
from stratos.planning.disk import has_own_disk

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
        if server.purchase == "on_demand" and _setting(server) == _setting(first):
            found.setdefault(server.instance_type, server)
    return tuple(found.values())[:MOST]


def _setting(server: Server) -> tuple[str, str | None, bool]:
    """What one request must say for all: where it is sent, the image, and whether it asks for a
    volume."""
    return server.region, _image(server), has_own_disk(server.instance_type)


def _image(server: Server) -> str | None:
    """What a job runs on a server, which names its region; None where AWS offers nothing."""
    try:
        return image_uri("training", server.region, server.instance_type)
    except ValueError:
        return None
