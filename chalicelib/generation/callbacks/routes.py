"""Where hosted providers say that a job is done."""

from chalicelib.edge.http import Answer, Call, Content, Door
from chalicelib.edge.identity import Access
from chalicelib.kernel.errors import NotFound
from chalicelib.wiring import services

door = Door("callbacks")


@door.route(
    "POST",
    "/v1/provider-callbacks/{provider}/{handle}",
    summary="A provider says that a job is done",
    access=Access.PUBLIC,
    raw=True,
    status=204,
    content=Content.NONE,
    problems=(NotFound,),
)
def provider_callback(call: Call[None, None]) -> Answer:
    """For the providers themselves. What it says is not believed; the job is asked for at once instead of later."""
    provider, handle = call.path["provider"], call.path["handle"]
    services().callbacks.receive(provider, handle, call.headers, call.raw_body)
    return Answer()
