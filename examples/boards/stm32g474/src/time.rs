//! The clock on the battery.

use embassy_stm32::rtc::{DateTime, DayOfWeek, Rtc, RtcTimeProvider};
use pile_app::days_since_2000;
use pile_controller::shell;
use pile_units::{ClockQuality, UnixSeconds, WallTime};

/// Backup register of the difference between Unix time and the calendar's.
const OFFSET: usize = 0;
/// Backup register of the quality, with a mark that tells it from one that lost its battery.
const QUALITY: usize = 1;
const MARK: u32 = 0x4F50_0000;

/// The chip's calendar on the 32 kHz crystal and VBAT. It counts from when it was first started; what has
/// to be added is kept in a backup register, so that setting the clock never stops it.
pub struct Calendar {
    rtc: Rtc,
    time: RtcTimeProvider,
}

impl Calendar {
    /// Takes the calendar, and starts it if it has not been running.
    pub fn new(mut rtc: Rtc, time: RtcTimeProvider) -> Self {
        if kept_quality(&rtc).is_none() {
            rtc.write_backup_register(QUALITY, 0);
            if let Ok(start) = DateTime::from(2000, 1, 1, DayOfWeek::Saturday, 0, 0, 0, 0) {
                // A calendar that does not start reads as no time.
                let _ = rtc.set_datetime(start);
            }
        }
        Self { rtc, time }
    }

    fn seconds(&self) -> Option<u32> {
        let now = self.time.now().ok()?;
        let days = days_since_2000(now.year().into(), now.month().into(), now.day().into())?;
        let hours = days * 24 + u32::from(now.hour());
        let minutes = hours * 60 + u32::from(now.minute());
        Some(minutes * 60 + u32::from(now.second()))
    }
}

fn kept_quality(rtc: &Rtc) -> Option<ClockQuality> {
    match rtc.read_backup_register(QUALITY)?.checked_sub(MARK)? {
        1 => Some(ClockQuality::Informative),
        2 => Some(ClockQuality::Synchronised),
        3 => Some(ClockQuality::Relative),
        _ => None,
    }
}

impl shell::Rtc for Calendar {
    fn read(&mut self) -> Option<WallTime> {
        let quality = kept_quality(&self.rtc)?;
        let offset = self.rtc.read_backup_register(OFFSET)?;
        let unix = UnixSeconds::new(self.seconds()?.checked_add(offset)?);
        Some(WallTime { unix, quality })
    }

    fn set(&mut self, to: WallTime) {
        let quality = match to.quality {
            ClockQuality::Unknown => 0,
            ClockQuality::Informative => 1,
            ClockQuality::Synchronised => 2,
            ClockQuality::Relative => 3,
        };
        let offset = self
            .seconds()
            .and_then(|seconds| to.unix.get().checked_sub(seconds));
        let Some(offset) = offset else {
            return;
        };
        // A reset between the two leaves a clock that is not known.
        self.rtc.write_backup_register(QUALITY, 0);
        self.rtc.write_backup_register(OFFSET, offset);
        self.rtc.write_backup_register(QUALITY, MARK + quality);
    }
}
