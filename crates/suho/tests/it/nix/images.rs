use std::{fs, path::Path, process::Command};

use serde_json::Value;

use super::{Downstream, forget, loaded_name, lock};
use crate::{
    left_behind,
    registry::{Registry, digest_of},
    run, stdout, suho, unique,
};

#[test]
fn an_engine_starts_from_an_archive_that_nix_built_out_of_a_registry() {
    let registry = Registry::start();
    let front = registry.front();
    let reference = front.reference(&registry.push_local("suho-airgap/nats-server:2.15"));
    let downstream = Downstream::with_image("nats-server", &reference);

    let archive = downstream.build("image-nats-server");
    let first = digest_of(&fs::read(&archive).unwrap());
    forget(&archive);
    let again = downstream.build("image-nats-server");
    assert_eq!(archive, again);
    assert_eq!(digest_of(&fs::read(&again).unwrap()), first);

    let loaded = loaded_name(&reference);
    run(
        Command::new("docker")
            .args(["load", "--quiet", "--input"])
            .arg(&archive),
        0,
    );
    let id = |name: &str| {
        stdout(&run(
            Command::new("docker").args(["inspect", "--format", "{{.Id}}", name]),
            0,
        ))
    };
    assert_eq!(id(&loaded), id("suho-airgap/nats-server:2.15"));

    let compose = downstream.build("compose");
    let name = unique("flake");
    let up = run(
        suho()
            .args(["up", "nats", "--name", &name, "--json", "--directory"])
            .arg(&compose),
        0,
    );
    assert!(String::from_utf8_lossy(&up.stderr).contains(&loaded), "{up:?}");
    run(suho().args(["verify", "--name", &name]), 0);
    run(suho().args(["down", &name]), 0);
    assert_eq!(left_behind(&name), "");
    run(Command::new("docker").args(["rmi", &loaded]), 0);
}

#[test]
fn an_archive_is_a_layout_of_oci_and_an_image_of_docker() {
    let registry = Registry::start();
    let reference = registry.push_small("small/layout:1", 10_000, 1);
    let archive = Downstream::with_image("nats-server", &reference).build("image-nats-server");
    let unpacked = tempfile::tempdir().unwrap();
    run(
        Command::new("tar")
            .arg("-xf")
            .arg(&archive)
            .arg("-C")
            .arg(unpacked.path()),
        0,
    );

    let layout = json(&unpacked.path().join("oci-layout"));
    assert_eq!(layout["imageLayoutVersion"], "1.0.0");
    let index = json(&unpacked.path().join("index.json"));
    let manifest = &index["manifests"][0];
    assert_eq!(manifest["digest"], registry.child_of(&reference, "amd64").as_str());
    assert_eq!(
        manifest["annotations"]["org.opencontainers.image.ref.name"],
        loaded_name(&reference).as_str()
    );
    let docker = json(&unpacked.path().join("manifest.json"));
    let layer = docker[0]["Layers"][0].as_str().unwrap();
    assert_eq!(
        format!("sha256:{}", &layer["blobs/sha256/".len()..]),
        registry.layer_of(&reference)
    );

    for blob in fs::read_dir(unpacked.path().join("blobs/sha256")).unwrap() {
        let path = blob.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        assert_eq!(digest_of(&fs::read(&path).unwrap()), format!("sha256:{name}"));
    }
}

#[test]
fn a_mirror_is_asked_before_the_registry_of_the_pin() {
    let registry = Registry::start();
    let reference = registry.push_small("small/mirrored:1", 10_000, 2);
    let elsewhere = reference.replace(&registry.host(), "registry.example");
    let downstream = Downstream::new(&format!(
        r#"images.nats-server = "{elsewhere}"; mirrors."registry.example" = [ "http://{}" ];"#,
        registry.host()
    ));

    assert!(downstream.build("image-nats-server").exists());
}

#[test]
fn with_a_lock_nothing_is_fetched_while_nix_evaluates() {
    let registry = Registry::start();
    let reference = registry.push_small("small/locked:1", 10_000, 3);
    let downstream = Downstream::new(&format!(
        r#"images.nats-server = "{reference}"; manifests = ./manifests;"#
    ));
    lock(&registry, &reference, &downstream.path().join("manifests"));
    let mut command = downstream.building("image-nats-server");
    command.args(["--option", "allow-import-from-derivation", "false"]);

    run(&mut command, 0);
}

fn json(path: &Path) -> Value {
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}
