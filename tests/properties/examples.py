"""How many examples a property is tried on: few in `make test`, as many as SALN_EXAMPLES says in `make fuzz`."""

import os

from hypothesis import HealthCheck, settings

EXAMPLES = int(os.environ.get("SALN_EXAMPLES", "0"))


def examples(few: int) -> settings:
    """Settings of a property that is tried on `few` examples, or on SALN_EXAMPLES."""
    return settings(
        max_examples=EXAMPLES or few,
        deadline=None,
        print_blob=True,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
    )
