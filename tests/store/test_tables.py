"""The smaller tables: events, actions, networks, ports, volumes, registries, images, audit."""

from ipaddress import IPv4Network

import pytest

from jeroboam.model.container import ContainerSpec, PortSpec, VolumeMount
from jeroboam.model.errors import Conflict, NotFound
from jeroboam.store import actions, audit, events, images, networks, objects, ports, registries, volumes
from jeroboam.store.audit import Actor, Entry
from jeroboam.store.database import Database
from jeroboam.store.registries import Registry
from tests.store.build import an_event, an_object

# events


def test_events_are_numbered_in_order_and_read_in_pages(db: Database) -> None:
    with db.write() as tx:
        assert events.latest(tx) == 0
        events.append_all(tx, [an_event(message=str(i), project=f"p{i % 2}", data={"i": [i]}) for i in range(6)])
        events.append(tx, an_event(message="6", request_id="req-1", name="web"))
        found = events.since(tx, 2, None, 3)
        assert [(e.seq, e.message, e.data) for e in found] == [
            (3, "2", {"i": [2]}),
            (4, "3", {"i": [3]}),
            (5, "4", {"i": [4]}),
        ]
        assert [e.seq for e in events.since(tx, 0, {"p1"}, 99)] == [2, 4, 6, 7]
        assert events.since(tx, 0, set(), 99) == []
        assert events.latest(tx) == 7
        (last,) = events.since(tx, 6, None, 9)
    assert last == an_event(message="6", request_id="req-1", name="web", seq=7)


def test_pruned_numbers_are_not_given_again(db: Database) -> None:
    with db.write() as tx:
        events.append_all(tx, [an_event(at=float(i)) for i in range(5)])
        assert events.prune(tx, 3.0) == 3
        assert [e.at for e in events.since(tx, 0, None, 9)] == [3.0, 4.0]
        assert events.prune(tx, 9.0) == 2
        events.append(tx, an_event())
        assert events.latest(tx) == 6


# actions


def test_actions_newest_first(db: Database) -> None:
    obj = an_object()
    with db.write() as tx:
        actions.append(tx, obj.id, "create", "req-1", "u1", "p1", 1.0)  # before the object, in its transaction
        objects.insert(tx, obj, None)
        actions.append(tx, obj.id, "stop", "req-2", "u2", "p1", 2.0)
        assert [a.action for a in actions.listing(tx, obj.id)] == ["stop", "create"]
        assert actions.get(tx, obj.id, "req-1") == actions.Action(obj.id, "create", "req-1", "u1", "p1", 1.0)
        with pytest.raises(NotFound):
            actions.get(tx, "other", "req-1")


# networks

RANGE = IPv4Network("10.0.0.0/22")


def test_each_project_has_its_own_network_of_a_name(db: Database) -> None:
    with db.write() as tx:
        first = networks.ensure(tx, "p1", "default", RANGE, 24)
        second = networks.ensure(tx, "p2", "default", RANGE, 24)
        assert networks.ensure(tx, "p1", "default", RANGE, 24) == first
        assert (first.subnet, second.subnet) == ("10.0.0.0/24", "10.0.1.0/24")
        assert networks.listing(tx, "p2") == [second]
        assert networks.listing(tx, None) == sorted([first, second], key=lambda n: n.id)
        assert networks.get(tx, first.id) == first


def test_a_full_range_says_so_and_a_freed_subnet_is_the_next(db: Database) -> None:
    with db.write() as tx:
        made = [networks.ensure(tx, "p1", f"n{i}", RANGE, 24) for i in range(4)]
        with pytest.raises(Conflict, match=r"cannot make the network 'more': all /24 subnets of 10.0.0.0/22"):
            networks.ensure(tx, "p1", "more", RANGE, 24)
        networks.remove(tx, made[1].id)
        with pytest.raises(NotFound):
            networks.get(tx, made[1].id)
        assert networks.ensure(tx, "p1", "more", RANGE, 24).subnet == made[1].subnet


def test_subnets_do_not_overlap_after_the_prefix_or_the_range_changed(db: Database) -> None:
    with db.write() as tx:
        subnets = [
            networks.ensure(tx, "p1", "small", RANGE, 26),
            networks.ensure(tx, "p1", "large", RANGE, 24),
            networks.ensure(tx, "p1", "small2", RANGE, 26),
            networks.ensure(tx, "p1", "wide", IPv4Network("10.0.0.0/20"), 22),
            networks.ensure(tx, "p1", "beside", RANGE, 24, avoid=[IPv4Network("10.0.2.128/25")]),
        ]
    assert [n.subnet for n in subnets] == ["10.0.0.0/26", "10.0.1.0/24", "10.0.0.64/26", "10.0.4.0/22", "10.0.3.0/24"]


