//! A virtual NXP NTAG 424 DNA: its application, files and secure dynamic messaging (NT4H2421Gx).

mod memory;

use super::Application;
use super::engine::{Block, Engine, Key, Mode, encrypt, mac, short_mac, sw, to_block};

const DF_NAME: [u8; 7] = [0xd2, 0x76, 0x00, 0x00, 0x85, 0x01, 0x01];
/// Access condition: everybody.
const FREE: u8 = 0x0e;
/// The commands of files.
const WRITE: u8 = 0x8d;
const READ: u8 = 0xad;

#[derive(Clone)]
struct File {
    id: u16,
    data: Vec<u8>,
    /// File option, access rights, and what follows: as `ChangeFileSettings` has them.
    settings: Vec<u8>,
    reads: u32,
    counted: bool,
}

impl File {
    fn new(id: u16, data: Vec<u8>, settings: [u8; 3]) -> Self {
        Self {
            id,
            data,
            settings: settings.to_vec(),
            reads: 0,
            counted: false,
        }
    }

    fn setting(&self, at: usize) -> u8 {
        self.settings.get(at).copied().unwrap_or_default()
    }

    /// Who may read and write, read, write, change: four conditions.
    fn rights(&self) -> [u8; 4] {
        let (first, second) = (self.setting(1), self.setting(2));
        [first >> 4, second >> 4, second & 15, first & 15]
    }

    fn mode(&self) -> Mode {
        match self.setting(0) & 3 {
            3 => Mode::Full,
            1 => Mode::Mac,
            _ => Mode::Plain,
        }
    }

    /// The mode of an access that any of `conditions` allows, or `None`. Where only "everybody"
    /// allows it, nothing is protected (clause 8.2.3.3).
    fn access(&self, conditions: [u8; 2], authenticated: Option<u8>) -> Option<Mode> {
        if authenticated.is_some_and(|number| conditions.contains(&number)) {
            Some(self.mode())
        } else {
            conditions.contains(&FREE).then_some(Mode::Plain)
        }
    }
}

/// An NTAG 424 DNA as it leaves the factory, or whatever has become of it.
///
/// ```
/// use pile_sim::cards::{Application, Ntag424};
/// let mut tag = Ntag424::new([4, 1, 2, 3, 4, 5, 6]);
/// tag.power_up();
/// assert_eq!(tag.command(&[0x90, 0x71, 0, 0, 2, 0, 0, 0]).len(), 16 + 2);
/// assert_eq!(tag.failures(0), (0, 0));
/// ```
#[derive(Clone)]
pub struct Ntag424 {
    engine: Engine,
    files: [File; 3],
    selected: Option<u16>,
}

impl Ntag424 {
    /// A tag from the factory: five keys of zeros, an empty NDEF file that everybody may write.
    pub fn new(uid: [u8; 7]) -> Self {
        let mut container = vec![
            0x00, 0x17, 0x20, 0x01, 0x00, 0x00, 0xff, 0x04, 0x06, 0xe1, 0x04, 0x01, 0x00, 0x00,
            0x00, 0x05, 0x06, 0xe1, 0x05, 0x00, 0x80, 0x82, 0x83,
        ];
        container.resize(32, 0);
        Self {
            engine: Engine::new(&uid, 5),
            files: [
                File::new(0xe103, container, [0x00, 0x00, 0xe0]),
                File::new(0xe104, vec![0; 256], [0x00, 0xe0, 0xee]),
                File::new(0xe105, vec![0; 128], [0x03, 0x30, 0x23]),
            ],
            selected: None,
        }
    }

    /// Its failed authentications with a key: in a row, and in all.
    pub fn failures(&self, key: usize) -> (u32, u32) {
        let key = self.engine.keys.get(key);
        key.map_or((0, 0), |key| (key.in_a_row, key.in_all))
    }

    /// A key and its version, to compare with what it should be.
    pub fn key(&self, number: usize) -> Option<([u8; 16], u8)> {
        let key = self.engine.keys.get(number)?;
        Some((key.value, key.version))
    }

