"""Where a model answers: the served record at home, its copies elsewhere, or the runs table.

A model that home alone serves has no served record; the runs table says all. Where home does not
answer, the copy of the latest promotion in any serving region's bucket stands in for it.
"""

from __future__ import annotations

import math
import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError
from pydantic import ValidationError

from stratos.client.health import Health
from stratos.client.passed_over import is_unanswered
from stratos.client.stack import Stack, client
from stratos.contracts.bucket import SPEC_FILE, SPEC_PREFIX, served_key
from stratos.contracts.run import RunRow
from stratos.contracts.served import SERVED_RECORD_SECONDS, Served, ServedRegion
from stratos.errors import EndpointNotFound, HomeUnreachable, StackNotFound
from stratos.hosting.absence import is_absent
from stratos.hosting.modes.table import mode_of
from stratos.hosting.names import DEFAULT_STACK, STACK_VARIABLE, StackNames
from stratos.regions import known_regions

LOOK_SECONDS = 5.0
"""How long one call may take that looks for the model; a region that is lost never answers."""
_AT_ONCE = 16
_HOME = "home"
_FOREVER = math.inf
_FORMAT = 1

MakeClient = Callable[..., Any]
"""As `stratos.client.stack.client`."""


class Whereabouts:
    """Where one spec's model answers, read anew after a while and whenever it is asked to be.

    Args:
        stack: The stack, its name, or None for the one that `Stack.find` finds.
        home: Region of the stack; by default, that of boto3's configuration.
        regions: Those whose buckets are looked into where home does not answer. By default those
            that the stack works in, or, if home has never answered, all of AWS's.
        run: The run whose model is meant; by default whichever is in service.
    """

    def __init__(
        self,
        spec_name: str,
        stack: Stack | str | None = None,
        home: str | None = None,
        regions: Sequence[str] = (),
        run: RunRow | None = None,
        *,
        now: Callable[[], float] = time.monotonic,
        make_client: MakeClient = client,
    ) -> None:
        self.spec_name = spec_name
        self._stack = _hurried(stack) if isinstance(stack, Stack) else None
        self._stack_name = stack if isinstance(stack, str) else None
        self._home, self._regions, self._run = home, tuple(regions), run
        self._now, self._make_client, self._health = now, make_client, Health(now)
        self._known: Served | None = None
        self._read_at = 0.0
        self._reads, self._known_by = 0, 0
        """Reads that have begun, and which of them `_known` is by."""
        self._reading = threading.Lock()

    def current(self, patience_seconds: float = _FOREVER) -> Served:
        """The record, at most a minute old, or a little more while another thread reads it anew.

        Takes and raises what `anew` does.
        """
        known = self._fresh()
        if known is not None:
            return known
        patience = patience_seconds if self._known is None else 0.0
        with self._turn(patience) as has_turn:
            return self._fresh() or (self._read() if has_turn else self._without_turn())

    def anew(self, patience_seconds: float = _FOREVER) -> Served:
        """The record as it is now: threads that ask at once read it once.

        Args:
            patience_seconds: How long to wait for another thread that reads; what is known already
                has to do then.

        Raises:
            EndpointNotFound: nothing serves the model.
            HomeUnreachable: home does not answer, and nobody else knows what serves it.
            StackNotFound: there is no such stack.
        """
        begun = self._reads
        with self._turn(patience_seconds) as has_turn:
            if self._known is not None and self._known_by > begun:
                return self._known
            return self._read() if has_turn else self._without_turn()

    def bucket(self, region: str) -> str:
        """The stack's bucket in a region; empty for home's, where home has never answered."""
        if self._stack is not None:
            return self._stack.in_region(region).bucket
        return ""

    @contextmanager
    def _turn(self, patience_seconds: float) -> Iterator[bool]:
        """Wait for the turn to read; whether it came in time."""
        seconds = max(0.0, patience_seconds)
        has_turn = self._reading.acquire(timeout=-1 if seconds == _FOREVER else seconds)
        try:
            yield has_turn
        finally:
            if has_turn:
                self._reading.release()

    def _fresh(self) -> Served | None:
        is_fresh = self._now() - self._read_at < SERVED_RECORD_SECONDS
        return self._known if is_fresh else None

    def _without_turn(self) -> Served:
        if self._known is None:
            raise HomeUnreachable(f"it was not learned in time where {self.spec_name} is served")
        return self._known

    def _read(self) -> Served:
        self._reads += 1
        ask_home = self._known is None or self._health.is_well(_HOME)
        found = self._from_home() if ask_home else None
        found = found or self._latest_copy()
        if found is None:
            raise HomeUnreachable(
                f"the home region {self._home or ''} does not answer, and no other has a record of "
                f"where {self.spec_name} is served. Name regions that serve it "
                '(Client(…, regions=["eu-west-1"])), or ask again when home is back'
            )
        self._known, self._read_at, self._known_by = found, self._now(), self._reads
        return found

    # --- at home --------------------------------------------------------------------------------

    def _from_home(self) -> Served | None:
        """What home says; None where it does not answer."""
        try:
            stack = self._find_stack()
            text = _read_text(stack.s3, Bucket=stack.bucket, Key=served_key(self.spec_name))
            found = None if text is None else _record_in(text)
            if found is not None and self._run and found.run_id != self._run.run_id:
                found = None
            found = found or self._from_runs_table(stack)
        except StackNotFound as error:
            if not is_unanswered(error.__cause__):
                raise
        except (ClientError, BotoCoreError) as error:
            if not is_unanswered(error):
                raise EndpointNotFound(
                    f"the stack does not say where {self.spec_name} is served: {error}"
                ) from error
        else:
            self._health.answered(_HOME)
            return found
        self._health.failed(_HOME)
        return None

    def _find_stack(self) -> Stack:
        if self._stack is None:
            self._stack = Stack.find(self._stack_name, self._home, LOOK_SECONDS)
        self._home = self._stack.region
        return self._stack

    def _from_runs_table(self, stack: Stack) -> Served:
        """The one endpoint of a model that home serves alone."""
        run = self._run or self._run_in_service(stack)
        if run.endpoint_name is None:
            way = "; `stratos batch` asks its model" if run.batch_model_name else ""
            raise EndpointNotFound(f"run {run.run_id} is {run.status} and has no endpoint{way}")
        try:
            described = stack.sagemaker.describe_endpoint(EndpointName=run.endpoint_name)
        except ClientError as error:
            if not is_absent(error, held_by_tag=False):
                raise
            raise EndpointNotFound(
                f"endpoint {run.endpoint_name} of run {run.run_id} is gone; submit "
                f"{run.shown_spec_name} again for another one"
            ) from error
        config = str(described["EndpointConfigName"])
        only = ServedRegion(
            region=stack.region,
            endpoint_name=run.endpoint_name,
            endpoint_config_name=config,
            model_name=config,
            mode=mode_of(described).name,
            usd_per_hour=run.usd_per_hour,
        )
        return Served(
            spec_name=run.shown_spec_name,
            spec_key=run.spec_key,
            run_id=run.run_id,
            generation=0,
            promoted_at=run.in_service_since or run.started_at,
            expires_at=run.expires_at,
            home=stack.region,
            regions=(only,),
        )

    def _run_in_service(self, stack: Stack) -> RunRow:
        request: dict[str, Any] = {
            "IndexName": "by_spec",
            "KeyConditionExpression": "spec_key = :spec",
            "ExpressionAttributeValues": {":spec": f"{SPEC_PREFIX}{self.spec_name}/{SPEC_FILE}"},
            "ScanIndexForward": False,
        }
        while True:
            page = stack.table.query(**request)
            for row in map(RunRow.model_validate, page["Items"]):
                if row.in_charge:
                    return row
            if "LastEvaluatedKey" not in page:
                break
            request["ExclusiveStartKey"] = page["LastEvaluatedKey"]
        raise EndpointNotFound(
            f"no run of {self.spec_name} has a model in service in the stack {stack.names.stack}; "
            "`stratos runs` lists what has"
        )

    # --- elsewhere ------------------------------------------------------------------------------

    def _latest_copy(self) -> Served | None:
        """The record of the latest promotion that is known of without home."""
        regions = self._regions or (self._stack.worker_regions if self._stack else ())
        regions = regions or tuple(r for r in known_regions() if r != self._home)
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            copies = list(pool.map(self._copy_in, regions))
        return _latest([*copies, self._known])

    def _copy_in(self, region: str) -> Served | None:
        """The copy in a region; None where there is none, or nobody who answers."""
        try:
            account = self._stack.account if self._stack else self._account(region)
            text = _read_text(
                self._client("s3", region),
                Bucket=self._names.worker_bucket(account, region),
                Key=served_key(self.spec_name),
                ExpectedBucketOwner=account,
            )
            return None if text is None else _record_in(text)
        except (ClientError, BotoCoreError, EndpointNotFound):
            return None

    @property
    def _names(self) -> StackNames:
        if self._stack is not None:
            return self._stack.names
        return StackNames(self._stack_name or os.environ.get(STACK_VARIABLE) or DEFAULT_STACK)

    def _account(self, region: str) -> str:
        return str(self._client("sts", region).get_caller_identity()["Account"])

    def _client(self, service: str, region: str) -> Any:
        return self._make_client(service, longest_seconds=LOOK_SECONDS, region=region)


def _hurried(stack: Stack) -> Stack:
    """The stack with calls that end soon."""
    return replace(stack, longest_seconds=stack.longest_seconds or LOOK_SECONDS)


def _record_in(text: str) -> Served:
    """The record. A later release may have written it: fields that are new are passed over.

    Raises:
        EndpointNotFound: it is of a form that this release cannot read.
    """
    try:
        found = Served.model_validate_json(text, extra="ignore")
    except ValidationError as error:
        raise EndpointNotFound(f"the served record cannot be read: {error}") from error
    if found.format_version > _FORMAT:
        raise EndpointNotFound(
            f"the served record of {found.spec_name} has format {found.format_version}, and this "
            f"release reads {_FORMAT}; install the release that the stack was deployed with"
        )
    return found


def _latest(records: Iterable[Served | None]) -> Served | None:
    found = [record for record in records if record is not None]
    return max(found, key=lambda record: (record.promoted_at, record.generation), default=None)


def _read_text(s3: Any, **request: str) -> str | None:
    """An object's text; None where there is none."""
    try:
        return str(s3.get_object(**request)["Body"].read().decode("utf-8"))
    except ClientError as error:
        if error.response["Error"]["Code"] in ("NoSuchKey", "404"):
            return None
        raise
