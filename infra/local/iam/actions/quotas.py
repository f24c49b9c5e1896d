"""Service Quotas.

https://docs.aws.amazon.com/service-authorization/latest/reference/list_servicequotas.html
"""

from __future__ import annotations

from collections.abc import Mapping

from infra.local.iam.requirement import Rule, needs

RULES: Mapping[str, Mapping[str, Rule]] = {
    "service-quotas": {"ListServiceQuotas": needs("servicequotas:ListServiceQuotas")}
}
