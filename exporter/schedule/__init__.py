"""When each target is probed: `timetable` says when, `places` how many at once.

Both are pure, and so are `shard` and `restraint`, by which who says 421 is left alone.
`runner` starts tasks and `ending` ends them: no other file here knows asyncio.
"""

from exporter.schedule.runner import Schedule

__all__ = ["Schedule"]
