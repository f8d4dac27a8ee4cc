"""The models over HTTP."""

from typing import Any

from chalicelib.edge.http import Call, Door
from chalicelib.edge.identity import Access
from chalicelib.generation import operations
from chalicelib.kernel.errors import NotFound
from chalicelib.kernel.shapes import View
from chalicelib.providers import registry
from chalicelib.providers.capability import Input, Modality, Model

door = Door("models")


class ParametersView(View):
    """What `parameters` of `POST /v1/generations` may hold for an operation, as JSON Schema (draft 2020-12)."""

    operation: str
    summary: str
    needs_photo: bool
    json_schema: dict[str, Any]


class ModelView(View):
    """OpenAI's model object, and what this service adds. `price` is in assets per result."""

    id: str
    object: str = "model"
    created: int
    owned_by: str
    provider: str
    modality: Modality
    operations: list[str]
    price: int
    generative: bool
    input: Input
    max_outputs: int
    max_input_pixels: int
    description: str
    parameters: list[ParametersView]


class ModelList(View):
    object: str = "list"
    data: list[ModelView]


#: Models have no date of their own; OpenAI's clients want a number here. 2026-11-24.
CREATED = 1_795_478_400


@door.route("GET", "/v1/models", summary="All models", access=Access.PUBLIC, answer=ModelList)
def list_models(_: Call[None, None]) -> ModelList:
    """What can be asked for, with its price and its parameters."""
    return ModelList(data=[_view(model) for model in registry.models()])


@door.route("GET", "/v1/models/{provider}/{name}", summary="One model", access=Access.PUBLIC, answer=ModelView)
def get_model(call: Call[None, None]) -> ModelView:
    try:
        return _view(registry.model(f"{call.path['provider']}/{call.path['name']}"))
    except registry.UnknownModel:
        raise NotFound("There is no such model.") from None


def _view(model: Model) -> ModelView:
    offered = [operations.operation(name) for name in model.operations]
    return ModelView(
        id=model.id,
        created=CREATED,
        owned_by=model.provider,
        provider=model.provider,
        modality=model.modality,
        operations=list(model.operations),
        price=model.price_assets,
        generative=model.generative,
        input=model.input,
        max_outputs=model.max_outputs,
        max_input_pixels=model.max_input_pixels,
        description=model.description,
        parameters=[
            ParametersView(
                operation=operation.name,
                summary=operation.summary,
                needs_photo=operation.needs_photo,
                json_schema=operation.parameters.model_json_schema(),
            )
            for operation in offered
        ],
    )
