"""What every backend promises of networks, ports and volumes."""

import ipaddress
from collections.abc import Mapping
from dataclasses import replace

import pytest

from jeroboam.backends.base import Backend
from jeroboam.backends.data import NetworkAttachment, PortBinding, VolumeBinding
from jeroboam.backends.errors import Missing, NetworkMissing, NotOurs, Permanent, PortTaken, Taken, Temporary
from jeroboam.model.container import Address
from tests.backends.houses import POLITE, Bench


def _hosts(subnet: str) -> list[str]:
    return [str(host) for host in ipaddress.ip_network(subnet).hosts()]


def _addresses(bench: Bench, container: str) -> dict[str, Address]:
    return {address.network: address for address in bench.see(container).addresses}


def volumes_of(backend: Backend) -> dict[str, Mapping[str, str]]:
    """By name, their labels."""
    return {volume.name: volume.labels for volume in backend.volumes()}


def test_a_network_is_made_once_and_listed_with_its_labels(bench: Bench, backend: Backend) -> None:
    name, subnet = bench.network_name(), bench.subnet()
    for _ in range(2):
        assert backend.ensure_network(name, subnet, {"colour": "red"}) == subnet
    [found] = [network for network in backend.networks() if network.name == name]
    assert found.subnet == subnet
    assert found.labels["colour"] == "red"
    assert backend.ensure_network(name, bench.subnet(), {}) == subnet, "one that exists keeps its own"


def test_a_subnet_belongs_to_one_network(bench: Bench, backend: Backend) -> None:
    subnet = bench.subnet()
    bench.network(subnet)
    with pytest.raises(Taken, match=subnet):
        backend.ensure_network(bench.network_name(), subnet, {})


def test_a_subnet_that_is_none_is_refused(bench: Bench, backend: Backend) -> None:
    with pytest.raises(Permanent, match=r"[Ii]nvalid subnet"):
        backend.ensure_network(bench.network_name(), "10.0.0.0/99", {})


def test_networks_that_are_not_ours_are_not_touched(bench: Bench, backend: Backend) -> None:
    name, subnet = "jeroboam-foreign-net", bench.subnet()
    container = bench.created()
    bench.house.foreign_network(name, subnet)
    with pytest.raises(NotOurs):
        backend.ensure_network(name, subnet, {})
    with pytest.raises(NotOurs):
        backend.remove_network(name)
    with pytest.raises(NotOurs):
        backend.connect(container, NetworkAttachment(name))
    assert name not in [network.name for network in backend.networks()]


def test_a_running_container_has_an_address_of_its_network(bench: Bench, backend: Backend) -> None:
    subnet = bench.subnet()
    network = bench.network(subnet)
    name = bench.running(networks=(NetworkAttachment(network, ("web",)),))
    address = _addresses(bench, name)[network]
    assert address.addr in _hosts(subnet)[1:]
    assert (address.prefix, address.version) == (28, 4)
    assert address.mac


def test_an_address_can_be_chosen_and_belongs_to_one(bench: Bench, backend: Backend) -> None:
    subnet = bench.subnet()
    network, wanted = bench.network(subnet), _hosts(subnet)[6]
    first = bench.running(networks=(NetworkAttachment(network, ipv4=wanted),))
    assert _addresses(bench, first)[network].addr == wanted
    second = bench.created(*POLITE, networks=(NetworkAttachment(network, ipv4=wanted),))
    with pytest.raises(Taken):
        backend.start(second)
    backend.remove(first)
    backend.start(second)
    assert _addresses(bench, second)[network].addr == wanted


def test_a_container_can_be_on_several_networks(bench: Bench, backend: Backend) -> None:
    networks = (bench.network(), bench.network(), bench.network())
    name = bench.running(networks=tuple(NetworkAttachment(network) for network in networks[:2]))
    assert set(_addresses(bench, name)) == set(networks[:2])
    for _ in range(2):
        backend.connect(name, NetworkAttachment(networks[2], ("late",)))
    assert set(_addresses(bench, name)) == set(networks)
    for _ in range(2):
        backend.disconnect(name, networks[0])
    assert set(_addresses(bench, name)) == set(networks[1:])


def test_joining_under_another_address_joins_anew(bench: Bench, backend: Backend) -> None:
    subnet = bench.subnet()
    network, wanted = bench.network(subnet), _hosts(subnet)[8]
    name = bench.running(networks=(NetworkAttachment(network, ("web",)),))
    backend.connect(name, NetworkAttachment(network, ("web",)))
    before = _addresses(bench, name)[network].addr
    backend.connect(name, NetworkAttachment(network, ("web",), wanted))
    assert _addresses(bench, name)[network].addr == wanted != before


