"""A worker without torch: the real serving loop, with behaviours to choose by the seed of the request."""

import os
import sys
import time

import numpy as np

from jobs.protocol import as_array
from jobs.worker import Unusable, serve

QUICK, LONG, HANG, GREEDY, MEMORY, BUG, DIE, DEAF, SWELL, GARBAGE = range(10)
STEP = 0.01  # s


def point(step, **more):
    return {"step": step, "run": {"validation_loss": None}, "history": [{"step": step}], **more}


def behave(request, stop, device, every):
    seed = request["seed"]
    arrays = {"run.delta.head": np.full((2, 2), seed, np.float32)}
    yield {"type": "snapshot", "snapshot": point(0)}, {"images": np.ones((3,), np.float32), **arrays}
    if seed == MEMORY:
        raise MemoryError
    if seed == GREEDY:
        held = bytearray(3 << 30)  # untouched, so it costs nothing where it is not refused
        del held
    if seed == BUG:
        raise RuntimeError("a bug")
    if seed == DIE:
        os._exit(3)
    if seed == SWELL:
        swollen = np.ones(50 << 20, np.uint8)
        time.sleep(60)
        del swollen
    if seed == GARBAGE:
        os.write(GARBAGE_TO, b"this is no frame at all")
        time.sleep(60)
    print("a library that prints to stdout harms nothing")
    step, state = 0, "done"
    while seed in (LONG, HANG, DEAF) or step < request["steps"]:
        if stop() and seed != DEAF:
            state = "stopped"
            break
        time.sleep(STEP)
        step += 1
        if seed != HANG:
            yield {"type": "snapshot", "snapshot": point(step)}, arrays
    yield (
        {"type": "ended", "state": state, "key": None, "values": {}},
        {"result": as_array(b"adapter %d" % seed)},
    )


def fall_silent(request, stop, device, every):
    yield from behave({"seed": HANG}, stop, device, every)


def warm(wanted):
    mode = sys.argv[1] if len(sys.argv) > 1 else ""
    if mode == "unusable":
        raise Unusable("device", device=wanted)
    if mode == "broken":
        raise ImportError("no torch")
    if mode == "cpu":
        return "cpu"
    if mode == "slow":
        time.sleep(60)
    return "fake"


if __name__ == "__main__":
    GARBAGE_TO = os.dup(1)
    serve({"train": behave, "experiment": fall_silent}, warm)
