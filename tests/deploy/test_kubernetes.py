"""The Kubernetes manifests."""

import subprocess

import yaml

from tests.deploy.files import (
    DEPLOY,
    DOCKERFILE,
    POD_SETTINGS,
    load,
    manifests,
    seconds,
    tool,
    variables,
)

FOLDER = DEPLOY / "kubernetes"
MANIFESTS = manifests()
POD = MANIFESTS["Deployment"]["spec"]["template"]
(CONTAINER,) = POD["spec"]["containers"]
VERSIONS = {
    "Namespace": "v1",
    "Deployment": "apps/v1",
    "Service": "v1",
    "HorizontalPodAutoscaler": "autoscaling/v2",
    "PodDisruptionBudget": "policy/v1",
    "NetworkPolicy": "networking.k8s.io/v1",
}


def test_every_kind_is_there_in_a_version_that_clusters_serve():
    assert {kind: each["apiVersion"] for kind, each in MANIFESTS.items()} == VERSIONS
    assert all(each["metadata"]["name"] for each in MANIFESTS.values())


def test_kustomize_builds_a_deployment_with_its_settings():
    command = [tool("kubectl"), "kustomize", str(FOLDER)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    built = {each["kind"]: each for each in yaml.safe_load_all(done.stdout)}
    assert set(built) == {*VERSIONS, "ConfigMap"}
    assert built["ConfigMap"]["data"] == variables(POD_SETTINGS)
    (container,) = built["Deployment"]["spec"]["template"]["spec"]["containers"]
    (source,) = container["envFrom"]
    assert source["configMapRef"]["name"] == built["ConfigMap"]["metadata"]["name"]
    assert ":" in container["image"]
    names = {built[kind]["metadata"]["namespace"] for kind in built if kind != "Namespace"}
    assert names == {built["Namespace"]["metadata"]["name"]}


def test_every_selector_selects_the_gateways():
    labels = POD["metadata"]["labels"]
    for kind in ("Deployment", "PodDisruptionBudget"):
        assert MANIFESTS[kind]["spec"]["selector"]["matchLabels"] == labels
    assert MANIFESTS["Service"]["spec"]["selector"] == labels
    assert MANIFESTS["NetworkPolicy"]["spec"]["podSelector"]["matchLabels"] == labels
    for spread in POD["spec"]["topologySpreadConstraints"]:
        assert spread["labelSelector"]["matchLabels"] == labels


def test_the_autoscaler_decides_how_many_gateways_there_are():
    target = MANIFESTS["HorizontalPodAutoscaler"]["spec"]["scaleTargetRef"]
    deployment = MANIFESTS["Deployment"]
    assert target == {
        "apiVersion": deployment["apiVersion"],
        "kind": deployment["kind"],
        "name": deployment["metadata"]["name"],
    }
    assert "replicas" not in deployment["spec"]
    scaling = MANIFESTS["HorizontalPodAutoscaler"]["spec"]
    assert 2 <= scaling["minReplicas"] < scaling["maxReplicas"]
    assert scaling["metrics"][0]["resource"]["name"] in CONTAINER["resources"]["requests"]


def test_a_pod_has_time_to_drain():
    drain = seconds(variables(POD_SETTINGS)["CHATCTL_DRAIN"])
    before, wait = CONTAINER["lifecycle"]["preStop"]["exec"]["command"]
    assert before == "sleep"
    assert POD["spec"]["terminationGracePeriodSeconds"] >= drain + int(wait) + 10


def test_readiness_and_liveness_are_different_probes():
    ready, alive = (CONTAINER[f"{probe}Probe"]["httpGet"] for probe in ("readiness", "liveness"))
    assert (ready["path"], alive["path"]) == ("/readyz", "/healthz")
    assert ready["port"] == alive["port"] == "http"


def test_a_pod_has_few_rights():
    assert POD["spec"]["securityContext"]["runAsNonRoot"] is True
    user, group = (POD["spec"]["securityContext"][f"runAs{who}"] for who in ("User", "Group"))
    assert f"USER {user}:{group}" in DOCKERFILE.read_text()
    assert CONTAINER["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert POD["spec"]["automountServiceAccountToken"] is False
    assert "memory" in CONTAINER["resources"]["limits"]


def test_the_example_secret_matches_the_deployment_and_is_never_applied():
    secret = load(FOLDER / "secret.example.yaml")
    (wanted,) = [each["valueFrom"]["secretKeyRef"] for each in CONTAINER["env"]]
    assert wanted["name"] == secret["metadata"]["name"]
    assert wanted["key"] in secret["stringData"]
    assert secret["metadata"]["namespace"] == load(FOLDER / "kustomization.yaml")["namespace"]
    assert "Secret" not in MANIFESTS


def test_the_network_policy_allows_exactly_the_ports_that_exist():
    ports = {each["name"] for each in CONTAINER["ports"]}
    rules = MANIFESTS["NetworkPolicy"]["spec"]["ingress"]
    assert {each["port"] for rule in rules for each in rule["ports"]} == ports
