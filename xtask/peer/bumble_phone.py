"""The phone's radio, by bumble: a virtual air, the pile's controller on it, and a phone as a dumb bridge.

On the standard output, a JSON object a line:

    {"event": "ready", "hci": PORT, "bridge": PORT}    loopback ports
    {"event": "seen", "address", "packet", "scan_response", "name", "services", "manufacturer"}
    {"event": "connected", "mtu": N}                   and subscribed
    {"event": "gone", "reason": N}                     the HCI reason
    {"event": "failed", "why": TEXT}

The pile's Bluetooth host speaks HCI (H4) to the port `hci`. Whoever connects to the port `bridge` is a
phone: that connects to the pile over the air, exchanges the MTU, discovers and subscribes; then the
socket's bytes are written to the pile's RX, and what it notifies goes to the socket. Closing the socket
disconnects; a link that is lost closes the socket.

On the standard input, a JSON object a line:

    {"do": "scan"}                                     the next advertisement is told
    {"do": "set", "mtu": N or null, "response": BOOL}  of the phones to come: no exchange where null
    {"do": "lose"}                                     the air: neither side is told by the other
    {"do": "leave"}                                    the phone disconnects

bumble's virtual controller answers no scan request, so what the pile gave it for that is taken from
it; bumble still parses it. Nothing of openpile is used here.
"""

import asyncio
import json
import logging
import sys

from bumble import hci
from bumble.controller import Controller
from bumble.core import AdvertisingData, UUID
from bumble.device import Device, Peer
from bumble.host import Host
from bumble.link import LocalLink
from bumble.transport import open_transport

UART = UUID("6E400001-B5A3-F393-E0A9-E50E24DCCA9E")
RX = UUID("6E400002-B5A3-F393-E0A9-E50E24DCCA9E")
TX = UUID("6E400003-B5A3-F393-E0A9-E50E24DCCA9E")
# What most radios take at once. bumble's default, 27, stays on the pile's side.
PACKET = 251


def tell(**event):
    print(json.dumps(event), flush=True)


def free_port():
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Phone:
    def __init__(self, air, pile):
        self.pile = pile
        self.controller = Controller("phone", link=air)
        self.controller.le_acl_data_packet_length = PACKET
        host = Host()
        host.controller = self.controller
        self.device = Device(
            name="phone", address=hci.Address("F0:F1:F2:F3:F4:F5"), host=host
        )
        self.mtu, self.response = 247, False
        self.connection = None
        self.busy = asyncio.Lock()

    async def see(self):
        """The next advertisement of a pile."""
        found = asyncio.get_running_loop().create_future()

        def heard(advertisement):
            services = advertisement.data.get(
                AdvertisingData.COMPLETE_LIST_OF_128_BIT_SERVICE_CLASS_UUIDS
            )
            if services and UART in services and not found.done():
                found.set_result(advertisement)

        self.device.on("advertisement", heard)
        await self.device.start_scanning(legacy=True, filter_duplicates=False)
        try:
            return await asyncio.wait_for(found, 20)
        finally:
            await self.device.stop_scanning(legacy=True)
            self.device.remove_listener("advertisement", heard)

    async def scan(self):
        advertisement = await self.see()
        response = bytes(self.pile.le_legacy_advertiser.scan_response_data)
        data = AdvertisingData.from_bytes(advertisement.data_bytes + response)
        company, payload = data.get(AdvertisingData.MANUFACTURER_SPECIFIC_DATA)
        tell(
            event="seen",
            address=str(advertisement.address),
            packet=advertisement.data_bytes.hex(),
            scan_response=response.hex(),
            name=data.get(AdvertisingData.COMPLETE_LOCAL_NAME),
            services=[
                str(uuid)
                for uuid in data.get(
                    AdvertisingData.COMPLETE_LIST_OF_128_BIT_SERVICE_CLASS_UUIDS
                )
            ],
            manufacturer=[company, payload.hex()],
        )

    async def serve(self, reader, writer):
        """One phone: a socket and a connection."""
        async with self.busy:
            try:
                await self.carry(reader, writer)
            except Exception as error:  # a link that is lost in the middle is one of them
                tell(event="failed", why=f"{type(error).__name__}: {error}")
            finally:
                if self.connection is not None:
                    try:
                        await asyncio.wait_for(self.connection.disconnect(), 5)
                    except Exception:
                        pass
                    self.connection = None
                writer.close()

    async def carry(self, reader, writer):
        advertisement = await self.see()
        connection = await self.device.connect(advertisement.address, timeout=20)
        self.connection = connection
        gone = asyncio.Event()

        def lost(reason):
            self.connection = None
            tell(event="gone", reason=int(reason))
            gone.set()

        connection.on("disconnection", lost)
        talk = asyncio.ensure_future(self.talk(connection, reader, writer))
        end = asyncio.ensure_future(gone.wait())
        await asyncio.wait({talk, end}, return_when=asyncio.FIRST_COMPLETED)
        end.cancel()
        if not talk.done():
            talk.cancel()
        elif not talk.cancelled():  # bumble cancels what waits for an answer when the link is lost
            talk.result()

    async def talk(self, connection, reader, writer):
        peer = Peer(connection)
        mtu = 23 if self.mtu is None else await peer.request_mtu(self.mtu)
        (service,) = await peer.discover_service(UART)
        await service.discover_characteristics()
        (rx,) = service.get_characteristics_by_uuid(RX)
        (tx,) = service.get_characteristics_by_uuid(TX)
        await tx.subscribe(lambda value: writer.write(bytes(value)))
        tell(event="connected", mtu=mtu)
        while portion := await reader.read(mtu - 3):
            await rx.write_value(portion, with_response=self.response)
            # The air takes its time; without it the whole socket is written in one go.
            await asyncio.sleep(0)

    def lose(self):
        """Both controllers find out by themselves, as after a supervision timeout."""
        for controller in (self.controller, self.pile):
            for connection in list(controller.le_connections.values()):
                controller.on_le_disconnected(
                    connection, hci.HCI_CONNECTION_TIMEOUT_ERROR
                )


async def main():
    # Packets for a connection that has just been lost are no news here.
    logging.basicConfig(level=logging.CRITICAL)
    air = LocalLink()
    port = free_port()
    async with await open_transport(f"tcp-server:127.0.0.1:{port}") as wire:
        pile = Controller("pile", host_source=wire.source, host_sink=wire.sink, link=air)
        phone = Phone(air, pile)
        await phone.device.power_on()
        server = await asyncio.start_server(phone.serve, "127.0.0.1", 0)
        tell(event="ready", hci=port, bridge=server.sockets[0].getsockname()[1])
        orders = asyncio.StreamReader()
        await asyncio.get_running_loop().connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(orders), sys.stdin
        )
        while line := await orders.readline():
            order = json.loads(line)
            if order["do"] == "scan":
                await phone.scan()
            elif order["do"] == "set":
                phone.mtu, phone.response = order["mtu"], order["response"]
            elif order["do"] == "lose":
                phone.lose()
            elif order["do"] == "leave" and phone.connection is not None:
                await phone.connection.disconnect()


asyncio.run(main())