def test_joining_what_is_not_there(bench: Bench, backend: Backend) -> None:
    network, container = bench.network(), bench.created()
    with pytest.raises(NetworkMissing):
        backend.connect(container, NetworkAttachment(bench.network_name()))
    with pytest.raises(Missing):
        backend.connect(bench.definition().name, NetworkAttachment(network))
    backend.disconnect(bench.definition().name, network)
    backend.disconnect(container, bench.network_name())


def test_a_network_goes_when_nobody_hangs_on_it(bench: Bench, backend: Backend) -> None:
    network = bench.network()
    container = bench.running(networks=(NetworkAttachment(network),))
    with pytest.raises(Temporary, match="active endpoints"):
        backend.remove_network(network)
    backend.remove(container)
    for _ in range(2):
        backend.remove_network(network)
    assert network not in [found.name for found in backend.networks()]


def test_a_network_that_vanished_can_be_mended(bench: Bench, backend: Backend) -> None:
    subnet = bench.subnet()
    network = bench.network(subnet)
    attachment = NetworkAttachment(network, ("web",))
    container = bench.running(networks=(attachment,))
    backend.stop(container, 10)
    bench.house.remove_network_behind_us(network)
    with pytest.raises(NetworkMissing):
        backend.start(container)
    backend.ensure_network(network, subnet, {})
    backend.connect(container, attachment)
    backend.start(container)
    assert network in _addresses(bench, container)


def test_who_has_left_its_last_network_goes_on_and_joins_another(bench: Bench, backend: Backend) -> None:
    first, second = bench.network(), bench.network()
    container = bench.running(networks=(NetworkAttachment(first),))
    assert bench.see(container).networks == (first,)
    backend.disconnect(container, first)
    backend.remove_network(first)
    backend.stop(container, 10)
    backend.start(container)
    seen = bench.see(container)
    assert (seen.networks, seen.addresses, seen.joinable) == ((), (), True)
    backend.connect(container, NetworkAttachment(second))
    assert bench.see(container).networks == (second,)
    assert second in _addresses(bench, container)


def test_one_that_stands_still_shows_its_networks_and_leaves_them(bench: Bench, backend: Backend) -> None:
    network = bench.network()
    container = bench.created(networks=(NetworkAttachment(network),))
    assert bench.see(container).networks == (network,)
    backend.disconnect(container, network)
    assert bench.see(container).networks == ()


def test_who_was_made_without_a_network_joins_none(bench: Bench, backend: Backend) -> None:
    lonely, network = bench.created(), bench.network()
    assert (bench.see(lonely).joinable, bench.see(lonely).networks) == (False, ())
    with pytest.raises(Permanent, match=r"private \(none\) mode"):
        backend.connect(lonely, NetworkAttachment(network))


def test_ports_are_published_and_belong_to_one(bench: Bench, backend: Backend) -> None:
    network, port = bench.network(), bench.house.free_port()
    attached = (NetworkAttachment(network),)
    binding = PortBinding(80, "tcp", "127.0.0.1", port)
    first = bench.running(networks=attached, ports=(binding,))
    [published] = bench.see(first).ports
    assert (published.port, published.protocol, published.host_ip) == (80, "tcp", "127.0.0.1")
    assert published.host_port == port
    second = bench.created(*POLITE, networks=attached, ports=(replace(binding, port=81),))
    with pytest.raises(PortTaken, match=str(port)) as refused:
        backend.start(second)
    assert refused.value.host_port == port
    backend.stop(first, 10)
    backend.start(second)
    assert bench.see(first).ports == ()


def test_a_volume_is_made_once_and_goes_when_nobody_uses_it(bench: Bench, backend: Backend) -> None:
    volume = bench.volume_name()
    for _ in range(2):
        backend.ensure_volume(volume, {"colour": "red"})
    assert volumes_of(backend)[volume]["colour"] == "red"
    container = bench.created(volumes=(VolumeBinding(volume, "/data"),))
    with pytest.raises(Temporary, match="in use"):
        backend.remove_volume(volume)
    backend.remove(container)
    for _ in range(2):
        backend.remove_volume(volume)
    assert volume not in volumes_of(backend)


def test_a_volume_that_vanished_is_made_anew_with_our_label(bench: Bench, backend: Backend) -> None:
    volume = bench.volume_name()
    container = bench.created(volumes=(VolumeBinding(volume, "/data"),))
    assert volume in volumes_of(backend)
    backend.remove(container)
    backend.remove_volume(volume)


def test_volumes_that_are_not_ours_are_not_touched(bench: Bench, backend: Backend) -> None:
    name = "jeroboam-foreign-vol"
    bench.house.foreign_volume(name)
    with pytest.raises(NotOurs):
        backend.ensure_volume(name, {})
    with pytest.raises(NotOurs):
        backend.remove_volume(name)
    assert name not in volumes_of(backend)
