"""The contract, checked with this plugin's own examples."""

from importlib import resources

from flyte_batch_job.plugin import BatchJobPlugin

from pluginmachinery.conformance import check, examples


def test_it_conforms() -> None:
    text = (resources.files("flyte_batch_job") / "examples.yaml").read_text()
    assert check(BatchJobPlugin(), examples.read(text)) == []
