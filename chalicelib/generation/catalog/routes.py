"""The models over HTTP: what there is, what it costs, and who processes what is sent."""

from typing import Any
from urllib.parse import unquote

from chalicelib.edge.http import Call, Door
from chalicelib.edge.identity import Access
from chalicelib.generation import operations
from chalicelib.generation.operations.contract import Operation, Prompt
from chalicelib.kernel.errors import NotFound
from chalicelib.kernel.shapes import View
from chalicelib.providers.capability import Capability, Modality, Model, Runs
from chalicelib.wiring import services

door = Door("models")


class StepView(View):
    """Where `measure` is more than `above`, a result costs `adds` assets more: once, or for each started `per`."""

    measure: str
    above: float
    adds: int
    per: float | None


class ParametersView(View):
    """What `parameters` of `POST /v1/generations` may hold for an operation, as JSON Schema (draft 2020-12)."""

    operation: str
    summary: str
    needs_photo: bool
    prompt: Prompt
    json_schema: dict[str, Any]


class ModelView(View):
    """OpenAI's model object, and what this service adds. `price` is the least that a result costs, in assets."""

    id: str
    object: str = "model"
    created: int
    owned_by: str
    provider: str
    modality: Modality
    operations: list[str]
    price: int
    price_steps: list[StepView]
    generative: bool
    max_outputs: int
    max_input_pixels: int
    max_seconds: int
    sizes: list[str]
    description: str
    parameters_note: str
    parameters: list[ParametersView]


class ModelList(View):
    object: str = "list"
    data: list[ModelView]


class ModelPriceView(View):
    """What a result of that model costs by that operation: `assets`, and what its `steps` add."""

    model: str
    operation: str
    assets: int
    steps: list[StepView]


class ModelPriceList(View):
    object: str = "list"
    data: list[ModelPriceView]


class ProviderView(View):
    """Who processes what is sent to its models, as it declares itself. `role` is `engine` for what runs inside this
    deployment, which sends nothing to anybody, and `processor` for another system. `keeps_inputs_hours` 0: not beyond
    the job."""

    provider: str
    role: str
    models: list[str]
    is_sent: list[str]
    regions: list[str]
    hosts: list[str]
    keeps_inputs_hours: int
    trains_on_inputs: bool
    terms_url: str


class ProviderList(View):
    object: str = "list"
    data: list[ProviderView]


#: Models have no date of their own; OpenAI's clients want a number here. 2026-11-24.
CREATED = 1_795_478_400


@door.route("GET", "/v1/models", summary="All models", access=Access.PUBLIC, answer=ModelList)
def list_models(_: Call[None, None]) -> ModelList:
    """What can be asked for, with its price and its parameters."""
    return ModelList(data=[_view(model) for model in services().models.models()])


@door.route("GET", "/v1/models/{provider}/{name}", summary="One model", access=Access.PUBLIC, answer=ModelView)
def get_model(call: Call[None, None]) -> ModelView:
    return _found(f"{call.path['provider']}/{call.path['name']}")


@door.route(
    "GET", "/v1/models/{provider}", summary="One model, its id in one piece", access=Access.PUBLIC, answer=ModelView
)
def get_model_by_id(call: Call[None, None]) -> ModelView:
    """For clients that escape the slash: `/v1/models/local%2Fstyle-1`."""
    return _found(unquote(call.path["provider"]))


def _found(model_id: str) -> ModelView:
    try:
        return _view(services().models.model(model_id))
    except LookupError:
        raise NotFound("There is no such model.") from None


@door.route("GET", "/v1/prices", summary="What everything costs", access=Access.PUBLIC, answer=ModelPriceList)
def list_prices(_: Call[None, None]) -> ModelPriceList:
    """The price of one result of each model by each of its operations, in assets."""
    return ModelPriceList(
        data=[
            ModelPriceView(model=model.id, operation=name, assets=model.price.assets, steps=_steps(model))
            for model in services().models.models()
            for name in model.operations
        ]
    )


@door.route("GET", "/v1/providers", summary="Who processes content", access=Access.PUBLIC, answer=ProviderList)
def list_providers(_: Call[None, None]) -> ProviderList:
    """The register of everybody who is sent content, where they process it, and what they do with it."""
    return ProviderList(data=[_processor(capability) for capability in services().models.capabilities()])


def _view(model: Model) -> ModelView:
    return ModelView(
        id=model.id,
        created=CREATED,
        owned_by=model.provider,
        provider=model.provider,
        modality=model.modality,
        operations=list(model.operations),
        price=model.price.assets,
        price_steps=_steps(model),
        generative=model.generative,
        max_outputs=model.max_outputs,
        max_input_pixels=model.max_input_pixels,
        max_seconds=model.max_seconds,
        sizes=list(model.sizes),
        description=model.description,
        parameters_note=model.parameters_note,
        parameters=[_parameters(operations.operation(name), model) for name in model.operations],
    )


def _steps(model: Model) -> list[StepView]:
    return [StepView(measure=s.measure, above=s.above, adds=s.adds, per=s.per) for s in model.price.steps]


def _parameters(operation: Operation, model: Model) -> ParametersView:
    """Without the parameters that this model does not take, and with its own sizes and values."""
    schema = operation.parameters.model_json_schema()
    known: dict[str, Any] = schema.get("properties", {})
    taken = {name: rule for name, rule in known.items() if name in model.takes}
    if "size" in taken:
        taken["size"] = {"enum": [*model.sizes, None], "description": "Width x height in pixels; the first by default."}
    for name, values in model.allowed:
        if name in taken:
            taken[name] = {**taken[name], "enum": list(values), "default": values[0]}
    schema["properties"] = taken
    return ParametersView(
        operation=operation.name,
        summary=operation.summary,
        needs_photo=operation.needs_photo,
        prompt=operation.prompt,
        json_schema=schema,
    )


def _processor(capability: Capability) -> ProviderView:
    embedded = capability.runs is Runs.EMBEDDED
    return ProviderView(
        provider=capability.provider,
        role="engine" if embedded else "processor",
        models=[model.id for model in capability.models],
        is_sent=[] if embedded else _is_sent(capability),
        regions=list(capability.regions),
        hosts=list(capability.hosts),
        keeps_inputs_hours=capability.keeps_inputs_hours,
        trains_on_inputs=capability.trains_on_inputs,
        terms_url=capability.terms_url,
    )


def _is_sent(capability: Capability) -> list[str]:
    """Kinds of content. Never who asks: no provider is told that."""
    offered = {name for model in capability.models for name in model.operations}
    done = [operations.operation(name) for name in sorted(offered)]
    kinds = {
        "photo": any(operation.needs_photo for operation in done),
        "reference": any(operation.reference_parameter is not None for operation in done),
        "prompt": any(operation.prompt is not Prompt.NONE for operation in done),
        "parameters": any(model.takes for model in capability.models),
    }
    return [kind for kind, is_sent in kinds.items() if is_sent]
