use std::fs;

use serde_json::Value;

use super::{NATS, Scene, names_in};
use crate::{
    registry::{INDEX, MANIFEST, Registry, digest_of, layer_of, name_and_digest},
    run, stderr, stdout,
};

#[test]
fn the_lock_holds_every_index_with_its_two_platforms_as_they_were_served() {
    let registry = Registry::start();
    let scene = Scene::of(&registry);

    let locked = stdout(&run(&mut scene.images(&["lock"]), 0));

    let directory = scene.path("nix/manifests");
    let names = names_in(&directory);
    assert_eq!(names.len(), 36, "{locked}{names:?}");
    for name in &names {
        let digest = digest_of(&fs::read(directory.join(name)).unwrap());
        assert_eq!(*name, format!("{}.json", digest.trim_start_matches("sha256:")));
    }
    assert!(locked.contains("36 manifests added, 0 kept, 0 removed"), "{locked}");
    let again = stdout(&run(&mut scene.images(&["lock"]), 0));
    assert!(again.contains("0 manifests added, 36 kept, 0 removed"), "{again}");
}

#[test]
fn a_pin_of_one_platform_is_locked_alone_and_what_no_pin_needs_goes() {
    let registry = Registry::start();
    let scene = Scene::of(&registry);
    let config = serde_json::json!({"os": "linux", "architecture": "amd64", "rootfs": {"diff_ids": []}});
    let manifest = registry
        .put_image("small/single", &config, &layer_of(10, 1))
        .to_string();
    run(&mut scene.images(&["lock", "--lock", "manifests"]), 0);
    fs::write(scene.path("manifests/README.md"), "stays").unwrap();

    scene.pin(
        NATS,
        &registry.put_tagged("small/single", "1", manifest.as_bytes(), MANIFEST),
    );
    let locked = stdout(&run(&mut scene.images(&["lock", "--lock", "manifests", "--json"]), 0));

    let locked: Value = serde_json::from_str(&locked).unwrap();
    let count = |what: &str| locked[what].as_array().unwrap().len();
    assert_eq!((count("added"), count("kept"), count("removed")), (1, 33, 3));
    assert_eq!(names_in(&scene.path("manifests")).len(), 35);
}

#[test]
fn an_update_moves_the_pin_to_what_the_tag_names_now_and_changes_nothing_else() {
    let registry = Registry::start();
    let scene = Scene::of(&registry);
    run(&mut scene.images(&["lock"]), 0);
    let file = scene.compose().join("docker-compose.yml");
    let before = fs::read_to_string(&file).unwrap();
    let newer = registry.push_small("small/nats:1", 100, 77);
    registry.push_small("small/engine-7:1", 100, 78);

    let one = stdout(&run(&mut scene.images(&["lock", "--update", "nats"]), 0));

    let after = fs::read_to_string(&file).unwrap();
    let changed: Vec<_> = before
        .lines()
        .zip(after.lines())
        .filter(|(old, new)| old != new)
        .collect();
    assert_eq!(changed.len(), 1, "{changed:?}");
    assert!(changed[0].1.contains(&format!("${{{NATS}:-{newer}}}")), "{changed:?}");
    assert!(
        one.contains(&format!(" -> {newer}")) && one.contains("3 manifests added, 33 kept, 3 removed"),
        "{one}"
    );
    assert_eq!(
        names_in(&scene.compose())
            .iter()
            .filter(|name| name.contains("partial"))
            .count(),
        0
    );

    let tagged = registry.push_small("small/nats:2", 100, 79);
    let tag = stdout(&run(&mut scene.images(&["lock", "--update", "nats=2"]), 0));
    assert!(tag.contains(&format!("suho-nats-server: {newer} -> {tagged}")), "{tag}");

    let all = stdout(&run(&mut scene.images(&["lock", "--update"]), 0));
    assert!(
        all.contains("suho-kafka: ") && !all.contains("suho-nats-server: "),
        "{all}"
    );
    let nothing = stdout(&run(&mut scene.images(&["lock", "--update"]), 0));
    assert!(!nothing.contains("->"), "{nothing}");
}

#[test]
fn a_lock_that_fails_leaves_pins_and_manifests_as_they_were() {
    let registry = Registry::start();
    let scene = Scene::of(&registry);
    run(&mut scene.images(&["lock"]), 0);
    let file = scene.compose().join("docker-compose.yml");
    let before = fs::read_to_string(&file).unwrap();

    let absent = stderr(&run(&mut scene.images(&["lock", "--update", "nats=9"]), 2));
    assert!(
        absent.contains("does not have the tag") && absent.contains("small/nats:9"),
        "{absent}"
    );

    let gone = format!("{}/small/nats:1@sha256:{}", registry.host(), "0".repeat(64));
    scene.pin(NATS, &gone);
    let gone_words = stderr(&run(&mut scene.images(&["lock"]), 2));
    assert!(gone_words.contains(&gone), "{gone_words}");
    assert!(
        gone_words.contains("`suho images lock --update suho-nats-server`"),
        "{gone_words}"
    );
    assert_eq!(names_in(&scene.path("nix/manifests")).len(), 36);

    scene.pin(NATS, "nats:local");
    let unpinned = stderr(&run(&mut scene.images(&["lock", "--update", "nats"]), 2));
    assert!(
        unpinned.contains("suho-nats-server is not pinned by a digest"),
        "{unpinned}"
    );
    fs::write(&file, before).unwrap();
}

/// The bytes are what counts, whatever the registry calls them.
#[test]
fn an_index_of_no_known_kind_is_refused() {
    let registry = Registry::start();
    let reference = registry.push_small("small/nats:1", 10, 1);
    let index = String::from_utf8(registry.manifest_of(&reference)).unwrap();
    let other = index.replacen(INDEX, "application/vnd.oci.image.list.v9+json", 1);
    let front = registry.front();
    let digest = digest_of(other.as_bytes());
    front.serves(&digest, other.into_bytes());
    let (name, _) = name_and_digest(&reference);
    let scene = Scene::with(NATS, &format!("{}/{name}:1@{digest}", front.host()));

    let refused = stderr(&run(&mut scene.bundle(), 2));

    assert!(
        refused.contains("media type `application/vnd.oci.image.list.v9+json`"),
        "{refused}"
    );
}
