"""Scores and selections over files larger than memory.

Layers, each importing only those below it:

    score, select -> engines, ray_engine -> journal, outputs
    score, select -> samples -> rows -> mapped, row_groups; summary, budget, fingerprint

A *task* computes the rows of a result from their numbers alone, so that they can be computed in any order, by any
process, as often as need be; a *journal* keeps those that are finished; an *engine* brings the two together.
"""

from saln.needs import extra_pilot

with extra_pilot():
    from saln.offline.score import score_file
    from saln.offline.select import SelectSummary, select_file
    from saln.offline.summary import ScoreSummary

__all__ = ["ScoreSummary", "SelectSummary", "score_file", "select_file"]
