"""The spec: what a user asks for, in one YAML file beside the dataset.

Reading a file into a `Spec`, with every problem named at once, is `stratos.spec.reader`.
"""

from stratos.spec.constraints import Constraints, Load, Preferences, Probability
from stratos.spec.document import DEFAULT_APPROVAL_HOURS, LONGEST_APPROVAL_HOURS, Slug, Spec
from stratos.spec.hosting import CPU_PRECISIONS, QUANTISED, CpuPrecision, Hosting
from stratos.spec.hosting_modes import AUTO, HOSTING_MODES, ModeName, ModeRow
from stratos.spec.models import Bedrock, OpenAICompatible, Teacher, Weights
from stratos.spec.paths import BucketPath, bucket_path
from stratos.spec.task import (
    Choice,
    Columns,
    Exact,
    FormatName,
    JsonSchema,
    LlmJudge,
    Normalised,
    Number,
    Regex,
    SetOf,
    Task,
    ToolCalls,
    Verifier,
)
from stratos.spec.training import (
    Method,
    OptimizerName,
    Reinforcement,
    StrategyName,
    Synthesis,
    Training,
)

__all__ = [
    "AUTO",
    "CPU_PRECISIONS",
    "DEFAULT_APPROVAL_HOURS",
    "HOSTING_MODES",
    "LONGEST_APPROVAL_HOURS",
    "QUANTISED",
    "Bedrock",
    "BucketPath",
    "Choice",
    "Columns",
    "Constraints",
    "CpuPrecision",
    "Exact",
    "FormatName",
    "Hosting",
    "JsonSchema",
    "LlmJudge",
    "Load",
    "Method",
    "ModeName",
    "ModeRow",
    "Normalised",
    "Number",
    "OpenAICompatible",
    "OptimizerName",
    "Preferences",
    "Probability",
    "Regex",
    "Reinforcement",
    "SetOf",
    "Slug",
    "Spec",
    "StrategyName",
    "Synthesis",
    "Task",
    "Teacher",
    "ToolCalls",
    "Training",
    "Verifier",
    "Weights",
    "bucket_path",
]
