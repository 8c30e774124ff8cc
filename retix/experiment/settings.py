"""Settings that are checked on the line that sets them, and the kinds of values they take."""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, ValidationInfo

from retix.errors import ConfigError

_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_BYTES = {
    **{"": 1, "K": 10**3, "M": 10**6, "G": 10**9, "T": 10**12},
    **{"Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40},
}


def read_duration(value: Any) -> Any:
    """Seconds of ``90``, ``'90s'``, ``'30m'``, ``'1.5h'`` or ``'2d'``; anything else comes back as it is."""
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([smhd])\s*", value) if isinstance(value, str) else None
    return float(match[1]) * _SECONDS[match[2]] if match else value


def read_size(value: Any) -> Any:
    """Bytes of ``2_000_000``, ``'2MB'``, ``'1.5 GB'`` or ``'4GiB'``; anything else comes back as it is."""
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([KMGT]i?|)B?\s*", value) if isinstance(value, str) else None
    return round(float(match[1]) * _BYTES[match[2]]) if match else value


def read_indices(value: Any) -> Any:
    """``[0, 1]`` of ``'0,1'`` or ``0``; anything else comes back as it is."""
    if isinstance(value, int) and not isinstance(value, bool):
        return [value]
    if isinstance(value, str) and re.fullmatch(r"\s*\d+(\s*,\s*\d+)*\s*", value):
        return [int(part) for part in value.split(",")]
    return value


Duration = Annotated[Annotated[float, Field(gt=0, allow_inf_nan=False)], BeforeValidator(read_duration)]
Size = Annotated[Annotated[int, Field(gt=0, strict=True)], BeforeValidator(read_size)]
Positive = Annotated[int, Field(gt=0, strict=True)]
NotNegative = Annotated[int, Field(ge=0, strict=True)]
Indices = Annotated[list[int], BeforeValidator(read_indices)]
Ignored = Annotated[Any, Field(exclude=True)]
"""What may be set and changes nothing; it is not recorded."""


def only(*allowed: Any, fix: str) -> Any:
    """A setting of NNI's that may be given as long as it asks for nothing that is not here."""

    def check(value: Any, info: ValidationInfo) -> Any:
        if not any(value is one or (type(value) is type(one) and value == one) for one in allowed):
            raise ConfigError(f"{info.field_name} = {value!r}: retix has no use for this setting", fix=fix)
        return value

    return BeforeValidator(check)


class Settings(BaseModel):
    """Settings that are checked on the line that assigns them.

    Raises:
        ConfigError: A setting does not exist, or a value makes no sense.
    """

    model_config = ConfigDict(extra="forbid", validate_assignment=True, arbitrary_types_allowed=True)

    def __init__(self, **values: Any) -> None:
        try:
            super().__init__(**values)
        except ValidationError as error:
            raise _explained(error, type(self)) from None

    def __setattr__(self, name: str, value: Any) -> None:
        try:
            super().__setattr__(name, value)
        except ValidationError as error:
            raise _explained(error, type(self)) from None
        except ValueError:  # pydantic's word for a field that does not exist
            raise ConfigError(f"there is no setting {name!r}", fix=_known(type(self))) from None

    def to_json(self) -> dict[str, Any]:
        """The settings as JSON values; durations in seconds, sizes in bytes."""
        return self.model_dump(mode="json")


def _known(cls: type[BaseModel]) -> str:
    return f"use one of {', '.join(cls.model_fields)}"


def _explained(error: ValidationError, cls: type[BaseModel]) -> ConfigError:
    first = error.errors()[0]
    name = ".".join(map(str, first["loc"]))
    if first["type"] in ("extra_forbidden", "no_such_attribute"):
        return ConfigError(f"there is no setting {name!r}", fix=_known(cls))
    return ConfigError(f"{name} = {first['input']!r}: {first['msg'].lower()}", fix=_hint(name))


def _hint(name: str) -> str | None:
    if "duration" in name or name == "frozen_after":
        return "give seconds, or a number with a unit: '90s', '30m', '1.5h', '2d'"
    if name in ("max_trial_memory", "max_trial_log"):
        return "give bytes, or a number with a unit: '500MB', '2GB', '4GiB'"
    return "use a whole number of at least 1" if "concurrency" in name or "max_trial_number" in name else None
