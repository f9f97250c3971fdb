//! What a card shall be.

use crate::ev2::CommMode;
use crate::ntag424::{CHANGE_FILE_SETTINGS, CHANGE_KEY, Data, WRITE_DATA, key_data};
use crate::sdm::{MAC_DIGITS, PICC_DIGITS};
use crate::{CardKey, Family, KeySlot, PROFILE_VERSION, SiteKey, Uid};

/// Bytes of the NDEF file, file 2.
const NDEF_BYTES: usize = 256;
/// Bytes a step writes at most: what the card writes as one (NT4H2421Gx clause 8.6).
pub(super) const PART_BYTES: usize = 128;
/// Settings of file 3: encrypted; read with key 1, all else with key 0.
pub(super) const LABEL_SETTINGS: [u8; 3] = [0x03, 0x00, 0x10];
/// What file 3 begins with.
pub(super) const LABEL: [u8; 9] = *b"openpile\x01";
const _: () = assert!(PROFILE_VERSION == 1, "the label ends with the version");

/// Error returned by [`Plan::ntag424`].
///
/// ```
/// assert!(card_auth::personalise::AddressTooLong.to_string().contains("195"));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AddressTooLong;

impl core::fmt::Display for AddressTooLong {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("an address has 1 to 195 printable ASCII bytes after https://, and no query")
    }
}

impl core::error::Error for AddressTooLong {}

/// A step of a plan.
///
/// ```
/// use card_auth::{KeySlot, personalise::Step};
/// assert_eq!(Step::Key(KeySlot::Pile).to_string(), "change key 1");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Step {
    /// A key becomes the card's own.
    Key(KeySlot),
    /// File 3 is closed to everybody but the pile.
    Protect,
    /// File 3 says which profile the card has.
    Label,
    /// The first half of the address a phone reads.
    AddressHead,
    /// The second half.
    AddressTail,
    /// The card writes UID, counter and MAC into the address.
    Mirror,
}

impl core::fmt::Display for Step {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Key(slot) => write!(f, "change key {}", slot.number()),
            Self::Protect => f.write_str("protect file 3"),
            Self::Label => f.write_str("label file 3"),
            Self::AddressHead => f.write_str("write the address, first half"),
            Self::AddressTail => f.write_str("write the address, second half"),
            Self::Mirror => f.write_str("switch on secure dynamic messaging"),
        }
    }
}

/// A command of a plan before secure messaging, which every session does anew: what a list of
/// commands holds. Some hold keys; no `Debug`.
///
/// ```
/// use card_auth::{SiteKey, Uid, personalise::Plan};
/// let uid = Uid::from_bytes(&[4, 1, 2, 3, 4, 5, 6]).unwrap();
/// let plan = Plan::ntag424(&SiteKey::new([7; 16]), &uid, "pile.example/c")?;
/// let list: Vec<_> = plan.instructions().collect();
/// assert_eq!(list.len(), 10);
/// assert_eq!((list[0].code(), list[0].header()), (0xc4, &[4][..]));
/// # Ok::<(), card_auth::personalise::AddressTooLong>(())
/// ```
pub struct Instruction {
    step: Step,
    mode: CommMode,
    code: u8,
    header: Data<7>,
    data: Data<PART_BYTES>,
}

impl Instruction {
    /// Which step it is.
    pub const fn step(&self) -> Step {
        self.step
    }

    /// How it is protected.
    pub const fn mode(&self) -> CommMode {
        self.mode
    }

    /// The instruction byte (`INS`).
    pub const fn code(&self) -> u8 {
        self.code
    }

    /// The part that is never encrypted.
    pub fn header(&self) -> &[u8] {
        self.header.bytes()
    }

    /// The rest. **Secret** for a change of a key.
    pub fn data(&self) -> &[u8] {
        self.data.bytes()
    }
}

/// What one card shall be. Holds its keys, which are wiped when it is dropped.
///
/// ```
/// use card_auth::{SiteKey, Uid, personalise::Plan};
/// let uid = Uid::from_bytes(&[4, 1, 2, 3, 4, 5, 6]).unwrap();
/// let plan = Plan::ntag424(&SiteKey::new([7; 16]), &uid, "pile.example/c")?;
/// assert_eq!(format!("{plan:?}"), "Plan(Ntag424, ..)");
/// # Ok::<(), card_auth::personalise::AddressTooLong>(())
/// ```
pub struct Plan {
    family: Family,
    uid: Uid,
    keys: [CardKey; 5],
    ndef: [u8; NDEF_BYTES],
    mirror: [u8; 15],
}

