//! The reaper: a process of its own that removes a stack after its last user; the program travels inside this library.

use std::{
    fs, io,
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use tokio::{process::Command, time::sleep};

use super::{
    Linger,
    lease::{self, Lease},
    lock::Lock,
    paths::Paths,
};
use crate::runtime::docker;

/// Compiled by the build script.
const PROGRAM: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/suho-reaper"));
const NAME: &str = concat!("suho-reaper-", env!("SUHO_REAPER_HASH"));

/// How often the program is tried that another thread of this process holds open, having just written it.
const TRIES: u32 = 100;
const PAUSE: Duration = Duration::from_millis(10);

/// What `suho down` writes into the reaper's file to send it away.
const RETIRED: &str = "retired";

/// Sees to it that a reaper watches the stack. Where none can, the stack stays until `suho down`, and that is said.
pub(super) async fn ensure(paths: &Paths, lease: &Lease) -> io::Result<()> {
    if !is_wanting(paths)? {
        return Ok(());
    }
    if let Err(error) = launch(paths).await {
        tracing::warn!(
            "nobody will remove the stack {0} when it is not used any more, because {error}; `suho down {0}` does",
            paths.stack()
        );
        lease.wish(Linger::Forever)?;
    }
    Ok(())
}

/// True where no reaper watches the stack, and one should.
pub(super) fn is_wanting(paths: &Paths) -> io::Result<bool> {
    // What stays forever needs one only as long as it may be cut off at its start.
    let stays = || lease::wished(paths) == Some(Linger::Forever) && paths.state().exists();
    Ok(!Lock::is_held_alone(&paths.reaper())? && !stays())
}

/// Sends the reaper away, if there is one: it ends when its file is removed after this.
pub(super) fn retire(paths: &Paths) -> io::Result<()> {
    match fs::OpenOptions::new().write(true).open(paths.reaper()) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
        Ok(mut file) => io::Write::write_all(&mut file, RETIRED.as_bytes()),
    }
}

async fn launch(paths: &Paths) -> io::Result<()> {
    let address = docker::plain_address().ok_or_else(|| {
        io::Error::other("it speaks to the Docker engine of a DOCKER_HOST of unix:// or tcp:// alone, without TLS")
    })?;
    let program = install(paths.directory())?;
    for _ in 0..TRIES {
        let launched = Command::new(&program)
            .arg("launch")
            .arg(paths.directory())
            .args([paths.stack(), &address])
            .env_clear()
            .current_dir("/")
            .stdin(Stdio::null())
            .stderr(Stdio::null())
            .output()
            .await;
        match launched {
            Err(error) if error.kind() == io::ErrorKind::ExecutableFileBusy => sleep(PAUSE).await,
            Err(error) => {
                return Err(io::Error::other(format!(
                    "{} cannot be run: {error}",
                    program.display()
                )));
            }
            Ok(output) if output.status.success() => return Ok(()),
            Ok(output) => return Err(io::Error::other(String::from_utf8_lossy(&output.stdout).into_owned())),
        }
    }
    Err(io::ErrorKind::ExecutableFileBusy.into())
}

/// Writes the program whole or not at all; it is named by what it holds.
fn install(directory: &Path) -> io::Result<PathBuf> {
    let directory = directory.join("bin");
    let program = directory.join(NAME);
    if fs::metadata(&program).is_ok_and(|there| there.len() == PROGRAM.len() as u64) {
        return Ok(program);
    }
    fs::DirBuilder::new().recursive(true).mode(0o700).create(&directory)?;
    let draft = directory.join(format!("{NAME}.{:016x}", rand::random::<u64>()));
    let mut output = fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o700)
        .open(&draft)?;
    io::Write::write_all(&mut output, PROGRAM)?;
    drop(output);
    fs::rename(draft, &program)?;
    Ok(program)
}
