"""Manifests of Kubernetes, as files and as kustomize puts their settings together."""

from pathlib import Path
from typing import Any

import yaml

__all__ = ["KUBERNETES", "read_all", "read_one", "settings_of"]

KUBERNETES = Path(__file__).resolve().parents[2] / "deploy" / "kubernetes"
Manifest = dict[str, Any]


def read_one(path: Path) -> Manifest:
    """The only document of a file."""
    document: Manifest = yaml.safe_load(path.read_text())
    return document


def read_all(folder: Path) -> dict[str, Manifest]:
    """The resources of a kustomization that are files beside it, by kind."""
    names = [name for name in read_one(folder / "kustomization.yaml")["resources"] if name.endswith(".yaml")]
    documents = [read_one(folder / name) for name in names]
    return {document["kind"]: document for document in documents}


def settings_of(folder: Path, config_map: str = "callstream-settings") -> dict[str, str]:
    """The variables that a kustomization gives to the gateway, its own over those below it, as kustomize merges."""
    kustomization = read_one(folder / "kustomization.yaml")
    settings: dict[str, str] = {}
    for name in [*kustomization.get("resources", ()), *kustomization.get("components", ())]:
        if (folder / name).is_dir():
            settings |= settings_of(folder / name, config_map)
    for generator in kustomization.get("configMapGenerator", ()):
        if generator["name"] == config_map:
            settings |= dict(literal.split("=", 1) for literal in generator["literals"])
    return settings
