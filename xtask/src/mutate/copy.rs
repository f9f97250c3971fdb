//! A copy of the tree that is kept from run to run, so that a build of it goes on where it ended.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

/// The copy.
pub struct Copied {
    root: PathBuf,
}

impl Copied {
    /// Brings the copy of `from` up to date; what has not changed keeps its time.
    ///
    /// # Errors
    /// Says which file could not be read or written.
    pub fn of(from: &Path, target: &Path, to: &Path) -> Result<Self, String> {
        let copied = Self {
            root: to.to_path_buf(),
        };
        let mut wanted = BTreeSet::new();
        walk(from, Path::new(""), target, &mut wanted)?;
        for file in &wanted {
            let bytes = fs::read(from.join(file)).map_err(|e| failed(file, &e))?;
            let place = to.join(file);
            if fs::read(&place).ok().as_ref() != Some(&bytes) {
                let folder = place.parent().unwrap_or(to);
                fs::create_dir_all(folder).map_err(|e| failed(folder, &e))?;
                fs::write(&place, bytes).map_err(|e| failed(&place, &e))?;
            }
        }
        let mut there = BTreeSet::new();
        walk(to, Path::new(""), target, &mut there)?;
        for gone in there.difference(&wanted) {
            // What cargo wrote beside a manifest comes back by itself.
            fs::remove_file(to.join(gone)).map_err(|e| failed(gone, &e))?;
        }
        Ok(copied)
    }

    /// Its root.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// A file of it.
    ///
    /// # Errors
    /// Says what is wrong with the file.
    pub fn read(&self, file: &Path) -> Result<String, String> {
        fs::read_to_string(self.root.join(file)).map_err(|e| failed(file, &e))
    }

    /// Changes a file of it.
    ///
    /// # Errors
    /// Says what is wrong with the file.
    pub fn write(&self, file: &Path, text: &str) -> Result<(), String> {
        fs::write(self.root.join(file), text).map_err(|e| failed(file, &e))
    }
}

fn failed(path: &Path, error: &std::io::Error) -> String {
    format!("{}: {error}", path.display())
}

/// All files below `root`, but for what is built and what is git's.
fn walk(
    root: &Path,
    below: &Path,
    target: &Path,
    files: &mut BTreeSet<PathBuf>,
) -> Result<(), String> {
    let folder = root.join(below);
    let entries = fs::read_dir(&folder).map_err(|e| failed(&folder, &e))?;
    for entry in entries {
        let entry = entry.map_err(|e| failed(&folder, &e))?;
        let (name, path) = (entry.file_name(), entry.path());
        let kind = entry.file_type().map_err(|e| failed(&path, &e))?;
        let skipped = path == target || name == OsStr::new("target") || name == OsStr::new(".git");
        if kind.is_dir() && !skipped {
            walk(root, &below.join(name), target, files)?;
        } else if kind.is_file() && !skipped {
            files.insert(below.join(name));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_follows_its_tree_and_keeps_the_time_of_what_is_the_same() {
        let folder = std::env::temp_dir().join(format!("xtask-copy-{}", std::process::id()));
        let (from, to) = (folder.join("from"), folder.join("to"));
        fs::create_dir_all(from.join("src")).unwrap();
        fs::create_dir_all(from.join("target/debug")).unwrap();
        fs::write(from.join("src/a.rs"), "a").unwrap();
        fs::write(from.join("b.rs"), "b").unwrap();
        fs::write(from.join("target/debug/c"), "c").unwrap();
        let target = from.join("target");
        let copied = Copied::of(&from, &target, &to).unwrap();
        assert_eq!(copied.read(Path::new("src/a.rs")).unwrap(), "a");
        assert!(!to.join("target").exists());
        let time = |file: &str| fs::metadata(to.join(file)).unwrap().modified().unwrap();
        let before = time("src/a.rs");
        copied.write(Path::new("b.rs"), "changed").unwrap();
        Copied::of(&from, &target, &to).unwrap();
        assert_eq!(copied.read(Path::new("b.rs")).unwrap(), "b");
        assert_eq!(time("src/a.rs"), before);
        fs::remove_file(from.join("b.rs")).unwrap();
        Copied::of(&from, &target, &to).unwrap();
        assert!(!to.join("b.rs").exists());
        fs::remove_dir_all(folder).unwrap();
    }
}
