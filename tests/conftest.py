"""Surroundings of every test: one thread, no screen, no network, one profile.

The environment is set before any test imports NumPy, torch or matplotlib, which read
it once. What the developer has set already is kept.
"""

import os

from hypothesis import HealthCheck, settings

SURROUNDINGS = {
    "OMP_NUM_THREADS": "1",  # the tables are tiny: threads only get in the way
    "OMP_WAIT_POLICY": "PASSIVE",  # idle threads must not spin on a shared machine
    "MPLBACKEND": "Agg",
    "HF_HUB_OFFLINE": "1",
}
for name, value in SURROUNDINGS.items():
    os.environ.setdefault(name, value)

settings.register_profile(
    "sklroute",
    deadline=None,  # tests say nothing about speed
    print_blob=True,
    derandomize="CI" in os.environ,
    suppress_health_check=[HealthCheck.too_slow],  # a busy machine is not a bug
)
settings.load_profile("sklroute")
