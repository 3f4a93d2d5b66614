use std::{
    fs,
    process::{Command, Output},
};

use rstest::rstest;
use serde_json::json;

use super::{NATS, Scene, loaded, unpacked};
use crate::{docker, id_of, images_of, left_behind, registry::Registry, run, stderr, stdout, unique};

/// Removes an image when the test ends.
struct Loaded(String);

impl Loaded {
    fn is_there(&self) -> bool {
        inspect(&self.0).status.success()
    }
}

impl Drop for Loaded {
    fn drop(&mut self) {
        let _ = Command::new("docker").args(["rmi", "--force", &self.0]).output();
    }
}

fn inspect(image: &str) -> Output {
    Command::new("docker")
        .args(["image", "inspect", image])
        .output()
        .unwrap()
}

#[test]
fn a_loaded_image_runs_in_the_place_of_its_pin() {
    let registry = Registry::start();
    let reference = registry.push_local("suho-airgap/nats-server:2.15");
    let scene = Scene::with(NATS, &reference);
    let image = Loaded(loaded(&reference));
    run(scene.bundle().args(["--platform", "linux/arm64,linux/amd64"]), 0);
    // From here on no registry can help.
    drop(registry);

    let printed = run(&mut scene.images(&["load", "images.tar", "--env"]), 0);

    assert_eq!(stdout(&printed), format!("{NATS}={}\n", image.0));
    assert_eq!(id_of(&image.0), id_of("suho-airgap/nats-server:2.15"));
    let listed = stdout(&run(&mut scene.images(&["ls", "--json"]), 0));
    let listed: serde_json::Value = serde_json::from_str(&listed).unwrap();
    let row = listed
        .as_array()
        .unwrap()
        .iter()
        .find(|row| row["loaded"] == true)
        .unwrap();
    assert_eq!((&row["engine"], &row["image"]), (&json!("nats"), &json!(image.0)));

    let name = unique("loaded");
    let mut up = crate::suho();
    up.args(["up", "nats", "--images", "upstream", "--name", &name, "--directory"])
        .arg(scene.compose());
    let first = stderr(&run(&mut up, 0));
    let again = stderr(&run(&mut up, 0));
    let running = images_of(&name);
    run(crate::suho().args(["down", &name]), 0);
    assert!(first.contains("nats           loaded: "), "{first}");
    assert!(again.contains("runs already"), "{again}");
    assert_eq!(running.trim(), image.0);
    assert_eq!(left_behind(&name), "");
}

#[test]
fn docker_reads_the_archive_by_itself() {
    let registry = Registry::start();
    let reference = registry.push_small("small/nats:1", 1000, 21);
    let scene = Scene::with(NATS, &reference);
    let image = Loaded(loaded(&reference));
    run(&mut scene.bundle(), 0);

    docker(&["load", "-i", scene.path("images.tar").to_str().unwrap()]);

    assert!(image.is_there());
}

/// As a build with the tar of this machine makes it.
#[rstest]
#[case::plain(&["blobs", "index.json", "manifest.json", "oci-layout"])]
#[case::with_a_leading_dot(&["."])]
fn an_archive_of_gnu_tar_is_loaded(#[case] files: &[&str]) {
    let registry = Registry::start();
    let seed = u8::try_from(30 + files.len()).unwrap();
    let reference = registry.push_small("small/nats:1", 1000, seed);
    let scene = Scene::with(NATS, &reference);
    let image = Loaded(loaded(&reference));
    run(&mut scene.bundle(), 0);
    let layout = unpacked(&scene.path("images.tar"));
    let tar = [
        "--sort=name",
        "--mtime=@0",
        "--owner=0",
        "--group=0",
        "--format=posix",
        "-cf",
    ];
    run(
        Command::new("tar")
            .args(tar)
            .arg(scene.path("gnu.tar"))
            .args(files)
            .current_dir(layout.path()),
        0,
    );

    let loaded = stdout(&run(&mut scene.images(&["load", "gnu.tar"]), 0));

    assert!(image.is_there());
    assert_eq!(loaded, format!("loaded {}\n", image.0));
}

