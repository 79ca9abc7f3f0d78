"""What the Kubernetes manifests say is so: of the gateway's settings, of each other, of Kubernetes' schemas."""

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest

from gateway import __version__
from gateway.access.tokens_file import parse_tokens
from gateway.settings.settings import Settings
from tests.support.manifests import KUBERNETES, read_all, read_one, settings_of

Load = Callable[[Mapping[str, str]], Settings]

BASE, EXAMPLE, TLS = (KUBERNETES / name for name in ("base", "overlays/example", "components/tls"))
FOLDERS = [BASE, EXAMPLE, TLS]
RESOURCES = read_all(BASE)
POD = RESOURCES["StatefulSet"]["spec"]["template"]
[CONTAINER] = POD["spec"]["containers"]
SECRETS = {"SIGNALWIRE_PROJECT_ID": "project", "SIGNALWIRE_API_TOKEN": "token"}
NAME = {"app.kubernetes.io/name": "callstream"}
TIME_TO_CLOSE = 10
SIZES = {"Mi": 1 << 20, "Gi": 1 << 30}


def size(text: str) -> int:
    """Bytes of a quantity like 5Gi."""
    return int(text[:-2]) * SIZES[text[-2:]]


def port_of(address: str) -> int:
    """The port that a setting's address names."""
    return int(address.rpartition(":")[2])


@pytest.mark.parametrize("version", ["1.31", kubernetes_validate.latest_version()])
@pytest.mark.parametrize(
    "manifest", [*RESOURCES.values(), *read_all(EXAMPLE).values()], ids=lambda given: given["kind"]
)
def test_a_resource_is_what_kubernetes_takes(manifest: dict[str, Any], version: str) -> None:
    """Each resource passes the strict schema, without an unknown field."""
    kubernetes_validate.validate(manifest, version, strict=True)


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda given: given.name)
def test_a_kustomization_names_every_file_beside_it(folder: Path) -> None:
    """No file lies there that nothing uses, and none is missing."""
    kustomization = read_one(folder / "kustomization.yaml")
    patches = [patch["path"] for patch in kustomization.get("patches", ())]
    files = [name for generator in kustomization["configMapGenerator"] for name in generator.get("files", ())]
    named = [*kustomization.get("resources", ()), *kustomization.get("components", ()), *patches, *files]
    assert all((folder / name).exists() for name in named)
    beside = {path.name for path in folder.iterdir()} - {"kustomization.yaml"}
    assert beside == {name for name in named if "/" not in name}


@pytest.mark.parametrize("folder", [BASE, EXAMPLE], ids=lambda given: given.name)
def test_the_gateway_takes_the_settings(folder: Path, load_settings: Load) -> None:
    """Every variable is a setting, and every value is allowed."""
    settings = load_settings({**settings_of(folder), **SECRETS})
    assert (port_of(settings.listen), port_of(settings.ops_listen)) == (50051, 9090)


def test_secrets_come_from_a_secret() -> None:
    """No ConfigMap has a variable for credentials; the container reads them from a Secret."""
    assert not settings_of(EXAMPLE).keys() & {"SIGNALWIRE_API_TOKEN", "SIGNALWIRE_TOKEN", "SIGNALWIRE_JWT_TOKEN"}
    assert {entry["name"]: "secretKeyRef" in entry["valueFrom"] for entry in CONTAINER["env"]} == dict.fromkeys(
        SECRETS, True
    )


def test_selectors_select_the_pod_and_nothing_else() -> None:
    """An empty selector of a budget or a policy would be about every pod of the namespace."""
    specs = {kind: resource.get("spec", {}) for kind, resource in RESOURCES.items()}
    assert POD["metadata"]["labels"] == NAME
    assert specs["StatefulSet"]["selector"] == {"matchLabels": NAME}
    assert specs["Service"]["selector"] == NAME
    assert specs["PodDisruptionBudget"]["selector"] == {"matchLabels": NAME}
    assert specs["NetworkPolicy"]["podSelector"] == {"matchLabels": NAME}


def test_names_agree() -> None:
    """What refers to something by name means something that is there."""
    spec = RESOURCES["StatefulSet"]["spec"]
    assert {resource["metadata"]["name"] for resource in RESOURCES.values()} == {"callstream"}
    assert spec["serviceName"] == RESOURCES["Service"]["metadata"]["name"]
    assert POD["spec"]["serviceAccountName"] == RESOURCES["ServiceAccount"]["metadata"]["name"]
    [volume] = CONTAINER["volumeMounts"]
    assert volume["name"] == spec["volumeClaimTemplates"][0]["metadata"]["name"]
    assert CONTAINER["envFrom"] == [{"configMapRef": {"name": "callstream-settings"}}]


def test_ports_are_those_that_the_gateway_listens_on(load_settings: Load) -> None:
    """Container, service, policy, probes and the scrape annotation mean the ports of the settings."""
    settings = load_settings({**settings_of(BASE), **SECRETS})
    ports = {"grpc": port_of(settings.listen), "ops": port_of(settings.ops_listen)}
    assert {port["name"]: port["containerPort"] for port in CONTAINER["ports"]} == ports
    service = RESOURCES["Service"]["spec"]["ports"]
    assert {port["name"]: port["port"] for port in service} == ports
    assert [port["targetPort"] for port in service] == [port["name"] for port in service]
    ingress = RESOURCES["NetworkPolicy"]["spec"]["ingress"]
    assert [port["port"] for rule in ingress for port in rule["ports"]] == ["grpc", "ops"]
    assert CONTAINER["readinessProbe"]["grpc"]["port"] == ports["grpc"]
    assert {CONTAINER[probe]["httpGet"]["port"] for probe in ("startupProbe", "livenessProbe")} == {"ops"}
    assert POD["metadata"]["annotations"]["prometheus.io/port"] == str(ports["ops"])


