use std::{
    fs,
    io::{BufRead, BufReader, Write},
    net::TcpListener,
    process::{Command, Output, Stdio},
};

use rstest::rstest;
use serde_json::json;

use super::{NATS, Scene, names_in};
use crate::{
    registry::{
        INDEX, MANIFEST, Registry, digest_of,
        front::{Fault, Front},
        layer_of, name_and_digest,
    },
    run, stderr, stdout,
};

const SIZE: usize = 3_000_000;

/// NATS is a small image behind a front.
fn behind_a_front() -> (Registry, Front, Scene, String) {
    let registry = Registry::start();
    let reference = registry.push_small("small/nats:1", SIZE, 1);
    let front = registry.front();
    let scene = Scene::with(NATS, &front.reference(&reference));
    let layer = registry.layer_of(&reference);
    (registry, front, scene, layer)
}

/// Nothing has the name of the archive, and nothing is left beside it.
fn nothing_is_written(scene: &Scene) {
    let left: Vec<_> = names_in(&scene.path(""));
    assert!(
        left.iter().all(|name| ["cache", "compose"].contains(&name.as_str())),
        "{left:?}"
    );
}

#[test]
fn a_token_is_fetched_where_the_registry_asks_for_one() {
    let (_registry, front, scene, layer) = behind_a_front();

    run(&mut scene.bundle(), 0);
    assert!(
        front.asked().iter().any(|asked| asked.ends_with(&layer)),
        "{:?}",
        front.asked()
    );

    front.breaks(Fault::NoTokens);
    let refused = stderr(&run(&mut scene.bundle(), 2));
    assert!(
        refused.contains("without a login (403 Forbidden: {\"details\": \"not for you\"})"),
        "{refused}"
    );
}

#[rstest]
#[case::where_the_registry_knows_ranges(false, "bytes=")]
#[case::and_starts_over_where_it_does_not(true, "GET")]
fn a_cut_download_goes_on(#[case] no_ranges: bool, #[case] asked: &str) {
    let (_registry, front, scene, layer) = behind_a_front();
    if no_ranges {
        front.breaks(Fault::NoRanges);
    }
    front.breaks(Fault::CutOnce(layer.clone()));

    let words = stderr(&run(&mut scene.bundle(), 0));

    assert!(words.contains("again        the connection to"), "{words}");
    assert_eq!(words.contains("resumed at 1 MB / 3 MB"), !no_ranges, "{words}");
    let requests = front
        .asked()
        .into_iter()
        .filter(|request| request.contains(&layer))
        .collect::<Vec<_>>();
    assert!(requests.len() == 2 && requests[1].contains(asked), "{requests:?}");
}

#[test]
fn what_was_fetched_before_a_command_failed_is_not_fetched_again() {
    let (_registry, front, scene, layer) = behind_a_front();
    front.breaks(Fault::CutAlways(layer.clone()));

    let words = stderr(&run(&mut scene.bundle(), 2));
    assert!(
        words.contains(&format!("broke in {layer} of ")) && words.contains("run the command again"),
        "{words}"
    );
    nothing_is_written(&scene);
    let partial = scene.cached(&layer).with_extension("partial");
    let arrived = fs::metadata(&partial).unwrap().len();
    assert!(arrived > SIZE as u64 * 9 / 10, "{arrived}");

    front.mends();
    let words = stderr(&run(&mut scene.bundle(), 0));
    assert!(words.contains("resumed at 2 MB / 3 MB"), "{words}");
    let last = front.asked().pop().unwrap();
    assert!(last.ends_with(&format!("{layer} bytes={arrived}-")), "{last}");
    assert!(!partial.exists());

    let words = stderr(&run(&mut scene.bundle(), 0));
    assert!(words.contains("3 MB kept from before"), "{words}");
}

