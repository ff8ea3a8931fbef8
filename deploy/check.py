"""Checks the manifests in deploy/: they render, they are valid, kustomize and Helm render the same, and pods are given the time
to stop, the rights and the memory that qtask needs, and no more.

Usage: check.py KUBECTL HELM. Needs the package kubernetes-validate, which has Kubernetes' schemas; objects of operators (KEDA,
Prometheus) have none there and are only rendered. `scripts/kubernetes` provides all three.
"""

import difflib
import pathlib
import re
import subprocess
import sys
import tempfile

import kubernetes_validate
import yaml

DEPLOY = pathlib.Path(__file__).resolve().parent
ROOT = DEPLOY.parent
KUSTOMIZE = DEPLOY / "kubernetes"
CHART = DEPLOY / "helm" / "qtask"
VERSIONS = ["1.30.0", "1.34.0", "1.37.0"]
OF_OPERATORS = {"ScaledObject", "TriggerAuthentication", "ServiceMonitor", "PodMonitor"}

# A chart names its release in labels, and its hooks in annotations; kustomize adds hashes to names.
LABELS_OF_HELM = {
    "app.kubernetes.io/instance",
    "app.kubernetes.io/managed-by",
    "app.kubernetes.io/part-of",
    "app.kubernetes.io/version",
    "helm.sh/chart",
}


def objects(text):
    return {(it["kind"], it["metadata"]["name"]): it for it in yaml.safe_load_all(text) if it}


def run(*command):
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        sys.exit(f"{' '.join(map(str, command))}: {done.stderr.strip()}")
    return objects(done.stdout)


def render_kustomize(kubectl):
    """The demo with all components, over a copy, since kustomize reads nothing outside of its root."""
    with tempfile.TemporaryDirectory() as folder:
        copy = pathlib.Path(folder) / "kubernetes"
        subprocess.run(["cp", "-r", str(KUSTOMIZE), str(copy)], check=True)
        secrets = copy / "overlays" / "external" / "secrets"
        secrets.mkdir(exist_ok=True)
        for name in ["database-password", "rabbitmq-password", "admin-token"]:
            (secrets / name).write_text("of this check")
        everything = copy / "overlays" / "everything"
        everything.mkdir()
        (everything / "kustomization.yaml").write_text(
            yaml.safe_dump(
                {
                    "apiVersion": "kustomize.config.k8s.io/v1beta1",
                    "kind": "Kustomization",
                    "resources": ["../demo"],
                    "components": ["../../components/keda", "../../components/prometheus"],
                }
            )
        )
        overlays = ["demo", "external", "everything"]
        return {name: run(kubectl, "kustomize", str(copy / "overlays" / name)) for name in overlays}


def render_helm(helm):
    values = yaml.safe_load((CHART / "values.yaml").read_text())
    values["prometheus"]["enabled"] = True
    for worker in values["workers"]:
        worker["keda"]["enabled"] = True
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
        yaml.safe_dump(values, file)
        file.flush()
        without_broker = ["--set", "config.RABBITMQ_HOST=null,config.RABBITMQ_USER=null"]
        return {
            "defaults": run(helm, "template", "qtask", str(CHART)),
            "everything": run(helm, "template", "qtask", str(CHART), "--values", file.name),
            "without broker": run(helm, "template", "qtask", str(CHART), *without_broker),
        }


def validate(source, rendered):
    for (kind, name), it in rendered.items():
        if kind in OF_OPERATORS:
            continue
        for version in VERSIONS:
            try:
                kubernetes_validate.validate(it, version, strict=True)
            except Exception as error:  # noqa: BLE001 - its types of errors differ by version
                sys.exit(f"{source}: {kind} {name} is invalid for Kubernetes {version}: {error}")


def plain(it, names):
    """The object without what only one of the two tools adds."""
    if isinstance(it, dict):
        kept = {}
        for key, value in it.items():
            if key == "imagePullPolicy" or (key == "annotations" and isinstance(value, dict)):
                continue
            if key in ("labels", "matchLabels", "selector") and isinstance(value, dict):
                value = {k: v for k, v in value.items() if k not in LABELS_OF_HELM}
            if key == "namespace":
                continue
            kept[key] = plain(value, names)
        return {key: value for key, value in kept.items() if value != {}}
    if isinstance(it, list):
        return [plain(each, names) for each in it]
    return names.get(it, it) if isinstance(it, str) else it


