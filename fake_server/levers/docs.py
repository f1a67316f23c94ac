"""The levers for people: what `GET /levers` lists and `docs/levers.md` shows.

`python -m fake_server.levers.docs > docs/levers.md` writes the page anew.
"""

from __future__ import annotations

import sys
from typing import Any

from fake_server.levers.lever import Spec
from fake_server.levers.parameters import REQUIRED, Parameter
from fake_server.levers.registry import LEVERS

_HEAD = """\
# Levers

What the fake server can be told to do wrong, in the vocabulary of `failures.md §0.3`. The table is
written from `fake_server/levers/registry.py`; a test compares the two.

In Python, `server.pull("late", delay_s=3, answers="phx_join")` returns a lever with `heal()` and
`hits`; `server.heal()` heals all. With several tenants, `server.pull("late", tenant="acme", …)`
strikes that one, and the first if none is named. Over HTTP, with
`python -m fake_server --control-port 0`:

```sh
curl $CONTROL/levers                                   # those known, and those pulled
curl $CONTROL/levers -d '{"name": "late", "parameters": {"delay_s": 3, "answers": "phx_join"}}'
curl -X DELETE $CONTROL/levers/1                       # heal one
curl -X POST $CONTROL/heal                             # heal all
curl $CONTROL/truth                                    # who is joined, tokens held, counts
curl $CONTROL/levers -d '{"name": "mute_app", "tenant": "acme"}'
curl "$CONTROL/truth?tenant=acme"                      # also /levers and /heal, of one tenant
```

A lever that *lasts* stays pulled until it is healed, or for `for_s` seconds; another happens once.
A frame passes the rules one after another, in the order of their pulls; of several answers to one
request the lever that was pulled last decides.
"""


def known() -> dict[str, Any]:
    """Every lever, its parameters and their rules, as JSON."""
    return {
        name: {
            "meaning": spec.meaning,
            "lasts": spec.lasts,
            "parameters": {one.name: _known(one) for one in spec.parameters},
        }
        for name, spec in LEVERS.items()
    }


def page() -> str:
    """All of `docs/levers.md`."""
    shared: dict[str, Parameter] = {}
    for spec in LEVERS.values():
        own = {one.name for one in spec.own}
        shared.update({one.name: one for one in spec.parameters if one.name not in own})
    rows = [_row(name, spec) for name, spec in LEVERS.items()]
    return "\n".join(
        [
            _HEAD,
            "| lever | what happens | lasts | its own parameters | shared parameters |",
            "| --- | --- | --- | --- | --- |",
            *rows,
            "",
            "## Shared parameters",
            "",
            "| parameter | meaning | value | default |",
            "| --- | --- | --- | --- |",
            *[
                f"| `{name}` | {one.meaning} | {one.kind.rule} | {_default(one)} |"
                for name, one in shared.items()
            ],
            "",
        ]
    )


def _known(parameter: Parameter) -> dict[str, Any]:
    required = parameter.default is REQUIRED
    default = {} if required else {"default": parameter.default}
    return {
        "meaning": parameter.meaning,
        "value": parameter.kind.rule,
        "required": required,
        **default,
    }


def _row(name: str, spec: Spec) -> str:
    own = "; ".join(
        f"`{one.name}`: {one.meaning} ({one.kind.rule}; {_default(one)})" for one in spec.own
    )
    own_names = {one.name for one in spec.own}
    shared = ", ".join(f"`{one.name}`" for one in spec.parameters if one.name not in own_names)
    lasts = "yes" if spec.lasts else "no"
    return f"| `{name}` | {spec.meaning} | {lasts} | {own or '–'} | {shared or '–'} |"


def _default(parameter: Parameter) -> str:
    if parameter.default is REQUIRED:
        return "required"
    return "none" if parameter.default is None else f"`{parameter.default!r}`"


if __name__ == "__main__":
    sys.stdout.write(page())
