"""Whether a selection starved a group, changed over time, left the pool, or cost some group accuracy."""

from saln.needs import extra_pilot

with extra_pilot():
    from saln.audit.audit import Audit, Evaluation, Test, audit_selection
    from saln.audit.findings import Finding, Limits
    from saln.datasets import Groups, crossed, make_groups

__all__ = ["Audit", "Evaluation", "Finding", "Groups", "Limits", "Test", "audit_selection", "crossed", "make_groups"]
