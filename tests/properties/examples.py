"""How many examples a property is tried on: few in `make test`, SALN_EXAMPLES times as many where that is said."""

import os

from hypothesis import HealthCheck, settings

TIMES = int(os.environ.get("SALN_EXAMPLES", "1"))


def examples(few: int) -> settings:
    """Settings of a property that is tried on `few` examples, or SALN_EXAMPLES times as many."""
    return settings(
        max_examples=TIMES * few,
        deadline=None,
        print_blob=True,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
    )
