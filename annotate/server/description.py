"""The OpenAPI description of a study's requests; served nowhere, for tests and other clients."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI

from ..takes.events import Chunk

CHUNKS = "/api/takes/{take}/runs/{run}/chunks/{number}"
MEDIA = "/media/{video}"
REFERENCE = "#/components/schemas/{model}"
PLAIN = {"text/plain": {"schema": {"type": "string"}}}
FILM = {"video/mp4": {"schema": {"type": "string", "format": "binary"}}}


def description(app: FastAPI) -> dict[str, Any]:
    """Return what FastAPI knows of the routes, and what it does not: a chunk's body, a film's parts.

    A chunk is stored as the bytes that came, so its route reads the body by itself.
    """
    described = app.openapi()
    chunk = Chunk.model_json_schema(ref_template=REFERENCE)
    described["components"]["schemas"] |= {**chunk.pop("$defs"), "Chunk": chunk}
    described["paths"][CHUNKS]["post"]["requestBody"] = {
        "required": True,
        "content": {"application/json": {"schema": {"$ref": REFERENCE.format(model="Chunk")}}},
    }
    film = described["paths"][MEDIA]["get"]
    film.setdefault("parameters", []).append({"name": "range", "in": "header", "schema": {"type": "string"}})
    film["responses"]["200"] = {"description": "The film", "content": FILM}
    film["responses"]["206"] = {
        "description": "Parts of the film",
        "content": {**FILM, "multipart/byteranges": {"schema": {"type": "string"}}},
    }
    film["responses"]["400"]["content"] |= PLAIN
    film["responses"]["416"] = {"description": "There is no such part", "content": PLAIN}
    return described
