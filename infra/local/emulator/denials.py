"""Says in the emulator's log which permission was missing: the functions' own logs may not carry it."""

import json
from typing import Any

from ministack.core import iam_actions


def log_denials() -> None:
    """From now on, each refused call is one line: the action, who, and on what."""
    refuse = iam_actions.access_denied_response

    def refuse_and_log(service: str, action: str, principal: str, *arguments: Any, **options: Any) -> Any:
        denied = {"service": service, "action": action, "principal": principal.rsplit(":", 1)[-1]}
        # A mail's identity is an address of ours, an object's key and an item's table are names that we made.
        on = options.get("resource_arn") or options.get("message", "")
        print(json.dumps({"level": "WARNING", "event": "denied", **denied, "on": on}))
        return refuse(service, action, principal, *arguments, **options)

    iam_actions.access_denied_response = refuse_and_log