def test_a_network_moves_to_the_next_free_subnet_and_round_the_range(db: Database) -> None:
    with db.write() as tx:
        first, second = (networks.ensure(tx, "p1", name, RANGE, 24) for name in ("n1", "n2"))
        moved = [networks.renumber(tx, "p1", "n1", f"10.0.{at}.0/24", RANGE, 24) for at in (0, 2, 3)]
        assert [row.subnet for row in moved] == ["10.0.2.0/24", "10.0.3.0/24", "10.0.0.0/24"]
        assert networks.get(tx, first.id) == moved[-1]
        assert networks.get(tx, second.id) == second
        with pytest.raises(Conflict, match=r"cannot move the network .n1. from 10\.0\.0\.0/24: all /24 subnets"):
            networks.renumber(tx, "p1", "n1", "10.0.0.0/24", IPv4Network("10.0.0.0/23"), 24)


def test_a_network_that_somebody_else_has_moved_meanwhile_stays(db: Database) -> None:
    with db.write() as tx:
        networks.ensure(tx, "p1", "n1", RANGE, 24)
        moved = [networks.renumber(tx, "p1", "n1", "10.0.0.0/24", RANGE, 24).subnet for _ in range(3)]
    assert moved == ["10.0.1.0/24"] * 3


def test_what_the_engine_has_counts_and_who_was_to_have_it_moves_on(db: Database) -> None:
    with db.write() as tx:
        for name in ("n1", "n2"):
            networks.ensure(tx, "p1", name, RANGE, 24)
        networks.found_with(tx, "p1", "n1", "10.0.1.0/24", RANGE, 24)
        networks.found_with(tx, "p1", "n1", "10.0.1.0/24", RANGE, 24)
        assert [row.subnet for row in networks.listing(tx, "p1")] == ["10.0.1.0/24", "10.0.2.0/24"]


# ports


def test_ports_are_given_without_clashes(db: Database) -> None:
    one, two = an_object(), an_object()
    with db.write() as tx:
        objects.insert(tx, one, None)
        objects.insert(tx, two, None)
        wanted = [PortSpec(80), PortSpec(443, host_port=100), PortSpec(53, "udp")]
        assert [host for _, host in ports.allocate(tx, one.id, "p1", wanted, 100, 103)] == [101, 100, 100]
        assert ports.allocate(tx, two.id, "p2", [PortSpec(80)], 100, 103) == ((PortSpec(80), 102),)
        assert [(s.port, s.protocol, host) for s, host in ports.of(tx, one.id)] == [
            (53, "udp", 100),
            (80, "tcp", 101),
            (443, "tcp", 100),
        ]
        for port, why in ((101, "it is taken"), (99, "only 100 to 103"), (104, "only 100 to 103")):
            with pytest.raises(Conflict, match=why):
                ports.allocate(tx, two.id, "p2", [PortSpec(81, host_port=port)], 100, 103)
        with pytest.raises(Conflict, match="all tcp host ports from 100 to 103 are in use"):
            ports.allocate(tx, two.id, "p2", [PortSpec(81), PortSpec(82)], 100, 103)
        ports.release(tx, one.id)
        assert ports.allocate(tx, two.id, "p2", [PortSpec(81)], 100, 103)[0][1] == 100


def test_one_request_cannot_have_a_port_twice(db: Database) -> None:
    with db.write() as tx, pytest.raises(Conflict, match="taken"):
        ports.allocate(tx, "o", "p1", [PortSpec(1, host_port=5), PortSpec(2, host_port=5)], 1, 9)


# volumes


def test_volumes_of_a_project_and_of_an_object(db: Database) -> None:
    with db.write() as tx:
        data = volumes.ensure(tx, "p1", "data")
        other = volumes.ensure(tx, "p2", "data")
        own = volumes.ensure(tx, "p1", "/cache", object_id="o1")
        assert volumes.ensure(tx, "p1", "data") == data
        assert volumes.ensure(tx, "p1", "/cache", object_id="o1") == own
        assert volumes.ensure(tx, "p1", "/cache", object_id="o2") != own
        assert len({data.id, other.id, own.id}) == 3
        assert volumes.get(tx, "data", "p1") == data
        assert volumes.get(tx, data.id, "p1") == data
        assert volumes.get(tx, other.id, None) == other
        for ident, project in ((other.id, "p1"), ("/cache", "p1"), ("data", None)):
            with pytest.raises(NotFound):
                volumes.get(tx, ident, project)
        assert [v.id for v in volumes.listing(tx, "p2")] == [other.id]
        assert len(volumes.listing(tx, None)) == 4
        volumes.remove(tx, data.id)
        assert data not in volumes.listing(tx, "p1")


def test_uses_are_read_from_the_specs(db: Database) -> None:
    spec = ContainerSpec("i", volumes=(VolumeMount("/data", "data"), VolumeMount("/cache")))
    user, stranger = an_object(spec=spec), an_object(spec=spec, project="p2")
    with db.write() as tx:
        data, own = volumes.ensure(tx, "p1", "data"), volumes.ensure(tx, "p1", "/cache", object_id=user.id)
        assert volumes.uses(tx, data) == volumes.uses(tx, own) == []
        objects.insert(tx, user, None)
        objects.insert(tx, stranger, None)
        assert volumes.uses(tx, data) == volumes.uses(tx, own) == [user.id]


