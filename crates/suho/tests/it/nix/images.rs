use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use suho_stack::{
    deployment::{Files, Variables},
    engines,
    stack::images::Editions,
};

use super::{Downstream, forget, lock};
use crate::{
    docker, id_of,
    images::{json, loaded, unpacked},
    images_of, left_behind,
    registry::{Registry, digest_of, front::Fault},
    root, run, stdout, unique,
};

/// The air-gap image of each engine that has one, by the name of its pin.
fn airgap_images() -> BTreeMap<String, String> {
    let files = Files::from_directory(&root().join("compose")).unwrap();
    let editions = Editions::read(&files, Variables::default()).unwrap();
    let services = engines::all()
        .iter()
        .map(|engine| editions.airgap.service(engine.service()).unwrap());
    services
        .filter(|service| service.absent.is_none())
        .map(|service| {
            let name = service.name.trim_start_matches("suho-").to_owned();
            (name, service.image.to_string())
        })
        .collect()
}

#[test]
fn the_stack_starts_from_archives_that_nix_built_twice_with_the_same_bits() {
    let registry = Registry::start();
    let front = registry.front();
    let references: BTreeMap<String, String> = airgap_images()
        .into_iter()
        .map(|(name, image)| (name, front.reference(&registry.push_local(&image))))
        .collect();
    let images: Vec<String> = references
        .iter()
        .map(|(name, reference)| format!("images.{name} = \"{reference}\";"))
        .collect();
    let downstream = Downstream::new(&images.join(" "));

    let archives: Vec<PathBuf> = references
        .keys()
        .map(|name| downstream.build(&format!("image-{name}")))
        .collect();
    let bits: Vec<String> = archives.iter().map(|archive| digest_of_file(archive)).collect();
    for archive in &archives {
        forget(archive);
    }
    let fetched = front.asked().len();
    for ((name, first), bits) in references.keys().zip(&archives).zip(bits) {
        let again = downstream.build(&format!("image-{name}"));
        assert_eq!((&again, digest_of_file(&again)), (first, bits));
        docker(&["load", "--quiet", "--input", again.to_str().unwrap()]);
    }
    assert!(front.asked().len() > fetched + 2 * archives.len());
    for (name, image) in airgap_images() {
        assert_eq!(id_of(&loaded(&references[&name])), id_of(&image));
    }

    let name = unique("flake");
    let state = tempfile::tempdir().unwrap();
    let program = downstream.build("suho").join("bin/suho");
    let suho = || {
        let mut command = Command::new(&program);
        command
            .env("SUHO_STATE_DIR", state.path())
            .env_remove("SUHO_COMPOSE_DIR");
        command
    };
    let down = Defer(|| {
        let _ = suho().args(["down", &name]).output();
    });
    let mut up = suho();
    up.args(["up", "--name", &name, "--images", "upstream", "--verify"])
        .args(references.keys().map(|name| format!("suho-{name}")));
    run(&mut up, 0);
    let running: BTreeSet<String> = images_of(&name).lines().map(str::to_owned).collect();
    assert_eq!(
        running,
        references.values().map(|reference| loaded(reference)).collect()
    );
    drop(down);
    assert_eq!(left_behind(&name), "");
    let compose = fs::read_to_string(downstream.build("compose").join("docker-compose.yml")).unwrap();
    for reference in references.values() {
        assert!(compose.contains(&format!(":-{}}}", loaded(reference))), "{compose}");
        docker(&["rmi", &loaded(reference)]);
    }
}

#[test]
fn the_configuration_is_the_same_to_the_last_bit_when_nothing_of_it_was_there() {
    // Settings of its own, so that nobody else is in need of what is forgotten.
    let downstream = Downstream::new(r#"settings."nats-server.conf".max_payload = "2MB";"#);
    let first = downstream.build("configs");
    let nats = fs::read_to_string(first.join("nats-server.conf")).unwrap();
    assert!(nats.contains("max_payload: 2MB"), "{nats}");
    let hash = nar_hash(&first);
    forget(&first);
    let second = downstream.build("configs");

    assert_eq!(second, first);
    assert_eq!(nar_hash(&second), hash);
}

#[test]
fn an_archive_of_another_architecture_holds_its_manifest() {
    let registry = Registry::start();
    let reference = registry.push_small("small/two-platforms:1", 10_000, 4);
    let downstream = Downstream::new(&format!(
        r#"images.nats-server = "{reference}"; architecture = "arm64";"#
    ));
    let index = json(
        &unpacked(&downstream.build("image-nats-server"))
            .path()
            .join("index.json"),
    );

    assert_eq!(
        index["manifests"][0]["digest"],
        registry.child_of(&reference, "arm64").as_str()
    );
}

#[test]
fn an_archive_is_a_layout_of_oci_and_an_image_of_docker() {
    let registry = Registry::start();
    let reference = registry.push_small("small/layout:1", 10_000, 1);
    let archive = Downstream::with_image("nats-server", &reference).build("image-nats-server");
    let unpacked = unpacked(&archive);

    let layout = json(&unpacked.path().join("oci-layout"));
    assert_eq!(layout["imageLayoutVersion"], "1.0.0");
    let index = json(&unpacked.path().join("index.json"));
    let manifest = &index["manifests"][0];
    assert_eq!(manifest["digest"], registry.child_of(&reference, "amd64").as_str());
    assert_eq!(
        manifest["annotations"]["org.opencontainers.image.ref.name"],
        loaded(&reference).as_str()
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
fn a_download_that_was_cut_is_made_again() {
    let registry = Registry::start();
    let front = registry.front();
    let reference = registry.push_small("small/cut-once:1", 10_000, 5);
    front.breaks(Fault::CutOnce(registry.layer_of(&reference)));

    let archive = Downstream::with_image("nats-server", &front.reference(&reference)).build("image-nats-server");
    assert!(archive.exists());
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

/// Does it also where a test fails.
struct Defer<F: Fn()>(F);

impl<F: Fn()> Drop for Defer<F> {
    fn drop(&mut self) {
        (self.0)();
    }
}

fn digest_of_file(path: &Path) -> String {
    digest_of(&fs::read(path).unwrap())
}

fn nar_hash(path: &Path) -> String {
    stdout(&run(Command::new("nix-store").args(["--query", "--hash"]).arg(path), 0))
}
