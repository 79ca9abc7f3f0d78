"""What a scrape of Prometheus shows, parsed by Prometheus' own client library."""

from pathlib import Path

import aiohttp
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

__all__ = ["Scrape", "scraped", "scraped_from"]


class Scrape:
    """A scrape to be asked."""

    def __init__(self, text: str) -> None:
        self.samples = {
            (sample.name, frozenset(sample.labels.items())): sample.value
            for family in text_string_to_metric_families(text)
            for sample in family.samples
        }
        """Values by name and labels."""

    @property
    def names(self) -> set[str]:
        """Of all samples."""
        return {name for name, _ in self.samples}

    def __call__(self, name: str, **labels: str) -> float | None:
        """The value of a sample, None if there is none."""
        return self.samples.get((name, frozenset(labels.items())))

    def label_names(self, name: str) -> set[str]:
        """The labels of a metric."""
        return {label for found, labels in self.samples if found == name for label, _ in labels}

    def labels(self, name: str, label: str) -> set[str]:
        """The values that a label has."""
        return {dict(labels)[label] for found, labels in self.samples if found == name}


async def scraped_from(path: Path) -> Scrape:
    """What a gateway shows on its operations port, a socket in the file system."""
    connector = aiohttp.UnixConnector(str(path))
    async with aiohttp.ClientSession(connector=connector) as session, session.get("http://gateway/metrics") as answer:
        return Scrape(await answer.text())


def scraped(registry: CollectorRegistry) -> Scrape:
    """What a registry shows now."""
    return Scrape(generate_latest(registry).decode())