    /// Gives it a key, as somebody else's writer would have.
    pub fn set_key(&mut self, number: usize, value: [u8; 16], version: u8) {
        if let Some(key) = self.engine.keys.get_mut(number) {
            *key = Key {
                value,
                version,
                ..Key::default()
            };
        }
    }

    /// What a phone reads: the NDEF file, by ISO commands, without a key. Empties the field first.
    pub fn tap(&mut self) -> Vec<u8> {
        self.power_up();
        let mut select = vec![0x00, 0xa4, 0x04, 0x00, 0x07];
        select.extend(DF_NAME);
        select.push(0x00);
        self.command(&select);
        self.command(&[0x00, 0xa4, 0x00, 0x0c, 0x02, 0xe1, 0x04]);
        let mut read = self.command(&[0x00, 0xb0, 0x00, 0x00, 0x00]);
        read.truncate(read.len().saturating_sub(2));
        read
    }

    fn file(&mut self, number: u8) -> Result<&mut File, u8> {
        let index = usize::from(number).checked_sub(1).ok_or(sw::NO_SUCH_FILE)?;
        self.files.get_mut(index).ok_or(sw::NO_SUCH_FILE)
    }

    fn native(&mut self, instruction: u8, body: &[u8]) -> Result<Vec<u8>, u8> {
        match instruction {
            0xf5 => self.file_settings(body),
            0x5f => self.change_file_settings(body),
            READ => self.read(body),
            WRITE => self.write(body),
            _ => Err(sw::ILLEGAL_COMMAND),
        }
    }

    fn file_settings(&mut self, body: &[u8]) -> Result<Vec<u8>, u8> {
        let mode = self
            .engine
            .authenticated()
            .map_or(Mode::Plain, |_| Mode::Mac);
        let (header, _) = self.engine.open(mode, 0xf5, 1, body)?;
        let file = self.file(*header.first().ok_or(sw::LENGTH)?)?;
        let mut data = vec![0x00];
        data.extend(file.settings.iter().take(3));
        data.extend(file.data.len().to_le_bytes().iter().take(3));
        data.extend(file.settings.iter().skip(3));
        Ok(self.engine.answer(mode, &data))
    }

    fn change_file_settings(&mut self, body: &[u8]) -> Result<Vec<u8>, u8> {
        let authenticated = self.engine.authenticated();
        let number = *body.first().ok_or(sw::LENGTH)?;
        let [.., change] = self.file(number)?.rights();
        if authenticated != Some(change) {
            return Err(sw::DENIED);
        }
        let (_, settings) = self.engine.open(Mode::Full, 0x5f, 1, body)?;
        let size = self.file(number)?.data.len();
        if !legal(&settings, size) {
            return Err(sw::PARAMETER);
        }
        let file = self.file(number)?;
        if settings.first().is_some_and(|option| option & 0x40 != 0) {
            // Clause 9.3.1: switching it on starts the counter anew.
            file.reads = 0;
        }
        file.settings = settings;
        Ok(self.engine.answer(Mode::Full, &[]))
    }

    fn read(&mut self, body: &[u8]) -> Result<Vec<u8>, u8> {
        let authenticated = self.engine.authenticated();
        let file = self.file(*body.first().ok_or(sw::LENGTH)?)?;
        let [both, read, ..] = file.rights();
        let mode = file.access([both, read], authenticated).ok_or(sw::DENIED)?;
        let (header, _) = self.engine.open(mode, READ, 7, body)?;
        let (number, offset, length) = place(&header).ok_or(sw::LENGTH)?;
        let data = self.content(number)?;
        let length = if length == 0 {
            data.len().saturating_sub(offset)
        } else {
            length
        };
        let part = data
            .get(offset..offset + length)
            .ok_or(sw::BOUNDARY)?
            .to_vec();
        Ok(self.engine.answer(mode, &part))
    }

