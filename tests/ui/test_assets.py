"""Static files and vendored code."""

import hashlib
import json
from pathlib import Path

import pytest

import hopline_ui
from hopline_ui.assets import Assets

VENDOR = Path(hopline_ui.__file__).parent / "static" / "vendor"
MANIFEST = json.loads((VENDOR / "vendor.json").read_text())


def test_vendored_files_are_those_of_the_manifest():
    """U10: not one byte of other people's code differs from what was taken, none is missing, none was added."""
    listed = {"vendor.json"}
    for package in MANIFEST["packages"]:
        for name, facts in package["files"].items():
            path = VENDOR / package["folder"] / name
            assert hashlib.sha256(path.read_bytes()).hexdigest() == facts["sha256"], path
            assert path.stat().st_size == facts["bytes"]
            listed.add(f"{package['folder']}/{name}")
        assert "LICENSE" in package["files"]
        assert package["licence"]
        assert package["version"] in package["folder"]
    assert listed == {str(path.relative_to(VENDOR)) for path in VENDOR.rglob("*") if path.is_file()}


def test_current_files_may_be_kept_for_ever(client):
    """U10: an address with this version's hash never changes its content."""
    answer = client.get(Assets().path("css/base.css"))
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert answer.headers["content-type"].startswith("text/css")


def test_files_under_another_version_are_asked_for_again(client):
    """U10: a page of the version before gets today's file, and does not keep it."""
    answer = client.get("/static/0000000000/js/page.js")
    assert answer.headers["cache-control"] == "no-cache"
    again = client.get("/static/0000000000/js/page.js", headers={"if-none-match": answer.headers["etag"]})
    assert again.status_code == 304


@pytest.mark.parametrize("name", ["..%2frouter.py", "%2e%2e/router.py", "nothing.css", "css", "css/", "//etc/passwd"])
def test_no_path_of_a_user_reaches_the_disk(client, name):
    """R4: only names known at start are answered."""
    assert client.get(f"/static/0/{name}").status_code == 404


def test_a_missing_file_fails_the_page_at_once():
    """U10: a template cannot name a file that is not there."""
    with pytest.raises(KeyError):
        Assets().path("js/nothing.js")


def test_modules_import_only_files_that_exist():
    """U10: every relative import of a module is a file beside it."""
    assets = Assets()
    for name in assets.names():
        if name.startswith("js/"):
            for line in assets.get(name).body.decode().splitlines():
                if line.startswith("import ") or (" from " in line and line.startswith("}")):
                    target = line.split('"')[1].removeprefix("./")
                    assert f"js/{target}" in assets.names(), (name, target)