#[test]
fn an_archive_for_another_platform_is_refused() {
    let registry = Registry::start();
    let reference = registry.push_small("small/nats:1", 1000, 41);
    let scene = Scene::with(NATS, &reference);
    let image = Loaded(loaded(&reference));
    run(scene.bundle().args(["--platform", "linux/arm64"]), 0);

    let words = stderr(&run(&mut scene.images(&["load", "images.tar"]), 2));

    assert!(
        words.contains("is not there for linux/amd64; it is for linux/arm64"),
        "{words}"
    );
    assert!(!image.is_there());
}

#[test]
fn an_archive_that_is_cut_or_changed_anywhere_is_refused_before_docker_hears_of_it() {
    let registry = Registry::start();
    let reference = registry.push_small("small/nats:1", 100_000, 51);
    let layer = registry.layer_of(&reference);
    let scene = Scene::with(NATS, &reference);
    let image = Loaded(loaded(&reference));
    run(&mut scene.bundle(), 0);
    let whole = fs::read(scene.path("images.tar")).unwrap();
    let refused = |bytes: &[u8]| {
        fs::write(scene.path("bad.tar"), bytes).unwrap();
        let words = stderr(&run(&mut scene.images(&["load", "bad.tar"]), 2));
        assert!(!image.is_there(), "{words}");
        words
    };
    let hex = &layer.as_bytes()["sha256:".len()..];
    let header = whole.windows(hex.len()).position(|window| window == hex).unwrap();

    let mut flipped = whole.clone();
    flipped[header + 60_000] ^= 1;
    let words = refused(&flipped);
    assert!(words.contains(&format!("was changed: its blob {layer}")), "{words}");

    let words = refused(&whole[..header + 60_000]);
    assert!(words.contains("bad.tar is cut") && words.contains(&layer), "{words}");
    for length in [0, 100, header, header + 300, whole.len() - 1024 - 600] {
        let words = refused(&whole[..length]);
        assert!(
            words.contains("is cut") || words.contains("is no archive of images"),
            "{length}: {words}"
        );
    }
}

#[test]
fn an_archive_that_lacks_a_blob_or_lies_about_a_size_is_refused() {
    let registry = Registry::start();
    let reference = registry.push_small("small/nats:1", 1000, 61);
    let layer = registry.layer_of(&reference);
    let scene = Scene::with(NATS, &reference);
    let image = Loaded(loaded(&reference));
    run(&mut scene.bundle(), 0);
    let layout = unpacked(&scene.path("images.tar"));
    let refused = || {
        let bad = scene.path("bad.tar");
        run(
            Command::new("tar")
                .arg("-cf")
                .arg(&bad)
                .arg("-C")
                .arg(layout.path())
                .arg("."),
            0,
        );
        let words = stderr(&run(&mut scene.images(&["load", "bad.tar"]), 2));
        assert!(!image.is_there(), "{words}");
        words
    };
    let index = layout.path().join("index.json");
    let honest = fs::read_to_string(&index).unwrap();
    let writable = |path: &std::path::Path| run(Command::new("chmod").arg("u+w").arg(path), 0);

    writable(&index);
    let size = registry
        .manifest_of(&format!(
            "{}@{}",
            reference.split_once('@').unwrap().0,
            registry.child_of(&reference, "amd64")
        ))
        .len();
    fs::write(&index, honest.replace(&format!("\"size\":{size}"), "\"size\":7")).unwrap();
    let words = refused();
    assert!(words.contains("and the manifest that names it says 7"), "{words}");

    fs::write(&index, &honest).unwrap();
    fs::remove_file(layout.path().join(layer.replace("sha256:", "blobs/sha256/"))).unwrap();
    let words = refused();
    assert!(words.contains(&format!("it lacks the blob {layer}")), "{words}");

    std::os::unix::fs::symlink("/etc/hostname", layout.path().join("blobs/sha256/link")).unwrap();
    let words = refused();
    assert!(words.contains("`blobs/sha256/link` in it is no file"), "{words}");
}
