//! Files and folders that only their owner can look into.

use std::fs::{self, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

use crate::answer::Refusal;

/// Writes a file that can be made again in place of the one before: whole or not at all, unless the
/// power goes.
///
/// # Errors
/// [`Refusal`] if it cannot be written.
pub(super) fn rewrite(path: &Path, bytes: &[u8]) -> Result<(), Refusal> {
    put(path, bytes, false)
}

/// Writes a file in place of the one before: whole or not at all. It is on the disk before it is in
/// its place.
///
/// # Errors
/// [`Refusal`] if it cannot be written; the one before is then as it was.
pub(super) fn replace(path: &Path, bytes: &[u8]) -> Result<(), Refusal> {
    put(path, bytes, true)
}

fn put(path: &Path, bytes: &[u8], durable: bool) -> Result<(), Refusal> {
    let new = beside(path);
    let written = write_whole(&new, bytes, durable).and_then(|()| fs::rename(&new, path));
    written.map_err(|error| unwritable(path, &error))?;
    if durable {
        sync_folder(path);
    }
    Ok(())
}

/// Writes a new file, on the disk when this returns, and never in place of another.
///
/// # Errors
/// [`ErrorKind::AlreadyExists`] if there is one of that name, or the disk's.
pub(crate) fn create(path: &Path, bytes: &[u8]) -> io::Result<()> {
    create_by(path, bytes, |new, path| fs::hard_link(new, path))
}

fn create_by(
    path: &Path,
    bytes: &[u8],
    link: impl FnOnce(&Path, &Path) -> io::Result<()>,
) -> io::Result<()> {
    let new = beside(path);
    write_whole(&new, bytes, true)?;
    // A link, other than a rename, never takes the place of a file.
    let linked = link(&new, path);
    let _ = fs::remove_file(&new);
    match linked {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => {
            // A FAT of a memory stick has no links.
            let mut file = private(path)?;
            let written = file.write_all(bytes).and_then(|()| file.sync_all());
            if written.is_err() {
                // Half a file would be in the way of the next try.
                let _ = fs::remove_file(path);
            }
            written?;
        }
        linked => linked?,
    }
    sync_folder(path);
    Ok(())
}

/// The name under which a file is written until it is whole.
fn beside(path: &Path) -> PathBuf {
    let mut new = path.to_path_buf().into_os_string();
    new.push(".new");
    PathBuf::from(new)
}

fn write_whole(new: &Path, bytes: &[u8], durable: bool) -> io::Result<()> {
    // What an interrupted run left.
    let _ = fs::remove_file(new);
    let mut file = private(new)?;
    file.write_all(bytes)?;
    if durable { file.sync_all() } else { Ok(()) }
}

/// Puts the name of a file on the disk as well. A file system that cannot do that for a folder does it
/// by itself some seconds later.
fn sync_folder(path: &Path) {
    #[cfg(unix)]
    {
        let folder = match path.parent() {
            Some(folder) if folder.as_os_str().is_empty() => Path::new("."),
            Some(folder) => folder,
            None => return,
        };
        let _ = fs::File::open(folder).and_then(|folder| folder.sync_all());
    }
    #[cfg(not(unix))]
    let _ = path;
}

/// Why a file was not written.
pub(crate) fn unwritable(path: &Path, error: &io::Error) -> Refusal {
    Refusal::new(
        format!("{}: cannot be written: {error}", path.display()),
        "check the folder and its permissions",
    )
}

/// Makes a folder that only its owner can look into; one that is there becomes such a folder.
///
/// # Errors
/// [`Refusal`] if it cannot be made.
pub(super) fn make_folder(folder: &Path) -> Result<(), Refusal> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::DirBuilderExt;
        builder.mode(0o700);
    }
    builder.create(folder).map_err(|error| {
        Refusal::new(
            format!("{}: cannot be made: {error}", folder.display()),
            "name a folder that can be",
        )
    })?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        // A file system without permissions, or somebody else's folder: what can be done is to say so.
        let _ = fs::set_permissions(folder, fs::Permissions::from_mode(0o700));
        warn_if_open_to_others(folder);
    }
    Ok(())
}

/// A new file that only its owner can read.
fn private(path: &Path) -> io::Result<fs::File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(0o600);
    }
    options.open(path)
}

/// Says so if others on this computer can look into a file or a folder.
pub(crate) fn warn_if_open_to_others(path: &Path) {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = fs::metadata(path).map(|found| found.permissions().mode());
        if mode.is_ok_and(|mode| mode & 0o077 != 0) {
            let name = path.display();
            eprintln!("warning: {name}: others on this computer can open it; chmod go= {name}");
        }
    }
    #[cfg(not(unix))]
    let _ = path;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_memory_stick_without_links_gets_the_file_whole_and_never_over_another() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("site.toml");
        let no_links = |_: &Path, _: &Path| Err(io::Error::from(ErrorKind::PermissionDenied));
        create_by(&path, b"secrets", no_links).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"secrets");
        let again = create_by(&path, b"others", no_links).unwrap_err();
        assert_eq!(again.kind(), ErrorKind::AlreadyExists);
        assert_eq!(fs::read(&path).unwrap(), b"secrets");
        let names = fs::read_dir(folder.path()).unwrap().count();
        assert_eq!(names, 1, "nothing is left over");
    }

    #[test]
    fn a_file_is_created_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("site.toml");
        create(&path, b"secrets").unwrap();
        let again = create(&path, b"others").unwrap_err();
        assert_eq!(again.kind(), ErrorKind::AlreadyExists);
        assert_eq!(fs::read(&path).unwrap(), b"secrets");
    }
}
