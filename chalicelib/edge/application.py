"""The Chalice application, with problems instead of Chalice's own bodies for what no route answers."""

from typing import Any

from chalice import Chalice, Response
from chalice.app import Request

from chalicelib.edge import observe
from chalicelib.edge.http import common_headers
from chalicelib.edge.problems import as_response
from chalicelib.edge.requests import base_url, request_id, text_headers
from chalicelib.kernel.errors import MethodNotAllowed, NotFound

#: The resource by which API Gateway hands over every path that is not a route of its own.
CATCH_ALL = "/{proxy+}"


#: Bodies that are not text: API Gateway hands them over in base64.
BINARY_TYPES = ("multipart/form-data",)


class Application(Chalice):
    """Answers unknown paths 404 and unknown methods 405 + `Allow`; serves HEAD as GET without the body."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self.api.binary_types = [*self.api.binary_types, *BINARY_TYPES]

    def __call__(self, event: dict[str, Any], context: Any) -> dict[str, Any]:
        request_context = event.get("requestContext", {})
        path, method = request_context.get("resourcePath"), request_context.get("httpMethod", "")
        methods = self.routes.get(path, {})
        if method == "HEAD" and "GET" in methods:
            request_context["httpMethod"] = "GET"
            return {**super().__call__(event, context), "body": "", "isBase64Encoded": False}
        if method in methods:
            answer: dict[str, Any] = super().__call__(event, context)
            return answer
        return self._refuse(event, context, sorted({*methods, "HEAD"} if "GET" in methods else methods))

    def _refuse(self, event: dict[str, Any], context: Any, allowed: list[str]) -> dict[str, Any]:
        request = Request(event, context)
        headers = text_headers(request)
        rid = request_id(headers)
        problem = MethodNotAllowed().with_headers(allow=", ".join(allowed)) if allowed else NotFound()
        response: Response = as_response(problem, rid, base_url(headers, request))
        common_headers(response, rid)
        observe.event("request", request_id=rid, problem=problem.code, status=problem.status)
        refused: dict[str, Any] = response.to_dict(self.api.binary_types)
        return refused
