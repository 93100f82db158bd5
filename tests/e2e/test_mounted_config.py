"""A configuration that a cluster has mounted, changed as Kubernetes changes it.

The kubelet writes a ConfigMap into a new folder and swaps a symbolic link to it, so no
file that is open ever changes.
"""

from pathlib import Path

from exporter.demo.script import EHL, GRT, QUI, script
from tests.e2e.programs import running_exporter
from tests.e2e.scripted import scripted_server
from tests.e2e.test_reload import shown, written


def mounted(place: Path, revision: str, port: int, *names: str) -> None:
    """Write a revision as the kubelet does."""
    folder = place / f"..{revision}"
    folder.mkdir()
    written(folder / "config.yaml", port, *names)
    (place / "..data_tmp").symlink_to(folder.name)
    (place / "..data_tmp").rename(place / "..data")
    if not (place / "config.yaml").is_symlink():
        (place / "config.yaml").symlink_to(Path("..data", "config.yaml"))


def test_a_changed_config_map_is_taken_over(tmp_path: Path) -> None:
    """A ConfigMap that has changed is read anew, and what stays keeps its counters."""
    with scripted_server(script(GRT, EHL, QUI)) as port:
        mounted(tmp_path, "one", port, "stays", "goes")
        config = tmp_path / "config.yaml"
        arguments = ("serve", "--config.file", config, "--config.auto-reload")
        with running_exporter(*arguments) as (exporter, address):
            mounted(tmp_path, "two", port, "stays", "comes")
            exporter.await_line(
                r'msg="configuration reloaded" targets=2 added=1 removed=1 changed=0'
            )
            assert shown(address) == ({"stays", "comes"}, 1)
