//! A journal as text: one JSON object a line, as checkable as the flash it was read from.
//!
//! | line | members |
//! | --- | --- |
//! | the first | `openpile_export`: 1, the version; `identity` of the journal; `first_seq` and `first_head`: the number of the first frame, and the head of the hash chain before it |
//! | one a frame | `seq`; `mark`: `record`, `carried`, `piece` or `end`; `payload`; `tag`: the first four bytes of the chain's head after it |
//! | the last | `seq` of the last frame and the `head` after it; `sha256` of all lines before |
//!
//! Bytes are in lower-case hexadecimal. The chain starts from `first_head`, runs through every frame,
//! meets its `tag`, and ends at `head`. A frame that was altered, left out, added or moved breaks it,
//! and the first that does is named.

use core::fmt::{self, Write};

use sha2::{Digest, Sha256};

use super::{Chain, Identity, Kind};

/// The version of the text.
pub const TEXT_VERSION: u32 = 1;

/// Writes a journal as text, a frame at a time: begun, cut off and gone on with, it is the same text.
///
/// ```
/// use billing_core::journal::{Chain, Identity, JournalText, Kind};
/// let identity = Identity::new([7; 16]);
/// let mut text = String::new();
/// let mut lines = JournalText::new(identity, Chain::genesis(identity));
/// lines.first(&mut text)?;
/// lines.frame(Kind::Record, &[2, 2, 0, 0, 0], &mut text)?;
/// lines.end(&mut text)?;
/// assert_eq!(text.lines().count(), 3);
/// assert!(text.starts_with(r#"{"openpile_export":1,"identity":"07070707"#));
/// assert!(text.contains(r#""mark":"record","payload":"0202000000","tag":""#));
/// # Ok::<(), std::fmt::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct JournalText {
    identity: Identity,
    chain: Chain,
    /// Of all lines so far.
    sha256: Sha256,
}

impl JournalText {
    /// A text of a journal's frames from `origin` on, the point of the chain before the first of them.
    pub fn new(identity: Identity, origin: Chain) -> Self {
        Self {
            identity,
            chain: origin,
            sha256: Sha256::new(),
        }
    }

    /// Writes the first line, before any other.
    ///
    /// # Errors
    /// The writer's; the text is to be thrown away then.
    pub fn first<W: Write>(&mut self, writer: &mut W) -> fmt::Result {
        let (seq, head) = (self.chain.seq, self.chain.head);
        let identity = self.identity.bytes();
        let identity = Hex(&identity);
        self.line(
            writer,
            format_args!(
                r#"{{"openpile_export":{TEXT_VERSION},"identity":"{identity}","first_seq":{seq},"first_head":"{head}"}}"#
            ),
        )
    }

    /// Which journal it is of.
    pub const fn identity(&self) -> Identity {
        self.identity
    }

    /// The point of the chain after the last line.
    pub const fn chain(&self) -> Chain {
        self.chain
    }

    /// Writes the next frame's line.
    ///
    /// # Errors
    /// The writer's; the text is to be thrown away then.
    pub fn frame<W: Write>(&mut self, kind: Kind, payload: &[u8], writer: &mut W) -> fmt::Result {
        let seq = self.chain.seq;
        self.chain = self.chain.after(kind, payload);
        let mark = match kind {
            Kind::Record => "record",
            Kind::Carried => "carried",
            Kind::Piece => "piece",
            Kind::End => "end",
        };
        let payload = Hex(payload);
        let tag = Tag(self.chain.head);
        self.line(
            writer,
            format_args!(r#"{{"seq":{seq},"mark":"{mark}","payload":"{payload}","tag":"{tag}"}}"#),
        )
    }

    /// Writes the last line.
    ///
    /// # Errors
    /// The writer's; the text is to be thrown away then.
    pub fn end<W: Write>(&mut self, writer: &mut W) -> fmt::Result {
        let sha256 = self.sha256.clone().finalize();
        let (seq, head) = (self.chain.seq.saturating_sub(1), self.chain.head);
        let sha256 = Hex(&sha256);
        self.line(
            writer,
            format_args!(r#"{{"seq":{seq},"head":"{head}","sha256":"{sha256}"}}"#),
        )
    }

    fn line<W: Write>(&mut self, writer: &mut W, line: fmt::Arguments<'_>) -> fmt::Result {
        let sha256 = &mut self.sha256;
        writeln!(Hashed { writer, sha256 }, "{line}")
    }
}

/// Passes text on, and hashes it.
struct Hashed<'a, W> {
    writer: &'a mut W,
    sha256: &'a mut Sha256,
}

impl<W: Write> Write for Hashed<'_, W> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.sha256.update(text);
        self.writer.write_str(text)
    }
}

struct Hex<'a>(&'a [u8]);

impl fmt::Display for Hex<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// The first four bytes of a head.
struct Tag(super::Head);

impl fmt::Display for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = self.0.bytes();
        Hex(bytes.get(..4).unwrap_or_default()).fmt(f)
    }
}
