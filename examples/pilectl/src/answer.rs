//! What a command says, and the exit code that goes with it.

use std::fmt;
use std::io::{ErrorKind, Read, Write};
use std::path::Path;
use std::process::ExitCode;

/// What a command found: a text for people, and whether all is well.
///
/// ```
/// use pilectl::answer::Answer;
/// let answer = Answer::well("3 records, all signed.\n");
/// assert!(answer.is_well());
/// assert_eq!(answer.text(), "3 records, all signed.\n");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    text: String,
    well: bool,
    warning: Option<String>,
}

impl Answer {
    /// All is well: exit code 0.
    pub fn well(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            well: true,
            warning: None,
        }
    }

    /// Something is wrong with what was looked at, and the text says what: exit code 1.
    pub fn wrong(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            well: false,
            warning: None,
        }
    }

    /// The same, and something is wrong with what it was made of: exit code 1. What was asked for
    /// may be read by a program, so the warning is kept apart from it.
    #[must_use]
    pub fn with_warning(self, warning: Option<String>) -> Self {
        Self {
            well: self.well && warning.is_none(),
            warning: warning.or(self.warning),
            ..self
        }
    }

    /// What to say beside the text.
    pub fn warning(&self) -> Option<&str> {
        self.warning.as_deref()
    }

    /// True if nothing was found wrong.
    pub fn is_well(&self) -> bool {
        self.well
    }

    /// What to print.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// 0, or 1 if something is wrong.
    pub fn exit_code(&self) -> ExitCode {
        ExitCode::from(u8::from(!self.well))
    }
}

/// Why a command was not carried out: what is the matter, and what to do. Exit code 2, or 1 where
/// what it was to be made of is not as it was written.
///
/// ```
/// use pilectl::answer::Refusal;
/// let no = Refusal::new("a.pem: no public key in it", "give the file public-key.pem");
/// assert_eq!(no.to_string(), "a.pem: no public key in it; give the file public-key.pem");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    what: String,
    remedy: String,
    found: bool,
}

impl Refusal {
    /// Makes a refusal of what is the matter and what to do.
    pub fn new(what: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self {
            what: what.into(),
            remedy: remedy.into(),
            found: false,
        }
    }

    /// Makes one of what was found wrong in a file: nothing is made of such a file, and the exit
    /// code is that of a check that found it.
    pub fn found(what: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self {
            found: true,
            ..Self::new(what, remedy)
        }
    }

    /// 2, or 1 for what was found wrong.
    pub fn exit_code(&self) -> ExitCode {
        ExitCode::from(if self.found { 1 } else { 2 })
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}; {}", self.what, self.remedy)
    }
}

impl std::error::Error for Refusal {}

/// The largest file that is read, in bytes: more than the export of a full flash of 16 MiB.
const LARGEST: u64 = 256 << 20;

fn unreadable(path: &Path, error: &std::io::Error) -> Refusal {
    let what = format!("{}: cannot be read: {error}", path.display());
    let remedy = match error.kind() {
        ErrorKind::NotFound => "check the name and the folder",
        ErrorKind::PermissionDenied => "ask for the right to read it",
        _ => "check the file and the disk",
    };
    Refusal::new(what, remedy)
}

/// Reads a whole file.
///
/// # Errors
/// [`Refusal`] if it cannot be read.
pub fn read(path: &Path) -> Result<Vec<u8>, Refusal> {
    let name = path.display();
    let file = std::fs::metadata(path).map_err(|error| unreadable(path, &error))?;
    if file.is_dir() {
        let what = format!("{name}: is a folder, not a file");
        return Err(Refusal::new(what, "name the file in it"));
    }
    let mut bytes = Vec::new();
    std::fs::File::open(path)
        .and_then(|file| file.take(LARGEST + 1).read_to_end(&mut bytes))
        .map_err(|error| unreadable(path, &error))?;
    if bytes.len() as u64 > LARGEST {
        let what = format!(
            "{name}: more than {} MiB, which no ledger has",
            LARGEST >> 20
        );
        return Err(Refusal::new(what, "name the pile's own file"));
    }
    Ok(bytes)
}

/// Writes a whole file that is not there yet: what is there may be the only ledger or key there is.
///
/// # Errors
/// [`Refusal`] if there is such a file, or if it cannot be written.
pub fn write(path: &Path, bytes: &[u8]) -> Result<(), Refusal> {
    let name = path.display();
    let mut file = std::fs::File::create_new(path).map_err(|error| {
        if error.kind() == ErrorKind::AlreadyExists {
            Refusal::new(format!("{name}: is there already"), "name a new file")
        } else {
            Refusal::new(
                format!("{name}: cannot be written: {error}"),
                "check the folder and its permissions",
            )
        }
    })?;
    file.write_all(bytes).map_err(|error| {
        // Half a file would pass for a whole one, and stand in the way of the next try.
        let _ = std::fs::remove_file(path);
        let what = format!("{name}: cannot be written: {error}");
        Refusal::new(what, "make room on the disk")
    })
}
