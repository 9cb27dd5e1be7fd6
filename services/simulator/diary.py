"""What is told, and when: events are collected as they occur and given out as they are recorded."""

from collections.abc import Iterator
from typing import Any, Final

from services.simulator.almanac import DAY_S, Stamp
from services.simulator.mess import LAG_S, Data, Mishaps, Telling, Told


class Diary:
    """Takes events in any order and gives out each day's, as CloudEvents, in the order they are recorded."""

    def __init__(self, mishaps: Mishaps, tenant: str, end: int) -> None:
        self._mishaps: Final = mishaps
        self._tenant: Final = tenant
        self._end: Final = end
        """The moment from which on nothing is recorded."""
        self._stamp: Final = Stamp()
        self._today: list[Told] = []
        self._count = 0
        self._pending: dict[int, list[Telling]] = {}
        """What is still to be told, by the day on which it will be recorded."""

    def tell(self, at: int, source: str, type_: str, data: Data) -> None:
        """It occurred ``at`` this moment: today, or a little later."""
        self._count += 1
        self._today.append((at, self._count, source, type_, data))

    def close(self, day: int) -> Iterator[dict[str, Any]]:
        """Everything that is recorded on a day, once the day is over."""
        self._file()
        told = self._pending.pop(day, [])
        told.sort()
        stamp, tenant = self._stamp, self._tenant
        for recorded, _, at, id_, source, type_, data in told:
            yield {
                "specversion": "1.0",
                "id": id_,
                "source": source,
                "type": type_,
                "time": stamp(at),
                "tenant": tenant,
                "recordedtime": stamp(recorded),
                "data": data,
            }

    def _file(self) -> None:
        """Put what occurred under the days on which it will be recorded."""
        pending, end = self._pending, self._end
        spared, befall = self._mishaps.spared, self._mishaps.befall
        for told in self._today:
            at, number, source, type_, data = told
            if spared(source):
                tellings = [(at + LAG_S, (number, 0), at, f"{source[1:]}-{number}", source, type_, data)]
            else:
                tellings = befall(told)
            for telling in tellings:
                recorded = telling[0]
                if recorded < end:
                    pending.setdefault(recorded // DAY_S, []).append(telling)
        self._today = []
