//! The command line as its users run it, against real containers.
//!
//! # Layout
//! - [`backup`]: backups taken, listed, restored, pruned and killed.
//! - [`cut_off`]: a backup that is interrupted, or whose engine dies, is none.
//! - [`config`]: the configuration checked and merged, the manual written.
//! - [`life`]: a stack from `up` to `down`.
//! - [`interruption`]: an interrupted start leaves nothing.
//! - [`deployed`]: the deployment of `docker compose up`, from this machine and from its network.
//! - [`drill`]: a deployment that has lost its volumes, restored.
//! - [`nix`]: the flake, with a stand-in for nixpkgs.
//! - [`documents`]: the README tells what is true.
//! - [`images`]: the pinned images locked, bundled and loaded.
//! - [`shared`]: the warm stack that tests share, brought up, listed and removed by hand.
//! - [`tenants`]: listed, and dropped.
//! - [`registry`]: a registry of this machine, and a front before it that breaks.

#![expect(clippy::unwrap_used, reason = "a test says what it expects by panicking")]

mod backup;
mod config;
mod cut_off;
mod deployed;
mod documents;
mod drill;
mod images;
mod interruption;
mod life;
mod nix;
mod registry;
mod shared;
mod tenants;

use std::{
    path::{Path, PathBuf},
    process::{Command, Output},
    sync::OnceLock,
};

use suho_stack::deployment::Files;

/// The root of the repository.
fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .canonicalize()
        .unwrap()
}

/// Copies the deployment into `directory`, without what `make env` wrote.
fn copy_deployment(directory: &Path) {
    let files = Files::from_directory(&root().join("compose")).unwrap();
    files.write_to(directory).unwrap();
}

/// `suho`, with its state in a directory of this test run.
fn suho() -> Command {
    static STATE: OnceLock<tempfile::TempDir> = OnceLock::new();
    let state = STATE.get_or_init(|| tempfile::tempdir().unwrap());
    let mut command = Command::new(env!("CARGO_BIN_EXE_suho"));
    command.env("SUHO_STATE_DIR", state.path());
    command
}

/// Runs a command and insists on its exit code.
fn run(command: &mut Command, expected: i32) -> Output {
    let output = command.output().unwrap();
    assert_eq!(
        output.status.code(),
        Some(expected),
        "{command:?}\nstdout:\n{}\nstderr:\n{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    output
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// What `docker …` prints.
fn docker(arguments: &[&str]) -> String {
    stdout(&run(Command::new("docker").args(arguments), 0))
}

/// By which Docker knows an image whatever it is called.
fn id_of(image: &str) -> String {
    docker(&["image", "inspect", "--format", "{{.Id}}", image])
}

/// The images of the containers of `stack` that run, one a line.
fn images_of(stack: &str) -> String {
    let filter = format!("label=suho.stack={stack}");
    docker(&["ps", "--format", "{{.Image}}", "--filter", &filter])
}

/// What Docker lists of the things that carry the label of `stack`.
fn left_behind(stack: &str) -> String {
    let filter = format!("label=suho.stack={stack}");
    [vec!["ps", "--all"], vec!["network", "ls"], vec!["volume", "ls"]]
        .into_iter()
        .map(|list| docker(&[&list[..], &["--quiet", "--filter", &filter]].concat()))
        .collect()
}

/// A name that no other test of any process takes.
fn unique(purpose: &str) -> String {
    format!("{purpose}-{}", std::process::id())
}