    fn write(&mut self, body: &[u8]) -> Result<Vec<u8>, u8> {
        let authenticated = self.engine.authenticated();
        let file = self.file(*body.first().ok_or(sw::LENGTH)?)?;
        let [both, _, write, _] = file.rights();
        let mode = file
            .access([both, write], authenticated)
            .ok_or(sw::DENIED)?;
        let (header, data) = self.engine.open(mode, WRITE, 7, body)?;
        let (number, offset, length) = place(&header).ok_or(sw::LENGTH)?;
        if data.len() != length {
            return Err(sw::LENGTH);
        }
        let room = self.file(number)?.data.get_mut(offset..offset + length);
        room.ok_or(sw::BOUNDARY)?.copy_from_slice(&data);
        Ok(self.engine.answer(mode, &[]))
    }

    /// A file as it reads: with its mirrors, to somebody without a key.
    fn content(&mut self, number: u8) -> Result<Vec<u8>, u8> {
        let anybody = self.engine.authenticated().is_none();
        let file = self.file(number)?;
        if !anybody || file.setting(0) & 0x40 == 0 {
            return Ok(file.data.clone());
        }
        if !file.counted {
            file.counted = true;
            file.reads += 1;
        }
        let (file, random) = (file.clone(), self.engine.random());
        Ok(self.mirrored(&file, random))
    }

    /// Secure dynamic messaging (clause 9.3): the mirrors written over the file.
    fn mirrored(&self, file: &File, random: Block) -> Vec<u8> {
        let mut data = file.data.clone();
        let (options, second) = (file.setting(3), file.setting(5));
        let mut offsets = file
            .settings
            .get(6..)
            .unwrap_or_default()
            .as_chunks::<3>()
            .0
            .iter();
        let mut next = || offsets.next().map_or(0, |at| number(at));
        let reads = file.reads.to_le_bytes();
        let mut who = self.engine.uid.clone();
        who.extend(reads.iter().take(3));
        if let Some(key) = self.key(usize::from(second >> 4)) {
            let mut plain = vec![0xc7];
            plain.extend(&who);
            plain.extend(random.iter().take(5));
            put(&mut data, next(), &encrypt(&key.0, [0; 16], &plain));
        }
        let Some((key, _)) = self.key(usize::from(second & 15)) else {
            return data;
        };
        let session = |label: [u8; 2]| {
            let mut vector = label.to_vec();
            vector.extend([0x00, 0x01, 0x00, 0x80]);
            vector.extend(&who);
            mac(&key, &vector)
        };
        let input = next();
        if options & 0x10 != 0 {
            let (at, length) = (next(), next());
            let key = session([0xc3, 0x3c]);
            let mut iv = [0; 16];
            iv.iter_mut()
                .zip(reads)
                .take(3)
                .for_each(|(to, from)| *to = from);
            let iv = to_block(&encrypt(&key, [0; 16], &iv));
            let plain = data.get(at..at + length / 2).unwrap_or_default().to_vec();
            put(&mut data, at, &encrypt(&key, iv, &plain));
        }
        let at = next();
        let covered = data.get(input..at).unwrap_or_default();
        let tag = short_mac(&session([0x3c, 0xc3]), covered);
        put(&mut data, at, &tag);
        data
    }

    fn iso(&mut self, apdu: &[u8]) -> [u8; 2] {
        match apdu {
            [0x00, 0xa4, 0x04, _, 0x07, name @ ..] if name.starts_with(&DF_NAME) => {
                // A selection is a new start (clause 10.9.1).
                self.power_up();
                [0x90, 0x00]
            }
            [0x00, 0xa4, 0x00, _, 0x02, high, low, ..] => {
                let id = u16::from_be_bytes([*high, *low]);
                if self.files.iter().any(|file| file.id == id) {
                    self.selected = Some(id);
                    [0x90, 0x00]
                } else {
                    [0x6a, 0x82]
                }
            }
            [0x00, 0xa4, ..] => [0x6a, 0x82],
            [0x00, ..] => [0x6d, 0x00],
            _ => [0x6e, 0x00],
        }
    }

