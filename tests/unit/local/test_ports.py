import socket
import sys
from itertools import islice
from pathlib import Path

import pytest

from tutor_quality.local import ports


def test_a_port_that_somebody_listens_on_is_passed_over(tmp_path: Path) -> None:
    with socket.create_server((ports.LOOPBACK, ports.any_free())) as server:
        taken = server.getsockname()[1]
        assert ports.accepts(taken)
        reservations = ports.Reservations(tmp_path)
        assert reservations.take(ports.upwards(taken)) > taken
        reservations.release()


def test_two_stacks_that_start_together_choose_different_ports(tmp_path: Path) -> None:
    preferred = ports.any_free()
    first, second = ports.Reservations(tmp_path), ports.Reservations(tmp_path)
    assert first.take([preferred]) == preferred
    assert second.take(ports.upwards(preferred)) > preferred
    first.release()
    assert second.take([preferred]) == preferred
    second.release()


@pytest.mark.skipif(sys.platform != "linux", reason="reads the range from /proc")
def test_chosen_ports_are_never_given_to_outgoing_connections() -> None:
    outgoing = Path("/proc/sys/net/ipv4/ip_local_port_range").read_text()
    assert all(port < int(outgoing.split()[0]) for port in islice(ports.candidates(), 200))
