"""What a function's sandboxes are built from, read from moto's record of the function."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from infra.local.lambda_.errors import UnsupportedFunctionError


@dataclass(frozen=True)
class FunctionConfiguration:
    """A version of a function. A change of anything here needs new sandboxes."""

    name: str
    arn: str
    role_arn: str
    version: str
    handler: str
    runtime: str
    region: str
    memory_mib: int
    timeout_seconds: float
    environment: tuple[tuple[str, str], ...]
    code_sha256: str
    layer_arns: tuple[str, ...]
    log_group: str
    log_format: Literal["Text", "JSON"]
    log_level: str | None

    @classmethod
    def of(cls, function: Any) -> FunctionConfiguration:
        """
        Raises:
            UnsupportedFunctionError: a container image, or a runtime other than Python.
        """
        runtime = function.run_time or ""
        if function.package_type != "Zip" or not runtime.startswith("python"):
            found = f"runtime {runtime}" if runtime else f"package type {function.package_type}"
            raise UnsupportedFunctionError(
                f"Function {function.function_name} has {found}; the embedded cloud runs zip "
                "packages on Python. Package the function so, or deploy to AWS."
            )
        logging = function.logging_config or {}
        # A published version carries its number as an eighth field of its ARN.
        fields = function.function_arn.split(":")
        return cls(
            name=function.function_name,
            arn=function.function_arn,
            role_arn=function.role,
            version=fields[7] if len(fields) > 7 else "$LATEST",
            handler=function.handler,
            runtime=runtime,
            region=function.region,
            memory_mib=int(function.memory_size),
            timeout_seconds=float(function.timeout),
            environment=tuple(sorted((function.environment_vars or {}).items())),
            code_sha256=function.code_sha_256,
            layer_arns=tuple(layer["Arn"] for layer in function.layers),
            log_group=function.logs_group_name,
            log_format="JSON" if logging.get("LogFormat") == "JSON" else "Text",
            log_level=logging.get("ApplicationLogLevel"),
        )

    def reserved_variables(self) -> dict[str, str]:
        """Variables the platform sets and a function cannot."""
        variables = {
            "_HANDLER": self.handler,
            "AWS_DEFAULT_REGION": self.region,
            "AWS_EXECUTION_ENV": f"AWS_Lambda_{self.runtime}",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(self.memory_mib),
            "AWS_LAMBDA_FUNCTION_NAME": self.name,
            "AWS_LAMBDA_FUNCTION_VERSION": self.version,
            "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
            "AWS_LAMBDA_LOG_FORMAT": self.log_format,
            "AWS_LAMBDA_LOG_GROUP_NAME": self.log_group,
            "AWS_REGION": self.region,
        }
        if self.log_level is not None:
            variables["AWS_LAMBDA_LOG_LEVEL"] = self.log_level
        return variables
