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
        let End {
            newest,
            goal,
            dropped,
        } = end(&mut flash, &layout, &mut window).await?;
        let fault = mount_error;
        let (identity, last) = (newest.identity, newest.counter);
        let oldest = newest.oldest;
        if oldest.page > last || last - oldest.page >= layout.pages {
            let kind = Damage::Header;
            let damage = corrupt(&layout, last, newest.first.seq, kind);
            return Err(fault(damage));
        }
        let mut cursor = Cursor::open(
            &mut flash,
            layout,
            identity,
            oldest,
            (oldest.page, last),
            goal,
        )
        .await
        .map_err(fault)?;
        while let Some(step) = cursor.step(&mut flash, &mut window).await.map_err(fault)? {
            if let Some(entry) = step.entry(&window) {
                visit(entry);
            }
        }
        let start = layout.start(last);
        let rest = (start + cursor.offset, start + layout.page);
        let clean = is_blank(&mut flash, &mut window, rest.0, rest.1).await;
        let clean = clean.map_err(MountError::Flash)?;
        if !clean && goal.is_none() {
            let more = cursor.refuse_more(&mut flash, &mut window).await;
            more.map_err(fault)?;
        }
        let headless = cursor.refuse_headless(&mut flash, &mut window).await;
        headless.map_err(fault)?;
        // Behind what was dropped nothing is written before it is erased.
        let whole = clean && dropped.is_none();
        Ok(Self {
            flash,
            layout,
            identity,
            oldest,
            copies_page: cursor.copies.map(|(first, _)| first),
            next_base: oldest.page,
            partial: cursor.copies.map(|(first, _)| (oldest.copies, first)),
            copied: cursor.copies.map(|(_, last)| last),
            resuming: cursor.copies.is_some(),
            pieces: cursor.snapshot,
            tail: Tail {
                counter: last,
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

fn mount_error<E>(fault: Fault<E>) -> MountError<E> {
    match fault {
        Fault::Flash(error) => MountError::Flash(error),
        Fault::Corrupt(what) => MountError::Corrupt(what),
    }
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

/// Finds the newest page that holds a frame, or the only one.
///
/// A page whose first frame was torn is dropped with its header, so that boots which get no further
/// cost nothing. What its header gave back was not touched yet: that is done only once a frame
/// stands behind it.
async fn end<F: NorFlash>(
    flash: &mut F,
    layout: &Layout,
    window: &mut Window,
) -> Result<End, MountError<F::Error>> {
    let mut end = End {
        newest: newest(flash, layout, window).await?,
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
        let opened = Cursor::open(flash, *layout, identity, oldest, only, None).await;
        let mut cursor = opened.map_err(mount_error)?;
        let frame = cursor.step(flash, window).await.map_err(mount_error)?;
        if frame.is_some() {
            return Ok(end);
        }
        let below = newest_below(flash, layout, Some(counter)).await;
        let Some(older) = below.map_err(MountError::Flash)? else {
            return Ok(end);
        };
        let start = layout.start(counter);
        let rest = (start + layout.header, start + layout.page);
        let blank = is_blank(flash, window, rest.0, rest.1).await;
        if !blank.map_err(MountError::Flash)? {
            let more = cursor.refuse_more(flash, window).await;
            more.map_err(mount_error)?;
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
