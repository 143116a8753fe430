"""Training as a service: queue, worker processes, leases. The server's side never imports torch.

pool = jobs.pool()                    # one a process, started and stopped by the app
job_id = pool.submit(config, reader)  # or raises Refused, whose `key` has a message in both languages
view = pool.poll(job_id, reader)      # renews the lease
"""

from functools import cache

from jobs.job import JobView
from jobs.limits import Limits, Refused, refusal
from jobs.service import Pool

__all__ = ["JobView", "Limits", "Pool", "Refused", "pool", "refusal"]


@cache
def pool() -> Pool:
    """The pool of this process, with its limits from the environment."""
    return Pool()