impl Plan {
    /// An NTAG 424 DNA. `address` is what a phone opens, without `https://` and query: the card adds
    /// `?p=` and `&c=`.
    ///
    /// # Errors
    /// [`AddressTooLong`] unless it has 1 to 195 printable ASCII bytes and no `?`, `&` or `#`.
    pub fn ntag424(site: &SiteKey, uid: &Uid, address: &str) -> Result<Self, AddressTooLong> {
        let printable = |byte: u8| byte.is_ascii_graphic() && !b"?&#".contains(&byte);
        if address.is_empty() || !address.bytes().all(printable) {
            return Err(AddressTooLong);
        }
        // NLEN (2), record header D1 01, payload length, type `U`, prefix 04 (https://): NFC Forum
        // URI RTD 1.0.
        let picc = 7 + address.len() + 3;
        let mac = picc + PICC_DIGITS + 3;
        let end = mac + MAC_DIGITS;
        if end > NDEF_BYTES {
            return Err(AddressTooLong);
        }
        let byte = |length: usize| u8::try_from(length).map_err(|_| AddressTooLong);
        let head = [0x00, byte(end - 2)?, 0xd1, 0x01, byte(end - 6)?, b'U', 0x04];
        let text: [&[u8]; 6] = [
            &head,
            address.as_bytes(),
            b"?p=",
            &[b'0'; PICC_DIGITS],
            b"&c=",
            &[b'0'; MAC_DIGITS],
        ];
        let mut ndef = [0; NDEF_BYTES];
        let bytes = text.iter().flat_map(|part| part.iter());
        ndef.iter_mut()
            .zip(bytes)
            .for_each(|(to, from)| *to = *from);
        let (picc, mac) = (byte(picc)?, byte(mac)?);
        // File option: SDM, plain. Rights: read by everybody, all else key 0. SDM: UID and counter,
        // ASCII; counter retrieval by nobody; key 2 encrypts, key 3 signs. Offsets of the encrypted
        // data, of what the MAC covers, of the MAC (NT4H2421Gx table 69).
        let mirror = [
            0x40, 0x00, 0xe0, 0xc1, 0xff, 0x23, picc, 0, 0, picc, 0, 0, mac, 0, 0,
        ];
        Ok(Self {
            ndef,
            mirror,
            ..Self::desfire_like(Family::Ntag424, site, uid)
        })
    }

    /// A DESFire EV2 or EV3: an application with two keys.
    pub fn desfire(site: &SiteKey, uid: &Uid) -> Self {
        Self::desfire_like(Family::Desfire, site, uid)
    }

    fn desfire_like(family: Family, site: &SiteKey, uid: &Uid) -> Self {
        Self {
            family,
            uid: uid.clone(),
            keys: KeySlot::ALL.map(|slot| site.card_key(family, slot, uid)),
            ndef: [0; NDEF_BYTES],
            mirror: [0; 15],
        }
    }

    /// The kind of card.
    pub const fn family(&self) -> Family {
        self.family
    }

    /// The card.
    pub const fn uid(&self) -> &Uid {
        &self.uid
    }

    /// What a key of the card shall be.
    pub fn key(&self, slot: KeySlot) -> &CardKey {
        let [master, pile, meta, mac, reserve] = &self.keys;
        match slot {
            KeySlot::Master => master,
            KeySlot::Pile => pile,
            KeySlot::SdmMeta => meta,
            KeySlot::SdmMac => mac,
            KeySlot::Reserve => reserve,
        }
    }

    /// The steps in order, key 0 last.
    pub fn steps(&self) -> impl Iterator<Item = Step> + use<> {
        let keys = [
            KeySlot::Reserve,
            KeySlot::SdmMac,
            KeySlot::SdmMeta,
            KeySlot::Pile,
        ];
        let count = self.family.keys();
        let files = [
            Step::Protect,
            Step::Label,
            Step::AddressHead,
            Step::AddressTail,
            Step::Mirror,
        ];
        let files = files.into_iter().filter(move |_| count == 5);
        let keys = keys.into_iter().filter(move |slot| slot.number() < count);
        keys.map(Step::Key)
            .chain(files)
            .chain([Step::Key(KeySlot::Master)])
    }

    /// The commands of all steps for a card from the factory, before secure messaging: the list
    /// that a kit holds. Whoever runs it authenticates with key 0 first.
    pub fn instructions(&self) -> impl Iterator<Item = Instruction> {
        self.steps().map(|step| self.instruction(step))
    }

    /// The command of a step.
    pub fn instruction(&self, step: Step) -> Instruction {
        let (head, tail) = self.ndef.split_at(PART_BYTES);
        let (mode, code, header, data): (_, _, &[u8], &[u8]) = match step {
            Step::Key(slot) => {
                let key = key_data(
                    slot.number(),
                    self.key(slot),
                    &CardKey::FACTORY,
                    PROFILE_VERSION,
                );
                return Instruction {
                    step,
                    mode: CommMode::Full,
                    code: CHANGE_KEY,
                    header: Data::cut(&[slot.number()]),
                    data: Data::cut(key.bytes()),
                };
            }
            Step::Protect => (CommMode::Full, CHANGE_FILE_SETTINGS, &[3], &LABEL_SETTINGS),
            Step::Label => (CommMode::Full, WRITE_DATA, &[3, 0, 0, 0, 9, 0, 0], &LABEL),
            Step::AddressHead => (CommMode::Plain, WRITE_DATA, &[2, 0, 0, 0, 128, 0, 0], head),
            Step::AddressTail => (
                CommMode::Plain,
                WRITE_DATA,
                &[2, 128, 0, 0, 128, 0, 0],
                tail,
            ),
            Step::Mirror => (CommMode::Full, CHANGE_FILE_SETTINGS, &[2], &self.mirror),
        };
        Instruction {
            step,
            mode,
            code,
            header: Data::cut(header),
            data: Data::cut(data),
        }
    }
}

impl core::fmt::Debug for Plan {
    /// Shows the kind of card only.
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Plan({:?}, ..)", self.family)
    }
}
