//! A flash in RAM for examples and unit tests: it enforces alignment and erase-before-program,
//! and never fails by itself. Power cuts are the business of the virtual flash in `pile-sim`.

use embedded_storage_async::nor_flash::{
    ErrorType, NorFlash, NorFlashError, NorFlashErrorKind, ReadNorFlash,
};

/// `CAPACITY` bytes of NOR flash in RAM, with words of `WRITE` bytes that can be programmed once
/// after each erase of their `ERASE` bytes.
///
/// ```
/// use billing_core::journal::testing::RamFlash;
/// use embedded_storage_async::nor_flash::NorFlash;
///
/// embassy_futures::block_on(async {
///     let mut flash = RamFlash::<4, 256, 1024>::new();
///     flash.write(8, b"once").await.unwrap();
///     assert!(flash.write(8, b"more").await.is_err());
///     flash.erase(0, 256).await.unwrap();
///     flash.write(8, b"more").await.unwrap();
/// });
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RamFlash<const WRITE: usize, const ERASE: usize, const CAPACITY: usize> {
    /// The image.
    pub bytes: [u8; CAPACITY],
}

/// Error returned by [`RamFlash`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RamFlashError {
    /// The address or the length is not aligned.
    NotAligned,
    /// The range lies outside the flash.
    OutOfBounds,
    /// The word is not erased.
    NotErased,
}

impl core::fmt::Display for RamFlashError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::NotAligned => "not aligned",
            Self::OutOfBounds => "out of bounds",
            Self::NotErased => "programmed without an erase",
        })
    }
}

impl core::error::Error for RamFlashError {}

impl NorFlashError for RamFlashError {
    fn kind(&self) -> NorFlashErrorKind {
        match self {
            Self::NotAligned => NorFlashErrorKind::NotAligned,
            Self::OutOfBounds => NorFlashErrorKind::OutOfBounds,
            Self::NotErased => NorFlashErrorKind::Other,
        }
    }
}

impl<const WRITE: usize, const ERASE: usize, const CAPACITY: usize>
    RamFlash<WRITE, ERASE, CAPACITY>
{
    /// An erased flash.
    pub const fn new() -> Self {
        Self {
            bytes: [0xff; CAPACITY],
        }
    }

    fn range(&mut self, from: u32, length: usize, unit: usize) -> Result<&mut [u8], RamFlashError> {
        let from = usize::try_from(from).map_err(|_| RamFlashError::OutOfBounds)?;
        if !from.is_multiple_of(unit) || !length.is_multiple_of(unit) {
            return Err(RamFlashError::NotAligned);
        }
        let to = from.checked_add(length).ok_or(RamFlashError::OutOfBounds)?;
        self.bytes
            .get_mut(from..to)
            .ok_or(RamFlashError::OutOfBounds)
    }
}

impl<const WRITE: usize, const ERASE: usize, const CAPACITY: usize> Default
    for RamFlash<WRITE, ERASE, CAPACITY>
{
    fn default() -> Self {
        Self::new()
    }
}

impl<const WRITE: usize, const ERASE: usize, const CAPACITY: usize> ErrorType
    for RamFlash<WRITE, ERASE, CAPACITY>
{
    type Error = RamFlashError;
}

impl<const WRITE: usize, const ERASE: usize, const CAPACITY: usize> ReadNorFlash
    for RamFlash<WRITE, ERASE, CAPACITY>
{
    const READ_SIZE: usize = 1;

    async fn read(&mut self, offset: u32, bytes: &mut [u8]) -> Result<(), Self::Error> {
        bytes.copy_from_slice(self.range(offset, bytes.len(), 1)?);
        Ok(())
    }

    fn capacity(&self) -> usize {
        CAPACITY
    }
}

impl<const WRITE: usize, const ERASE: usize, const CAPACITY: usize> NorFlash
    for RamFlash<WRITE, ERASE, CAPACITY>
{
    const WRITE_SIZE: usize = WRITE;
    const ERASE_SIZE: usize = ERASE;

    async fn erase(&mut self, from: u32, to: u32) -> Result<(), Self::Error> {
        let length = to.checked_sub(from).ok_or(RamFlashError::OutOfBounds)?;
        let length = usize::try_from(length).map_err(|_| RamFlashError::OutOfBounds)?;
        self.range(from, length, ERASE)?.fill(0xff);
        Ok(())
    }

    async fn write(&mut self, offset: u32, bytes: &[u8]) -> Result<(), Self::Error> {
        let words = self.range(offset, bytes.len(), WRITE)?;
        if words.iter().any(|byte| *byte != 0xff) {
            return Err(RamFlashError::NotErased);
        }
        words.copy_from_slice(bytes);
        Ok(())
    }
}
