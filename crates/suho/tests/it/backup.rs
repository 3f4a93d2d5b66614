use std::{
    fs,
    path::Path,
    process::{Command, Stdio},
    time::Duration,
};

use serde_json::Value;

use crate::{left_behind, run, stderr, stdout, suho, unique};

fn listed(place: &Path) -> Vec<Value> {
    let listed = stdout(&run(suho().args(["backups", "--json", "--in"]).arg(place), 0));
    serde_json::from_str(&listed).unwrap()
}

#[test]
fn a_backup_is_taken_listed_restored_and_pruned() {
    let (name, drill) = (unique("kept"), unique("drill"));
    let directory = tempfile::tempdir().unwrap();
    let place = directory.path().join("backups");
    run(
        suho().args(["up", "nats", "postgresql", "--images", "airgap", "--name", &name]),
        0,
    );

    let taken = run(
        suho()
            .args(["backup", "--name", &name, "--label", "monday", "--json", "--to"])
            .arg(&place),
        0,
    );
    let taken: Value = serde_json::from_slice(&taken.stdout).unwrap();
    let path = taken["path"].as_str().unwrap().to_owned();
    assert!(path.ends_with("-monday"), "{path}");
    let table = stdout(&run(suho().args(["backups", "--verify", "--in"]).arg(&place), 0));
    assert!(
        table.contains("nats,postgresql") && table.contains("every byte verified"),
        "{table}"
    );
    // Without suho: the hashes and the dump are those of usual tools.
    run(
        Command::new("sha256sum")
            .args(["--check", "--strict", "--quiet", "SHA256SUMS"])
            .current_dir(&path),
        0,
    );

    let restored = run(suho().args(["restore", &path, "--into", &drill]), 0);
    assert!(
        stdout(&restored).contains("equal to the backup"),
        "{}",
        stdout(&restored)
    );
    run(
        suho().args([
            "verify",
            "--name",
            &drill,
            "--only",
            "features",
            "--engine",
            "postgresql",
        ]),
        0,
    );
    run(suho().args(["down", &drill]), 0);

    run(
        suho()
            .args(["backup", "--name", &name, "--engine", "nats", "--to"])
            .arg(&place),
        0,
    );
    assert_eq!(listed(&place).len(), 2);
    let pruned = stdout(&run(
        suho().args(["backup", "prune", "--keep-last", "1", "--to"]).arg(&place),
        0,
    ));
    assert!(pruned.contains("-monday: removed"), "{pruned}");
    let kept = listed(&place);
    assert_eq!(kept.len(), 1);
    let manifest = Path::new(kept[0]["path"].as_str().unwrap()).join("manifest.json");

    fs::write(manifest, "{}").unwrap();
    let damaged = stdout(&run(suho().args(["backups", "--in"]).arg(&place), 1));
    assert!(damaged.contains("is not a whole backup"), "{damaged}");
    let kept = kept[0]["path"].as_str().unwrap();
    let refused = run(suho().args(["restore", kept, "--replace", "--name", &name]), 1);
    assert!(stderr(&refused).contains("nothing was touched"), "{}", stderr(&refused));
    run(suho().args(["down", &name]), 0);
    assert_eq!(left_behind(&drill), "");
}

/// As a machine that loses its power: nothing of the program runs on.
#[test]
fn a_backup_that_is_killed_at_any_moment_is_not_listed() {
    let name = unique("killed");
    let place = tempfile::tempdir().unwrap();
    run(
        suho().args(["up", "nats", "postgresql", "--images", "airgap", "--name", &name]),
        0,
    );
    let backup = || {
        let mut command = suho();
        command.args(["backup", "--name", &name, "--to"]).arg(place.path());
        command
    };

    let mut killed = 0;
    for step in 0..20_u64 {
        let mut running = backup().stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        std::thread::sleep(Duration::from_millis(5 + step * step * 2));
        running.kill().unwrap();
        killed += usize::from(!running.wait().unwrap().success());
        let listed = listed(place.path());
        assert!(listed.iter().all(|backup| backup["whole"] == true), "{listed:?}");
    }

    assert!(killed >= 5, "{killed}");
    run(&mut backup(), 0);
    run(suho().args(["backups", "--verify", "--in"]).arg(place.path()), 0);
    let hidden = fs::read_dir(place.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name());
    let drafts: Vec<_> = hidden
        .filter(|name| name.to_string_lossy().starts_with(".draft"))
        .collect();
    assert_eq!(drafts, Vec::<std::ffi::OsString>::new());
    run(suho().args(["down", &name]), 0);
}

#[test]
fn what_cannot_be_backed_up_or_restored_says_so() {
    let place = tempfile::tempdir().unwrap();
    run(suho().args(["backup", "--name", "never-started"]), 2);
    run(suho().args(["backup", "--label", "a b"]), 2);
    run(suho().args(["backup", "prune"]), 2);
    let absent = run(suho().args(["restore", "yesterday", "--from"]).arg(place.path()), 2);
    assert!(
        stderr(&absent).contains("there is no backup yesterday"),
        "{}",
        stderr(&absent)
    );
    assert!(stdout(&run(suho().args(["backups", "--in"]).arg(place.path()), 0)).contains("no backup is in"));
}
