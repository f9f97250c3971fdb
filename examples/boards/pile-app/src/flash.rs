//! What a board keeps in a flash: the ledger, beside it the pile's keys and the site's.
//!
//! The flash is the chip's driver. One that blocks while it erases is put [`InTurns`] first; [`open`] then finds
//! the keys, or draws them at the first start, and gives the ledger's [`Area`].

use core::ops::Range;

use embassy_futures::yield_now;
use embedded_storage::nor_flash as blocking;
use embedded_storage_async::nor_flash::{
    ErrorType, NorFlash, NorFlashError, NorFlashErrorKind, ReadNorFlash,
};
use pile_controller::shell::Random;
use zeroize::Zeroizing;

use crate::keys::{self, KeyPage};
use crate::{Dog, Watchdog};

/// Bytes of the key page, in whole words of a flash whose words are of 8 bytes, or 4.
const KEYS: usize = keys::LEN.next_multiple_of(8);
const SITE_MARK: &[u8; 8] = b"OPILSITE";
/// So much is read back at a time.
const CHUNK: usize = 64;

/// What can go wrong with the flash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failed<E> {
    /// The driver's own.
    Driver(E),
    /// What was written does not read back.
    Verify,
    /// It was asked for what lies outside of its place; or the place is none of whole pages in the flash.
    Outside,
    /// The key page is damaged, and there is a ledger: other keys would open it to nobody.
    Keys,
}

impl<E> core::fmt::Display for Failed<E> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::Driver(_) => "the flash refuses",
            Self::Verify => "the flash keeps something else",
            Self::Outside => "not in its place",
            Self::Keys => "the key page is damaged",
        })
    }
}

impl<E: core::fmt::Debug> core::error::Error for Failed<E> {}

impl<E: NorFlashError> NorFlashError for Failed<E> {
    fn kind(&self) -> NorFlashErrorKind {
        match self {
            Self::Driver(error) => error.kind(),
            Self::Outside => NorFlashErrorKind::OutOfBounds,
            Self::Verify | Self::Keys => NorFlashErrorKind::Other,
        }
    }
}

/// A place in a flash, of whole pages. Nothing outside of it is read, written or erased, and what was written
/// is read back.
///
/// ```
/// use billing_core::journal::testing::RamFlash;
/// use embedded_storage_async::nor_flash::NorFlash;
/// use pile_app::flash::{Area, Failed};
///
/// embassy_futures::block_on(async {
///     let mut area = Area::new(RamFlash::<8, 256, 1024>::new(), 256..512)?;
///     area.write(0, b"a record").await?;
///     assert_eq!(area.write(256, b"too far!").await, Err(Failed::Outside));
///     Ok::<(), Failed<_>>(())
/// })?;
/// # Ok::<(), Failed<_>>(())
/// ```
#[derive(Debug)]
pub struct Area<F> {
    flash: F,
    start: u32,
    length: u32,
}

impl<F: NorFlash> Area<F> {
    /// The bytes of `place`, counted from the flash's beginning.
    ///
    /// # Errors
    /// [`Failed::Outside`].
    pub fn new(flash: F, place: Range<u32>) -> Result<Self, Failed<F::Error>> {
        let mut area = Self {
            flash,
            start: 0,
            length: 0,
        };
        area.go_to(&place)?;
        Ok(area)
    }

    /// Has another place from now on.
    fn go_to(&mut self, place: &Range<u32>) -> Result<(), Failed<F::Error>> {
        let whole = |at: u32| (at as usize).is_multiple_of(F::ERASE_SIZE);
        let there = place.end as usize <= self.flash.capacity();
        match place.end.checked_sub(place.start) {
            Some(length) if there && whole(place.start) && whole(length) => {
                self.start = place.start;
                self.length = length;
                Ok(())
            }
            _ => Err(Failed::Outside),
        }
    }

    /// The flash's address of `length` bytes from `offset`.
    fn at(&self, offset: u32, length: usize) -> Result<u32, Failed<F::Error>> {
        let end = u32::try_from(length)
            .ok()
            .and_then(|length| offset.checked_add(length));
        match end {
            Some(end) if end <= self.length => Ok(self.start + offset),
            _ => Err(Failed::Outside),
        }
    }
}

impl<F: ErrorType> ErrorType for Area<F> {
    type Error = Failed<F::Error>;
}

impl<F: NorFlash> ReadNorFlash for Area<F> {
    const READ_SIZE: usize = F::READ_SIZE;

    async fn read(&mut self, offset: u32, bytes: &mut [u8]) -> Result<(), Self::Error> {
        let from = self.at(offset, bytes.len())?;
        self.flash.read(from, bytes).await.map_err(Failed::Driver)
    }

    fn capacity(&self) -> usize {
        self.length as usize
    }
}

impl<F: NorFlash> NorFlash for Area<F> {
    const WRITE_SIZE: usize = F::WRITE_SIZE;
    const ERASE_SIZE: usize = F::ERASE_SIZE;

    async fn erase(&mut self, from: u32, to: u32) -> Result<(), Self::Error> {
        let length = to.checked_sub(from).ok_or(Failed::Outside)?;
        let from = self.at(from, length as usize)?;
        let erased = self.flash.erase(from, from + length).await;
        erased.map_err(Failed::Driver)
    }

    async fn write(&mut self, offset: u32, bytes: &[u8]) -> Result<(), Self::Error> {
        let to = self.at(offset, bytes.len())?;
        self.flash.write(to, bytes).await.map_err(Failed::Driver)?;
        let mut kept = Zeroizing::new([0; CHUNK]);
        for (at, wrote) in (to..).step_by(CHUNK).zip(bytes.chunks(CHUNK)) {
            let (kept, _) = kept.split_at_mut(wrote.len());
            self.flash.read(at, kept).await.map_err(Failed::Driver)?;
            if wrote != kept {
                return Err(Failed::Verify);
            }
        }
        Ok(())
    }
}

