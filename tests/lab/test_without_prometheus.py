"""A machine without a Prometheus: everything else of the lab is there and well."""

import urllib.error
from pathlib import Path

import pytest

from tests.lab_process import RunningLab

pytestmark = pytest.mark.whole


def test_a_lab_needs_no_prometheus(tmp_path: Path) -> None:
    with RunningLab(environment={"PATH": str(tmp_path)}) as lab:
        assert lab.is_healthy()
        assert "prometheus" not in lab.processes()
        with pytest.raises(urllib.error.URLError, match="refused"):
            lab.send("GET", lab.variables["LAB_PROMETHEUS_URL"] + "/-/ready")
        lab.reset()
        assert lab.is_healthy()
