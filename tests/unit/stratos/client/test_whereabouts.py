"""Where a model answers, whether or not home does."""

from __future__ import annotations

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest

from stratos.client.stack import Stack
from stratos.client.whereabouts import Whereabouts
from stratos.errors import EndpointNotFound, HomeUnreachable, StackNotFound
from tests import factories
from tests.unit.stratos.client.served_regions import EUROPE, HOME, TOKYO, Silent, unreached

MADE = "stratos-tiles-00000001"


@pytest.fixture
def silent_home(regions, monkeypatch):
    """Home answers nothing, however it is asked."""
    regions.cut.add(HOME)

    def find(*_arguments):
        raise StackNotFound("no stack answers") from unreached("cloudformation", HOME)

    monkeypatch.setattr(Stack, "find", find)
    return regions


def whereabouts(world, **options):
    named = {"now": world.clock.now, "make_client": world.make} | options
    return Whereabouts("tiles", **named)


def test_home_says_where_a_model_of_several_regions_is(regions):
    record = factories.served(HOME, EUROPE)
    regions.promote(record, copied_to=(HOME,))
    assert whereabouts(regions, stack=regions.stack).current() == record


def test_without_home_the_latest_copy_says_it(silent_home):
    regions = silent_home
    regions.promote(factories.served(HOME, EUROPE, TOKYO), copied_to=(EUROPE,))
    latest = factories.served(HOME, EUROPE, TOKYO, generation=2)
    regions.promote(latest, copied_to=(TOKYO,))
    assert whereabouts(regions, regions=[EUROPE, TOKYO]).current() == latest


def test_without_home_and_without_a_word_every_region_is_looked_into(silent_home):
    record = factories.served(HOME, TOKYO)
    silent_home.promote(record, copied_to=(TOKYO,))
    assert whereabouts(silent_home, home=HOME).current() == record


def test_without_home_and_without_a_copy_that_is_said(silent_home):
    looked = whereabouts(silent_home, home=HOME, regions=[EUROPE])
    with pytest.raises(HomeUnreachable, match=r"home region us-east-1 does not answer.*regions="):
        looked.current()


def test_a_bucket_of_another_account_is_no_copy(silent_home):
    silent_home.promote(factories.served(HOME, EUROPE), copied_to=(EUROPE,))
    asked = []
    of_regions = silent_home.make

    def make(service, **options):
        made = of_regions(service, **options)
        return _Noting(made, asked) if service == "s3" else made

    whereabouts(silent_home, regions=[EUROPE], make_client=make).current()
    assert [request["ExpectedBucketOwner"] for request in asked] == ["123456789012"]


class _Noting:
    """S3, with its requests noted."""

    def __init__(self, s3, asked):
        self._s3, self._asked = s3, asked

    def get_object(self, **request):
        self._asked.append(request)
        return self._s3.get_object(**request)


def test_what_was_known_stays_known_while_nobody_answers(regions, monkeypatch):
    record = factories.served(HOME, EUROPE)
    regions.promote(record, copied_to=(HOME,))
    looked = whereabouts(regions, stack=regions.stack)
    assert looked.current() == record
    regions.cut |= {HOME, EUROPE, TOKYO}
    monkeypatch.setattr(Stack, "s3", Silent("s3", HOME))
    regions.clock.sleep_until(3600)
    assert looked.current() == record


def test_a_run_that_is_asked_for_by_name_is_not_another_one(regions):
    regions.promote(factories.served(HOME, EUROPE))
    regions.put_endpoint(HOME, "stratos-tiles")
    run = regions.put_run(endpoint_name="stratos-tiles")
    found = whereabouts(regions, stack=regions.stack, run=run).current()
    assert [place.endpoint_name for place in found.regions] == ["stratos-tiles"]


@pytest.mark.parametrize(
    ("columns", "told"),
    [
        ({"endpoint_name": "e"}, "endpoint e of run r-1 is gone"),
        ({}, "no run of tiles has a model in service in the stack Stratos"),
        ({"batch_model_name": "m"}, "has no endpoint; `stratos batch` asks its model"),
    ],
    ids=["gone", "nothing", "batches"],
)
def test_where_nothing_serves_it_is_said_what_there_is(regions, columns, told):
    regions.put_run(**columns)
    with pytest.raises(EndpointNotFound, match=told):
        whereabouts(regions, stack=regions.stack).current()


