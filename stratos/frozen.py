"""The base of every value that crosses a boundary: immutable, and strict about its fields."""

from __future__ import annotations

from typing import Any, Self

from pydantic import BaseModel, ConfigDict


class FrozenModel(BaseModel):
    """A pydantic model that cannot change and refuses fields it does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_inf_nan="constants")


class CrossingModel(FrozenModel):
    """One that comes from another region, whose stack may be of a later release.

    Fields that it does not know are passed over, and those of its parts too.
    """

    model_config = ConfigDict(extra="ignore")

    @classmethod
    def model_validate(cls, obj: Any, **how: Any) -> Self:
        return super().model_validate(obj, **{"extra": "ignore", **how})

    @classmethod
    def model_validate_json(cls, json_data: str | bytes | bytearray, **how: Any) -> Self:
        return super().model_validate_json(json_data, **{"extra": "ignore", **how})
