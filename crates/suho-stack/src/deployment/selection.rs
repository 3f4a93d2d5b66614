//! Which files of a directory belong to the deployment. Shared by the build script, which embeds them, and the library.

use std::io::Read;
use std::path::Path;
use std::{fs, io};

/// A file belongs if it ends in one of these. A list of what is allowed, so that no `.env`, key or archive that somebody
/// leaves in the directory can end in a library.
const ENDINGS: &[&str] = &[
    ".cfg",
    ".conf",
    ".flags",
    ".json",
    ".properties",
    ".sh",
    ".sql",
    ".xml",
    ".yml", // what the services read
    ".mod",
    ".py",
    ".sum",
    ".txt", // what their air-gap images are built from
];

/// A file belongs also if this is its name.
const NAMES: &[&str] = &[".env.example", "Dockerfile"];

/// A directory that the deployment itself writes to.
const BACKUPS: &str = "backups";

/// The files of the deployment in `directory`, relative, with `/` between the parts, sorted.
pub fn files_of(directory: &Path) -> io::Result<Vec<String>> {
    let mut found = Vec::new();
    collect(directory, "", &mut found)?;
    found.sort();
    Ok(found)
}

fn collect(directory: &Path, prefix: &str, found: &mut Vec<String>) -> io::Result<()> {
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        // A name that is not UTF-8 is none of ours.
        let Ok(name) = entry.file_name().into_string() else {
            continue;
        };
        let path = entry.path();
        // A link to a file is one; a link to a directory is not followed, and a pipe would be waited for.
        let is_file = fs::metadata(&path).is_ok_and(|target| target.is_file());
        if entry.file_type()?.is_dir() && !name.starts_with('.') && name != BACKUPS {
            collect(&path, &format!("{prefix}{name}/"), found)?;
        } else if is_file && (belongs(&name) || is_script_without_ending(&path, &name)?) {
            found.push(format!("{prefix}{name}"));
        }
    }
    Ok(())
}

fn belongs(name: &str) -> bool {
    let hidden = name.starts_with('.');
    NAMES.contains(&name) || (!hidden && ENDINGS.iter().any(|ending| name.ends_with(ending)))
}

fn is_script_without_ending(path: &Path, name: &str) -> io::Result<bool> {
    if name.contains('.') {
        return Ok(false);
    }
    let mut beginning = Vec::new();
    fs::File::open(path)?.take(2).read_to_end(&mut beginning)?;
    Ok(beginning == b"#!")
}
