//! Finding the log on a flash after a boot.

use embedded_storage_async::nor_flash::NorFlash;

use super::cursor::{Cursor, Fault, Phase, Window, corrupt, is_blank, read_header};
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
    /// The only write is the erase of an uncommitted snapshot's pages, which a later mount
    /// repeats if it was cut.
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
        let fault = |fault| match fault {
            Fault::Flash(error) => MountError::Flash(error),
            Fault::Corrupt(what) => MountError::Corrupt(what),
        };
        let identity = newest.identity;
        let (last, goal) = end_of_log(&mut flash, &layout, &newest)
            .await
            .map_err(fault)?;
        let mut cursor = Cursor::open(&mut flash, layout, identity, newest.base, last, goal)
            .await
            .map_err(fault)?;
        while let Some(step) = cursor.step(&mut flash, &mut window).await.map_err(fault)? {
            if let Some(entry) = step.entry(&window) {
                visit(entry);
            }
        }
        if cursor.phase != Phase::Records {
            return Err(fault(cursor.damage(Damage::Misplaced)));
        }
        let start = layout.start(last);
        let clean = is_blank(
            &mut flash,
            &mut window,
            start + cursor.offset,
            start + layout.page,
        )
        .await
        .map_err(MountError::Flash)?;
        let whole = clean && !cursor.last_mended;
        let mut journal = Self {
            flash,
            layout,
            identity,
            base: newest.base,
            tail: Tail {
                counter: newest.counter,
                offset: whole.then_some(cursor.offset),
                chain: cursor.chain,
            },
            clean: 0,
            reserve: 0,
            state: State::Ready,
            mended: Mended {
                bits: cursor.mended,
                torn: !whole,
                pages_erased: 0,
            },
        };
        let tail = Tail {
            counter: last,
            ..journal.tail
        };
        let flash = &mut journal.flash;
        if let Some(begun) = newest.begun {
            refuse_lost_commit(flash, layout, &newest, begun, &mut window)
                .await
                .map_err(fault)?;
            let erased = journal.roll_back(tail).await.map_err(MountError::Flash)?;
            journal.mended.pages_erased = erased;
        } else {
            if !clean {
                cursor
                    .refuse_more(flash, &mut window)
                    .await
                    .map_err(fault)?;
            }
            cursor
                .refuse_headless(flash, &mut window)
                .await
                .map_err(fault)?;
        }
        Ok(journal)
    }
}

/// Finds the header with the highest page counter. Every readable header must be in its place.
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
                if newest.is_none_or(|newest| newest.counter < header.counter) {
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

/// The last page of the log, and its end where a header says so: the pages of a snapshot that was
/// not committed are not part of the log, and the first of them proves where it ends.
async fn end_of_log<F: NorFlash>(
    flash: &mut F,
    layout: &Layout,
    newest: &Header,
) -> Result<(u32, Option<Chain>), Fault<F::Error>> {
    let bad = || corrupt(layout, newest.counter, newest.first.seq, Damage::Header);
    let last = newest
        .begun
        .map_or(Some(newest.counter), |begun| begun.checked_sub(1));
    let last = last
        .filter(|last| newest.base <= *last && *last <= newest.counter)
        .filter(|_| newest.counter - newest.base < layout.pages)
        .ok_or_else(bad)?;
    let Some(begun) = newest.begun else {
        return Ok((last, None));
    };
    match read_header(flash, layout, layout.index(begun))
        .await
        .map_err(Fault::Flash)?
    {
        Found::Valid(header)
            if header.counter == begun
                && header.begun == newest.begun
                && header.base == newest.base
                && header.identity == newest.identity =>
        {
            Ok((last, Some(header.first)))
        }
        _ => Err(bad()),
    }
}

/// Fails if the snapshot whose pages are about to be erased was committed after all: it is whole,
/// and records follow on a page whose header was damaged.
async fn refuse_lost_commit<F: NorFlash>(
    flash: &mut F,
    layout: Layout,
    newest: &Header,
    begun: u32,
    window: &mut Window,
) -> Result<(), Fault<F::Error>> {
    let opened = Cursor::open(flash, layout, newest.identity, begun, newest.counter, None).await;
    let mut cursor = match opened {
        Ok(cursor) => cursor,
        Err(Fault::Corrupt(_)) => return Ok(()),
        Err(error) => return Err(error),
    };
    loop {
        match cursor.step(flash, window).await {
            Ok(Some(_)) => (),
            Ok(None) => break,
            // A page of it was half-erased by an earlier mount.
            Err(Fault::Corrupt(_)) => return Ok(()),
            Err(error) => return Err(error),
        }
    }
    if cursor.phase == Phase::Ended {
        cursor.refuse_headless(flash, window).await?;
    }
    Ok(())
}
