"""When a lost child is started again."""

from hypothesis import given
from hypothesis import strategies as st

from tests.jobs.helpers import Clock
from workers.restarts import Restarts


def pauses(restarts, clock, losses):
    """Seconds until the next start, after each of some losses."""
    found = []
    for _ in range(losses):
        restarts.lost()
        began = clock.now
        while not restarts.ready:
            clock.now += 0.5
        found.append(clock.now - began)
    return found


def test_the_first_loss_costs_nothing_and_each_further_one_twice_as_much():
    clock = Clock()
    restarts = Restarts(tries=2, pause=1.0, longest=10.0, clock=clock)
    assert restarts.ready
    assert pauses(restarts, clock, 7) == [0, 1, 2, 4, 8, 10, 10]
    restarts.reset()
    assert pauses(restarts, clock, 3) == [0, 1, 2]


def test_what_is_hopeless_is_not_tried_twice():
    clock = Clock()
    restarts = Restarts(tries=3, clock=clock)
    restarts.lost(hopeless=True)
    assert not restarts.ready
    restarts.reset()
    assert restarts.ready


@given(st.integers(1, 5), st.integers(0, 2000))
def test_no_pause_is_longer_than_the_longest(tries, losses):
    clock = Clock()
    restarts = Restarts(tries=tries, clock=clock)
    for _ in range(losses):
        restarts.lost()
    clock.now += 60.0
    assert restarts.ready