# registries


def test_registries(db: Database) -> None:
    registry = Registry("r1", "p1", "hub", "registry.example", "me", b"\x00secret", "u1", 1.0)
    assert "secret" not in repr(registry)
    with db.write() as tx:
        registries.insert(tx, registry)
        assert registries.get(tx, "hub", "p1") == registries.get(tx, "r1", None) == registry
        for ident in ("hub", "r1"):
            with pytest.raises(NotFound):
                registries.get(tx, ident, "p2")
        changed = Registry("r1", "p1", "hub2", "r.example", "you", b"new", "u1", 1.0)
        registries.update(tx, changed)
        assert registries.listing(tx, "p1") == registries.listing(tx, None) == [changed]
        registries.insert(tx, Registry("r2", "p1", "hub2", "d", "n", b""))
        with pytest.raises(Conflict, match="several"):
            registries.get(tx, "hub2", "p1")
        registries.delete(tx, "r1")
        registries.delete(tx, "r1")
        with pytest.raises(NotFound):
            registries.update(tx, changed)


# images


def test_a_privately_pulled_image_is_for_who_pulled_it(db: Database) -> None:
    with db.write() as tx:
        assert images.known(tx, "i") is None
        assert images.allowed(tx, "p1", "i")  # the operator put it there
        images.record(tx, "i", private=True, project_id="p1")
        images.record(tx, "i", private=True, project_id="p1")
        assert images.known(tx, "i") == "private"
        assert images.allowed(tx, "p1", "i")
        assert not images.allowed(tx, "p2", "i")
        images.record(tx, "i", private=True, project_id="p2")
        assert images.allowed(tx, "p2", "i")


def test_what_could_be_had_without_credentials_stays_public(db: Database) -> None:
    with db.write() as tx:
        images.record(tx, "i", private=True, project_id="p1")
        images.record(tx, "i", private=False, project_id="p2")
        images.record(tx, "i", private=True, project_id="p3")
        assert images.known(tx, "i") == "public"
        assert images.allowed(tx, "p4", "i")


# audit


def test_among_very_many_projects(db: Database) -> None:
    """As many as whoever manages a large domain asks for: more than a statement takes parameters."""
    many = {f"p{n}" for n in range(300_000)}
    with db.write() as tx:
        for project in ("p1", "elsewhere", "p299999"):
            events.append(tx, an_event(project=project))
            audit.append(tx, Entry(Actor("u1"), project, "limits", {}, {}, 1.0))
        assert [event.project_id for event in events.since(tx, 0, many, 9)] == ["p1", "p299999"]
        assert [entry.node_id for entry in audit.listing(tx, many)] == ["p299999", "p1"]


def test_audit_newest_first(db: Database) -> None:
    actor = Actor("u1", "ann", "p0", "req-1")
    with db.write() as tx:
        for at, node in ((1.0, "a"), (2.0, "b"), (3.0, "a")):
            audit.append(tx, Entry(actor, node, "limits", {"vcpus": 1}, {"vcpus": 2}, at))
        assert [e.at for e in audit.listing(tx, None)] == [3.0, 2.0, 1.0]
        assert [e.at for e in audit.listing(tx, {"a"}, limit=1)] == [3.0]
        assert audit.listing(tx, {"b"}) == [Entry(actor, "b", "limits", {"vcpus": 1}, {"vcpus": 2}, 2.0, 2)]


def test_a_port_that_nobody_chose_moves_to_the_next_free_and_round_the_range(db: Database) -> None:
    one, two = an_object(), an_object()
    wanted = [PortSpec(80), PortSpec(53, "udp"), PortSpec(443, host_port=103)]
    with db.write() as tx:
        for obj in (one, two):
            objects.insert(tx, obj, None)
        ports.allocate(tx, one.id, "p1", wanted, 100, 103)
        ports.allocate(tx, two.id, "p1", [PortSpec(80)], 100, 103)
        seen = []
        # Nobody knows of which protocol the taken one is: at first both that have it move.
        for taken in (100, 102, 101):
            assert ports.move(tx, one.id, taken, wanted, 100, 103)
            seen.append({spec.port: host for spec, host in ports.of(tx, one.id)})
        assert [[at[80], at[53], at[443]] for at in seen] == [[102, 101, 103], [100, 101, 103], [100, 102, 103]]
        assert not ports.move(tx, one.id, 103, wanted, 100, 103), "its owner chose it"
        assert not ports.move(tx, one.id, 101, wanted, 100, 103), "it is another's"
        ports.allocate(tx, two.id, "p1", [PortSpec(81)], 100, 103)
        with pytest.raises(Conflict, match="all tcp host ports from 100 to 103 are in use"):
            ports.move(tx, one.id, 100, wanted, 100, 103)
