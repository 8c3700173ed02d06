"""The channels of all workers of a pool: which of them can be read or written now.

A task that is sent ahead is written later, together with those after it: each write may wake its worker, which takes
the processor away from the owner.
"""

from __future__ import annotations

import select

from simpleflow.worker.member import Member
from simpleflow.worker.messages import spin


class Channels:
    """The channels of the workers that were added and not removed."""

    def __init__(self) -> None:
        self._poll = select.poll()
        self._by_descriptor: dict[int, Member] = {}
        self._unsent: list[Member] = []  # those that have messages to be written to them

    def add(self, worker: Member) -> None:
        """Have ``ready`` find what this worker sends."""
        self._poll.register(worker.channel, select.POLLIN)
        self._by_descriptor[worker.channel.fileno()] = worker

    def remove(self, worker: Member) -> None:
        """Have it find nothing of this worker any more."""
        self._poll.unregister(worker.channel)
        self.stop_writing(worker)
        del self._by_descriptor[worker.channel.fileno()]
        if worker in self._unsent:
            self._unsent.remove(worker)

    def put(self, worker: Member, data: bytes) -> None:
        """Have ``send_all`` write these bytes to a worker."""
        worker.channel.add(data)
        if worker not in self._unsent:
            self._unsent.append(worker)

    def send_all(self) -> None:
        """Write what was ``put`` since."""
        for worker in self._unsent:
            try:
                worker.channel.flush()
            except OSError:
                continue  # it has just died, which its owner finds soon
            self.watch_writing(worker)
        self._unsent.clear()

    def watch_writing(self, worker: Member) -> None:
        """Have ``ready`` find when the bytes can be written that a worker does not read yet; if there are none, not."""
        writer = worker.channel.writer
        if not worker.channel.unsent:
            self.stop_writing(worker)
        elif writer not in self._by_descriptor:
            self._by_descriptor[writer] = worker
            self._poll.register(writer, select.POLLOUT)

    def stop_writing(self, worker: Member) -> None:
        """Have ``ready`` not look at whether a worker can be written to."""
        if self._by_descriptor.pop(worker.channel.writer, None) is not None:
            self._poll.unregister(worker.channel.writer)

    def spin(self, seconds: float) -> None:
        """Spin until one is ready, or for so many seconds."""
        spin(self._poll, seconds)

    def ready(self, seconds: float) -> list[int]:
        """The descriptors that can be read or written, now or within so many seconds."""
        return [descriptor for descriptor, _ in self._poll.poll(seconds * 1000)]

    def of(self, descriptor: int) -> Member | None:
        """The worker with that descriptor; None if it was removed."""
        return self._by_descriptor.get(descriptor)
