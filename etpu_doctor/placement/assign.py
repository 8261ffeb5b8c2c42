"""The best assignment of models to Edge TPUs."""

from __future__ import annotations

from etpu_doctor.placement.exact import prove
from etpu_doctor.placement.problem import Problem, Solution
from etpu_doctor.placement.search import search

EXACT_TASKS, EXACT_SITES = 12, 8
"""Up to here the best is proven."""


def solve(problem: Problem) -> Solution | None:
    """The best assignment: one model an Edge TPU while there are enough; ``None`` if a model can run nowhere.

    Ties go to the Edge TPUs that are preferred. Proven up to ``EXACT_TASKS`` on ``EXACT_SITES``; beyond, and where
    links cross as those of no machine do, the best that was found after a bounded number of steps.
    """
    if not problem.tasks:
        return Solution(places=(), cost=(0, 0), is_proven=True)
    if problem.sites == 0 or any(not any(time is not None for time in task.times) for task in problem.tasks):
        return None
    if len(problem.tasks) <= problem.sites:
        alone = _solve(problem, most=1)
        if alone is not None:
            return alone
    return _solve(problem, most=len(problem.tasks))


def _solve(problem: Problem, most: int) -> Solution | None:
    """``most`` models go on one Edge TPU."""
    is_small = len(problem.tasks) <= EXACT_TASKS and problem.sites <= EXACT_SITES
    return prove(problem, most) if is_small else search(problem, most)
