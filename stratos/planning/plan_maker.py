"""A row of the pool as a `Plan`, with an interval around every prediction."""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass

from stratos.catalog.servers import Price
from stratos.contracts.plan import Interval, Plan
from stratos.hosting.monthly import requests_per_month
from stratos.planning.candidates.pairing import Pairing
from stratos.planning.candidates.pool import Pool
from stratos.planning.forecast.calibration import Correction, correction
from stratos.planning.forecast.engine import EFFICIENCIES
from stratos.planning.forecast.server_table import ServerRow
from stratos.planning.forecast.transformer import transformer
from stratos.planning.request import PlanningRequest
from stratos.statistics.normal import Z_95

PRICE_SD = {"A": 0.02, "B": 0.06, "C": 0.2}
"""Standard deviation of log(true price / listed), by grade; assumed."""


@dataclass
class PlanMaker:
    """Builds plans from rows of one pool."""

    request: PlanningRequest
    pool: Pool

    def plan(self, row: int) -> Plan:
        pool = self.pool
        pairing = pool.pairings[pool.pairing[row]]
        training = pool.training.rows[pool.training_row[row]]
        serving = pool.serving.rows[pool.serving_row[row]]
        devices = int(pool.training_devices[row])
        trained_on = training.server(devices)
        served_on = serving.server(int(pool.serving_devices[row]), int(pool.serving_replicas[row]))
        speed = self._correction("training_tokens_per_second", training, pairing, devices)
        endpoint = (transformer(pairing.student), pairing.precision, pairing.work)
        outlook = pool.serving_side.outlook(*endpoint)
        served = int(pool.serving_row[row])
        hosting = pool.serving_side.planned_hosting(*endpoint, served, int(pool.mode[row]))
        median, latency = (
            outlook.corrections[quantity][served]
            for quantity in ("p50_latency_ms", "p95_latency_ms")
        )
        decode = self._correction("decode_tokens_per_second", training, pairing)
        share = float(pool.trained_share[row])
        spent_hours, spent_usd = self.request.spent_hours, self.request.spent_usd
        billing_sd = _price_sd(serving.price)
        if serving.stand_in:  # by the seconds of an answer, at a price that regions differ in
            billing_sd = math.hypot(latency.sd, PRICE_SD["C"])
        month = around(float(pool.usd_per_month[row]), billing_sd)
        hours, usd = float(pool.hours[row]), float(pool.usd_to_deploy[row])
        identity = (
            pairing.teacher.name,
            pairing.student.name,
            pairing.method,
            pairing.precision,
            trained_on,
            served_on,
            hosting.mode,
        )
        return Plan(
            id="p" + hashlib.sha256(repr(identity).encode()).hexdigest()[:10],
            teacher=pairing.teacher.name,
            student=pairing.student.name,
            method=pairing.method,
            precision=pairing.precision,
            training=trained_on,
            serving=served_on,
            hosting=hosting,
            strategy=pairing.strategy,
            accuracy=pairing.accuracy(share),
            p50_latency_ms=around(float(outlook.latency_ms["p50_latency_ms"][served]), median.sd),
            prefill_tokens_per_second=float(outlook.prefill_tokens_per_second[served]),
            decode_tokens_per_second=float(outlook.decode_tokens_per_second[served]),
            p95_latency_ms=around(float(pool.latency_ms[row]), latency.sd),
            requests_per_second=around(float(pool.capacity[row]), latency.sd),
            hours_to_deploy=around(hours, max(speed.sd, decode.sd), fixed=spent_hours),
            usd_to_deploy=around(
                usd,
                math.hypot(max(speed.sd, decode.sd), _price_sd(training.price)),
                fixed=spent_usd,
            ),
            usd_per_month=month,
            usd_per_1000_requests=_per_1000(month, requests_per_month(self.request.spec.load)),
            training_tokens_per_second=float(pool.tokens_per_second[row]),
            num_training_tokens=pairing.num_training_tokens * share,
            calibration={
                "training_tokens_per_second": speed.factor,
                "accuracy": pairing.learned.factor,
            }
            | outlook.factors(served),
            caveats=self._caveats(pairing, training, serving, share, devices),
        )

    def _correction(
        self, quantity: str, server: ServerRow, pairing: Pairing, devices: int = 1
    ) -> Correction:
        prior_sd = EFFICIENCIES[server.instance.runtime].relative_sd
        parameters = float(pairing.student.num_parameters or 1)
        name = server.instance.instance_type
        return correction(
            self.request.calibration, quantity, name, parameters, prior_sd, num_devices=devices
        )

    def _caveats(
        self, pairing: Pairing, training: ServerRow, serving: ServerRow, share: float, devices: int
    ) -> tuple[str, ...]:
        found = training.caveats()
        prices = [] if serving.stand_in else serving.caveats()
        found += [caveat for caveat in prices if caveat not in found]
        trainer = training.instance.instance_type
        runs = {r.instance_type for r in self.request.calibration}
        for server in (training, serving):
            name = server.instance.instance_type
            note = f"rates of {name} are assumed: no run has measured it"
            if not server.instance.measured and name not in runs and note not in found:
                found.append(note)
        counted = {r.num_devices for r in self.request.calibration if r.instance_type == trainer}
        if devices > 1 and devices not in counted:
            found.append(f"what {devices} devices of {trainer} gain together is assumed")
        if serving.stand_in:
            found.append(
                f"serverless latency is forecast by {serving.instance.instance_type}: AWS "
                "names neither its processors nor how many come with its memory"
            )
        if share < 1:
            found.append(f"max_training_hours leaves time for {share:.0%} of the planned training")
        if pairing.strategy is None:
            found.append("accuracy is a guess until teacher and student are probed")
        return tuple(found)


def around(value: float, sd: float, fixed: float = 0.0) -> Interval:
    """95% bounds of a log-normal prediction; `fixed` is the part already certain."""
    if not math.isfinite(value):
        return Interval(value=value, lo=value, hi=value)
    factor = math.exp(Z_95 * sd)
    open_part = value - fixed
    return Interval(value=value, lo=fixed + open_part / factor, hi=fixed + open_part * factor)


def _per_1000(month: Interval, requests: float) -> Interval:
    return Interval(**{end: 1000 * usd / requests for end, usd in month.model_dump().items()})


def _price_sd(price: Price) -> float:
    return 0.0 if price.kind in ("api", "notional") else PRICE_SD[price.grade]