#[test]
fn what_is_kept_is_verified_before_it_is_used() {
    let (_registry, front, scene, layer) = behind_a_front();
    run(&mut scene.bundle(), 0);
    let whole = fs::read(scene.path("images.tar")).unwrap();
    fs::write(scene.cached(&layer), b"changed").unwrap();

    let words = stderr(&run(&mut scene.bundle(), 0));
    assert!(words.contains("was kept wrong: fetched again"), "{words}");
    assert!(fs::read(scene.path("images.tar")).unwrap() == whole);

    // A beginning of something else.
    fs::remove_file(scene.cached(&layer)).unwrap();
    fs::write(scene.cached(&layer).with_extension("partial"), vec![9; 1000]).unwrap();
    let words = stderr(&run(&mut scene.bundle(), 0));
    assert!(words.contains("was kept wrong: fetched again"), "{words}");
    assert_eq!(front.asked().iter().filter(|asked| asked.contains(&layer)).count(), 4);
    assert!(fs::read(scene.path("images.tar")).unwrap() == whole);
}

#[test]
fn other_bytes_than_the_digest_says_are_refused_and_not_kept() {
    let (registry, front, scene, layer) = behind_a_front();
    front.breaks(Fault::Flip(layer.clone()));

    let words = stderr(&run(&mut scene.bundle(), 2));
    assert!(
        words.contains("answered other bytes than") && words.contains(&layer),
        "{words}"
    );
    nothing_is_written(&scene);
    assert!(!scene.cached(&layer).exists());

    front.mends();
    let reference = registry.push_small("small/nats:1", SIZE, 1);
    let (_, digest) = name_and_digest(&reference);
    front.breaks(Fault::Flip(digest.to_owned()));
    let words = stderr(&run(&mut scene.bundle(), 2));
    assert!(
        words.contains("answered other bytes than") && words.contains(digest),
        "{words}"
    );
}

#[test]
fn a_digest_that_is_gone_is_named_with_its_mend() {
    let (_registry, front, scene, layer) = behind_a_front();
    front.breaks(Fault::Gone(layer.clone()));

    let words = stderr(&run(&mut scene.bundle(), 2));

    assert!(words.contains(&layer) && words.contains("small/nats:1"), "{words}");
    assert!(
        words.contains("`suho images lock --update suho-nats-server`"),
        "{words}"
    );
    nothing_is_written(&scene);
}

/// Puts an index of one manifest, as `change` leaves both.
fn pushed(registry: &Registry, change: impl Fn(&mut serde_json::Value, &mut serde_json::Value)) -> String {
    let layer = layer_of(1000, 3);
    let config = json!({"os": "linux", "architecture": "amd64", "rootfs": {"diff_ids": [digest_of(&layer)]}});
    let mut manifest = registry.put_image("small/nats", &config, &layer);
    let mut entry = json!({"mediaType": MANIFEST, "platform": {"os": "linux", "architecture": "amd64"}});
    change(&mut manifest, &mut entry);
    let manifest = manifest.to_string();
    entry["digest"] = json!(registry.put_manifest(
        "small/nats",
        &digest_of(manifest.as_bytes()),
        manifest.as_bytes(),
        MANIFEST
    ));
    if entry.get("size").is_none() {
        entry["size"] = json!(manifest.len());
    }
    let index = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": [entry]}).to_string();
    registry.put_tagged("small/nats", "1", index.as_bytes(), INDEX)
}

#[rstest]
#[case::a_layer_that_is_said_to_be_larger("layers", 99_999, "and the manifest that names it says 99999")]
#[case::a_layer_that_is_said_to_be_smaller("layers", 9, "and the manifest that names it says 9")]
#[case::a_manifest("manifest", 9, "and the manifest that names it says 9")]
fn a_size_that_is_a_lie_is_told(#[case] of: &str, #[case] size: u64, #[case] words: &str) {
    let registry = Registry::start();
    let reference = pushed(&registry, |manifest, entry| {
        if of == "manifest" {
            entry["size"] = json!(size);
        } else {
            manifest[of][0]["size"] = json!(size);
        }
    });
    let scene = Scene::with(NATS, &reference);

    let told = stderr(&run(&mut scene.bundle(), 2));

    assert!(told.contains(words), "{told}");
    nothing_is_written(&scene);
}

