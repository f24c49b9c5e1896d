"""Events that rules have matched, on their way to the targets."""

from __future__ import annotations

import json
import logging
from concurrent.futures import ThreadPoolExecutor

from infra.local.events.callers import rule_caller, service_caller
from infra.local.events.target_input import target_input
from infra.local.events.targets import DELIVERY, RETRIES, Targets
from infra.local.host.outbox import OUTBOX, Errand
from infra.local.host.settings import LocalSettings

MAX_CONCURRENT_DELIVERIES = 16

logger = logging.getLogger(__name__)


class Deliveries:
    """Delivers from worker threads, so that no sender waits."""

    def install(self, settings: LocalSettings) -> None:
        self._targets = Targets(settings)
        self._workers = ThreadPoolExecutor(MAX_CONCURRENT_DELIVERIES, "event-delivery")
        OUTBOX.carries(DELIVERY, self._deliver_soon)

    def close(self) -> None:
        self._targets.close()
        self._workers.shutdown(cancel_futures=True)
        OUTBOX.leave(DELIVERY)

    def _deliver_soon(self, errand: Errand) -> None:
        try:
            self._workers.submit(self._deliver, errand)
        except RuntimeError:
            logger.info("an event came while closing: the next start delivers it")

    def _deliver(self, errand: Errand) -> None:
        rule, target, event, ingested, execution_name = (
            errand.content[name]
            for name in ("rule", "target", "event", "ingested", "execution_name")
        )

        def attempt() -> None:
            document = target_input(
                *(target, event),
                rule_arn=rule["arn"],
                rule_name=rule["name"],
                ingestion_time=ingested,
            )
            self._targets.deliver(
                target["Arn"],
                document,
                caller=rule_caller(rule["arn"], rule["name"], target),
                region=rule["region"],
                parameters=target,
                execution_name=execution_name,
            )

        try:
            failure = self._targets.deliver_or_bury(
                attempt,
                document=json.dumps(event),
                dead_letter_arn=(target.get("DeadLetterConfig") or {}).get("Arn"),
                buried_by=lambda: service_caller(rule["arn"]),
                attributes={"RULE_ARN": rule["arn"], "TARGET_ARN": target["Arn"]},
                retries=(target.get("RetryPolicy") or {}).get("MaximumRetryAttempts", RETRIES),
            )
        except Exception:
            logger.exception("Rule %s could not deliver to %s", rule["name"], target["Arn"])
        else:
            if failure is not None:
                logger.warning("Rule %s did not reach %s: %s", rule["name"], target["Arn"], failure)
                if self._targets.gave_up(failure):
                    return
        OUTBOX.strike(errand)
