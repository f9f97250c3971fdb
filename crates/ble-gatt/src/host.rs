//! The radio's end: advertises, lets one phone in, and carries its bytes.

use core::pin::pin;

use ble_protocol::advert::{RX, SERVICE, TX};
use embassy_futures::select::{Either, select, select4};
use embassy_sync::blocking_mutex::raw::NoopRawMutex;
use embassy_sync::channel::Channel;
use embassy_time::{Duration, Timer, with_timeout};
use trouble_host::att::AttClient;
use trouble_host::prelude::{
    Advertisement, AdvertisementParameters, AttributeServer, AttributeTable, Characteristic,
    CharacteristicProp, Connection, DefaultPacketPool, GattConnection, GattConnectionEvent,
    GattEvent, Peripheral, Reply, Service, appearance, characteristic, service,
};
use trouble_host::{Address, BleHostError, Controller, HostResources};

use crate::exchange::{Exchange, LARGEST_PORTION, SMALLEST_PORTION};
use crate::pace::Paced;
use crate::{Error, RadioAddress};

/// Attributes: the two services that every peripheral has (6), and ours with its two values (6).
const ATTRIBUTES: usize = 12;
/// How long a pile that wants to leave lets its last bytes reach the radio's queue, and then the air:
/// no controller tells when a queue of some 2 KiB has gone out.
const LAST_WORD: Duration = Duration::from_secs(1);
const LAST_FLIGHT: Duration = Duration::from_millis(300);
/// How long who has connected may take to subscribe.
const LISTENS_WITHIN: Duration = Duration::from_secs(10);
/// How long after a packet buffer was wanting it is asked for again.
const BUFFER_AGAIN: Duration = Duration::from_millis(5);
/// How often a pile tells of itself: found within a second or two, and little air time.
const INTERVAL: (Duration, Duration) = (Duration::from_millis(150), Duration::from_millis(200));

type Server<'a> = AttributeServer<'a, NoopRawMutex, DefaultPacketPool, ATTRIBUTES, 1>;
type Answer<'a> = (Reply<'a, DefaultPacketPool>, bool);

/// Runs a pile's radio: advertises, takes one phone at a time and carries its bytes to and from the
/// pipe of `exchange`. Ends only with the controller. May be run again, with a new controller.
///
/// `address` is what the air sees; see [`RadioAddress`].
///
/// # Errors
/// It returns only what has ended it.
///
/// # Cancellation safety
/// The phone is lost, and nothing else.
pub async fn run<C: Controller + 'static>(
    controller: C,
    address: RadioAddress,
    exchange: &Exchange,
) -> Error<C::Error> {
    let mut resources: HostResources<Paced<C>, DefaultPacketPool, 1, 1> = HostResources::new();
    let stack = trouble_host::new(Paced(controller), &mut resources)
        .set_random_address(Address::random(address.little_endian()))
        .build();
    let advert = exchange.advert();
    let mut table = AttributeTable::new();
    {
        let mut gap = table.add_service(Service::new(service::GAP));
        gap.add_characteristic_ro(characteristic::DEVICE_NAME, advert.name.as_str())
            .build();
        gap.add_characteristic_ro(characteristic::APPEARANCE, &appearance::UNKNOWN)
            .build();
        gap.build();
    }
    table.add_service(Service::new(service::GATT)).build();
    // Neither value is kept: what is written goes to the ring, what is notified comes from it.
    let (rx, tx) = {
        let mut uart = table.add_service(Service::new(SERVICE));
        let written = [
            CharacteristicProp::Write,
            CharacteristicProp::WriteWithoutResponse,
        ];
        let rx = uart
            .add_characteristic(RX, written, [0_u8; 0], &mut [])
            .build();
        let notified = [CharacteristicProp::Notify];
        let tx = uart
            .add_characteristic(TX, notified, [0_u8; 0], &mut [])
            .build();
        uart.build();
        (rx.handle, tx)
    };
    let server: Server<'_> = AttributeServer::new(table);
    let mut runner = stack.runner();
    let mut peripheral = stack.peripheral();
    let phones = async {
        loop {
            let connection = match advertise(&mut peripheral, exchange).await {
                Ok(connection) => connection,
                Err(error) => return error,
            };
            if let Ok(connection) = connection.with_attribute_server(&server) {
                exchange.up();
                serve(&connection, exchange, rx, &tx).await;
            }
            exchange.down();
        }
    };
    let ended = match select(runner.run(), phones).await {
        Either::First(Ok(())) => Error::Stopped,
        Either::First(Err(error)) | Either::Second(error) => named(error),
    };
    exchange.down();
    ended
}

fn named<E>(error: BleHostError<E>) -> Error<E> {
    match error {
        BleHostError::Controller(error) => Error::Controller(error),
        BleHostError::BleHost(_) => Error::Stopped,
    }
}

