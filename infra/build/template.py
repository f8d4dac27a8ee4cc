"""What `chalice package` leaves out of the template and AWS needs. Pure: templates in, templates out."""

import copy
from typing import Any

ZIP_RUNTIME = "python3.13"
ZIP_ARCHITECTURE = "arm64"
ZIP_MEMORY_MB = 512
_CHALICE_MEMORY_MB = 128  # what Chalice writes when the configuration is silent

_FUNCTION = "AWS::Serverless::Function"
_QUEUE = "AWS::SQS::Queue"
_METHODS = ("get", "put", "post", "delete", "patch", "head", "options")
_PROBLEM = "application/problem+json"

# The gateway refuses some requests itself (bad escapes, over 10 MB, throttled). They get our error body, without the
# `status` member, which a template cannot know; the gateway looks templates up under application/json.
# https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-gatewayResponse-definition.html
_GATEWAY_PROBLEM = (
    '{"type":"about:blank","title":$context.error.messageString,"detail":$context.error.messageString,'
    '"instance":"$context.path","error":{"message":$context.error.messageString,"type":"%s",'
    '"param":null,"code":"$context.error.responseType"}}'
)


class TemplateError(Exception):
    """The packaged template does not fit the fragments; the message says where."""


def complete(packaged: dict[str, Any]) -> dict[str, Any]:
    """The template to deploy, from what `chalice package --merge-template` wrote.

    Sets the zip functions' runtime, architecture and memory; makes every SQS event report failures one by one and
    point to the queue resource of its name; sends unknown routes and methods to the application; and gives the
    gateway's own refusals our error body. Raises TemplateError for an event whose queue is not a resource.
    """
    template = copy.deepcopy(packaged)
    for name, function in _functions(template).items():
        if function.get("PackageType") != "Image":
            function.update(Runtime=ZIP_RUNTIME, Architectures=[ZIP_ARCHITECTURE])
            if function.get("MemorySize", _CHALICE_MEMORY_MB) == _CHALICE_MEMORY_MB:
                function["MemorySize"] = ZIP_MEMORY_MB
        for event in function.get("Events", {}).values():
            if event["Type"] == "SQS":
                _repair_queue_event(name, event["Properties"], template["Resources"])
    if "RestAPI" in template["Resources"]:
        _send_everything_to_the_application(template["Resources"])
        _answer_with_problems(template["Resources"])
    return template


def _functions(template: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {
        name: resource.setdefault("Properties", {})
        for name, resource in template["Resources"].items()
        if resource["Type"] == _FUNCTION
    }


def _repair_queue_event(function: str, event: dict[str, Any], resources: dict[str, Any]) -> None:
    # Without this, a batch with one failure is deleted whole when the handler returns its list of failures.
    event["FunctionResponseTypes"] = ["ReportBatchItemFailures"]
    queue = event["Queue"]
    if isinstance(queue, dict) and "Fn::Sub" in queue and isinstance(queue["Fn::Sub"], str):
        logical_id = queue["Fn::Sub"].rsplit(":", 1)[-1]
        if resources.get(logical_id, {}).get("Type") != _QUEUE:
            raise TemplateError(f"{function} listens to the queue {logical_id}, which is no {_QUEUE} in infra/stack")
        event["Queue"] = {"Fn::GetAtt": [logical_id, "Arn"]}


def _send_everything_to_the_application(resources: dict[str, Any]) -> None:
    paths = resources["RestAPI"]["Properties"]["DefinitionBody"]["paths"]
    integration = next(
        (
            method["x-amazon-apigateway-integration"]
            for methods in paths.values()
            for method in methods.values()
            if method.get("x-amazon-apigateway-integration", {}).get("type") == "aws_proxy"
        ),
        None,
    )
    if integration is None:
        raise TemplateError("the API has no route that reaches a function")
    anything: dict[str, Any] = {
        "consumes": ["application/json"],
        "produces": ["application/json"],
        "responses": {"200": {"description": "200 response"}},
        "x-amazon-apigateway-integration": integration,
    }
    for path, methods in paths.items():
        if set(methods) >= set(_METHODS):
            continue
        methods["x-amazon-apigateway-any-method"] = _with_path_parameters(anything, path)
    paths.setdefault("/", {}).setdefault("x-amazon-apigateway-any-method", copy.deepcopy(anything))
    paths["/{proxy+}"] = {"x-amazon-apigateway-any-method": _with_path_parameters(anything, "/{proxy+}")}


def _with_path_parameters(method: dict[str, Any], path: str) -> dict[str, Any]:
    parameters = [
        {"name": part[1:-1].rstrip("+"), "in": "path", "required": True, "type": "string"}
        for part in path.split("/")
        if part.startswith("{")
    ]
    return copy.deepcopy(method) | ({"parameters": parameters} if parameters else {})


def _answer_with_problems(resources: dict[str, Any]) -> None:
    for kind, error_type in (("4XX", "invalid_request_error"), ("5XX", "api_error")):
        resources[f"Gateway{kind}"] = {
            "Type": "AWS::ApiGateway::GatewayResponse",
            "Properties": {
                "RestApiId": {"Ref": "RestAPI"},
                "ResponseType": f"DEFAULT_{kind}",
                "ResponseParameters": {
                    "gatewayresponse.header.Content-Type": f"'{_PROBLEM}'",
                    "gatewayresponse.header.Request-Id": "context.requestId",
                },
                "ResponseTemplates": {"application/json": _GATEWAY_PROBLEM % error_type},
            },
        }
