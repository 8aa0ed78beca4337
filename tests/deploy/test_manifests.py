"""O3: what runs Hopline elsewhere names settings, verbs and metrics that exist."""

import copy
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml
from yamllint import linter
from yamllint.config import YamlLintConfig

from hopline_collector.store.checks import LEAST_VERSION
from hopline_deploy.commands import app
from hopline_deploy.settings import PREFIX, table
from support.need import require

MANIFESTS = Path(__file__).parents[2] / "deploy/manifests"
FILES = sorted(path for path in MANIFESTS.rglob("*") if path.is_file())
VERBS = {command.name or command.callback.__name__ for command in app.registered_commands}

KUBERNETES = "1.31"
"""A version that clusters in use have passed: what is valid there is valid in them."""

YAML_RULES = "{extends: default, rules: {line-length: {max: 140}, document-start: disable}}"


def walk(value: Any):
    yield value
    for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from walk(inner)


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.name)
def test_settings_exist(path: Path) -> None:
    """Every HOPLINE_* that is set is a setting of the server."""
    known = {PREFIX + name.upper() for name, _, _ in table()}
    assert set(re.findall(r"\bHOPLINE_[A-Z_]+\b", path.read_text())) <= known


@pytest.mark.parametrize("path", [p for p in FILES if p.suffix == ".yaml"], ids=lambda p: p.name)
def test_yaml_parses_and_names_verbs(path: Path) -> None:
    """Each file parses; the first argument of each Hopline container is a verb."""
    documents = list(yaml.safe_load_all(path.read_text()))
    assert all(documents)
    for value in walk(documents):
        if isinstance(value, dict) and value.get("image") == "hopline":
            assert (value.get("command") or value.get("args") or ["up"])[0] in VERBS


def test_units_call_verbs() -> None:
    """The systemd units call verbs with flags that exist."""
    for path in MANIFESTS.glob("systemd/*.service"):
        command = re.search(r"^ExecStart=\S+/hopline (\S+)", path.read_text(), re.MULTILINE)
        assert command
        assert command[1] in VERBS


@pytest.mark.parametrize("path", [p for p in FILES if p.suffix == ".yaml"], ids=lambda p: p.name)
def test_yaml_is_tidy(path: Path) -> None:
    """A10: no key twice, no truth in disguise, indentation that holds; yamllint finds nothing."""
    found = linter.run(path.read_text(), YamlLintConfig(YAML_RULES))
    assert [f"{path.name}:{problem.line} {problem.desc}" for problem in found] == []


@pytest.mark.parametrize("name", ["hopline.yaml", "policies.yaml"])
def test_kubernetes_takes_each_resource(name: str) -> None:
    """A10: each resource is valid by the schemas of Kubernetes, with no field that it does not know."""
    documents = list(yaml.safe_load_all((MANIFESTS / "kubernetes" / name).read_text()))
    for document in documents:
        kubernetes_validate.validate(document, KUBERNETES, strict=True)
    assert documents
    wrong = copy.deepcopy(documents[0]) | {"sepc": {}}
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(wrong, KUBERNETES, strict=True)


def test_the_dockerfile_is_sound() -> None:
    """A10: hadolint finds nothing, its hints included."""
    command = [str(Path(sys.executable).with_name("hadolint")), str(MANIFESTS / "docker/Dockerfile")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")


@pytest.mark.parametrize("unit", sorted(MANIFESTS.glob("systemd/*.service")), ids=lambda p: p.name)
def test_units_expose_little(unit: Path, tmp_path: Path) -> None:
    """A10: systemd's own judgement of a unit's exposure is under 3 of 10."""
    require("systemd-analyze", "" if shutil.which("systemd-analyze") else "it is not there")
    copy = tmp_path / unit.name
    copy.write_text(unit.read_text())
    command = ["systemd-analyze", "security", "--offline=true", str(copy)]
    found = re.search(
        r"exposure level for \S+ (\d+\.\d)", subprocess.run(command, capture_output=True, text=True, check=False).stdout
    )
    assert found
    assert float(found[1]) < 3


def test_pods_are_confined() -> None:
    """A10: no pod gets more than it needs: no root, no writable root, no token of the cluster, no names of services."""
    documents = list(yaml.safe_load_all((MANIFESTS / "kubernetes/hopline.yaml").read_text()))
    pods = [d["spec"]["template"]["spec"] for d in documents if d["kind"] in {"StatefulSet", "Deployment"}]
    assert len(pods) == 2
    for pod in pods:
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert (pod["enableServiceLinks"], pod["automountServiceAccountToken"]) == (False, False)
        for container in pod["containers"]:
            assert container["securityContext"]["readOnlyRootFilesystem"]
            assert container["startupProbe"]
            assert {m["name"] for m in container["volumeMounts"]} <= {v["name"] for v in pod["volumes"]}
    headless = {
        d["metadata"]["name"] for d in documents if d["kind"] == "Service" and d["spec"].get("clusterIP") == "None"
    }
    assert {d["spec"]["serviceName"] for d in documents if d["kind"] == "StatefulSet"} == headless


def test_the_composed_store_is_new_enough() -> None:
    """A10: compose starts a ClickHouse that the start does not refuse."""
    image = yaml.safe_load((MANIFESTS / "docker/compose.yaml").read_text())["services"]["clickhouse"]["image"]
    assert tuple(map(int, image.rpartition(":")[2].split("."))) >= LEAST_VERSION