def test_a_lost_relay_kills_no_pod() -> None:
    """Only readiness asks for RELAY: a process that is started again brings no RELAY back."""
    assert CONTAINER["livenessProbe"]["httpGet"]["path"] == CONTAINER["startupProbe"]["httpGet"]["path"] == "/livez"


def test_there_is_one_process_for_a_data_directory() -> None:
    """One replica, of a kind that never has two, not even for a moment."""
    spec = RESOURCES["StatefulSet"]["spec"]
    assert spec["replicas"] == 1
    assert [claim["spec"]["accessModes"] for claim in spec["volumeClaimTemplates"]] == [["ReadWriteOnce"]]
    assert RESOURCES["PodDisruptionBudget"]["spec"]["maxUnavailable"] == 0


def test_the_journal_is_on_the_volume(load_settings: Load) -> None:
    """The data directory lies below the mount: the gateway makes it, for itself alone."""
    data = Path(load_settings({**settings_of(BASE), **SECRETS}).data_dir)
    assert data.parent == Path(CONTAINER["volumeMounts"][0]["mountPath"])


def test_the_volume_has_room_for_what_is_kept(load_settings: Load) -> None:
    """Compaction may need as much again as the events that are kept."""
    for folder, file in ((BASE, "statefulset.yaml"), (EXAMPLE, "statefulset.yaml")):
        [claim] = read_one(folder / file)["spec"]["volumeClaimTemplates"]
        room = size(claim["spec"]["resources"]["requests"]["storage"])
        assert room >= 2 * load_settings({**settings_of(folder), **SECRETS}).retention_size


def test_there_is_time_to_drain(load_settings: Load) -> None:
    """Kubernetes kills only after open requests had their time, and the journal was closed."""
    drain = load_settings({**settings_of(BASE), **SECRETS}).drain_grace
    assert POD["spec"]["terminationGracePeriodSeconds"] >= drain + TIME_TO_CLOSE


def test_the_pod_meets_the_restricted_standard() -> None:
    """Not root, a read-only root, no capabilities, the runtime's seccomp profile, no token of the cluster."""
    pod, container = POD["spec"]["securityContext"], CONTAINER["securityContext"]
    assert pod["runAsNonRoot"] is True
    assert pod["seccompProfile"] == {"type": "RuntimeDefault"}
    assert container["readOnlyRootFilesystem"] is True
    assert container["allowPrivilegeEscalation"] is False
    assert container["capabilities"] == {"drop": ["ALL"]}
    assert POD["spec"]["automountServiceAccountToken"] is False
    assert CONTAINER["resources"]["requests"].keys() == {"cpu", "memory"}
    assert CONTAINER["resources"]["limits"].keys() == {"memory"}


def test_the_pod_is_the_images_user() -> None:
    """The volume belongs to the user that the image names."""
    dockerfile = (KUBERNETES.parents[1] / "Dockerfile").read_text()
    [user, group] = map(int, re.findall(r"^USER (\d+):(\d+)$", dockerfile, re.MULTILINE)[0])
    pod = POD["spec"]["securityContext"]
    assert (pod["runAsUser"], pod["runAsGroup"], pod["fsGroup"]) == (user, group, group)


@pytest.mark.parametrize("folder", [BASE, EXAMPLE], ids=lambda given: given.name)
def test_the_image_is_this_version(folder: Path) -> None:
    """A tag that names a version, never the latest."""
    [image] = read_one(folder / "kustomization.yaml")["images"]
    assert (image["name"], image["newTag"]) == (CONTAINER["image"], __version__)


def test_tls_leaves_no_open_door(load_settings: Load) -> None:
    """With the component the gateway has TLS and tokens, and takes nothing less."""
    settings = load_settings({**settings_of(EXAMPLE), **SECRETS})
    assert not settings.insecure_listen
    assert settings.tls_cert_file
    assert settings.tokens_file


def test_tls_files_are_mounted_where_the_settings_look() -> None:
    """Each file of the settings lies in a mounted volume, read-only, and the volume has it."""
    spec = read_one(TLS / "statefulset.yaml")["spec"]["template"]["spec"]
    mounts = {mount["mountPath"]: mount for mount in spec["containers"][0]["volumeMounts"]}
    files = [Path(value) for name, value in settings_of(TLS).items() if name.endswith("_FILE")]
    assert {str(path.parent) for path in files} == mounts.keys()
    assert all(mount["readOnly"] for mount in mounts.values())
    assert {mount["name"] for mount in mounts.values()} == {volume["name"] for volume in spec["volumes"]}
    assert {path.name for path in files} == {"tls.crt", "tls.key", "tokens.toml"}  # the first two are Kubernetes' own


def test_tls_asks_no_probe_to_speak_it() -> None:
    """The kubelet's gRPC probe has no TLS, so that readiness moves to the ops port."""
    [container] = read_one(TLS / "statefulset.yaml")["spec"]["template"]["spec"]["containers"]
    probe = container["readinessProbe"]
    assert probe["$patch"] == "replace"
    assert probe["httpGet"] == {"path": "/readyz", "port": "ops"}


def test_the_examples_tokens_are_tokens() -> None:
    """The gateway reads the example's file of tokens."""
    path = EXAMPLE / "tokens.toml"
    assert parse_tokens(path.read_bytes(), path)
