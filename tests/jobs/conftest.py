import pytest

from jobs import Limits, Pool
from tests.jobs.helpers import FAKE, Clock


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def make_pool(clock):
    """Pools of fake workers, started here and stopped at the end."""
    pools = []

    def make(mode="", **limits):
        pool = Pool(Limits(**limits), clock=clock, command=[*FAKE, mode])
        pools.append(pool)
        pool.start()
        return pool

    yield make
    for pool in pools:
        pool.stop()


@pytest.fixture
def pool(make_pool):
    return make_pool()
