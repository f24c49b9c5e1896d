"""A home region and a worker region, with a job between them."""

from tests.unit.lambdas.running_job import worker as worker
from tests.unit.lambdas.two_regions import regions as regions
