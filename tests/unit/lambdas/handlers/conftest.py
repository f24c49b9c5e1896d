"""A home region and a worker region, with a job between them."""

from tests.unit.lambdas.handing_over import states as states
from tests.unit.lambdas.running_job import worker as worker
from tests.unit.lambdas.swept_region import looked_after as looked_after
from tests.unit.lambdas.two_regions import regions as regions