/// A flash whose driver blocks, as one that the program itself runs from. It erases a page at a time; after
/// each the watchdog is fed and everybody else has a turn.
#[derive(Debug)]
pub struct InTurns<'a, F, W>(pub F, pub &'a Dog<W>);

impl<F: blocking::ErrorType, W> ErrorType for InTurns<'_, F, W> {
    type Error = F::Error;
}

impl<F: blocking::ReadNorFlash, W> ReadNorFlash for InTurns<'_, F, W> {
    const READ_SIZE: usize = F::READ_SIZE;

    async fn read(&mut self, offset: u32, bytes: &mut [u8]) -> Result<(), F::Error> {
        self.0.read(offset, bytes)
    }

    fn capacity(&self) -> usize {
        self.0.capacity()
    }
}

impl<F: blocking::NorFlash, W: Watchdog> NorFlash for InTurns<'_, F, W> {
    const WRITE_SIZE: usize = F::WRITE_SIZE;
    const ERASE_SIZE: usize = F::ERASE_SIZE;

    async fn erase(&mut self, mut from: u32, to: u32) -> Result<(), F::Error> {
        let page = u32::try_from(F::ERASE_SIZE).unwrap_or(u32::MAX);
        while from < to {
            let next = from.saturating_add(page).min(to);
            self.0.erase(from, next)?;
            self.1.feed();
            yield_now().await;
            from = next;
        }
        Ok(())
    }

    async fn write(&mut self, offset: u32, bytes: &[u8]) -> Result<(), F::Error> {
        self.0.write(offset, bytes)
    }
}

/// Where a board keeps what, in whole pages, in bytes from its flash's beginning.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Places {
    /// The ledger.
    pub ledger: Range<u32>,
    /// The key page ([`KeyPage`]).
    pub keys: Range<u32>,
    /// The site key: `OPILSITE`, then 16 bytes; anything else is none. Nothing here writes it.
    pub site: Range<u32>,
}

/// Opens the flash: the ledger's place, and the pile's keys. At the first start the keys are drawn, and so
/// they are after a cut in the middle of that, since nothing has used them yet: a page that is
/// damaged is drawn anew only while the ledger has not begun.
///
/// ```
/// use embedded_storage_async::nor_flash::NorFlash;
/// use pile_app::flash::{self, Places};
/// use pile_controller::shell::Random;
///
/// async fn board<F: NorFlash>(flash: F, random: &mut impl Random) -> Result<(), impl Sized> {
///     let places = Places {
///         ledger: 0x8000..0x3_F000,
///         keys: 0x3_F800..0x4_0000,
///         site: 0x3_F000..0x3_F800,
///     };
///     let (ledger, keys) = flash::open(flash, places, random).await?;
///     // Both go into the `Wiring`.
/// #   Ok::<_, flash::Failed<F::Error>>(drop((ledger, keys)))
/// }
/// ```
///
/// # Errors
/// The flash's; [`Failed::Outside`] for places that are not in it; [`Failed::Keys`] for a damaged key page
/// beside a ledger.
pub async fn open<F: NorFlash>(
    flash: F,
    places: Places,
    random: &mut impl Random,
) -> Result<(Area<F>, KeyPage), Failed<F::Error>> {
    const { assert!(KEYS.is_multiple_of(F::WRITE_SIZE)) };
    let mut site = Zeroizing::new([0; 24]);
    let mut area = Area::new(flash, places.site)?;
    area.read(0, &mut *site).await?;
    let mut page = Zeroizing::new([0; KEYS]);
    area.go_to(&places.keys)?;
    area.read(0, &mut *page).await?;
    let found = page.first_chunk().map(KeyPage::read);
    area.go_to(&places.ledger)?;
    let keys = if let Some(Ok(keys)) = found {
        keys
    } else if is_blank(&mut area).await? {
        area.go_to(&places.keys)?;
        let keys = draw(&mut area, random).await?;
        area.go_to(&places.ledger)?;
        keys
    } else {
        return Err(Failed::Keys);
    };
    let site = site.strip_prefix(SITE_MARK);
    let keys = match site.and_then(|key| key.try_into().ok()) {
        Some(key) => keys.with_site_key(key),
        None => keys,
    };
    Ok((area, keys))
}

/// True while no ledger was begun: no page begins with anything. The first may have been given back.
async fn is_blank<F: NorFlash>(ledger: &mut Area<F>) -> Result<bool, Failed<F::Error>> {
    let mut first = [0; 16];
    for page in (0..ledger.length).step_by(F::ERASE_SIZE) {
        ledger.read(page, &mut first).await?;
        if first != [0xff; 16] {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Draws keys, and keeps them.
async fn draw<F: NorFlash>(
    area: &mut Area<F>,
    random: &mut impl Random,
) -> Result<KeyPage, Failed<F::Error>> {
    let mut receipt = Zeroizing::new([0; 32]);
    random.fill(&mut *receipt);
    let keys = KeyPage::fresh(random).with_receipt_key(*receipt);
    let mut page = Zeroizing::new([0xff; KEYS]);
    page.iter_mut()
        .zip(keys.bytes().iter())
        .for_each(|(to, from)| *to = *from);
    area.erase(0, area.length).await?;
    area.write(0, &*page).await?;
    Ok(keys)
}

#[cfg(test)]
mod tests;
