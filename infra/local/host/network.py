"""What lies between regions: distances, and a switch that cuts a region off.

A file says so, which its user changes while the cloud runs.
"""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import BaseModel, ConfigDict

from infra.local.host.changed_while_running import ChangedWhileRunning
from infra.local.host.settings import LocalSettings
from stratos.moment import now
from stratos.planning.forecast.network import round_trip_ms


class NetworkCall(BaseModel):
    """A call, or a kind of calls, by which a moment can be named."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    origin: str
    """Region that it comes from; empty for outside."""
    region: str
    """Where it goes."""
    service: str = ""
    """As boto3 names it; of a kind, empty for any service."""
    operation: str = ""
    """The same."""
    key: str = ""
    """Of a call to S3; of a kind, what the key begins with."""

    def is_of(self, kind: NetworkCall) -> bool:
        return (
            (self.origin, self.region) == (kind.origin, kind.region)
            and kind.service in ("", self.service)
            and kind.operation in ("", self.operation)
            and self.key.startswith(kind.key)
        )


class _File(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    cut: frozenset[str] = frozenset()
    cut_at: Mapping[str, tuple[NetworkCall, ...]] = {}
    """By region, the calls at the first of which it is cut off."""
    lost: Mapping[str, float] = {}
    """By region, Unix seconds of when all that ran there was lost."""
    round_trips_ms: Mapping[str, float] = {}
    """Between two regions, `us-east-1 eu-west-1` in either order, in place of what is estimated."""


class RegionNetwork:
    """Whether a region can be reached from another one, and how far it is."""

    def __init__(self, settings: LocalSettings) -> None:
        self._file = ChangedWhileRunning(settings.network_file, _File)
        # A cloud of one region is all in one place.
        self._scale = settings.distance_scale if len(settings.regions) > 1 else 0.0

    def reaches(self, origin: str, region: str) -> bool:
        """Whether calls get through; an empty origin is outside of every region."""
        return origin == region or not self._file.read().cut & {origin, region}

    def seconds(self, origin: str, region: str) -> float:
        """What a call takes longer for its distance; from outside, nothing."""
        if not (self._scale and origin) or origin == region:
            return 0.0
        given = self._file.read().round_trips_ms
        either = (given.get(f"{origin} {region}"), given.get(f"{region} {origin}"))
        found = next((one for one in either if one is not None), None)
        trip = round_trip_ms(origin, region) if found is None else found
        return trip / 1000 * self._scale

    def cut_off(self) -> list[str]:
        """The regions that are cut off."""
        return sorted(self._file.read().cut)

    def cut(self, region: str, *, lose_jobs: bool = False) -> None:
        """From now on, nothing gets into a region or out of it.

        Args:
            lose_jobs: What runs there is gone, too.
        """
        found = self._file.read()
        changes: dict[str, object] = {"cut": found.cut | {region}}
        if lose_jobs:
            changes["lost"] = {**found.lost, region: now().timestamp()}
        self._file.write(found.model_copy(update=changes))

    def cut_at(self, region: str, *calls: NetworkCall) -> None:
        """Cut a region off when one of some calls is next made, which is the first to find it so.

        Until then `awaits_call`, which tells that none of them was made.
        """
        found = self._file.read()
        self._file.write(found.model_copy(update={"cut_at": {**found.cut_at, region: calls}}))

    def awaits_call(self) -> bool:
        """Whether a region is to be cut off at a call."""
        return bool(self._file.read().cut_at)

    def notice(self, call: NetworkCall) -> None:
        """Cut off whatever was to be cut off at this call."""
        for region, kinds in self._file.read().cut_at.items():
            if any(call.is_of(kind) for kind in kinds):
                self.cut(region)
                found = self._file.read()
                left = {one: at for one, at in found.cut_at.items() if one != region}
                self._file.write(found.model_copy(update={"cut_at": left}))

    def mend(self, region: str) -> None:
        """From now on, the region is reached again."""
        found = self._file.read()
        left = {one: at for one, at in found.cut_at.items() if one != region}
        self._file.write(found.model_copy(update={"cut": found.cut - {region}, "cut_at": left}))

    def lost_at(self, region: str) -> float:
        """Unix seconds: what began there before is gone. 0 where nothing was ever lost."""
        return self._file.read().lost.get(region, 0.0)

    def set_round_trip(self, one: str, other: str, milliseconds: float) -> None:
        """From now on, two regions are so far from each other."""
        found = self._file.read()
        trips = {**found.round_trips_ms, f"{one} {other}": milliseconds}
        trips.pop(f"{other} {one}", None)
        self._file.write(found.model_copy(update={"round_trips_ms": trips}))