#[test]
fn platforms_that_are_not_there_or_not_what_they_are_called_are_named() {
    let registry = Registry::start();
    let scene = Scene::with(NATS, &registry.push_small("small/nats:1", 1000, 1));
    let absent = stderr(&run(scene.bundle().args(["--platform", "linux/riscv64"]), 2));
    assert!(
        absent.contains("is not there for linux/riscv64; it is for linux/amd64, linux/arm64"),
        "{absent}"
    );

    let foreign = pushed(&registry, |_, entry| entry["platform"]["architecture"] = json!("arm64"));
    scene.pin(NATS, &foreign);
    let foreign = stderr(&run(scene.bundle().args(["--platform", "linux/arm64"]), 2));
    assert!(
        foreign.contains("is for linux/amd64, and the index that names it says linux/arm64"),
        "{foreign}"
    );

    let media_type = "application/vnd.oci.image.layer.v9.tar+brotli";
    let unknown = pushed(&registry, |manifest, _| {
        manifest["layers"][0]["mediaType"] = json!(media_type);
    });
    scene.pin(NATS, &unknown);
    let unknown = stderr(&run(&mut scene.bundle(), 2));
    assert!(
        unknown.contains(&format!("is of the media type `{media_type}`")),
        "{unknown}"
    );
    nothing_is_written(&scene);
}

#[test]
fn a_registry_that_is_not_there_is_named() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let scene = Scene::with(NATS, &format!("{address}/nats:1@sha256:{}", "0".repeat(64)));

    let words = stderr(&run(&mut scene.bundle(), 2));

    assert!(
        words.contains(&format!("http://{address}/v2/nats/manifests/")) && words.contains("cannot be reached"),
        "{words}"
    );
    assert!(words.contains("Connection refused"), "{words}");
    assert_eq!(
        words.matches("again        error sending request").count(),
        4,
        "{words}"
    );
}

/// `directory` is a disk of 500 kB for the command, which lists what is left in it at its end.
fn on_a_small_disk(scene: &Scene, directory: &str, mut command: Command) -> Output {
    const SCRIPT: &str =
        "mount -t tmpfs -o size=500k tmpfs \"$0\" && { \"$@\"; code=$?; find \"$0\" -type f; exit $code; }";
    let directory = scene.path(directory);
    fs::create_dir_all(&directory).unwrap();
    // A mount of its own, for which nobody has to be root.
    let mut shell = Command::new("unshare");
    shell
        .args(["--map-root-user", "--mount", "bash", "-c", SCRIPT])
        .arg(&directory);
    shell.arg(command.get_program()).args(command.get_args());
    shell.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
    shell.current_dir(command.current_dir(scene.path("")).get_current_dir().unwrap());
    run(&mut shell, 2)
}

#[test]
fn a_disk_that_is_full_is_told_with_the_file_and_what_it_lacks() {
    let (_registry, _front, scene, layer) = behind_a_front();

    let words = stderr(&on_a_small_disk(&scene, "cache", scene.bundle()));
    assert!(
        words.contains("no space is left on the disk of ") && words.contains("XDG_CACHE_HOME"),
        "{words}"
    );
    assert!(
        words.contains(&layer["sha256:".len()..]) && words.contains("more bytes are needed"),
        "{words}"
    );
    nothing_is_written(&scene);

    // With every blob there it is the archive that finds no room.
    run(&mut scene.bundle(), 0);
    let output = on_a_small_disk(
        &scene,
        "disk",
        scene.images(&["bundle", "nats", "-o", "disk/images.tar"]),
    );
    let words = stderr(&output);
    assert!(
        words.contains("no space is left on the disk of disk/images.tar") && words.contains("-o FILE"),
        "{words}"
    );
    assert_eq!(stdout(&output), "", "something is left on the disk");
}

#[test]
fn an_interrupted_bundle_leaves_nothing_under_its_name() {
    let (_registry, front, scene, layer) = behind_a_front();
    front.breaks(Fault::Stall(layer));
    let mut child = scene
        .bundle()
        .stderr(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap())
        .lines()
        .map_while(Result::ok);
    lines.find(|line| line.starts_with("blob")).unwrap();
    std::thread::spawn(move || lines.for_each(|line| drop(writeln!(std::io::stderr(), "{line}"))));

    run(Command::new("kill").args(["-s", "INT", &child.id().to_string()]), 0);

    assert_eq!(child.wait().unwrap().code(), Some(130));
    nothing_is_written(&scene);
}
