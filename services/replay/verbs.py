"""What the owner of a data folder does on request: the verbs that need its ledger, with JSON on both sides."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final

import msgspec

from services.control import Told, Verb
from services.replay.estimate import estimate
from services.replay.rebuild import Step, rebuild, rollback
from services.replay.scenario import read_scenario
from services.replay.whatif import whatif
from services.workspace import Workspace


def do(workspace: Workspace, verb: str, words: Mapping[str, Any], told: Told) -> dict[str, Any]:
    """Do one of these verbs. ``told`` gets steps; what it raises ends the work."""

    def step(one: Step) -> None:
        told(msgspec.to_builtins(one))

    if verb == "rebuild":
        return rebuild(workspace, step, expect=words["expect"])
    if verb == "rollback":
        return rollback(workspace, step)
    if verb == "estimate":
        return estimate(workspace)
    assert verb == "what-if", "the command line asks for no other"
    tenant, scenario = words["tenant"], read_scenario(words["scenario"], words["file"])
    if not workspace.settings.posted_by_workers:
        with workspace.posting:
            workspace.post(tenant, workspace.store)
    return whatif(workspace, tenant, scenario, words["asked"], _counting(workspace, tenant, told))


def _counting(workspace: Workspace, tenant: str, told: Told) -> Callable[[int], None]:
    """Steps out of counts."""
    done, total = 0, workspace.journal.head(tenant).position

    def more(count: int) -> None:
        nonlocal done
        done += count
        told({"phase": "posting", "done": done, "total": total})

    return more


VERBS: Final = ("rebuild", "rollback", "estimate", "what-if")


def verbs_of(workspace: Workspace) -> dict[str, Verb]:
    """The verbs of a workspace, for its desk: others are served there meanwhile."""
    workspace.served = True
    return {verb: partial(do, workspace, verb) for verb in VERBS}
