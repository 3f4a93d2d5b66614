use std::{fs, process::Command};

use super::{NATS, Scene, json, loaded, names_in, unpacked};
use crate::{
    registry::{Registry, digest_of},
    run, stderr, stdout,
};

#[test]
fn an_archive_is_a_layout_of_verified_blobs_and_the_same_to_the_bit_each_time() {
    let registry = Registry::start();
    let reference = registry.push_small("small/nats:1", 100_000, 1);
    let scene = Scene::with(NATS, &reference);

    let printed = stdout(&run(&mut scene.bundle(), 0));
    fs::rename(scene.path("images.tar"), scene.path("first.tar")).unwrap();
    fs::remove_dir_all(scene.path("cache")).unwrap();
    run(&mut scene.bundle(), 0);

    assert!(printed.contains(&loaded(&reference)), "{printed}");
    let bytes = fs::read(scene.path("images.tar")).unwrap();
    assert!(
        bytes == fs::read(scene.path("first.tar")).unwrap(),
        "two archives of the same images differ"
    );
    let listed = stdout(&run(
        Command::new("tar")
            .args(["-tvf", "images.tar", "--utc"])
            .current_dir(scene.path("")),
        0,
    ));
    let names: Vec<_> = listed.lines().map(|line| line.rsplit(' ').next().unwrap()).collect();
    assert!(names.is_sorted() && names.len() == 6, "{listed}");
    assert!(
        listed
            .lines()
            .all(|line| line.starts_with("-r--r--r-- 0/0 ") && line.contains("1970-01-01")),
        "{listed}"
    );

    let layout = unpacked(&scene.path("images.tar"));
    for name in names_in(&layout.path().join("blobs/sha256")) {
        let content = fs::read(layout.path().join("blobs/sha256").join(&name)).unwrap();
        assert_eq!(digest_of(&content), format!("sha256:{name}"));
    }
    let index = json(&layout.path().join("index.json"));
    let image = &index["manifests"][0];
    assert_eq!(image["digest"], registry.child_of(&reference, "amd64"));
    assert_eq!(image["platform"]["architecture"], "amd64");
    assert_eq!(
        image["annotations"]["org.opencontainers.image.ref.name"],
        loaded(&reference)
    );
    let docker = json(&layout.path().join("manifest.json"));
    assert_eq!(docker[0]["RepoTags"][0], loaded(&reference));
    let layer = registry.layer_of(&reference);
    assert_eq!(docker[0]["Layers"][0], layer.replace("sha256:", "blobs/sha256/"));
}

#[test]
fn an_archive_of_two_platforms_holds_the_index_and_shared_blobs_once() {
    let registry = Registry::start();
    let reference = registry.push_small("small/nats:1", 100_000, 1);
    let scene = Scene::with(NATS, &reference);

    run(
        scene
            .bundle()
            .args(["--platform", "linux/amd64,linux/arm64,linux/amd64"]),
        0,
    );

    let layout = unpacked(&scene.path("images.tar"));
    let index = json(&layout.path().join("index.json"));
    assert_eq!(index["manifests"][0]["digest"], reference.split_once('@').unwrap().1);
    assert_eq!(names_in(&layout.path().join("blobs/sha256")).len(), 6);
    assert_eq!(json(&layout.path().join("manifest.json")).as_array().unwrap().len(), 1);
}

#[test]
fn an_engine_brings_what_it_depends_on_and_all_come_where_none_is_named() {
    let registry = Registry::start();
    let scene = Scene::of(&registry);

    let kafka = stdout(&run(&mut scene.images(&["bundle", "kafka", "-o", "images.tar"]), 0));
    assert!(kafka.contains("2 images"), "{kafka}");
    let all = run(&mut scene.images(&["bundle", "-o", "images.tar", "--json"]), 0);
    let all: serde_json::Value = serde_json::from_slice(&all.stdout).unwrap();
    assert_eq!(all["images"].as_array().unwrap().len(), 8);
    assert_eq!(all["size"], fs::metadata(scene.path("images.tar")).unwrap().len());
}

#[test]
fn a_mirror_is_asked_first_and_the_registry_where_it_fails() {
    let registry = Registry::start();
    let reference = registry.push_small("library/nats:1", 1000, 1);
    let (_, digest) = reference.split_once('@').unwrap();
    let scene = Scene::with(NATS, &format!("nats:1@{digest}"));
    let mirror = format!("docker.io=http://{}", registry.host());

    run(scene.bundle().args(["--mirror", &mirror]), 0);
    run(
        scene.bundle().env(
            "SUHO_REGISTRY_MIRRORS",
            format!("cr.example=https://cr.example,{mirror}"),
        ),
        0,
    );
    let layout = unpacked(&scene.path("images.tar"));
    let name = format!("nats:1.{}", digest.replace(':', "-"));
    let index = json(&layout.path().join("index.json"));
    let annotations = &index["manifests"][0]["annotations"];
    assert_eq!(annotations["org.opencontainers.image.ref.name"], name);
    assert_eq!(
        annotations["io.containerd.image.name"],
        format!("docker.io/library/{name}")
    );

    let front = registry.front();
    front.breaks(crate::registry::front::Fault::Flip(registry.layer_of(&reference)));
    fs::remove_dir_all(scene.path("cache")).unwrap();
    scene.pin(NATS, &reference);
    let words = stderr(&run(
        scene
            .bundle()
            .args(["--mirror", &format!("{}=http://{}", registry.host(), front.host())]),
        0,
    ));
    assert!(
        words.contains("not from     http://127.0.0.1:") && words.contains("answered other bytes"),
        "{words}"
    );

    run(scene.bundle().args(["--mirror", "docker.io=http://mirror.example"]), 2);
}
