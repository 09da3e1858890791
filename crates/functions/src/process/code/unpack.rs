//! Zips, unpacked as if their author wanted to harm: nothing leaves the folder, and everything is counted as it is written.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt, symlink};
use std::path::{Component, Path, PathBuf};
use zip::ZipArchive;
use zip::read::ZipFile;
use zip::result::ZipError;

/// Files and folders of one zip.
const MAX_ENTRIES: usize = 100_000;
/// The text of a link.
const MAX_LINK_BYTES: u64 = 4_096;
const PLAIN: u32 = 0o644;
const EXECUTABLE: u32 = 0o755;

#[derive(Debug, thiserror::Error)]
pub enum ZipProblem {
    #[error("{0}")]
    Malformed(#[from] ZipError),
    #[error("it has {0} entries; at most {MAX_ENTRIES} are possible")]
    Entries(usize),
    #[error("`{0}` would lie outside of the folder; pack it with relative names and without `..`")]
    Outside(String),
    #[error("`{0}` is a link that leads out of the folder; pack what it points to instead")]
    Link(String),
    #[error("`{0}` is in it twice, or lies below a file or a link")]
    Twice(String),
    #[error("`{0}` is encrypted; pack it without a password")]
    Encrypted(String),
    #[error(
        "it is larger than {0} bytes when unpacked, with the layers of the function; leave out what it does not need"
    )]
    TooLarge(u64),
    #[error("`{name}` cannot be written: {error}")]
    Write { name: String, error: io::Error },
}

/// Unpacks into an empty folder, at most `budget` bytes.
pub(super) fn zip(file: File, into: &Path, budget: u64) -> Result<(), ZipProblem> {
    let mut archive = ZipArchive::new(file)?;
    if archive.len() > MAX_ENTRIES {
        return Err(ZipProblem::Entries(archive.len()));
    }
    let mut left = budget;
    for index in 0..archive.len() {
        let mut entry = archive.by_index(index)?;
        let name = entry.name()?.into_owned();
        let inside = relative(&name).ok_or_else(|| ZipProblem::Outside(name.clone()))?;
        if entry.encrypted() {
            return Err(ZipProblem::Encrypted(name));
        }
        if inside.as_os_str().is_empty() {
            continue;
        }
        let path = into.join(&inside);
        let written = if entry.is_dir() {
            folder(into, &inside).map(|()| 0)
        } else if entry.is_symlink() {
            link(&mut entry, &inside, into, &path, &name)
        } else {
            plain_file(&mut entry, &inside, into, &path, &name, left)
        };
        left = left.checked_sub(written?).ok_or(ZipProblem::TooLarge(budget))?;
    }
    Ok(())
}

/// The name as a path below the folder, if it is one. Backslashes are separators to those who pack on Windows.
fn relative(name: &str) -> Option<PathBuf> {
    if name.contains('\0') || name.starts_with('/') || name.starts_with('\\') {
        return None;
    }
    let mut path = PathBuf::new();
    for component in Path::new(&name.replace('\\', "/")).components() {
        match component {
            Component::Normal(part) => path.push(part),
            Component::CurDir => {}
            Component::ParentDir | Component::RootDir | Component::Prefix(_) => return None,
        }
    }
    Some(path)
}

/// Makes the folder and those above it, each a real one.
fn folder(into: &Path, inside: &Path) -> Result<(), ZipProblem> {
    let mut path = into.to_owned();
    for part in inside.components() {
        path.push(part);
        match fs::symlink_metadata(&path) {
            Ok(found) if found.is_dir() => continue,
            Ok(_) => return Err(ZipProblem::Twice(inside.display().to_string())),
            Err(_) => fs::create_dir(&path).map_err(|error| write_error(&inside.display().to_string(), error))?,
        }
    }
    Ok(())
}

fn parents(into: &Path, inside: &Path) -> Result<(), ZipProblem> {
    inside.parent().map_or(Ok(()), |parent| folder(into, parent))
}

/// Writes a file. Its permission to be executed is kept; zips without any, as Windows makes them, permit it to all.
fn plain_file<R: Read + Seek>(
    entry: &mut ZipFile<'_, R>,
    inside: &Path,
    into: &Path,
    path: &Path,
    name: &str,
    left: u64,
) -> Result<u64, ZipProblem> {
    parents(into, inside)?;
    let mode = match entry.unix_mode() {
        Some(mode) if mode & 0o777 != 0 && mode & 0o111 == 0 => PLAIN,
        _ => EXECUTABLE,
    };
    // `create_new` follows no link and overwrites nothing.
    let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(path).map_err(|error| {
        if error.kind() == io::ErrorKind::AlreadyExists {
            ZipProblem::Twice(name.to_owned())
        } else {
            write_error(name, error)
        }
    })?;
    // One byte more than permitted tells that there are too many; what the entry says of its size is not believed.
    let written =
        io::copy(&mut entry.take(left.saturating_add(1)), &mut file).map_err(|error| write_error(name, error))?;
    file.flush()
        .and_then(|()| file.set_permissions(Permissions::from_mode(mode)))
        .map_err(|error| write_error(name, error))?;
    Ok(written)
}

/// Makes a link, if it stays in the folder however the folder is reached.
fn link<R: Read + Seek>(
    entry: &mut ZipFile<'_, R>,
    inside: &Path,
    into: &Path,
    path: &Path,
    name: &str,
) -> Result<u64, ZipProblem> {
    let mut target = String::new();
    let read = entry.take(MAX_LINK_BYTES).read_to_string(&mut target).map_err(|error| write_error(name, error))?;
    if !stays_inside(inside, Path::new(&target)) {
        return Err(ZipProblem::Link(name.to_owned()));
    }
    parents(into, inside)?;
    symlink(&target, path).map_err(|error| write_error(name, error))?;
    Ok(read as u64)
}

/// Whether a link at `inside` leads to a place in the folder, whatever other links it passes: it may climb at its beginning
/// only, where all above it are real folders.
fn stays_inside(inside: &Path, target: &Path) -> bool {
    let depth = inside.components().count() - 1;
    let climbs = target.components().take_while(|component| *component == Component::ParentDir).count();
    let descends = target.components().skip(climbs);
    climbs <= depth
        && target.components().next().is_some()
        && descends.into_iter().all(|component| matches!(component, Component::Normal(_) | Component::CurDir))
}

fn write_error(name: &str, error: io::Error) -> ZipProblem {
    ZipProblem::Write { name: name.to_owned(), error }
}

/// The bytes of all files in a folder.
pub(super) fn size_of(folder: &Path) -> io::Result<u64> {
    let mut bytes = 0;
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            let found = entry.metadata()?;
            if found.is_dir() {
                folders.push(entry.path());
            } else {
                bytes += found.len();
            }
        }
    }
    Ok(bytes)
}
