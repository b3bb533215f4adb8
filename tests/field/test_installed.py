"""What is installed is enough: a project is made and run by the package and what it requires, and by nothing else."""

import subprocess
from pathlib import Path

from tests.field.installed import ROOT, install, required
from tests.parts.target import Target


def test_a_project_is_made_and_run_by_the_installed_package_alone(tmp_path: Path, server: Target) -> None:
    """Green, and red once the system says otherwise; templates are part of the package."""
    server.forget()
    server.answers["/health"] = {"status": "ok"}
    install(tmp_path / "python")
    command = tmp_path / "python/bin/healthgate"

    def run(folder: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
        variables = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "LANG": "C.UTF-8"}
        return subprocess.run(
            [command, *arguments], cwd=folder, env=variables, capture_output=True, text=True, check=False, timeout=120
        )

    made = run(tmp_path, "new", "shop", f"{server.url}/health")
    assert made.returncode == 0, made.stderr
    well = run(tmp_path / "shop", "run", "--env", "production")
    assert well.returncode == 0, well.stdout + well.stderr
    assert "3 ok · 3 selected, 3 executed" in well.stdout
    server.answers["/health"] = {"status": "ill"}
    ill = run(tmp_path / "shop", "run", "--env", "production")
    assert ill.returncode == 1, ill.stdout + ill.stderr
    python = subprocess.run(
        [tmp_path / "python/bin/python", "-c", "import healthgate; print(healthgate.__file__)"],
        cwd=tmp_path,
        env={},
        capture_output=True,
        text=True,
        check=True,
    )
    assert python.stdout.startswith(str(tmp_path))
    assert str(ROOT) not in well.stdout + ill.stdout


def test_what_a_run_requires_is_little() -> None:
    """Every package costs start-up time in every run, and space on every machine."""
    assert {"pytest", "pyyaml", "redis", "websockets", "prometheus-client"} <= required()
    assert len(required()) <= 12
