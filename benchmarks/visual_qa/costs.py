"""What a call costs: operations, which anyone can recount, and milliseconds."""

from time import perf_counter

import numpy as np
import torch
from torch.utils.flop_counter import FlopCounterMode


def matrix_mflops(call):
    """Count the millions of operations of a call's convolutions and products.

    A multiplication and the addition after it are two operations.
    """
    with FlopCounterMode(display=False) as counter:
        call()
    return counter.get_total_flops() / 1e6


def median_milliseconds(call, arguments):
    """Time a call on one thread, argument by argument; return the median."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    call(*arguments[0])
    times = []
    for argument in arguments:
        start = perf_counter()
        call(*argument)
        times.append(perf_counter() - start)
    torch.set_num_threads(threads)
    return 1e3 * float(np.median(times))
