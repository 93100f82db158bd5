"""When each target is probed: `timetable` says when, `places` how many at once.

Both are pure; `runner` is the only file of this room that knows asyncio.
"""

from exporter.schedule.runner import Schedule

__all__ = ["Schedule"]
