"""The topics that a client in a process of its own says it holds: lost when the process is."""

from __future__ import annotations

from harness.history import Op


class HeldTopics:
    """Follows a client by what it says."""

    def __init__(self) -> None:
        self._topics: dict[str, None] = {}

    def heard(self, op: Op) -> None:
        """The client said something."""
        topic = str(op.value.get("topic"))
        if op.f == "joined":
            self._topics[topic] = None
        elif op.f in ("lost", "closed"):
            self._topics.pop(topic, None)

    def lost(self, process: str, reason: str) -> list[Op]:
        """The process is gone, and nothing is held any more: what whoever watches it knows."""
        topics, self._topics = list(self._topics), {}
        return [
            Op(process=process, type="info", f="lost", value={"topic": topic, "reason": reason})
            for topic in topics
        ]
