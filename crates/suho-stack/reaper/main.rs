//! Removes a warm stack when nobody has used it for its time to linger, whatever became of those who started it.
//!
//! It is compiled by the library's build script out of nothing but the standard library, travels inside the library, and runs
//! as a process of its own that no signal to a test run reaches.
//!
//! # Layout
//! - here: its arguments, and how it leaves its parent.
//! - [`watch`]: waits until the stack is of no use, then ends it.
//! - [`files`]: the files of a stack and the locks on them.
//! - [`docker`]: what carries the stack's label, asked of the Docker engine and removed.
//! - [`http`]: one request to the Docker engine.
//! - [`json`]: its answers.

mod docker;
mod files;
mod http;
mod json;
mod watch;

use std::ffi::{OsStr, OsString};
use std::io::{self, BufRead, BufReader, Write};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};
use std::{env, fmt};

use docker::Docker;
use files::{Files, Locked};
use http::Address;

const USAGE: &str = "suho-reaper launch|watch DIRECTORY STACK unix://SOCKET|tcp://HOST:PORT";

fn main() -> ExitCode {
    let arguments: Vec<OsString> = env::args_os().skip(1).collect();
    let outcome = match arguments.as_slice() {
        [verb, directory, stack, address] if verb == "launch" => launch(directory, stack, address),
        [verb, directory, stack, address] if verb == "watch" => watch(directory, stack, address),
        _ => Err(Box::from(USAGE)),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tell(&error);
            ExitCode::FAILURE
        }
    }
}

type Outcome = Result<(), Box<dyn std::error::Error>>;

/// Starts the watch as somebody else's child: who has launched it may live on without a zombie, and die without it.
fn launch(directory: &OsStr, stack: &OsStr, address: &OsStr) -> Outcome {
    let mut child = Command::new(env::current_exe()?)
        .arg("watch")
        .args([directory, stack, address])
        .env_clear()
        .current_dir("/")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        // Neither a signal from the keyboard nor one to a test run's group is meant for it.
        .process_group(0)
        .spawn()?;
    let mut first = String::new();
    if let Some(output) = child.stdout.take() {
        BufReader::new(output).read_line(&mut first)?;
    }
    tell(&first.trim_end());
    Ok(())
}

/// Says in its first line that it watches, or why it does not.
fn watch(directory: &OsStr, stack: &OsStr, address: &OsStr) -> Outcome {
    let stack = stack.to_str().ok_or("the name of the stack is not UTF-8")?;
    let address = Address::parse(address.to_str().ok_or(USAGE)?).ok_or(USAGE)?;
    let files = Files::of(Path::new(directory), stack);
    let Locked::Held(own) = files.reaper_patiently()? else {
        tell(&"another reaper watches");
        return Ok(());
    };
    let lease = files.open_lease()?;
    tell(&"watches");
    watch::until_the_end(&files, &own, &lease, &Docker::at(address, stack));
    Ok(())
}

/// To whoever launched it, if there still is one.
fn tell(words: &dyn fmt::Display) {
    let mut output = io::stdout().lock();
    // A parent that was killed hears nothing, and the watch goes on.
    let _ = writeln!(output, "{words}").and_then(|()| output.flush());
}
