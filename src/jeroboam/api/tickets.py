"""Tickets for websockets: a browser or client that connects shows one instead of a token.

Sealed with the installation's key, so that any API process that has it can check them; good for half a minute and for
one connection to this process.
"""

import secrets
from collections import OrderedDict
from dataclasses import asdict, dataclass, field

import orjson

from jeroboam.conductor.secrets import SecretBox
from jeroboam.model.errors import Conflict, Unauthenticated

SECONDS = 30.0
REMEMBERED = 10_000


@dataclass(frozen=True, slots=True)
class Ticket:
    """What may be connected to: a container, by its id, and in it a command (`exec_id`) or its own terminal (None)."""

    object_id: str
    token: str = field(repr=False)
    """Of whoever asked: who has lost it loses the connection."""
    exec_id: str | None
    until: float
    nonce: str


class Tickets:
    def __init__(self, box: SecretBox) -> None:
        self._box = box
        self._used: OrderedDict[str, float] = OrderedDict()

    def issue(self, object_id: str, token: str, exec_id: str | None, now: float) -> str:
        ticket = Ticket(object_id, token, exec_id, now + SECONDS, secrets.token_hex(8))
        return self._box.seal(orjson.dumps(asdict(ticket)).decode()).decode()

    def redeem(self, text: str, now: float) -> Ticket:
        """Once. Raises Unauthenticated."""
        try:
            ticket = Ticket(**orjson.loads(self._box.open(text.encode())))
        except (Conflict, ValueError, TypeError):
            raise Unauthenticated("cannot connect: the ticket is not one of ours; ask for a new connection") from None
        if now > ticket.until or ticket.nonce in self._used:
            raise Unauthenticated("cannot connect: the ticket is used or too old; ask for a new connection")
        self._used[ticket.nonce] = ticket.until
        while len(self._used) > REMEMBERED or (self._used and next(iter(self._used.values())) < now):
            self._used.popitem(last=False)
        return ticket
