"""What a client that waits for its result may meet."""

from chalicelib.kernel.errors import Problem


class StillRunning(Problem):
    code, status, kind = "still-running", 503, "server_error"
    title = "The generation is still running"
    advice = "Send the same request again after `Retry-After` seconds: it waits for the same generation, charged once."


class ContentBlocked(Problem):
    code, status, kind = "content-blocked", 422, "invalid_request_error"
    title = "The content was refused"
    advice = "Nothing was charged. Change what the request shows or asks for; `reason` names the rule."


class GenerationFailed(Problem):
    code, status, kind = "generation-failed", 422, "invalid_request_error"
    title = "The generation gave no result"
    advice = "Nothing was charged. `reason` is the generation's error, `detail` says what was wrong."


class ProviderUnavailable(Problem):
    code, status, kind = "provider-unavailable", 503, "server_error"
    title = "The provider of the model could not make it"
    advice = "Nothing was charged. Send a new request later, or name another model."


class NotBuilt(Problem):
    code, status, kind = "not-built", 501, "server_error"
    title = "This version of the service cannot do that yet"
    advice = "Do not send it again. Nothing that was sent has been kept."
