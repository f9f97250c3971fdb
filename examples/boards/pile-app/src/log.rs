//! What is logged: never a secret, a card's number or its alias.

use pile_controller::Signal;

/// What the pile said to whoever stands there.
pub(crate) fn said(signal: Signal) {
    let words = match signal {
        Signal::Refused(why) => why.name(),
        Signal::Started(_) => "started",
        Signal::Stopped(_) => "stopped",
        Signal::Commissioned => "commissioned",
        Signal::ChoosePort => "choose a port",
        Signal::TapNewCard => "tap the new card",
        _ => "a signal",
    };
    #[cfg(feature = "defmt")]
    defmt::info!("{=str}", words);
    #[cfg(feature = "log")]
    log::info!("{words}");
    let _ = words;
}

/// Why the ledger is refused, or that it no longer is.
pub(crate) fn refused(why: Option<&dyn core::fmt::Display>) {
    #[cfg(feature = "defmt")]
    if why.is_some() {
        defmt::error!("the ledger is refused");
    } else {
        defmt::info!("a new ledger is begun");
    }
    #[cfg(feature = "log")]
    match why {
        Some(why) => log::error!("the ledger is refused: {why}"),
        None => log::info!("a new ledger is begun"),
    }
    let _ = why;
}

/// How often the card reader had to be reset.
pub(crate) fn resets(count: u32) {
    #[cfg(feature = "defmt")]
    defmt::warn!("the card reader was reset {=u32} times", count);
    #[cfg(feature = "log")]
    log::warn!("the card reader was reset {count} times");
    let _ = count;
}
