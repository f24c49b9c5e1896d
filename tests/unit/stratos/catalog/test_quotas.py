"""Quotas of an account."""

from __future__ import annotations

from stratos.catalog.quotas import Quota, fetch_quotas, parse_quotas, with_quotas
from stratos.catalog.servers import ServerCatalog
from tests.unit.stratos.catalog.pages import Pages


def test_quotas_are_read_by_the_names_aws_gives_them() -> None:
    rows = [
        {"QuotaName": "ml.g5.xlarge for endpoint usage", "Value": 2.0, "QuotaCode": "L-1928E07B"},
        {"QuotaName": "ml.g5.xlarge for training job usage", "Value": 1.0},
        {"QuotaName": "ml.g5.xlarge for spot training job usage", "Value": 0.0},
        {"QuotaName": "ml.g5.xlarge for training warm pool usage", "Value": 9.0},
        {"QuotaName": "Number of instances across training jobs", "Value": 20.0},
    ]
    client = Pages("Quotas", [rows[:2], rows[2:]])
    quotas = parse_quotas(fetch_quotas(client))
    assert quotas == {"ml.g5.xlarge": Quota(training=1, spot_training=0, hosting=2)}
    limited = with_quotas(ServerCatalog.aws(), quotas)
    assert limited["ml.g5.xlarge"].spot_training_quota == 0
    assert limited["ml.g6.xlarge"].training_quota is None
