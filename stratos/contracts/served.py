"""`served/<spec>.json`: where a model that is served in other regions than home's alone answers.

It is written once, at home, when every region is ready: until then clients ask what the former
record names, and from then on what this one does. The client keeps it for `SERVED_RECORD_SECONDS`,
and what the former record names is deleted `DRAIN_SECONDS` later.
"""

from __future__ import annotations

from stratos.frozen import FrozenModel
from stratos.moment import Moment
from stratos.spec import ModeName

SERVED_RECORD_SECONDS = 60
"""The longest that a client uses a record without reading it again."""
DRAIN_SECONDS = 300
"""That the endpoints of a former record go on answering after there is another."""


class ServedRegion(FrozenModel):
    """One endpoint of a model."""

    region: str
    endpoint_name: str
    endpoint_config_name: str
    model_name: str
    mode: ModeName
    component: str | None = None
    """The inference component that answers, if one does."""
    origins: tuple[str, ...] = ()
    """Whose requests it is measured for: those that it is planned for."""
    usd_per_hour: float | None = None


class ServedOrigin(FrozenModel):
    """Requests from one region, and who answers them."""

    origin: str
    """Region that they come from."""
    region: str
    """Of the endpoint that is planned to answer."""
    network_ms: float
    """Round trip between the two, as the planner knows it."""
    p95_ms: float | None
    """Measured in the endpoint's region, with the round trip added; None where nothing was
    answered."""
    requests_per_second: float


class Served(FrozenModel):
    """A model in service, in every region that serves it.

    A spec that has had a record keeps one: a model that home alone serves then is in it, too.
    """

    format_version: int = 1
    spec_name: str
    spec_key: str
    run_id: str
    generation: int
    """Counts the promotions of a spec since its record was last withdrawn, from 1. Of two records
    the one that was promoted later is the valid one."""
    promoted_at: Moment
    expires_at: Moment | None
    """When its endpoints are deleted; None: they are kept."""
    home: str
    regions: tuple[ServedRegion, ...]
    origins: tuple[ServedOrigin, ...] = ()
    former: tuple[ServedRegion, ...] = ()
    """What answered before, until `DRAIN_SECONDS` after `promoted_at`."""
