//! The flash as the pile sees it.

use std::ops::Deref;

use embedded_storage_async::nor_flash::{ErrorType, NorFlash, ReadNorFlash};

use super::{Cells, FlashError, OnCut, Operation, Probe, Words};
use crate::world::VirtualTime;

/// A handle on a virtual NOR flash with words of `WRITE` bytes and pages of `ERASE` bytes. Clones
/// reach the same chip, so its contents outlive the pile that used it.
///
/// ```
/// use embedded_storage_async::nor_flash::NorFlash;
/// use pile_sim::flash::{CutPlan, FlashError, W25q80};
///
/// embassy_futures::block_on(async {
///     let world = W25q80::w25q80();
///     let mut pile = world.clone();
///     pile.write(0, b"kept").await.unwrap();
///     world.arm_cut(CutPlan::random(0, 7));
///     assert_eq!(pile.write(4, b"torn").await, Err(FlashError::PowerLost));
///     assert!(world.cut_happened());
///     world.power_up();
///     assert_eq!(&world.image()[..4], b"kept");
/// });
/// ```
#[derive(Debug, Clone)]
pub struct VirtualNor<const WRITE: usize, const ERASE: usize> {
    probe: Probe,
}

/// A Winbond W25Q80: 1 MiB of serial NOR flash, 4 KiB sectors, any byte programmable.
pub type W25q80 = VirtualNor<1, 4096>;

/// The part of an STM32G4's internal flash that holds a ledger: 64 KiB, 2 KiB pages, double words
/// that can be programmed once after an erase.
pub type Stm32g4 = VirtualNor<8, 2048>;

impl W25q80 {
    /// An erased W25Q80.
    pub fn w25q80() -> Self {
        Self::new(1 << 20, Words::ClearBits)
    }
}

impl Stm32g4 {
    /// 64 KiB of erased STM32G4 flash.
    pub fn stm32g4() -> Self {
        Self::new(64 << 10, Words::Once)
    }
}

impl<const WRITE: usize, const ERASE: usize> VirtualNor<WRITE, ERASE> {
    /// An erased flash with power. `capacity` in bytes, rounded down to whole pages.
    pub fn new(capacity: usize, words: Words) -> Self {
        Self::holding(&[], capacity / ERASE * ERASE, words)
    }

    /// An erased flash that holds this image from its first byte. Words that are not all ones
    /// count as programmed. Power is on, statistics are zero.
    pub fn from_image(image: &[u8], words: Words) -> Self {
        Self::holding(image, image.len().next_multiple_of(ERASE), words)
    }

    /// A flash whose cells are in this condition. Power is on, statistics are zero.
    ///
    /// # Panics
    /// Where the cells are of another geometry.
    pub fn from_cells(cells: &Cells) -> Self {
        assert_eq!((cells.word, cells.page), (WRITE, ERASE), "another geometry");
        Self {
            probe: Probe::new(cells.clone()),
        }
    }

    fn holding(image: &[u8], capacity: usize, words: Words) -> Self {
        const {
            assert!(
                WRITE > 0 && ERASE.is_multiple_of(WRITE),
                "a page holds whole words"
            );
        };
        Self {
            probe: Probe::new(Cells::of_image(image, capacity, ERASE, WRITE, words)),
        }
    }

    /// The chip behind a probe.
    pub(crate) fn of_probe(probe: &Probe) -> Self {
        Self {
            probe: probe.clone(),
        }
    }

    /// A hand on the chip that knows no geometry.
    pub fn probe(&self) -> Probe {
        self.probe.clone()
    }

    /// Waits for a moment, where the chip keeps time.
    async fn until(&self, millis: u64) {
        let time = |(time, _): &(VirtualTime, _)| time.clone();
        let time = self.probe.chip().time.as_ref().map(time);
        if let Some(time) = time {
            time.until(millis).await;
        }
    }

    /// Waits until the chip has done what it is doing.
    async fn idle(&self) -> Result<(), FlashError> {
        let until = self.probe.chip().busy_until();
        if let Some(until) = until {
            self.until(until).await;
        }
        self.probe.chip().finish()
    }

    async fn operate(&self, operation: Operation) -> Result<(), FlashError> {
        // Somebody may have dropped the operation before this one.
        self.idle().await?;
        self.probe.chip().start(operation)?;
        self.idle().await
    }

    async fn done(&self, result: Result<(), FlashError>) -> Result<(), FlashError> {
        let hang = result == Err(FlashError::PowerLost) && self.probe.chip().on_cut == OnCut::Hang;
        if hang {
            std::future::pending::<()>().await;
        }
        result
    }
}

impl<const WRITE: usize, const ERASE: usize> Deref for VirtualNor<WRITE, ERASE> {
    type Target = Probe;

    fn deref(&self) -> &Probe {
        &self.probe
    }
}

impl<const WRITE: usize, const ERASE: usize> ErrorType for VirtualNor<WRITE, ERASE> {
    type Error = FlashError;
}

impl<const WRITE: usize, const ERASE: usize> ReadNorFlash for VirtualNor<WRITE, ERASE> {
    const READ_SIZE: usize = 1;

    async fn read(&mut self, offset: u32, bytes: &mut [u8]) -> Result<(), Self::Error> {
        let idle = self.idle().await;
        self.done(idle).await?;
        let result = self.probe.chip().read(offset, bytes);
        if let Ok(until) = result {
            self.until(until).await;
        }
        self.done(result.map(drop)).await
    }

    fn capacity(&self) -> usize {
        self.probe.chip().cells.bytes.len()
    }
}

impl<const WRITE: usize, const ERASE: usize> NorFlash for VirtualNor<WRITE, ERASE> {
    const WRITE_SIZE: usize = WRITE;
    const ERASE_SIZE: usize = ERASE;

    async fn erase(&mut self, from: u32, to: u32) -> Result<(), Self::Error> {
        let result = self.operate(Operation::Erase { from, to }).await;
        self.done(result).await
    }

    async fn write(&mut self, offset: u32, bytes: &[u8]) -> Result<(), Self::Error> {
        let bytes = bytes.to_vec();
        let address = offset;
        let result = self.operate(Operation::Program { address, bytes }).await;
        self.done(result).await
    }
}