    fn read_binary(&mut self, high: u8, low: u8, expected: u8) -> Vec<u8> {
        let place = self
            .files
            .iter()
            .position(|file| Some(file.id) == self.selected);
        let Some((place, file)) = place.and_then(|at| Some((at, self.files.get(at)?))) else {
            return vec![0x69, 0x82];
        };
        let [both, read, ..] = file.rights();
        let authenticated = self.engine.authenticated();
        if file.access([both, read], authenticated) != Some(Mode::Plain) {
            return vec![0x69, 0x82];
        }
        let offset = usize::from(u16::from_be_bytes([high, low]));
        let number = u8::try_from(place + 1).unwrap_or_default();
        let data = self.content(number).unwrap_or_default();
        let length = if expected == 0 {
            256
        } else {
            usize::from(expected)
        };
        let mut part: Vec<u8> = data.into_iter().skip(offset).take(length).collect();
        part.extend([0x90, 0x00]);
        part
    }
}

impl Application for Ntag424 {
    fn power_up(&mut self) {
        self.engine.close();
        self.selected = None;
        self.files.iter_mut().for_each(|file| file.counted = false);
    }

    fn command(&mut self, apdu: &[u8]) -> Vec<u8> {
        match *apdu {
            [0x90, instruction, 0x00, 0x00, ref rest @ ..] => {
                let Some(body) = body(rest) else {
                    return self.engine.fail(sw::LENGTH);
                };
                if let Some(answer) = self.engine.command(instruction, body) {
                    return answer;
                }
                let outcome = self.native(instruction, body);
                outcome.unwrap_or_else(|code| self.engine.fail(code))
            }
            [0x00, 0xb0, high, low, expected] => self.read_binary(high, low, expected),
            _ => self.iso(apdu).to_vec(),
        }
    }
}

impl core::fmt::Debug for Ntag424 {
    /// Shows nothing of the UID and the keys.
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Ntag424(..)")
    }
}

/// The data of a command: between its length and the expected length.
pub(super) fn body(rest: &[u8]) -> Option<&[u8]> {
    match rest {
        [_expected] => Some(&[]),
        [length, body @ .., _expected] if body.len() == usize::from(*length) => Some(body),
        _ => None,
    }
}

fn number(bytes: &[u8]) -> usize {
    bytes
        .iter()
        .rev()
        .fold(0, |sum, byte| sum << 8 | usize::from(*byte))
}

/// File number, offset and length of a `ReadData` or `WriteData`.
fn place(header: &[u8]) -> Option<(u8, usize, usize)> {
    let (file, rest) = header.split_first()?;
    let (offset, length) = rest.split_at_checked(3)?;
    Some((*file, number(offset), number(length)))
}

/// Writes bytes as upper-case hexadecimal digits.
fn put(data: &mut [u8], at: usize, bytes: &[u8]) {
    let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    let text = digits.map(|digit| b"0123456789ABCDEF".get(usize::from(digit)));
    let room = data.iter_mut().skip(at);
    room.zip(text.flatten()).for_each(|(to, from)| *to = *from);
}

/// True for settings a tag takes (table 69): what is mirrored encrypted, in order, within the file.
fn legal(settings: &[u8], size: usize) -> bool {
    match settings {
        [option, _, _] => option & 0x40 == 0,
        [option, _, _, options, _, keys, offsets @ ..] => {
            let encrypted = options & 0x10 != 0;
            let wanted = if encrypted { 5 } else { 3 };
            let (places, left) = offsets.as_chunks::<3>();
            let at = |index: usize| places.get(index).map_or(usize::MAX, |at| number(at));
            let mac = at(wanted - 1);
            option & 0x40 != 0
                && options & 0xc1 == 0xc1
                && keys >> 4 < 5
                && keys & 15 < 5
                && left.is_empty()
                && places.len() == wanted
                && at(0).saturating_add(32) <= mac
                && at(1) <= mac
                && mac.saturating_add(16) <= size
        }
        _ => false,
    }
}
