use std::{fs, path::Path, process::Command};

use serde_json::Value;
use suho_stack::{
    deployment::{Files, Variables},
    engines::{self, Engine},
    stack::images::Editions,
};

use super::{nix, system};
use crate::{
    copy_deployment, docker,
    registry::{Registry, pin},
    root, run, stdout, suho,
};

/// A copy of the repository, as it is committed or about to be, whose pins are small images of `registry`.
fn repository(directory: &Path, registry: &Registry) {
    let files = run(Command::new("git").args(["ls-files", "-z"]).current_dir(root()), 0).stdout;
    for file in files.split(|byte| *byte == 0).filter(|file| !file.is_empty()) {
        let file = std::str::from_utf8(file).unwrap();
        let Ok(content) = fs::read(root().join(file)) else {
            continue;
        };
        let to = directory.join(file);
        fs::create_dir_all(to.parent().unwrap()).unwrap();
        fs::write(to, content).unwrap();
    }
    let compose = directory.join("compose");
    copy_deployment(&compose);
    let files = Files::from_directory(&compose).unwrap();
    for (seed, service) in (100..).zip(pinned(&files)) {
        let name = service.trim_start_matches("suho-");
        let variable = format!("SUHO_{}_IMAGE", name.to_uppercase().replace('-', "_"));
        pin(
            &compose,
            &variable,
            &registry.push_small(&format!("small/{name}:1"), 1000, seed),
        );
    }
}

/// The services that have a pin of their own: the engines and their watchers.
fn pinned(files: &Files) -> Vec<&'static str> {
    let upstream = Editions::read_with(files, Variables::default(), true).unwrap().upstream;
    let watchers = engines::watchers_of(&upstream);
    let all = engines::all().iter().copied().chain(watchers);
    all.map(Engine::service).collect()
}

fn in_flake(directory: &Path, arguments: &[&str]) -> Command {
    let mut command = nix();
    command
        .args(arguments)
        .args([
            "--option",
            "allow-import-from-derivation",
            "false",
            "--override-input",
            "nixpkgs",
        ])
        .arg(format!("path:{}/nix/offline", root().display()));
    command.current_dir(directory);
    command
}

#[test]
fn neither_documents_nor_configuration_build_the_crates_anew() {
    let directory = tempfile::tempdir().unwrap();
    repository(directory.path(), &Registry::start());
    let unwrapped = format!(
        "path:{}#packages.{}.suho.suho.drvPath",
        directory.path().display(),
        system()
    );
    let derivation = || stdout(&run(&mut in_flake(directory.path(), &["eval", "--raw", &unwrapped]), 0));
    let append = |file: &str, text: &str| {
        let path = directory.path().join(file);
        let before = fs::read_to_string(&path).unwrap();
        fs::write(path, before + text).unwrap();
    };
    let first = derivation();

    append("README.md", "more\n");
    append("compose/postgresql.conf", "# more\n");
    append("nix/module.nix", "# more\n");
    assert_eq!(derivation(), first);

    append("crates/suho/src/main.rs", "// more\n");
    assert_ne!(derivation(), first);
}

#[test]
fn with_the_lock_that_suho_writes_the_whole_flake_is_evaluated_without_a_fetch() {
    let registry = Registry::start();
    let directory = tempfile::tempdir().unwrap();
    repository(directory.path(), &registry);
    let flake = format!("path:{}", directory.path().display());
    let packages = format!("{flake}#packages.{}", system());
    let names = |what: &str| -> Vec<String> {
        let mut command = in_flake(
            directory.path(),
            &["eval", "--json", what, "--apply", "builtins.attrNames"],
        );
        serde_json::from_slice(&run(&mut command, 0).stdout).unwrap()
    };
    assert!(!names(&packages).contains(&"images".to_owned()));

    run(
        suho()
            .args(["images", "lock", "--directory"])
            .arg(directory.path().join("compose")),
        0,
    );

    assert!(names(&packages).contains(&"image-nats-server".to_owned()));
    assert!(names(&format!("{flake}#checks.x86_64-linux")).contains(&"e2e".to_owned()));
    run(
        &mut in_flake(directory.path(), &["flake", "check", "--no-build", &flake]),
        0,
    );
    let links = tempfile::tempdir().unwrap();
    let archive = links.path().join("archive");
    let link = archive.display().to_string();
    let images = format!("{flake}#images");
    run(
        &mut in_flake(directory.path(), &["build", &images, "--out-link", &link]),
        0,
    );
    let listed = run(Command::new("tar").arg("-xOf").arg(&archive).arg("manifest.json"), 0);
    let listed: Value = serde_json::from_slice(&listed.stdout).unwrap();
    assert_eq!(listed.as_array().unwrap().len(), pinned(&Files::embedded()).len());
    let loaded = run(suho().args(["images", "load"]).arg(&archive), 0);
    for image in listed.as_array().unwrap() {
        let name = image["RepoTags"][0].as_str().unwrap();
        assert!(String::from_utf8_lossy(&loaded.stderr).contains(name) || stdout(&loaded).contains(name));
        docker(&["rmi", name]);
    }
}
