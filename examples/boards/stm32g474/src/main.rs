#![doc = include_str!("../README.md")]
#![no_std]
#![no_main]

mod flash;
mod safety;
mod time;

use ble_protocol::message::Capabilities;
use ble_protocol::module::{ByPins, Module, SetUp};
use card_auth::mfrc522::Mfrc522;
use embassy_executor::Spawner;
use embassy_stm32::exti::{self, ExtiInput};
use embassy_stm32::flash::{Async, Flash};
use embassy_stm32::gpio::{AnyPin, Input, Level, Output, Pull, Speed};
use embassy_stm32::rng::{self, Rng};
use embassy_stm32::rtc::{Rtc, RtcConfig};
use embassy_stm32::spi::{self, Spi};
use embassy_stm32::time::Hertz;
use embassy_stm32::usart::{self, BufferedUart};
use embassy_stm32::{Peri, bind_interrupts, dma, interrupt, peripherals};
use embassy_time::Delay;
use embedded_hal::digital::PinState;
use embedded_hal_bus::spi::ExclusiveDevice;
use metering::bl0942::{Bl0942, Circuit, Config};
use pile_app::{
    ButtonPins, Buzzer, Dog, EmbassyClock, Lights, RelayPins, ShiftPins, ShiftRegisters, Watched,
    Wiring,
};
use pile_controller::serve::About;
use pile_controller::shell::{self, Random};
use static_cell::{ConstStaticCell, StaticCell};

use crate::safety::{Independent, Supply};
use crate::time::Calendar;

/// Outlets.
const PORTS: usize = 10;

bind_interrupts!(struct Irqs {
    USART1 => usart::BufferedInterruptHandler<peripherals::USART1>;
    USART3 => usart::BufferedInterruptHandler<peripherals::USART3>;
    UART4 => usart::BufferedInterruptHandler<peripherals::UART4>;
    UART5 => usart::BufferedInterruptHandler<peripherals::UART5>;
    RNG => rng::InterruptHandler<peripherals::RNG>;
    FLASH => embassy_stm32::flash::InterruptHandler;
    DMA1_CHANNEL1 => dma::InterruptHandler<peripherals::DMA1_CH1>;
    DMA1_CHANNEL2 => dma::InterruptHandler<peripherals::DMA1_CH2>;
    EXTI9_5 => exti::InterruptHandler<interrupt::typelevel::EXTI9_5>;
});

