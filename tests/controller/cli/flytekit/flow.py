"""What ``package.tgz`` was made of, with flytekit 1.16: a folder ``wf`` with this file, then

``pyflyte --pkgs wf package --image ghcr.io/example/train:1 -o package.tgz -f``
"""

from typing import NamedTuple

from flytekit import Resources, task, workflow


class Trained(NamedTuple):
    model: str
    loss: float


@task(retries=2, requests=Resources(cpu="1", mem="1Gi"), container_image="ghcr.io/example/train:1")
def train(rows: int, rate: float, name: str, tags: list[str], options: dict[str, int], dry: bool) -> Trained:
    return Trained(model=name, loss=rate * rows)


@task(container_image="ghcr.io/example/train:1")
def report(loss: float) -> str:
    return f"loss {loss}"


@workflow
def pipeline(rows: int = 3) -> str:
    trained = train(rows=rows, rate=0.1, name="m", tags=["a"], options={"k": 1}, dry=False)
    return report(loss=trained.loss)