def compare(kustomize, helm):
    # Names with a hash become those without.
    names = {name: "qtask" for (kind, name) in kustomize if kind in ("ConfigMap", "Secret")}
    ours = {(kind, names.get(name, name)): plain(it, names) for (kind, name), it in kustomize.items()}
    for key, it in helm.items():
        it = plain(it, {})
        if key not in ours:
            sys.exit(f"the chart has {' '.join(key)}, deploy/kubernetes has not")
        if it != ours[key]:
            left, right = yaml.safe_dump(ours[key]), yaml.safe_dump(it)
            diff = difflib.unified_diff(left.splitlines(), right.splitlines(), "kustomize", "helm", lineterm="")
            sys.exit(f"{' '.join(key)} differs:\n" + "\n".join(diff))
    own = {key for key in ours if key[1].startswith("qtask") and key[0] not in ("Secret", "Namespace")}
    if missing := own - set(helm):
        sys.exit(f"deploy/kubernetes has {missing}, the chart has not")


def seconds(text):
    """A time of qtask, such as `5s`."""
    number, unit = re.fullmatch(r"(\d+)(ms|s|m|h)", text).groups()
    return int(number) * {"ms": 0.001, "s": 1, "m": 60, "h": 3600}[unit]


def mebibytes(text):
    number, unit = re.fullmatch(r"(\d+)(Mi|Gi)", text).groups()
    return int(number) * {"Mi": 1, "Gi": 1024}[unit]


def number_in(file, pattern):
    found = re.search(pattern, (ROOT / file).read_text())
    if not found:
        sys.exit(f"{file} has nothing like {pattern}")
    return int(found[1])


def time_to_stop(container, env):
    """How long the process may take from SIGTERM to its end, with its documented defaults."""
    last_spans = number_in("src/traces/mod.rs", r"LAST_SPANS: Duration = Duration::from_secs\((\d+)\)")
    match container["args"][0]:
        case "serve":
            requests = number_in("src/api/server.rs", r"SHUTDOWN_SECONDS: u64 = (\d+);")
            last_write = number_in("src/service/webhooks/mod.rs", r"LAST_WRITE_TIME: Duration = Duration::from_secs\((\d+)\)")
            webhook = seconds(env["QTASK_WEBHOOK_TIMEOUT"]) if "QTASK_WEBHOOK_TIMEOUT" in env else number_in(
                ".env.example", r"#QTASK_WEBHOOK_TIMEOUT=(\d+)s"
            )
            return seconds(env["QTASK_DRAIN_DELAY"]) + max(requests, webhook + last_write) + last_spans
        case "work":
            # docs/deployment.md#probes
            return seconds(env["QTASK_SHUTDOWN_GRACE"]) + 10
    return 0


def check_pod(where, kind, pod, is_own):
    """The Pod Security Standard `restricted`, probes, resources, and the time to stop."""

    def need(holds, what):
        if not holds:
            sys.exit(f"{where}: {what}")

    security = pod["securityContext"]
    need(security["runAsNonRoot"] is True and security["runAsUser"] > 0, "runs as root")
    need(security["seccompProfile"] == {"type": "RuntimeDefault"}, "has no seccomp profile")
    need(pod["automountServiceAccountToken"] is False, "gets a token of the service account")
    (container,) = pod["containers"]
    security = container["securityContext"]
    need(security["allowPrivilegeEscalation"] is False, "may escalate its privileges")
    need(security["capabilities"] == {"drop": ["ALL"]}, "has capabilities")
    resources = container["resources"]
    need(set(resources["requests"]) == {"cpu", "memory"}, "requests no CPU or memory")
    need("memory" in resources["limits"], "has no limit of memory")
    if not is_own:
        return
    need(security["readOnlyRootFilesystem"] is True, "may write to its image")
    need("lifecycle" not in container and "command" not in container, "runs another program than the image's")
    env = {it["name"]: it["value"] for it in container["env"] if "value" in it}
    limit = mebibytes(resources["limits"]["memory"])
    if "QTASK_SIMULATOR_MEMORY_MIB" in env:
        simulator = int(env["QTASK_SIMULATOR_MEMORY_MIB"])
        need(simulator + 64 <= limit, f"simulates with {simulator} MiB of {limit}")
    if kind == "Deployment":
        for probe in ["startupProbe", "livenessProbe", "readinessProbe"]:
            path = "/readyz" if probe == "readinessProbe" else "/livez"
            need(container[probe]["httpGet"]["path"] == path, f"has no {probe} of {path}")
        need(pod["topologySpreadConstraints"], "may run all of its pods on one node")
        given, needed = pod["terminationGracePeriodSeconds"], time_to_stop(container, env)
        need(given >= needed, f"is killed after {given} s, and needs {needed:g} s to stop")


