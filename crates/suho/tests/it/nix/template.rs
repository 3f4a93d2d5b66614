use std::{
    env, fs,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    process::Command,
};

use super::{nix, system};
use crate::{root, run};

/// What `nix flake init` makes of the template, beside a link to this repository.
fn initialised(directory: &Path) -> PathBuf {
    let service = directory.join("orders");
    run(
        Command::new("cp")
            .arg("-r")
            .arg(root().join("nix/template"))
            .arg(&service),
        0,
    );
    symlink(root(), directory.join("suho-stack")).unwrap();
    service
}

#[test]
fn the_crate_of_the_template_passes_its_tests() {
    let directory = tempfile::tempdir().unwrap();
    let service = initialised(directory.path());
    // The versions that are here already.
    fs::copy(root().join("Cargo.lock"), service.join("Cargo.lock")).unwrap();
    let mut test = Command::new(env!("CARGO"));
    test.args(["test", "--offline"])
        .env(
            "CARGO_TARGET_DIR",
            Path::new(env!("CARGO_TARGET_TMPDIR")).join("template"),
        )
        // The warm stack is gone with the test that started it.
        .env("SUHO_LINGER", "0")
        .current_dir(&service);

    let output = run(&mut test, 0);

    assert!(String::from_utf8_lossy(&output.stdout).contains("test an_order_is_kept ... ok"));
}

#[test]
fn the_flake_of_the_template_builds_its_own_variant() {
    let directory = tempfile::tempdir().unwrap();
    let service = initialised(directory.path());
    let link = directory.path().join("configs");
    let root = root().display().to_string();
    let mut build = nix();
    build
        .arg("build")
        .arg(format!("path:{}#packages.{}.configs", service.display(), system()))
        .args([
            "--no-write-lock-file",
            "--override-input",
            "suho",
            &format!("git+file://{root}"),
        ])
        .args([
            "--override-input",
            "suho/nixpkgs",
            &format!("path:{root}/nix/offline"),
            "--out-link",
        ])
        .arg(&link);

    run(&mut build, 0);

    let nats = fs::read_to_string(link.join("nats-server.conf")).unwrap();
    assert!(nats.contains("max_payload: 2MB"), "{nats}");
}
