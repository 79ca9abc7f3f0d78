"""No test leaves tasks behind."""

import asyncio
from typing import Any

__all__ = ["no_tasks_beyond"]

_PATIENCE = 10.0
"""Seconds that tasks of libraries have to notice that their connections are gone; one that goes on is a leak."""


async def no_tasks_beyond(before: set["asyncio.Task[Any]"]) -> None:
    """Fails if tasks that were not there before are still running after a while."""
    here = asyncio.current_task()  # fixtures are torn down in a task of their own
    left = {task for task in asyncio.all_tasks() - before if task is not here}
    if left:
        _, left = await asyncio.wait(left, timeout=_PATIENCE)
    assert not left, f"tasks are left: {left}"
