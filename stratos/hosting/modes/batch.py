"""Batches: a model without an endpoint, whose server runs for as long as one batch takes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from stratos.contracts.bucket import RunKeys
from stratos.contracts.plan import Server
from stratos.errors import ModelNotFound
from stratos.hosting.deployment import BatchDeployment, Deployment
from stratos.hosting.modes.interface import Connection, HostingMode, Parts
from stratos.hosting.monthly import HOURS_PER_MONTH, needed_requests_per_second, requests_per_month
from stratos.hosting.names import MEASURED
from stratos.hosting.next_server import NextServer, Tried, better_batch_server
from stratos.hosting.offer import Hosted, Offer
from stratos.hosting.transform_job import transform_job


class Batch(HostingMode):
    """Fits users who ask many questions at once."""

    name = "batch"
    starts_cold = False
    in_call = False
    keeps_busy = True
    package_instance_types = "SupportedTransformInstanceTypes"

    def offer(self, hosted: Hosted) -> Offer:
        """Billed for the work alone: a server that never rests must do a month's in a month."""
        load = hosted.spec.load
        return Offer(
            self.name,
            worked_off_per_month=requests_per_month(load),
            requests_per_second=needed_requests_per_second(load),
            max_utilisation=1.0,
        )

    def told(self, server: Server) -> str:
        fleet = f"{server.count} × {server.instance_type}{server.layout}"
        return f"{fleet} in {server.region}, in batches"

    def deployment(self, parts: Parts) -> Deployment:
        order = parts.order
        keys = RunKeys(order.run.run_id)
        return BatchDeployment(
            model_name=order.name,
            container=parts.container.definition,
            hosting=parts.hosting,
            engine=order.plan.engine,
            tags=parts.tags,
            model_package=parts.model_package,
            usd_per_hour=parts.hosting.usd_per_month / HOURS_PER_MONTH,
            billed_usd_per_hour=parts.billed_usd_per_hour,
            transform_job=transform_job(
                order.name,
                order.plan.serving,
                parts.container.at_once,
                order.run.bucket,
                keys.batch_questions(MEASURED),
                keys.batch_answers(MEASURED, order.name),
                parts.tags,
                kms_key_arn=order.kms_key_arn,
            ),
        )

    def billed_usd_per_hour(self, server: Server) -> float:
        """Nothing: each batch has its own bill."""
        return 0.0

    def hosts(self, described: Mapping[str, Any]) -> bool:
        """Never: there is no endpoint."""
        return False

    def ask(self, connection: Connection, body: bytes) -> bytes:
        raise ModelNotFound("a model that is hosted in batches answers no single request")

    def next_server(self, tried: Tried) -> NextServer:
        return better_batch_server(tried)


MODE = Batch()
