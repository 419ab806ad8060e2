"""Building a dashboard: a package without dependencies, by the real npm."""

import json
from pathlib import Path

import pytest

from tutor_quality.errors import ConfigurationError
from tutor_quality.local import dashboard
from tutor_quality.local.home import Home, Run
from tutor_quality.local.supervisor import Supervisor

pytestmark = pytest.mark.skipif(dashboard.node_on_path() is None, reason="no Node on the PATH")

COPY = "require('fs').mkdirSync('dist');require('fs').copyFileSync('page','dist/index.html')"
EMPTY = f"require('fs').rmSync('dist',{{recursive:true,force:true}});{COPY}"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "dashboard"
    folder.mkdir()
    package = {"name": "d", "version": "1.0.0", "scripts": {"build": f'node -e "{EMPTY}"'}}
    lock = {"name": "d", "version": "1.0.0", "lockfileVersion": 3, "packages": {"": package}}
    (folder / "package.json").write_text(json.dumps(package))
    (folder / "package-lock.json").write_text(json.dumps(lock))
    (folder / "page").write_text("first")
    return folder


async def build(folder: Path) -> None:
    home = Home(folder.parent / "home")
    home.path.mkdir(exist_ok=True)
    log = home.logs / "dashboard.log"
    await dashboard.build(Supervisor(home, Run()), folder=folder, cache=home.path, log=log)


async def test_it_is_built_once_and_again_when_a_source_changes(folder: Path) -> None:
    assert not dashboard.is_current(folder)
    await build(folder)
    page = folder / "dist" / "index.html"
    assert page.read_text() == "first" and dashboard.is_current(folder)

    page.write_text("kept")
    await build(folder)
    assert page.read_text() == "kept"

    (folder / "page").write_text("second")
    assert not dashboard.is_current(folder)
    await build(folder)
    assert page.read_text() == "second"


async def test_a_failed_build_says_why_and_is_tried_again(folder: Path) -> None:
    (folder / "page").unlink()
    with pytest.raises(ConfigurationError, match=r"npm run build failed(.|\n)*page"):
        await build(folder)
    assert not dashboard.is_current(folder)
    (folder / "page").write_text("mended")
    await build(folder)
    assert dashboard.is_current(folder)
