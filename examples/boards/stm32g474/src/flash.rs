//! Bank 2 of the internal flash: 128 pages of 2 KiB, of which the ledger has 110.
//!
//! | from | what |
//! | --- | --- |
//! | `0x0804_0000` | 32 KiB of program: the arithmetic of signatures, handshakes and cards' keys (`memory.x`) |
//! | `0x0804_8000` | the ledger, 220 KiB |
//! | `0x0807_F000` | the site key: `OPILSITE`, then 16 bytes; blank where there is none |
//! | `0x0807_F800` | the key page ([`pile_app::keys`]), drawn at the first start |
//!
//! All else of the program lies in bank 1, so it runs on while bank 2 is erased or written (RM0440,
//! 3.3.8): an erase takes 22.0 to 24.5 ms, 8 bytes 81.7 to 90.8 µs by the data sheet, and an interrupt ends the
//! wait. Until then the executor serves everybody else. A signature, a handshake or a card's proof that falls
//! into an erase holds the whole processor up until it is done.
//!
//! That interrupt clears the chip's error flags before anybody has looked at them: only what [`pile_app`] reads
//! back is known to be written.

use pile_app::flash::Places;

/// Where the ledger begins, from the bank's start: after what `memory.x` has there.
pub const LEDGER: u32 = 0x8000;
/// Where the site key stands.
const SITE: u32 = 0x3F000;
/// Where the key page stands.
const KEYS: u32 = 0x3F800;

/// The places in the bank.
pub const PLACES: Places = Places {
    ledger: LEDGER..SITE,
    keys: KEYS..0x40000,
    site: SITE..KEYS,
};
