"""Instance types that this cloud has none of, or of which the account may have none.

A file says so, which its user changes while the cloud runs.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Literal, get_args

from pydantic import BaseModel, ConfigDict

from infra.local.host.changed_while_running import ChangedWhileRunning
from infra.local.host.settings import LocalSettings

Use = Literal["training", "spot", "hosting"]
"""On demand for training jobs, spot for them, and endpoints: each has a capacity of its own."""
USES: tuple[Use, ...] = get_args(Use)


class _Lacking(BaseModel):
    """For each use, the instance types of which none is free."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    training: frozenset[str] = frozenset()
    spot: frozenset[str] = frozenset()
    hosting: frozenset[str] = frozenset()


class _OfRegion(_Lacking):
    no_quota: _Lacking = _Lacking()
    """For each use, the instance types of which the account may have none."""


class _File(_OfRegion):
    """What it says outside `regions` is of home: a file of one region has no more."""

    regions: Mapping[str, _OfRegion] = {}


class Capacity:
    """What is free in a region; everything, where nobody has said otherwise."""

    def __init__(self, settings: LocalSettings, region: str = "") -> None:
        """Without a region: of home."""
        self._file = ChangedWhileRunning(settings.capacity_file, _File)
        self._region = None if region in ("", settings.home) else region

    def has(self, instance_type: str, use: Use) -> bool:
        """Whether an instance of a type can be had now."""
        return instance_type not in getattr(self._read(), use)

    def lacking(self) -> Mapping[Use, list[str]]:
        """For each use, the instance types of which none is free."""
        found = self._read()
        return {use: sorted(getattr(found, use)) for use in USES}

    def exhaust(self, instance_types: Iterable[str], uses: Iterable[Use] = USES) -> None:
        """From now on, no instance of these types is free."""
        found, types = self._read(), set(instance_types)
        self._write(found.model_copy(update={use: getattr(found, use) | types for use in uses}))

    def restore(self, instance_types: Iterable[str], uses: Iterable[Use] = USES) -> None:
        """From now on, instances of these types are free again."""
        found, types = self._read(), set(instance_types)
        self._write(found.model_copy(update={use: getattr(found, use) - types for use in uses}))

    def allows(self, instance_type: str, use: Use) -> bool:
        """Whether the account's quota lets it have an instance of a type."""
        return instance_type not in getattr(self._read().no_quota, use)

    def forbid(self, instance_types: Iterable[str], uses: Iterable[Use] = USES) -> None:
        """From now on, the account's quota for these types is 0."""
        found, types = self._read(), set(instance_types)
        quota = found.no_quota
        added: dict[str, Any] = {use: getattr(quota, use) | types for use in uses}
        self._write(found.model_copy(update={"no_quota": quota.model_copy(update=added)}))

    def permit(self, instance_types: Iterable[str], uses: Iterable[Use] = USES) -> None:
        """From now on, the account may have these types again."""
        found, types = self._read(), set(instance_types)
        quota = found.no_quota
        left: dict[str, Any] = {use: getattr(quota, use) - types for use in uses}
        self._write(found.model_copy(update={"no_quota": quota.model_copy(update=left)}))

    def forbidden(self) -> Mapping[Use, list[str]]:
        """For each use, the instance types of which the account may have none."""
        found = self._read().no_quota
        return {use: sorted(getattr(found, use)) for use in USES}

    def _read(self) -> _OfRegion:
        found = self._file.read()
        if self._region is None:
            return found
        return found.regions.get(self._region, _OfRegion())

    def _write(self, changed: _OfRegion) -> None:
        found = self._file.read()
        if self._region is None:
            self._file.write(found.model_copy(update=dict(changed)))
        else:
            regions = {**found.regions, self._region: changed}
            self._file.write(found.model_copy(update={"regions": regions}))
