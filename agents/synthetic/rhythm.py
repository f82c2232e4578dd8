"""When things happen at a supplier: busy Mondays, quiet Sundays, a morning and an afternoon peak."""

from datetime import datetime, time, timedelta
from itertools import accumulate
from random import Random
from zoneinfo import ZoneInfo

WEEKDAYS = [21, 19, 17, 16, 16, 7, 4]
HOURS = [1, 1, 1, 1, 1, 2, 4, 9, 26, 34, 36, 31, 22, 28, 33, 30, 26, 20, 12, 9, 7, 5, 3, 2]


class Rhythm:
    """Draws moments from ``weeks`` weeks before ``now`` (aware), in the rhythm of ``zone``."""

    def __init__(self, rng: Random, now: datetime, weeks: int, zone: str) -> None:
        self.rng, self.now, self.zone = rng, now, ZoneInfo(zone)
        today = now.astimezone(self.zone).date()
        self.days = [today - timedelta(days=back) for back in range(weeks * 7)]
        self.day_weights = list(accumulate(WEEKDAYS[day.weekday()] for day in self.days))
        self.hour_weights = list(accumulate(HOURS))

    def moment(self) -> datetime:
        """A moment in the past, aware and in UTC."""
        while True:
            day = self.rng.choices(self.days, cum_weights=self.day_weights)[0]
            hour = self.rng.choices(range(24), cum_weights=self.hour_weights)[0]
            local = datetime.combine(
                day, time(hour, self.rng.randrange(60), self.rng.randrange(60)), self.zone
            )
            moment = local.astimezone(ZoneInfo("UTC"))
            if moment < self.now:
                return moment
