"""What tests and measurements put into an API server, and how several clients do that at once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from tests.kubernetes.apiserver import ApiServer
from tests.kubernetes.client import Json


def namespace(name: str) -> Json:
    """A namespace of this name."""
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}


def config_map(name: str, **data: str) -> Json:
    """A ConfigMap with these data."""
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": data}


def config_maps(namespace: str) -> str:
    """Where those of a namespace are."""
    return f"/api/v1/namespaces/{namespace}/configmaps"


def revision(found: Json) -> int:
    """The resource version of an object or a list."""
    return int(found["metadata"]["resourceVersion"])


def create_many(api: ApiServer, where: str, count: int, clients: int) -> dict[str, Json]:
    """Create ConfigMaps `cm-00000` and so on, from clients that each have a part of them.

    Returns:
        Those created, by their names, as the API server gave them back.
    """

    def create(part: int) -> list[Json]:
        with api.client() as client:
            return [
                client.create(config_maps(where), config_map(f"cm-{number:05}", at=str(number)))
                for number in range(part, count, clients)
            ]

    with ThreadPoolExecutor(clients) as pool:
        made = [one for part in pool.map(create, range(clients)) for one in part]
    return {one["metadata"]["name"]: one for one in made}
