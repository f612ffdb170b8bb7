"""Manifests of the Helm chart: python check_deploy.py MANIFESTS.yaml... -- CUSTOM_RESOURCE_DEFINITION.yaml..."""

import sys

import jsonschema
import kubernetes_validate
import yaml

VERSIONS = ("1.30", "1.37")  # the oldest that Chart.yaml allows, and the newest with a schema


def main(arguments):
    split = arguments.index("--")
    custom = dict(read_definition(path) for path in arguments[split + 1 :])
    seen = set()
    for path in arguments[:split]:
        with open(path, encoding="utf-8") as file:
            documents = [one for one in yaml.safe_load_all(file) if one]
        for one in documents:
            seen.add(one["kind"])
            try:
                check_schema(one, custom)
                if one["kind"] == "Deployment":
                    check_pod(one)
            except (AssertionError, jsonschema.ValidationError, kubernetes_validate.ValidationError) as fault:
                sys.exit(f"{path}: {one['kind']} {one['metadata']['name']}: {fault}")
        check_selectors(path, documents)
        print(f"{path.rsplit('/', 1)[-1]}: {len(documents)} manifests")
    wanted = {"ConfigMap", "Deployment", "Service", "PodDisruptionBudget", "NetworkPolicy", "Ingress", *(kind for kind, _ in custom)}
    if wanted - seen:
        sys.exit(f"never rendered: {', '.join(sorted(wanted - seen))}")


def read_definition(path):
    with open(path, encoding="utf-8") as file:
        spec = yaml.safe_load(file)["spec"]
    versions = {f"{spec['group']}/{one['name']}": closed(one["schema"]["openAPIV3Schema"]) for one in spec["versions"]}
    # Of each kind the versions that it has.
    return (spec["names"]["kind"], tuple(versions)), versions


def closed(schema, top=True):
    """The API server drops fields that it does not know without a word; here they are mistakes."""
    if not isinstance(schema, dict):
        return schema
    schema = {
        key: {name: closed(one, False) for name, one in value.items()}
        if key == "properties"
        else [closed(one, False) for one in value]
        if isinstance(value, list) and key in ("anyOf", "oneOf", "allOf")
        else closed(value, False)
        for key, value in schema.items()
    }
    # Go's regular expressions may have their flags in the middle.
    if isinstance(schema.get("pattern"), str):
        schema["pattern"] = schema["pattern"].replace("^(?i)", "(?i)^")
    free = schema.get("x-kubernetes-preserve-unknown-fields") or "additionalProperties" in schema
    if "properties" in schema and schema.get("type") == "object" and not free:
        schema["additionalProperties"] = False
    if top:
        schema["properties"]["metadata"] = {"type": "object"}
    return schema


def check_schema(document, custom):
    for (kind, _), versions in custom.items():
        if kind == document["kind"]:
            assert document["apiVersion"] in versions, f"no version {document['apiVersion']}"
            return jsonschema.validate(document, versions[document["apiVersion"]])
    for version in VERSIONS:
        kubernetes_validate.validate(document, version, strict=True)


def check_pod(deployment):
    """The "restricted" Pod Security Standard, a read-only root, and time enough to finish."""
    pod = deployment["spec"]["template"]["spec"]
    assert pod["automountServiceAccountToken"] is False, "gets a token of the API server"
    assert pod["securityContext"]["runAsNonRoot"] is True and pod["securityContext"]["runAsUser"] > 0, "may run as root"
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}, "without seccomp"
    assert not {"hostNetwork", "hostPID", "hostIPC", "initContainers"} & set(pod), "uses the host, or has what is not checked"
    allowed = {"configMap", "emptyDir", "persistentVolumeClaim", "secret"}
    for volume in pod["volumes"]:
        assert set(volume) - {"name"} <= allowed, f"volume {volume['name']}: not one of {allowed}"
    for container in pod["containers"]:
        security = container["securityContext"]
        assert security["readOnlyRootFilesystem"] is True, "the root file system can be written"
        assert security["allowPrivilegeEscalation"] is False, "may gain rights"
        assert security["capabilities"] == {"drop": ["ALL"]}, "keeps capabilities"
        assert container["resources"]["limits"]["memory"], "memory without a limit"
        for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
            path = "/ready" if probe == "readinessProbe" else "/health"
            assert container[probe]["httpGet"]["path"] == path, f"{probe} does not ask {path}"
        mounts = [mount["name"] for mount in container["volumeMounts"]]
        assert set(mounts) == {volume["name"] for volume in pod["volumes"]}, f"volumes and mounts differ: {mounts}"
        stop = [one for one in container["args"] if one.startswith("--stop-within=")]
        if stop:
            drain = int(stop[0].split("=")[1].rstrip("s"))
            before = int(container["lifecycle"]["preStop"]["exec"]["command"][1])
            assert pod["terminationGracePeriodSeconds"] == drain + before + 15, "killed before it has finished"


def check_selectors(path, documents):
    """What selects pods selects those of one Deployment."""
    pods = {
        one["metadata"]["name"]: one["spec"]["template"]["metadata"]["labels"]
        for one in documents
        if one["kind"] == "Deployment"
    }
    for one in documents:
        spec = one.get("spec", {})
        selector = {
            "Service": spec.get("selector"),
            "PodDisruptionBudget": (spec.get("selector") or {}).get("matchLabels"),
            "NetworkPolicy": (spec.get("podSelector") or {}).get("matchLabels"),
        }.get(one["kind"])
        if selector:
            chosen = [name for name, labels in pods.items() if selector.items() <= labels.items()]
            if chosen != [one["metadata"]["name"]]:
                sys.exit(f"{path}: {one['kind']} {one['metadata']['name']}: selects {chosen}")
        if one["kind"] == "ScaledObject" and spec["scaleTargetRef"]["name"] not in pods:
            sys.exit(f"{path}: scales {spec['scaleTargetRef']['name']}, which is not there")


main(sys.argv[1:])
