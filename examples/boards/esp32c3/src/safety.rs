//! What keeps people safe when something fails: the watchdog, the brown-out detector, the faults.

use esp_hal::peripherals::{LPWR, RTC_TIMER};
use esp_hal::rtc_cntl::{Rtc, Rwdt, RwdtStage};
use esp_hal::time::Duration;
use pile_app::Watchdog;

/// No task but that of the meters feeds it, nor takes so long: a snapshot of the largest book, about 1 s,
/// and a few erases of 0.4 s.
const TIMEOUT: Duration = Duration::from_secs(8);

/// The watchdog of the always-on domain, on an oscillator of its own. An erase that has come to its end feeds
/// it as well: the first start has 256 of them before the first reading, and up to 0.4 s for each.
pub struct AlwaysOn(Rwdt);

impl AlwaysOn {
    /// Starts it.
    pub fn start(timer: RTC_TIMER<'static>) -> Self {
        let mut watchdog = Rtc::new(timer).rwdt;
        watchdog.set_timeout(RwdtStage::Stage0, TIMEOUT);
        // Its first stage then resets the whole chip.
        watchdog.enable();
        Self(watchdog)
    }
}

impl Watchdog for AlwaysOn {
    fn feed(&mut self) {
        self.0.feed();
    }
}

/// Lets the brown-out detector reset the chip below about 2.76 V, where its flash is not sure to work any
/// more (2.7 V). esp-hal leaves it alone; this is what ESP-IDF sets, one of its levels higher.
pub fn reset_on_brown_out() {
    unsafe extern "C" {
        /// In the chip's ROM: writes some bits of a register of the analog part.
        fn esp_rom_regi2c_write_mask(block: u8, host: u8, register: u8, msb: u8, lsb: u8, bits: u8);
    }
    // SAFETY: block 61h, register 5, bits 2 to 0 are the detector's level, and nothing else runs yet.
    unsafe { esp_rom_regi2c_write_mask(0x61, 0, 5, 2, 0, 5) };
    LPWR::regs().brown_out().modify(|_, w| {
        w.brown_out_close_flash_ena().set_bit();
        w.brown_out_pd_rf_ena().set_bit();
        // SAFETY: any number of cycles is one; this is ESP-IDF's.
        unsafe { w.brown_out_rst_wait().bits(0x3FF) };
        w.brown_out_rst_sel().set_bit();
        w.brown_out_rst_ena().set_bit();
        w.brown_out_ena().set_bit()
    });
}

/// A reset opens every relay at once; the watchdog would take its time. Exceptions come here as well, and
/// what the radio's library asserts.
#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    esp_hal::system::software_reset()
}