def test_the_newest_run_in_charge_is_found_among_many(regions):
    regions.put_endpoint(HOME, "stratos-tiles")
    for number in range(3):
        columns = {"endpoint_name": "stratos-tiles"} if number == 1 else {}
        regions.put_run(run_id=f"r-{number}", **columns)
    assert whereabouts(regions, stack=regions.stack).current().run_id == "r-1"


def put_record(world, **changes):
    record = factories.served(HOME, EUROPE).model_dump(mode="json") | changes
    body = json.dumps(record).encode()
    world.stack.s3.put_object(Bucket="bucket", Key="served/tiles.json", Body=body)


def test_a_field_of_a_later_release_is_passed_over(regions):
    put_record(regions, colour="red")
    found = whereabouts(regions, stack=regions.stack).current()
    assert found == factories.served(HOME, EUROPE)


@pytest.mark.parametrize(
    ("changes", "told"),
    [({"format_version": 2}, "has format 2.*install the release"), ({"regions": 5}, "be read")],
    ids=["format", "damage"],
)
def test_a_record_that_cannot_be_read_is_told(regions, changes, told):
    put_record(regions, **changes)
    with pytest.raises(EndpointNotFound, match=told):
        whereabouts(regions, stack=regions.stack).current()


def test_a_model_that_was_deleted_and_promoted_again_is_the_later_one(silent_home):
    regions = silent_home
    regions.promote(factories.served(HOME, EUROPE, generation=7), copied_to=(EUROPE,))
    again = factories.served(HOME, TOKYO, promoted_at=datetime(2026, 2, 1, tzinfo=UTC))
    regions.promote(again, copied_to=(TOKYO,))
    assert whereabouts(regions, regions=[EUROPE, TOKYO]).current() == again


class Slowly:
    """Reading the record, held up until it is let go."""

    def __init__(self, looked, monkeypatch):
        self.begun, self.let_go, self.times = threading.Event(), threading.Event(), 0
        self._read = looked._from_home
        monkeypatch.setattr(looked, "_from_home", self)

    def __call__(self):
        self.times += 1
        self.begun.set()
        assert self.let_go.wait(30)
        return self._read()


@pytest.fixture
def looked(regions):
    regions.promote(factories.served(HOME, EUROPE), copied_to=(HOME,))
    found = whereabouts(regions, stack=regions.stack)
    found.current()
    return found


def test_while_one_thread_reads_the_record_the_others_go_on_with_the_former(
    regions, looked, monkeypatch
):
    slowly = Slowly(looked, monkeypatch)
    regions.clock.sleep_until(61)
    with ThreadPoolExecutor() as pool:
        reading = pool.submit(looked.current)
        assert slowly.begun.wait(30)
        assert looked.current() == factories.served(HOME, EUROPE)
        assert not reading.done()
        slowly.let_go.set()
    assert slowly.times == 1


class Queue:
    """A lock that tells when so many threads have asked for it."""

    def __init__(self, length):
        self._lock, self._left, self.is_full = threading.Lock(), length, threading.Event()
        self.release = self._lock.release

    def acquire(self, timeout):
        self._left -= 1
        if self._left == 0:
            self.is_full.set()
        return self._lock.acquire(timeout=timeout)


def test_threads_that_want_the_record_anew_at_once_read_it_once(looked, monkeypatch):
    slowly, queue = Slowly(looked, monkeypatch), Queue(5)
    monkeypatch.setattr(looked, "_reading", queue)
    with ThreadPoolExecutor() as pool:
        first = pool.submit(looked.anew)
        assert slowly.begun.wait(30)
        begun = [pool.submit(looked.anew) for _ in range(4)]
        assert queue.is_full.wait(30)
        slowly.let_go.set()
        found = {answer.result().run_id for answer in [first, *begun]}
    assert len(found) == 1
    assert slowly.times == 2  # what the first reads may be of before the others asked


def test_nobody_waits_for_another_thread_beyond_his_time(looked, monkeypatch):
    slowly = Slowly(looked, monkeypatch)
    with ThreadPoolExecutor() as pool:
        reading = pool.submit(looked.anew)
        assert slowly.begun.wait(30)
        assert looked.anew(patience_seconds=0.0) == factories.served(HOME, EUROPE)
        assert not reading.done()
        slowly.let_go.set()
