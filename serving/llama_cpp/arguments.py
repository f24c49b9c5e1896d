"""Arguments of `llama-server`, as parameters of the server inside the wheel.

The wheel carries llama.cpp's server but not its command line. The flags here are those that
Stratos sends; like the real program, this one refuses all others.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import xllamacpp

PREFIX = "SM_LLAMA_CPP_"
"""AWS's image passes each variable of this prefix on: `SM_LLAMA_CPP_CTX_SIZE=512` is
`--ctx-size 512`, `true` in any case a bare flag, and `false` nothing."""

_OF_THE_IMAGE = ("MODEL_DIR", "PORT")
"""What the image's entry point keeps to itself."""

_GIVEN = xllamacpp.common_params_sampling_config
"""Bits that say which settings were given: those are not taken from the GGUF."""


class UnknownArgument(ValueError):
    """An argument that `llama-server` does not have, or that Stratos does not send."""


def arguments_of(environment: Mapping[str, str], prefix: str = PREFIX) -> list[str]:
    """What AWS's image starts its server with, as its entry point reads the environment.

    Args:
        prefix: Of the image's variables; that of vLLM follows the same rule.
    """
    arguments: list[str] = []
    for variable, value in sorted(environment.items()):
        name = variable.removeprefix(prefix)
        if name == variable or name in _OF_THE_IMAGE or value.lower() == "false":
            continue
        if name == "MODEL" and not value:
            continue
        arguments.append("--" + name.lower().replace("_", "-"))
        if value and value.lower() != "true":
            arguments.append(value)
    return arguments


def parameters_of(arguments: Sequence[str]) -> xllamacpp.CommonParams:
    """Read `llama-server`'s arguments.

    Raises:
        UnknownArgument: an argument that is not among those known, or a value that is none.
    """
    parameters = xllamacpp.CommonParams()
    left = list(arguments)
    while left:
        flag = left.pop(0)
        if flag in _BARE:
            _BARE[flag](parameters)
            continue
        if flag not in _VALUED:
            raise UnknownArgument(f"invalid argument: {flag}")
        if not left:
            raise UnknownArgument(f"{flag} needs a value")
        value = left.pop(0)
        try:
            _VALUED[flag](parameters, value)
        except ValueError as error:
            raise UnknownArgument(f"{flag} cannot be {value!r}: {error}") from error
    return parameters


def _number(path: str, read: Callable[[str], Any] = int) -> Callable[[Any, str], None]:
    *owners, name = path.split(".")

    def put(parameters: Any, value: str) -> None:
        for owner in owners:
            parameters = getattr(parameters, owner)
        setattr(parameters, name, read(value))

    return put


def _sampling(name: str, read: Callable[[str], Any], given: int) -> Callable[[Any, str], None]:
    def put(parameters: Any, value: str) -> None:
        setattr(parameters.sampling, name, read(value))
        parameters.sampling.user_sampling_config |= int(given)

    return put


def _switch(name: str, on: bool) -> Callable[[Any], None]:
    return lambda parameters: setattr(parameters, name, on)


def _alias(parameters: Any, value: str) -> None:
    parameters.model_alias = {value}


def _one_of(path: str, known: Mapping[str, Any]) -> Callable[[Any, str], None]:
    def read(value: str) -> Any:
        if value not in known:
            raise ValueError(f"one of {', '.join(known)} is needed")
        return known[value]

    return _number(path, read)


_CACHE_TYPES = {
    "f32": xllamacpp.ggml_type.GGML_TYPE_F32,
    "f16": xllamacpp.ggml_type.GGML_TYPE_F16,
}
_FLASH_ATTENTION = {
    "auto": xllamacpp.llama_flash_attn_type.LLAMA_FLASH_ATTN_TYPE_AUTO,
    "on": xllamacpp.llama_flash_attn_type.LLAMA_FLASH_ATTN_TYPE_ENABLED,
    "off": xllamacpp.llama_flash_attn_type.LLAMA_FLASH_ATTN_TYPE_DISABLED,
}

_VALUED: dict[str, Callable[[Any, str], None]] = {
    "--model": _number("model.path", str),
    "--alias": _alias,
    "--host": _number("hostname", str),
    "--port": _number("port"),
    "--ctx-size": _number("n_ctx"),
    "--parallel": _number("n_parallel"),
    "--threads": _number("cpuparams.n_threads"),
    "--threads-batch": _number("cpuparams_batch.n_threads"),
    "--flash-attn": _one_of("flash_attn_type", _FLASH_ATTENTION),
    "--cache-type-k": _one_of("cache_type_k", _CACHE_TYPES),
    "--cache-type-v": _one_of("cache_type_v", _CACHE_TYPES),
    "--cache-ram": _number("cache_ram_mib"),
    "--temp": _sampling("temp", float, _GIVEN.COMMON_PARAMS_SAMPLING_CONFIG_TEMP),
    "--top-k": _sampling("top_k", int, _GIVEN.COMMON_PARAMS_SAMPLING_CONFIG_TOP_K),
    "--top-p": _sampling("top_p", float, _GIVEN.COMMON_PARAMS_SAMPLING_CONFIG_TOP_P),
    "--min-p": _sampling("min_p", float, _GIVEN.COMMON_PARAMS_SAMPLING_CONFIG_MIN_P),
}
_BARE: dict[str, Callable[[Any], None]] = {
    "--jinja": _switch("use_jinja", True),
    "--metrics": _switch("endpoint_metrics", True),
    "--no-prefill-assistant": _switch("prefill_assistant", False),
    "--no-warmup": _switch("warmup", False),
    "--no-cache-prompt": _switch("cache_prompt", False),
}