/// The chip's true random numbers.
struct Dice(Rng<'static, peripherals::RNG>);

impl Random for Dice {
    fn fill(&mut self, bytes: &mut [u8]) {
        self.0.fill_bytes(bytes);
    }
}

/// Keeps the watchdog quiet while the ledger is refused.
#[embassy_executor::task]
async fn rest(dog: &'static Dog<Independent>) {
    dog.rest(EmbassyClock).await;
}

/// Sounds the buzzer.
#[embassy_executor::task]
async fn sound(buzzer: &'static Buzzer, pin: Output<'static>) {
    buzzer.drive(pin, EmbassyClock).await;
}

static DOG: StaticCell<Dog<Independent>> = StaticCell::new();
static BUZZER: StaticCell<Buzzer> = StaticCell::new();
/// The registers that the lights are behind.
static CHAIN: StaticCell<ShiftRegisters<Output<'static>, Input<'static>>> = StaticCell::new();
/// What the four UARTs send from and receive into.
static BUFFERS: ConstStaticCell<[[u8; 256]; 8]> = ConstStaticCell::new([[0; 256]; 8]);

#[embassy_executor::main]
async fn main(spawner: Spawner) {
    let p = embassy_stm32::init(clocks());
    let dog: &'static Dog<_> = DOG.init(Dog::new(Independent::start(p.IWDG)));
    let buzzer: &'static Buzzer = BUZZER.init(Buzzer::new());

    let relay = |pin: Peri<'static, AnyPin>| Output::new(pin, Level::Low, Speed::Low);
    let relays = RelayPins::new(
        [
            relay(p.PC0.into()),
            relay(p.PC1.into()),
            relay(p.PC2.into()),
            relay(p.PC3.into()),
            relay(p.PC4.into()),
            relay(p.PC5.into()),
            relay(p.PC6.into()),
            relay(p.PC7.into()),
            relay(p.PC8.into()),
            relay(p.PC9.into()),
        ],
        PinState::High,
    );
    let button = |pin: Peri<'static, AnyPin>| Input::new(pin, Pull::Up);
    let buttons = ButtonPins::new(
        [
            button(p.PA0.into()),
            button(p.PA1.into()),
            button(p.PA4.into()),
            button(p.PB9.into()),
            button(p.PA6.into()),
            button(p.PA7.into()),
            button(p.PA8.into()),
            button(p.PA11.into()),
            button(p.PA12.into()),
            button(p.PA15.into()),
        ],
        EmbassyClock,
    );
    let chain: &'static ShiftRegisters<_, _> = CHAIN.init(ShiftRegisters::new(ShiftPins {
        data: relay(p.PB0.into()),
        clock: relay(p.PB1.into()),
        latch: relay(p.PB2.into()),
        disable: None,
        back: None,
    }));
    let panel = Lights::new(chain, |port| [2 * port, 2 * port + 1], buzzer, dog);
    if let Ok(task) = sound(buzzer, relay(p.PB4.into())) {
        spawner.spawn(task);
    }
    if let Ok(task) = rest(dog) {
        spawner.spawn(task);
    }

    let mut bits = spi::Config::default();
    bits.frequency = Hertz(4_000_000);
    let spi = Spi::new(
        p.SPI2, p.PB13, p.PB15, p.PB14, p.DMA1_CH1, p.DMA1_CH2, Irqs, bits,
    );
    let select = Output::new(p.PB12, Level::High, Speed::Medium);
    let Ok(spi) = ExclusiveDevice::new(spi, select, Delay);
    let cards = Mfrc522::new(spi, Output::new(p.PB3, Level::Low, Speed::Low), Delay);

    let [b0, b1, b2, b3, b4, b5, b6, b7] = BUFFERS.take();
    let mut line = usart::Config::default();
    line.baudrate = 9_600;
    // A part that is not there is silent.
    line.rx_pull = Pull::Up;
    let bus1 = BufferedUart::new(p.USART3, p.PB11, p.PB10, b0, b1, Irqs, line);
    let bus2 = BufferedUart::new(p.UART4, p.PC11, p.PC10, b2, b3, Irqs, line);
    let bus3 = BufferedUart::new(p.UART5, p.PD2, p.PC12, b4, b5, Irqs, line);
    let radio = BufferedUart::new(p.USART1, p.PA10, p.PA9, b6, b7, Irqs, line);
    let figures = Circuit::OUTLET.calibration();
    let (Ok(bus1), Ok(bus2), Ok(bus3), Ok(radio), Ok(figures)) = (bus1, bus2, bus3, radio, figures)
    else {
        cortex_m::peripheral::SCB::sys_reset();
    };
    let meters =
        [bus1, bus2, bus3].map(|bus| Bl0942::new(bus, Delay, [figures; 4], Config::default()));

    let pins = ByPins {
        stat: ExtiInput::new(p.PB6, p.EXTI6, Pull::Down, Irqs),
        pwrc: Output::new(p.PB5, Level::High, Speed::Low),
    };
    let mut radio = Module::jdy16(radio, pins, Delay);
    // A pile whose module is silent serves by card.
    let _ = radio.set_up(&SetUp::default()).await;

    let (rtc, time) = Rtc::new(p.RTC, RtcConfig::default());
    let mut random = Dice(Rng::new(p.RNG, Irqs));
    let bank = Flash::<Async>::new(p.FLASH, Irqs)
        .into_regions()
        .bank2_region;
    let opened = pile_app::flash::open(bank, flash::PLACES, &mut random).await;
    let Ok((flash, keys)) = opened else {
        cortex_m::peripheral::SCB::sys_reset();
    };
    let about = About {
        firmware: env!("CARGO_PKG_VERSION").parse().unwrap_or_default(),
        capabilities: Capabilities::CARD_KEYS
            .with(Capabilities::CLOCK)
            .with(Capabilities::POWER_FAIL),
        ..About::default()
    };

    let ended = shell::run(Wiring {
        ports: PORTS,
        keys,
        about,
        clock: EmbassyClock,
        random,
        rtc: Calendar::new(rtc, time),
        relays,
        panel,
        meters: Watched(meters, dog),
        watches_current: false,
        cards,
        buttons,
        lines: Supply::watch(),
        phones: radio,
        flash,
    })
    .await;
    // A flash that does not answer may after a reset.
    let Err(_) = ended;
    cortex_m::peripheral::SCB::sys_reset();
}

/// 170 MHz from the internal oscillator, the crystal of 32 kHz for the calendar, 48 MHz for the random
/// numbers.
fn clocks() -> embassy_stm32::Config {
    use embassy_stm32::rcc::{
        Hsi48Config, LsConfig, Pll, PllMul, PllPreDiv, PllRDiv, PllSource, Sysclk,
    };
    let mut config = embassy_stm32::Config::default();
    config.rcc.pll = Some(Pll {
        source: PllSource::HSI,
        prediv: PllPreDiv::DIV4,
        mul: PllMul::MUL85,
        divp: None,
        divq: None,
        divr: Some(PllRDiv::DIV2),
    });
    config.rcc.sys = Sysclk::PLL1_R;
    config.rcc.boost = true;
    config.rcc.hsi48 = Some(Hsi48Config::default());
    config.rcc.ls = LsConfig::default_lse();
    config
}
