//! The folder that a replay writes: all of it, or nothing.
//!
//! The files are written into a fresh folder beside the target, made durable, and moved into its
//! place in one rename. What was there before stays until then.
//!
//! **The rule of overwriting.** A target is taken if it does not exist, is empty, or is an earlier
//! output: it holds a `summary.json` and nothing but files of the names in
//! [`output::FILES`](crate::output::FILES). Anything else is someone's own and is left alone.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use crate::output::{FILES, Outputs};
use crate::refusal::Refusal;

/// A folder that may be written: [`Target::at`] looked before the work began.
///
/// ```no_run
/// use virtual_pile::target::Target;
/// # fn replay() -> virtual_pile::output::Outputs { panic!("made by the engine") }
/// let target = Target::at("out".as_ref())?;
/// target.write(&replay())?;
/// # Ok::<(), virtual_pile::refusal::Refusal>(())
/// ```
#[derive(Debug)]
pub struct Target {
    dir: PathBuf,
}

impl Target {
    /// Looks at a folder without touching it.
    ///
    /// # Errors
    /// [`Refusal`] where the folder is someone else's, a file, or has no name (`/`).
    pub fn at(dir: &Path) -> Result<Self, Refusal> {
        let shown = dir.display().to_string();
        let refuse = |what: String| Refusal::new(&shown, what, "name a new folder with --out");
        let absolute = match dir.canonicalize() {
            Ok(path) => path,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                std::path::absolute(dir).map_err(|error| refuse(format!("is no path ({error})")))?
            }
            Err(error) => return Err(refuse(format!("cannot be reached ({error})"))),
        };
        if absolute.file_name().is_none() {
            return Err(refuse("is not a folder that can be replaced".to_owned()));
        }
        let target = Self { dir: absolute };
        target.check().map_err(refuse)?;
        Ok(target)
    }

    /// The folder, as an absolute path.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Writes the whole set, replacing an earlier one.
    ///
    /// # Errors
    /// [`Refusal`] where the system does not let it; the folder is then as it was.
    pub fn write(&self, outputs: &Outputs) -> Result<(), Refusal> {
        let refuse = |what: String| {
            Refusal::new(
                self.dir.display().to_string(),
                what,
                "make room, or name another folder with --out",
            )
        };
        // Someone may have put a file of their own there while the replay ran.
        self.check().map_err(refuse)?;
        self.replace(outputs)
            .map_err(|error| refuse(format!("cannot be written ({error})")))
    }

    fn check(&self) -> Result<(), String> {
        let entries = match fs::read_dir(&self.dir) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(format!("is not a folder to read ({error})")),
        };
        let (mut any, mut summary) = (false, false);
        for entry in entries {
            let entry = entry.map_err(|error| format!("cannot be read ({error})"))?;
            let name = entry.file_name();
            let plain = entry.file_type().is_ok_and(|kind| kind.is_file());
            if !plain || !FILES.iter().any(|file| name == *file) {
                return Err(format!("holds {}, which no replay wrote", name.display()));
            }
            any = true;
            summary |= name == "summary.json";
        }
        if any && !summary {
            return Err("holds files but no summary.json, so no replay wrote it".to_owned());
        }
        Ok(())
    }

    fn replace(&self, outputs: &Outputs) -> io::Result<()> {
        let parent = self.dir.parent().unwrap_or(Path::new("/"));
        fs::create_dir_all(parent)?;
        let fresh = Scratch::beside(&self.dir, "new")?;
        for (name, bytes) in outputs.files() {
            let mut file = fs::File::create_new(fresh.path.join(name))?;
            file.write_all(&bytes)?;
            file.sync_all()?;
        }
        if self.dir.exists() {
            let old = Scratch::beside(&self.dir, "old")?;
            let kept = old.path.join("kept");
            fs::rename(&self.dir, &kept)?;
            if let Err(error) = fs::rename(&fresh.path, &self.dir) {
                fs::rename(&kept, &self.dir)?;
                return Err(error);
            }
        } else {
            fs::rename(&fresh.path, &self.dir)?;
        }
        Ok(())
    }
}

/// A folder of ours that goes away with its value.
struct Scratch {
    path: PathBuf,
}

impl Scratch {
    fn beside(dir: &Path, what: &str) -> io::Result<Self> {
        let name = dir.file_name().unwrap_or_default().display();
        let path = dir.with_file_name(format!(".{name}.{what}-{}", std::process::id()));
        fs::create_dir(&path)?;
        Ok(Self { path })
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // Moved into place already, or not worth a second error.
        let _ = fs::remove_dir_all(&self.path);
    }
}

#[cfg(test)]
#[path = "target_tests.rs"]
mod tests;
