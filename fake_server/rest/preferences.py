"""The `Prefer` header: what the client wishes, and which of it the answer says was heeded."""

from __future__ import annotations

from dataclasses import dataclass

from fake_server.rest.errors import Refused

_CHOICES = {
    "resolution": ("merge-duplicates", "ignore-duplicates"),
    "missing": ("default", "null"),
    "return": ("representation", "minimal", "headers-only"),
    "count": ("exact", "planned", "estimated"),
    "tx": ("commit", "rollback"),
    "handling": ("strict", "lenient"),
}
_APPLIED = ("resolution", "missing", "return", "count", "tx", "handling")
_FREE = ("timezone", "max-affected")
_DIGITS_MAX = 18


@dataclass(frozen=True, slots=True)
class Preferences:
    """What was preferred, by name; of repeated ones the first counts."""

    chosen: dict[str, str]
    max_affected: int | None = None

    def get(self, name: str) -> str | None:
        return self.chosen.get(name)

    @property
    def is_strict(self) -> bool:
        return self.get("handling") == "strict"

    @property
    def affected_max(self) -> int | None:
        """How many rows a write may change; only asked for when handling is strict."""
        return self.max_affected if self.is_strict else None

    def applied(self, *but: str) -> dict[str, str]:
        """The header `Preference-Applied` without these, if anything is left to say."""
        said = [
            f"{name}={self.chosen[name]}"
            for name in _APPLIED
            if name in self.chosen and name not in but
        ]
        if self.affected_max is not None and "max-affected" not in but:
            said.append(f"max-affected={self.affected_max}")
        return {"preference-applied": ", ".join(said)} if said else {}


def read_preferences(header: str) -> Preferences:
    """Raises `Refused` PGRST122 for what is not known, if handling is strict."""
    chosen: dict[str, str] = {}
    unknown: list[str] = []
    max_affected = None
    for preference in (part.strip() for part in header.split(",") if part.strip()):
        name, _, value = preference.partition("=")
        if value in _CHOICES.get(name, ()):
            chosen.setdefault(name, value)
        elif name not in _FREE:
            unknown.append(preference)
        elif name == "max-affected" and value.isdecimal() and len(value) <= _DIGITS_MAX:
            max_affected = int(value) if max_affected is None else max_affected
    if unknown and chosen.get("handling") == "strict":
        raise Refused(
            400,
            "PGRST122",
            "Invalid preferences given with handling=strict",
            f"Invalid preferences: {', '.join(unknown)}",
        )
    return Preferences(chosen, max_affected)
