//! What a card of this pile is: which application, which key serves what. Version 1.

/// The version of the card profile. It is in the input of every diversification and is the version
/// number of every key on a finished card, so cards of two profiles never share a key.
pub const PROFILE_VERSION: u8 = 1;

/// The ISO DF name of the application on an NTAG 424 DNA (NT4H2421Gx clause 8.2.2).
pub(crate) const NTAG424_DF_NAME: [u8; 7] = [0xd2, 0x76, 0x00, 0x00, 0x85, 0x01, 0x01];

/// Our application's identifier on a DESFire, least significant byte first as on the wire:
/// 31504Fh, not one of those that begin with Fh, which are a MIFARE directory's.
pub(crate) const DESFIRE_AID: [u8; 3] = [0x4f, 0x50, 0x31];

/// The kinds of card that carry the profile.
///
/// ```
/// use card_auth::Family;
/// assert_eq!(Family::Ntag424.keys(), 5);
/// assert_eq!(Family::Desfire.keys(), 2);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Family {
    /// NXP NTAG 424 DNA.
    Ntag424,
    /// NXP MIFARE DESFire EV2 or EV3, with an application of ours.
    Desfire,
}

impl Family {
    /// The number of keys of the application: 5, or 2.
    pub const fn keys(self) -> u8 {
        match self {
            Self::Ntag424 => 5,
            Self::Desfire => 2,
        }
    }

    /// What stands for the application in a diversification: three bytes, as AN10922 takes an AID.
    pub(crate) const fn application(self) -> [u8; 3] {
        match self {
            Self::Ntag424 => [0x85, 0x01, 0x01],
            Self::Desfire => DESFIRE_AID,
        }
    }
}

/// What a key of a card serves. The pile needs [`Pile`](Self::Pile) alone to let somebody charge.
///
/// ```
/// use card_auth::KeySlot;
/// assert_eq!(KeySlot::Pile.number(), 1);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum KeySlot {
    /// Key 0: changes keys and settings. Used by whoever personalises, never by a pile.
    Master,
    /// Key 1: mutual authentication at a pile.
    Pile,
    /// Key 2: encrypts UID and counter in the address a phone reads. One for the whole site: who
    /// verifies does not know the UID yet.
    SdmMeta,
    /// Key 3: the MAC of that address.
    SdmMac,
    /// Key 4: nothing yet; changed all the same, for a key of zeros is anybody's.
    Reserve,
}

impl KeySlot {
    /// All of them, in the order of their numbers.
    pub const ALL: [Self; 5] = [
        Self::Master,
        Self::Pile,
        Self::SdmMeta,
        Self::SdmMac,
        Self::Reserve,
    ];

    /// The key's number on the card, 0 to 4.
    pub const fn number(self) -> u8 {
        match self {
            Self::Master => 0,
            Self::Pile => 1,
            Self::SdmMeta => 2,
            Self::SdmMac => 3,
            Self::Reserve => 4,
        }
    }

    /// The purpose's letter in the system identifier.
    pub(crate) const fn letter(self) -> u8 {
        match self {
            Self::Master => b'M',
            Self::Pile => b'P',
            Self::SdmMeta => b'U',
            Self::SdmMac => b'S',
            Self::Reserve => b'R',
        }
    }
}
