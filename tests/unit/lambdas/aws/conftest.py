"""A home region and a worker region."""

from tests.unit.lambdas.two_regions import regions as regions
