"""Pictures of two cameras of one Kinect, brought together where the driver does not pair them.

Color and depth of a Kinect v2 are exposed by themselves (libfreenect2's issue 721), so which two belong
together is a matter of time: on the sensor's clock, or of arrival where that is wrong.
"""

from collections import deque
from dataclasses import dataclass
from typing import Generic, TypeVar

from .driver import PERIOD_NS

Lead = TypeVar("Lead")
Follower = TypeVar("Follower")

FARTHEST_NS = round(0.6 * PERIOD_NS)
"""Two pictures farther apart belong to different moments: one's own partner is lost."""
ONE_CLOCK_NS = 1_000_000_000
"""Times of the sensor's clock that are farther apart are wrong; arrival counts then."""
HELD = 8
"""Pictures that wait for a partner, about a quarter of a second."""
SETTLING = 8
"""Pairs over which the usual distance is a running mean."""


@dataclass(frozen=True, slots=True)
class Taken:
    """When a picture was taken, on the sensor's clock, and when it arrived, on the host's."""

    device_ns: int
    arrival_ns: int

    def after(self, other: "Taken") -> int:
        """Return by how many nanoseconds this picture is later than the other."""
        apart_ns = self.device_ns - other.device_ns
        return apart_ns if abs(apart_ns) < ONE_CLOCK_NS else self.arrival_ns - other.arrival_ns


class Pairing(Generic[Lead, Follower]):
    """For every leading picture the one of the other camera that was taken nearest to it.

    Two cameras that run freely keep their distance, and it is looked for there, so that one of about half a
    period does not make them jump between two partners. A picture waits until no nearer partner can come. One
    whose partner is lost is dropped and counted; so are those that wait in vain.
    """

    def __init__(self) -> None:
        self.n_unpaired = 0
        """Leading pictures without a partner."""
        self.apart_ns = 0.0
        """How much later than the leading picture its partner is, a running mean."""
        self._leads: deque[tuple[Taken, Lead]] = deque()
        self._followers: deque[tuple[Taken, Follower]] = deque(maxlen=HELD)
        self._settled = False

    def lead(self, taken: Taken, picture: Lead) -> None:
        """Take a picture that wants a partner."""
        self._leads.append((taken, picture))
        if len(self._leads) > HELD:
            self._leads.popleft()
            self.n_unpaired += 1

    def follow(self, taken: Taken, picture: Follower) -> None:
        """Take a picture that may be a partner."""
        self._followers.append((taken, picture))

    def take(self) -> tuple[tuple[Taken, Lead], tuple[Taken, Follower]] | None:
        """Return the next pair, or None when none is complete."""
        while self._leads and self._followers:
            taken = self._leads[0][0]
            off_ns = [late.after(taken) - self.apart_ns for late, _ in self._followers]
            near = min(range(len(off_ns)), key=lambda i: abs(off_ns[i]))
            if abs(off_ns[near]) > PERIOD_NS / 2 and max(off_ns) < 0:
                return None  # a nearer one may come
            lead = self._leads.popleft()
            apart_ns = self._followers[near][0].after(taken)
            if abs(apart_ns) > FARTHEST_NS:
                near = min(range(len(off_ns)), key=lambda i: abs(self._followers[i][0].after(taken)))
                apart_ns = self._followers[near][0].after(taken)
                self._settled = False
            if abs(apart_ns) > FARTHEST_NS:
                self.n_unpaired += 1
                continue
            self._settle(apart_ns)
            follower = self._followers[near]
            for _ in range(near + 1):  # none goes out twice, and none before one that went out
                self._followers.popleft()
            return lead, follower
        return None

    def _settle(self, apart_ns: int) -> None:
        self.apart_ns += (apart_ns - self.apart_ns) / (SETTLING if self._settled else 1)
        self._settled = True
