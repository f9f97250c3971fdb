#![doc = include_str!("../README.md")]
#![no_std]
#![no_main]

mod flash;
mod safety;

use core::array;
use core::pin::pin;

use ble_gatt::{Exchange, RadioAddress};
use ble_protocol::advert::{Advert, Name};
use ble_protocol::message::{self, Capabilities};
use bt_hci::controller::ExternalController;
use card_auth::mfrc522::Mfrc522;
use embassy_executor::Spawner;
use embassy_futures::select::select;
use embassy_time::Delay;
use embedded_hal::digital::PinState;
use embedded_hal_bus::spi::ExclusiveDevice;
use esp_hal::clock::CpuClock;
use esp_hal::gpio::{DriveMode, Input, InputConfig, Level, Output, OutputConfig};
use esp_hal::rng::{Trng, TrngSource};
use esp_hal::spi::master::{Config as SpiConfig, Spi};
use esp_hal::system::software_reset;
use esp_hal::time::Rate;
use esp_hal::timer::timg::TimerGroup;
use esp_hal::uart::{Config as Line, RxConfig, Uart};
use esp_hal::{dma_rx_buffer, dma_tx_buffer, ram};
use esp_radio::ble::Config as Radio;
use esp_radio::ble::controller::BleConnector;
use esp_storage::FlashStorage;
use metering::bl0942::{Bl0942, Circuit, Config};
use pile_app::flash::InTurns;
use pile_app::{
    ButtonPins, Buzzer, Dog, EmbassyClock, Lights, NoRtc, RelayPins, ShiftBit, ShiftPins,
    ShiftRegisters, Watched, Wiring,
};
use pile_controller::serve::About;
use pile_controller::shell::{self, Random};
use static_cell::StaticCell;

use crate::safety::AlwaysOn;

/// Outlets.
const PORTS: usize = 8;
/// Commands to the radio that may wait for their answers.
const COMMANDS: usize = 10;

esp_bootloader_esp_idf::esp_app_desc!();

/// The registers that relays, lights and buttons are behind.
type Chain = ShiftRegisters<Output<'static>, Input<'static>>;
/// One of their pins.
type Bit = ShiftBit<'static, Output<'static>, Input<'static>>;

/// Looks at buttons and supply, and shows relays and lights anew.
#[embassy_executor::task]
async fn scan(chain: &'static Chain) {
    chain.scan(EmbassyClock).await;
}

/// Keeps the watchdog quiet while the ledger is refused.
#[embassy_executor::task]
async fn rest(dog: &'static Dog<AlwaysOn>) {
    dog.rest(EmbassyClock).await;
}

/// Sounds the buzzer.
#[embassy_executor::task]
async fn sound(buzzer: &'static Buzzer, pin: Bit) {
    buzzer.drive(pin, EmbassyClock).await;
}

/// The chip's true random numbers.
struct Dice(Trng);

impl Random for Dice {
    fn fill(&mut self, bytes: &mut [u8]) {
        self.0.read(bytes);
    }
}

static DOG: StaticCell<Dog<AlwaysOn>> = StaticCell::new();
static BUZZER: StaticCell<Buzzer> = StaticCell::new();
static CHAIN: StaticCell<Chain> = StaticCell::new();

