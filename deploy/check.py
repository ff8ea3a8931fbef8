"""Checks the manifests in deploy/: they render, they are valid, and kustomize and Helm render the same.

Usage: check.py KUBECTL HELM. Needs the package kubernetes-validate, which has Kubernetes' schemas; objects of operators (KEDA,
Prometheus) have none there and are only rendered. `scripts/kubernetes` provides all three.
"""

import difflib
import pathlib
import subprocess
import sys
import tempfile

import kubernetes_validate
import yaml

DEPLOY = pathlib.Path(__file__).resolve().parent
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
        for name in ["database-url", "rabbitmq-url", "admin-token"]:
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
        return {
            "defaults": run(helm, "template", "qtask", str(CHART)),
            "everything": run(helm, "template", "qtask", str(CHART), "--values", file.name),
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


def main():
    kubectl, helm = sys.argv[1:]
    kustomized, charted = render_kustomize(kubectl), render_helm(helm)
    for source, rendered in [*kustomized.items(), *charted.items()]:
        validate(source, rendered)
    compare(kustomized["demo"], charted["defaults"])
    compare(kustomized["everything"], charted["everything"])
    count = sum(len(rendered) for rendered in [*kustomized.values(), *charted.values()])
    print(f"{count} objects are valid for Kubernetes {', '.join(VERSIONS)}; kustomize and Helm render the same")


if __name__ == "__main__":
    main()
