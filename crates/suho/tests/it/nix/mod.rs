//! The flake as its users use it, with `nix/offline` in the place of nixpkgs.
//!
//! # Layout
//! - [`images`]: from a registry to a running engine, the same to the last bit.
//! - [`module`]: the services of NixOS are those of compose.
//! - [`tampering`]: a changed byte anywhere fails, and is named.
//! - [`template`]: what a service begins with.
//! - [`typos`]: a typo in the configuration of any engine fails the build.
//! - [`whole`]: the flake itself, with a lock.
//! - [`offline`]: the stand-in offers what the flake uses of nixpkgs, and nothing else.

mod images;
mod module;
mod offline;
mod tampering;
mod template;
mod typos;
mod whole;

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use crate::{registry::Registry, root, run, stderr, stdout};

/// What Nix needs to be told where there is neither a cache of nixpkgs nor a user to build as.
const OPTIONS: &[&str] = &[
    "--extra-experimental-features",
    "nix-command flakes",
    "--option",
    "substituters",
    "",
    "--option",
    "build-users-group",
    "",
    "--option",
    "sandbox",
    "false",
];

/// A flake that uses ours, as that of a service does.
struct Downstream {
    directory: tempfile::TempDir,
    links: tempfile::TempDir,
}

impl Downstream {
    /// With the attributes that `mkStack` is given, in Nix.
    fn new(attributes: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let root = root().display().to_string();
        let system = system();
        let flake = format!(
            r#"{{
              inputs.suho.url = "git+file://{root}";
              inputs.suho.inputs.nixpkgs.url = "path:{root}/nix/offline";
              outputs = {{ suho, ... }}:
                let stack = suho.lib.{system}.mkStack {{ {attributes} }};
                in {{ packages.{system} = stack.archives // {{ inherit (stack) images configs compose suho; }}; }};
            }}"#
        );
        fs::write(directory.path().join("flake.nix"), flake).unwrap();
        Self {
            directory,
            links: tempfile::tempdir().unwrap(),
        }
    }

    /// With one engine's image in the place of the pinned one.
    fn with_image(name: &str, reference: &str) -> Self {
        Self::new(&format!("images.{name} = \"{reference}\";"))
    }

    /// Its directory, whose files it can name as `./file`.
    fn path(&self) -> &Path {
        self.directory.path()
    }

    /// The path of what was built.
    fn build(&self, attribute: &str) -> PathBuf {
        run(&mut self.building(attribute), 0);
        fs::read_link(self.link_to(attribute)).unwrap()
    }

    /// What Nix said when it could not build it.
    fn refuses(&self, attribute: &str) -> String {
        let output = self.building(attribute).output().unwrap();
        assert!(!output.status.success(), "{attribute} was built");
        stderr(&output)
    }

    /// Not in the directory of the flake, which is what Nix reads.
    fn link_to(&self, attribute: &str) -> PathBuf {
        self.links.path().join(attribute)
    }

    fn building(&self, attribute: &str) -> Command {
        let mut command = nix();
        command
            .args(["build", "--no-write-lock-file", "--print-build-logs", "--out-link"])
            .arg(self.link_to(attribute))
            .arg(format!("path:{}#{attribute}", self.path().display()));
        command
    }
}

fn nix() -> Command {
    let mut command = Command::new("nix");
    command.args(OPTIONS);
    command
}

fn system() -> String {
    format!("{}-linux", std::env::consts::ARCH)
}

/// The manifests of a reference, as the lock holds them.
fn lock(registry: &Registry, reference: &str, directory: &Path) {
    fs::create_dir_all(directory).unwrap();
    let (tagged, digest) = reference.split_once('@').unwrap();
    for digest in [
        digest,
        &registry.child_of(reference, "amd64"),
        &registry.child_of(reference, "arm64"),
    ] {
        let manifest = registry.manifest_of(&format!("{tagged}@{digest}"));
        fs::write(directory.join(format!("{}.json", &digest["sha256:".len()..])), manifest).unwrap();
    }
}

/// Takes a path out of the store with all that was built for it alone.
fn forget(path: &Path) {
    let deriver = stdout(&run(
        Command::new("nix-store").arg("--query").arg("--deriver").arg(path),
        0,
    ));
    let closure = stdout(&run(
        Command::new("nix-store")
            .args(["--query", "--requisites", "--include-outputs"])
            .arg(deriver.trim()),
        0,
    ));
    // Blobs are called after their digest. What others need as well stays.
    let ours = closure
        .lines()
        .map(Path::new)
        .filter(|found| found.extension().is_none_or(|ending| ending != "drv"))
        .filter(|found| *found == path || found.display().to_string().contains("-oci-"));
    run(
        Command::new("nix-store")
            .args(["--delete", "--ignore-liveness"])
            .args(ours),
        0,
    );
    assert!(!path.exists());
}
