//! Finding the log on a flash after a boot.

use embedded_storage_async::nor_flash::NorFlash;

use super::cursor::{Cursor, Fault, Window, corrupt, is_blank, read_header};
use super::frame::Chain;
use super::header::{Found, Header};
use super::layout::Layout;
use super::{Corruption, Damage, Entry, Geometry, Journal, Mended, MountError, State, Tail};

impl<F: NorFlash, const PAGE_UNITS: usize> Journal<F, PAGE_UNITS> {
    /// Finds the journal on a flash, verifies all of it from its newest committed snapshot, and
    /// gives every entry to `visit`.
    ///
    /// `&mut F` is a [`NorFlash`] too: where the flash is wanted back after an error, mount the
    /// reference.
    ///
    /// # Errors
    ///
    /// [`MountError`]. Never an empty journal in place of a damaged one: [`MountError::Blank`] is
    /// said only of a flash that holds no record, and whether to format it is the caller's choice.
    ///
    /// # Cancellation safety
    ///
    /// Can be dropped at any time and started again.
    ///
    /// # Power loss
    ///
    /// Nothing is written.
    ///
    /// ```
    /// use billing_core::journal::{Identity, Journal, MountError, testing::RamFlash};
    ///
    /// embassy_futures::block_on(async {
    ///     let mut flash = RamFlash::<4, 1024, 8192>::new();
    ///     let blank = Journal::<_>::mount(&mut flash, &mut |_| ()).await;
    ///     assert_eq!(blank.unwrap_err(), MountError::Blank);
    ///     Journal::<_>::format(&mut flash, Identity::new([7; 16])).await.unwrap();
    ///     Journal::<_>::mount(flash, &mut |_| ()).await.unwrap();
    /// });
    /// ```
    pub async fn mount(
        mut flash: F,
        visit: &mut impl FnMut(Entry<'_>),
    ) -> Result<Self, MountError<F::Error>> {
        let layout = Layout::of::<F, PAGE_UNITS>(&flash).map_err(MountError::Geometry)?;
        let mut window = Window::new();
        let newest = newest(&mut flash, &layout, &mut window).await?;
        let read = read(&mut flash, &layout, &mut window, newest, visit).await;
        let (end, cursor, clean) = read.map_err(|fault| match fault {
            Fault::Flash(error) => MountError::Flash(error),
            Fault::Corrupt(what) => MountError::Corrupt(what),
        })?;
        let End {
            newest, dropped, ..
        } = end;
        let oldest = newest.oldest;
        // Behind what was dropped nothing is written before it is erased.
        let whole = clean && dropped.is_none();
        Ok(Self {
            flash,
            layout,
            identity: newest.identity,
            oldest,
            copies_page: cursor.copies.map(|(first, _)| first),
            next_base: oldest.page,
            partial: cursor.copies.map(|(first, _)| (oldest.copies, first)),
            copied: cursor.copies.map(|(_, last)| last),
            resuming: cursor.copies.is_some(),
            pieces: cursor.snapshot,
            tail: Tail {
                counter: newest.counter,
                offset: whole.then_some(cursor.offset),
                provisional: false,
                chain: cursor.chain,
            },
            erased: 0,
            careful: true,
            stale: dropped,
            state: State::Ready,
            mended: Mended {
                bits: cursor.mended,
                torn: !clean || dropped.is_some(),
            },
        })
    }
}

/// Reads the whole log, which ends at this page or before it: its end, the place there, and true if
/// the page is blank from there on.
async fn read<F: NorFlash>(
    flash: &mut F,
    layout: &Layout,
    window: &mut Window,
    newest: Header,
    visit: &mut impl FnMut(Entry<'_>),
) -> Result<(End, Cursor, bool), Fault<F::Error>> {
    let end = end(flash, layout, window, newest).await?;
    let (identity, last, oldest) = (end.newest.identity, end.newest.counter, end.newest.oldest);
    if oldest.page > last || last - oldest.page >= layout.pages {
        let seq = end.newest.first.seq;
        return Err(corrupt(layout, last, seq, Damage::Header));
    }
    let pages = (oldest.page, last);
    let mut cursor = Cursor::open(flash, *layout, identity, oldest, pages, end.goal).await?;
    while let Some(step) = cursor.step(flash, window).await? {
        if let Some(entry) = step.entry(window) {
            visit(entry);
        }
    }
    let start = layout.start(last);
    let rest = (start + cursor.offset, start + layout.page);
    let clean = is_blank(flash, window, rest.0, rest.1).await;
    let clean = clean.map_err(Fault::Flash)?;
    if !clean && end.goal.is_none() {
        cursor.refuse_more(flash, window).await?;
    }
    cursor.refuse_headless(flash, window).await?;
    Ok((end, cursor, clean))
}

/// Where the log ends.
struct End {
    /// The header of its newest page.
    newest: Header,
    /// The chain at its end, where that is known beforehand.
    goal: Option<Chain>,
    /// The oldest page that was opened behind it, and never came to hold a frame.
    dropped: Option<u32>,
}

/// Finds the newest page that holds a frame, or the only one, from the newest there is.
///
/// A page whose first frame was torn is dropped with its header, so that boots which get no further
/// cost nothing. What its header gave back was not touched yet: that is done only once a frame
/// stands behind it.
async fn end<F: NorFlash>(
    flash: &mut F,
    layout: &Layout,
    window: &mut Window,
    newest: Header,
) -> Result<End, Fault<F::Error>> {
    let mut end = End {
        newest,
        goal: None,
        dropped: None,
    };
    loop {
        let Header {
            counter,
            oldest,
            identity,
            first,
            ..
        } = end.newest;
        let only = (counter, counter);
        let mut cursor = Cursor::open(flash, *layout, identity, oldest, only, None).await?;
        if cursor.step(flash, window).await?.is_some() {
            return Ok(end);
        }
        let below = newest_below(flash, layout, Some(counter)).await;
        let Some(older) = below.map_err(Fault::Flash)? else {
            return Ok(end);
        };
        let start = layout.start(counter);
        let rest = (start + layout.header, start + layout.page);
        let blank = is_blank(flash, window, rest.0, rest.1).await;
        if !blank.map_err(Fault::Flash)? {
            cursor.refuse_more(flash, window).await?;
        }
        let next = older.counter.checked_add(1) == Some(counter) && older.identity == identity;
        end = End {
            newest: older,
            goal: next.then_some(first),
            dropped: Some(counter),
        };
    }
}

/// The header with the highest page counter below this one, of the pages that are not provisional.
pub(super) async fn newest_below<F: NorFlash>(
    flash: &mut F,
    layout: &Layout,
    below: Option<u32>,
) -> Result<Option<Header>, F::Error> {
    let mut newest: Option<Header> = None;
    for index in 0..layout.pages {
        if let Found::Valid(header) = read_header(flash, layout, index).await?
            && !header.provisional
            && below.is_none_or(|below| header.counter < below)
            && newest.is_none_or(|newest| newest.counter < header.counter)
        {
            newest = Some(header);
        }
    }
    Ok(newest)
}

/// Finds the header with the highest page counter, of the pages that are not provisional. Every
/// readable header must be in its place.
async fn newest<F: NorFlash>(
    flash: &mut F,
    layout: &Layout,
    window: &mut Window,
) -> Result<Header, MountError<F::Error>> {
    let mut newest: Option<Header> = None;
    let mut other_version = None;
    for index in 0..layout.pages {
        match read_header(flash, layout, index)
            .await
            .map_err(MountError::Flash)?
        {
            Found::Valid(header) => {
                if !header.fits(layout) {
                    return Err(MountError::Geometry(Geometry::Different));
                }
                if layout.index(header.counter) != index {
                    let kind = Damage::Header;
                    let seq = header.first.seq;
                    return Err(MountError::Corrupt(Corruption {
                        page: index,
                        seq,
                        kind,
                    }));
                }
                if !header.provisional
                    && newest.is_none_or(|newest| newest.counter < header.counter)
                {
                    newest = Some(header);
                }
            }
            Found::Version(version) => other_version = Some(version),
            Found::Nothing => (),
        }
    }
    if let Some(header) = newest {
        return Ok(header);
    }
    if let Some(version) = other_version {
        return Err(MountError::Version(version));
    }
    // Without a header there is no record, unless a header was lost: all frames come after one.
    for index in 0..layout.pages {
        let start = index * layout.page;
        let blank = is_blank(flash, window, start + layout.header, start + layout.page).await;
        if !blank.map_err(MountError::Flash)? {
            let kind = Damage::NoHeader;
            return Err(MountError::Corrupt(Corruption {
                page: index,
                seq: 0,
                kind,
            }));
        }
    }
    Err(MountError::Blank)
}
