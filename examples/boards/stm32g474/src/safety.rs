//! What keeps people safe when something fails: the watchdog, the warning of a power cut, the faults.

use cortex_m_rt::exception;
use embassy_stm32::interrupt::{self, InterruptExt};
use embassy_stm32::peripherals::IWDG;
use embassy_stm32::wdg::IndependentWatchdog;
use embassy_stm32::{Peri, pac};
use embassy_sync::blocking_mutex::raw::CriticalSectionRawMutex;
use embassy_sync::signal::Signal;
use pile_app::Watchdog;
use pile_controller::shell::{self, Line};

use crate::flash::LEDGER;

/// A start erases up to 110 pages before the first reading: 2.7 s by the data sheet's longest.
const TIMEOUT_US: u32 = 8_000_000;

/// The independent watchdog.
pub struct Independent(IndependentWatchdog<'static, IWDG>);

impl Independent {
    /// Starts it. Nothing but a reset stops it again.
    pub fn start(watchdog: Peri<'static, IWDG>) -> Self {
        let mut watchdog = IndependentWatchdog::new(watchdog, TIMEOUT_US);
        watchdog.unleash();
        Self(watchdog)
    }
}

impl Watchdog for Independent {
    fn feed(&mut self) {
        self.0.pet();
    }
}

static FAILING: Signal<CriticalSectionRawMutex, ()> = Signal::new();

/// The supply, watched before the regulator: PB7 is compared with the chip's 1.2 V reference (RM0440,
/// 6.2.2, PLS = 7), so a divider that makes 1.2 V of the lowest good voltage gives the time that the
/// regulator's capacitor holds.
pub struct Supply(());

impl Supply {
    /// Watches it.
    pub fn watch() -> Self {
        pac::PWR.cr2().modify(|w| {
            w.set_pls(7);
            w.set_pvde(true);
        });
        // PVDO goes up when the voltage goes below; line 16 of the EXTI (RM0440, table 106).
        pac::EXTI.rtsr(0).modify(|w| w.set_line(16, true));
        pac::EXTI.imr(0).modify(|w| w.set_line(16, true));
        interrupt::PVD_PVM.unpend();
        // SAFETY: nothing masks this interrupt to keep others out.
        unsafe { interrupt::PVD_PVM.enable() };
        // It may have gone before anybody watched.
        if pac::PWR.sr2().read().pvdo() {
            FAILING.signal(());
        }
        Self(())
    }
}

impl shell::Lines for Supply {
    async fn next(&mut self) -> Line {
        FAILING.wait().await;
        Line::PowerFailing
    }
}

#[allow(non_snake_case, reason = "the interrupt's name")]
#[embassy_stm32::interrupt]
fn PVD_PVM() {
    pac::EXTI.pr(0).write(|w| w.set_line(16, true));
    FAILING.signal(());
}

/// A word of the ledger that a power cut left half written: its check bits do not match, which the chip
/// tells by this (RM0440, 3.3.7 and 3.7.7). The journal has check sums of its own and takes what it reads for
/// what it is; without this every start would end here. A word of the program is another matter.
#[exception]
unsafe fn NonMaskableInt() {
    let found = pac::FLASH.eccr().read();
    let broken = found.eccd() || found.eccd2();
    let in_ledger = found.bk_ecc() && !found.sysf_ecc() && found.addr_ecc() >= LEDGER;
    if broken && in_ledger {
        pac::FLASH.eccr().modify(|w| {
            w.set_eccd(true);
            w.set_eccd2(true);
        });
    } else {
        cortex_m::peripheral::SCB::sys_reset();
    }
}

/// A reset opens every relay at once; the watchdog would take its time.
#[exception]
unsafe fn HardFault(_: &cortex_m_rt::ExceptionFrame) -> ! {
    cortex_m::peripheral::SCB::sys_reset()
}

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    cortex_m::peripheral::SCB::sys_reset()
}