#[esp_rtos::main]
async fn main(spawner: Spawner) {
    let p = esp_hal::init(esp_hal::Config::default().with_cpu_clock(CpuClock::max()));
    safety::reset_on_brown_out();
    let dog: &'static Dog<_> = DOG.init(Dog::new(AlwaysOn::start(p.RTC_TIMER)));
    let buzzer: &'static Buzzer = BUZZER.init(Buzzer::new());

    let output = OutputConfig::default();
    let chain: &'static Chain = CHAIN.init(Chain::new(ShiftPins {
        disable: Some(Output::new(p.GPIO8, Level::High, output)),
        data: Output::new(p.GPIO7, Level::Low, output),
        clock: Output::new(p.GPIO21, Level::Low, output),
        latch: Output::new(p.GPIO2, Level::High, output),
        back: Some(Input::new(p.GPIO20, InputConfig::default())),
    }));
    let relays: [_; PORTS] = array::from_fn(|port| chain.output(port));
    let buttons: [_; PORTS] = array::from_fn(|port| chain.button(port));

    // The radio's library allocates; nothing else does.
    esp_alloc::heap_allocator!(#[ram(reclaimed)] size: 64 * 1024);
    esp_alloc::heap_allocator!(size: 32 * 1024);
    esp_rtos::start(TimerGroup::new(p.TIMG0).timer0, p.FROM_CPU_INTR0);
    if let Ok(task) = scan(chain) {
        spawner.spawn(task);
    }
    if let Ok(task) = sound(buzzer, chain.output(24)) {
        spawner.spawn(task);
    }
    if let Ok(task) = rest(dog) {
        spawner.spawn(task);
    }

    let bits = SpiConfig::default().with_frequency(Rate::from_mhz(4));
    let (Ok(spi), Ok(received), Ok(sent)) = (
        Spi::new(p.SPI2, bits),
        dma_rx_buffer!(128),
        dma_tx_buffer!(128),
    ) else {
        software_reset();
    };
    let spi = spi
        .with_sck(p.GPIO4)
        .with_miso(p.GPIO5)
        .with_mosi(p.GPIO6)
        .with_dma(p.DMA_CH0)
        .with_buffers(received, sent)
        .into_async();
    let select_pin = Output::new(
        p.GPIO9,
        Level::High,
        output.with_drive_mode(DriveMode::OpenDrain),
    );
    let Ok(spi) = ExclusiveDevice::new(spi, select_pin, Delay);
    let cards = Mfrc522::new(spi, chain.output(25), Delay);

    // Each byte wakes the driver: there is one in a millisecond.
    let line = Line::default()
        .with_baudrate(9_600)
        .with_rx(RxConfig::default().with_fifo_full_threshold(1));
    let (Ok(bus1), Ok(bus2), Ok(figures)) = (
        Uart::new(p.UART1, line),
        Uart::new(p.UART0, line),
        Circuit::OUTLET.calibration(),
    ) else {
        software_reset();
    };
    let bus1 = bus1.with_tx(p.GPIO0).with_rx(p.GPIO1).into_async();
    let bus2 = bus2.with_tx(p.GPIO3).with_rx(p.GPIO10).into_async();
    let meters = [bus1, bus2].map(|bus| Bl0942::new(bus, Delay, [figures; 4], Config::default()));

    // What makes numbers random before the radio does: ESP-IDF wants it off when the radio comes on.
    let noise = TrngSource::new(p.RNG, p.ADC1);
    let Ok(random) = Trng::try_new() else {
        software_reset();
    };
    let mut random = Dice(random);
    let mut flash = FlashStorage::new(p.FLASH);
    let Some(places) = flash::places(&mut flash) else {
        software_reset();
    };
    let flash = InTurns(flash, dog);
    let Ok((flash, keys)) = pile_app::flash::open(flash, places, &mut random).await else {
        software_reset();
    };
    let mut address = [0; 6];
    random.fill(&mut address);
    drop(random);
    drop(noise);

    let radio = BleConnector::new(p.BT, Radio::default());
    let (Ok(radio), Ok(random)) = (radio, Trng::try_new()) else {
        software_reset();
    };
    let exchange = Exchange::new(Advert {
        name: Name::PLAIN,
        version: message::VERSION,
        free_ports: 0,
    });

    let pile = pin!(shell::run(Wiring {
        ports: PORTS,
        keys,
        about: About {
            firmware: env!("CARGO_PKG_VERSION").parse().unwrap_or_default(),
            capabilities: Capabilities::CARD_KEYS.with(Capabilities::POWER_FAIL),
            ..About::default()
        },
        clock: EmbassyClock,
        random: Dice(random),
        rtc: NoRtc,
        relays: RelayPins::new(relays, PinState::High),
        panel: Lights::new(chain, |port| [8 + port, 16 + port], buzzer, dog),
        meters: Watched(meters, dog),
        watches_current: false,
        cards,
        buttons: ButtonPins::new(buttons, EmbassyClock),
        lines: chain.supply(),
        phones: exchange.pipe(),
        flash,
    }));
    let radio = ExternalController::<_, COMMANDS>::new(radio);
    let address = RadioAddress::from_random(address);
    let radio = pin!(ble_gatt::run(radio, address, &exchange));
    // A flash that does not answer may after a reset; so may a radio, without which no number is random.
    select(pile, radio).await;
    software_reset();
}