/// Advertises until a phone connects. What changes meanwhile is told at once.
async fn advertise<'d, C: Controller>(
    peripheral: &mut Peripheral<'d, Paced<C>, DefaultPacketPool>,
    exchange: &Exchange,
) -> Result<Connection<'d, DefaultPacketPool>, BleHostError<C::Error>> {
    let parameters = AdvertisementParameters {
        interval_min: INTERVAL.0,
        interval_max: INTERVAL.1,
        ..AdvertisementParameters::default()
    };
    loop {
        let advert = exchange.advert();
        let (packet, scan) = (advert.packet(), advert.scan_response());
        let told = Advertisement::ConnectableScannableUndirected {
            adv_data: packet.as_bytes(),
            scan_data: scan.as_bytes(),
        };
        let advertiser = peripheral.advertise(&parameters, told).await?;
        let mut accept = pin!(advertiser.accept());
        loop {
            match select(&mut accept, exchange.advert_changed()).await {
                Either::First(Ok(connection)) => return Ok(connection),
                // The controller has stopped by itself: again.
                Either::First(Err(_)) => break,
                Either::Second(()) => {
                    let advert = exchange.advert();
                    let (packet, scan) = (advert.packet(), advert.scan_response());
                    let told = Advertisement::ConnectableScannableUndirected {
                        adv_data: packet.as_bytes(),
                        scan_data: scan.as_bytes(),
                    };
                    peripheral.update_adv_data(told).await?;
                }
            }
        }
    }
}

/// Carries a phone's bytes until it has gone.
async fn serve(
    connection: &GattConnection<'_, '_, DefaultPacketPool>,
    exchange: &Exchange,
    rx: u16,
    tx: &Characteristic<[u8; 0]>,
) {
    // ATT has one request under way (vol. 3 part F, 3.3.2), so a second place is never needed.
    let answers: Channel<NoopRawMutex, Answer<'_>, 1> = Channel::new();
    let answer = async {
        loop {
            let (reply, wait) = answers.receive().await;
            if wait {
                exchange.room().await;
            }
            reply.send().await;
        }
    };
    let leave = async {
        exchange.wish_to_leave().await;
        let _ = with_timeout(LAST_WORD, exchange.said()).await;
        Timer::after(LAST_FLIGHT).await;
        connection.raw().disconnect();
        core::future::pending::<()>().await;
    };
    // Nobody else can come while one is there.
    let patience = async {
        Timer::after(LISTENS_WITHIN).await;
        if !exchange.is_subscribed() {
            connection.raw().disconnect();
        }
        core::future::pending::<()>().await;
    };
    // Only the phone's going ends it: a disconnection that we ask for comes back as that.
    select4(
        hear(connection, exchange, &answers, rx, tx),
        answer,
        speak(connection, exchange, tx),
        select(leave, patience),
    )
    .await;
}

/// Takes what the phone does until it has gone. Always at once: what waits here is dropped by the host.
async fn hear<'a>(
    connection: &GattConnection<'a, '_, DefaultPacketPool>,
    exchange: &Exchange,
    answers: &Channel<NoopRawMutex, Answer<'a>, 1>,
    rx: u16,
    tx: &Characteristic<[u8; 0]>,
) {
    let mut listens = false;
    loop {
        let event = match connection.next().await {
            GattConnectionEvent::Disconnected { .. } => return,
            GattConnectionEvent::Gatt { event } => event,
            _ => continue,
        };
        let went_well = take(event, exchange, answers, rx);
        let listened = core::mem::replace(&mut listens, tx.should_notify(connection));
        // Who does not listen any more could miss something and not know.
        if !went_well || (listened && !listens) {
            break;
        }
        if listens {
            exchange.subscribed(portion(connection));
        }
    }
    // Nothing is lost silently: the pipe hears no byte from after a hole, the phone sees the end.
    exchange.down();
    connection.raw().disconnect();
    while !matches!(
        connection.next().await,
        GattConnectionEvent::Disconnected { .. }
    ) {}
}

/// Takes one thing that the phone does; false where it cannot be taken.
fn take<'a>(
    event: GattEvent<'a, '_, DefaultPacketPool>,
    exchange: &Exchange,
    answers: &Channel<NoopRawMutex, Answer<'a>, 1>,
    rx: u16,
) -> bool {
    // Nothing is to be answered to a command; its empty reply must not take a request's place.
    let asks = matches!(event.payload().incoming(), AttClient::Request(_));
    let (reply, wait) = match event {
        GattEvent::Write(write) if write.handle() == rx => {
            if !write.with_data(|_, bytes| exchange.hear(bytes)) {
                return false;
            }
            (write.accept_unprocessed(), true)
        }
        other => (other.accept(), false),
    };
    match reply {
        Ok(reply) if asks => answers.try_send((reply, wait)).is_ok(),
        // Without a buffer for the answer the phone would wait for 30 s and give up.
        Err(_) if asks => false,
        _ => true,
    }
}

/// Sends what the pipe says, as notifications.
async fn speak(
    connection: &GattConnection<'_, '_, DefaultPacketPool>,
    exchange: &Exchange,
    tx: &Characteristic<[u8; 0]>,
) {
    let mut bytes = [0; LARGEST_PORTION];
    loop {
        let portion = portion(connection);
        let most = bytes.get_mut(..portion).unwrap_or_default();
        let taken = exchange.speech(most).await;
        let said = bytes.get(..taken).unwrap_or_default();
        // Only a buffer can be wanting; the bytes are kept until there is one.
        while tx.notify_raw(connection, said, false).await.is_err() {
            Timer::after(BUFFER_AGAIN).await;
        }
    }
}

/// What a notification carries to this phone.
fn portion(connection: &GattConnection<'_, '_, DefaultPacketPool>) -> usize {
    usize::from(connection.raw().att_mtu())
        .saturating_sub(3)
        .clamp(SMALLEST_PORTION, LARGEST_PORTION)
}