def check_settings(source, rendered):
    """Each process has an address of the database, and a password for each address and for nothing else."""
    (config,) = [it["data"] for (kind, _), it in rendered.items() if kind == "ConfigMap"]
    for (kind, name), it in rendered.items():
        if kind not in ("Deployment", "Job") or not name.startswith("qtask"):
            continue
        (container,) = it["spec"]["template"]["spec"]["containers"]
        env = {it["name"]: it.get("value") for it in container["env"]} | config
        for service in ["DATABASE", "RABBITMQ"]:
            has_address = f"{service}_HOST" in env or f"{service}_URL" in env
            is_wanted = has_address and (service == "DATABASE" or kind != "Job")
            if (f"{service}_PASSWORD_FILE" in env) != is_wanted:
                sys.exit(f"{source}: {kind} {name} has the address or the password of {service} without the other")
        if "DATABASE_PASSWORD_FILE" not in env:
            sys.exit(f"{source}: {kind} {name} has no database")


def labels_match(selector, labels):
    return selector.items() <= labels.items()


def check_rules(source, rendered):
    """What must hold within and between objects, beyond their schemas."""
    pods = {}
    for (kind, name), it in rendered.items():
        if kind in ("Deployment", "StatefulSet", "Job"):
            template = it["spec"]["template"]
            pods[kind, name] = template
            is_own = template["metadata"]["labels"]["app.kubernetes.io/name"] == "qtask"
            check_pod(f"{source}: {kind} {name}", kind, template["spec"], is_own)
            if selector := it["spec"].get("selector"):
                if not labels_match(selector["matchLabels"], template["metadata"]["labels"]):
                    sys.exit(f"{source}: {kind} {name} does not select its own pods")
    for (kind, name), it in rendered.items():
        selector = it["spec"]["podSelector"] if kind == "NetworkPolicy" else it.get("spec", {}).get("selector")
        if kind not in ("NetworkPolicy", "PodDisruptionBudget", "Service"):
            continue
        selector = selector.get("matchLabels", selector)
        if not any(labels_match(selector, pod["metadata"]["labels"]) for pod in pods.values()):
            sys.exit(f"{source}: {kind} {name} selects no pod")
    for (kind, name), pod in pods.items():
        labels = pod["metadata"]["labels"]
        if labels["app.kubernetes.io/name"] != "qtask":
            continue
        covering = {
            other
            for (other, _), it in rendered.items()
            if other in ("NetworkPolicy", "PodDisruptionBudget")
            and labels_match(it["spec"].get("podSelector", it["spec"].get("selector"))["matchLabels"], labels)
        }
        wanted = {"NetworkPolicy"} | ({"PodDisruptionBudget"} if kind == "Deployment" else set())
        if covering != wanted:
            sys.exit(f"{source}: {kind} {name} has {covering}, not {wanted}")


def main():
    kubectl, helm = sys.argv[1:]
    kustomized, charted = render_kustomize(kubectl), render_helm(helm)
    for source, rendered in [*kustomized.items(), *charted.items()]:
        validate(source, rendered)
        check_rules(source, rendered)
        check_settings(source, rendered)
    compare(kustomized["demo"], charted["defaults"])
    compare(kustomized["everything"], charted["everything"])
    count = sum(len(rendered) for rendered in [*kustomized.values(), *charted.values()])
    print(f"{count} objects are valid for Kubernetes {', '.join(VERSIONS)}; kustomize and Helm render the same")


if __name__ == "__main__":
    main()
