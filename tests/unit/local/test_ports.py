import socket

from tutor_quality.local import ports


def test_a_port_that_somebody_listens_on_is_skipped() -> None:
    with socket.create_server((ports.LOOPBACK, ports.any_free())) as server:
        taken = server.getsockname()[1]
        assert not ports.is_free(taken)
        assert ports.accepts(taken)
        assert ports.next_free(taken) > taken


def test_chosen_ports_are_never_given_to_outgoing_connections() -> None:
    with open("/proc/sys/net/ipv4/ip_local_port_range") as file:
        lowest_outgoing = int(file.read().split()[0])
    assert all(ports.any_free() < lowest_outgoing for _ in range(50))


def test_port_0_asks_for_any_free_one() -> None:
    assert ports.is_free(ports.next_free(0))
