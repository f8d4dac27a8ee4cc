"""What a provider is made with: its part of the configuration, and its only ways out of this process. Pure."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from chalicelib.outbound.request import Reply, Send

#: (region, model id, JSON body) → the answer of Amazon Bedrock's InvokeModel, whatever its status. Raises NotSent or
#: NoReply, like `Send`.
Invoke = Callable[[str, str, bytes], Reply]


@dataclass(frozen=True, slots=True, kw_only=True)
class Setup:
    """`configuration` is this provider's part, as it was validated: secrets are in it. `send` reaches the hosts that
    the provider declares, and no others."""

    configuration: Mapping[str, Any]
    send: Send
    invoke: Invoke
