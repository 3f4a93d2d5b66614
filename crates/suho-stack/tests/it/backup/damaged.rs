use std::{
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
};

use suho_stack::{
    backup::{BackupError, Restore},
    stack::Stack,
};

use super::{restored, seeds, started, taken};

/// Makes a file another one than it was.
type Damage = fn(&Path, &[u8]);

/// Every file below `directory`.
fn files(directory: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push(path);
        }
    }
    found
}

/// What tells whether a restore has touched the stack: a restore makes every stream anew.
async fn born(stack: &Stack) -> String {
    let jetstream = seeds::jetstream(stack).await;
    format!(
        "{:?}",
        jetstream.get_stream("LEDGER").await.unwrap().cached_info().created
    )
}

#[tokio::test]
async fn a_backup_of_which_any_file_is_not_what_it_was_touches_nothing() {
    let place = tempfile::tempdir().unwrap();
    let stack = started(&["nats", "dragonflydb"]).await;
    seeds::nats(&stack, 20).await;
    let kept = taken(&stack, place.path()).await;
    let before = born(&stack).await;
    let request = Restore {
        replace: true,
        ..Restore::of(&kept.path)
    };
    let damages: [(&str, Damage); 4] = [
        ("truncated", |path, whole| {
            fs::write(path, &whole[..whole.len() - 1]).unwrap();
        }),
        ("emptied", |path, _| fs::write(path, []).unwrap()),
        ("flipped", |path, whole| {
            let mut other = whole.to_vec();
            let middle = other.len() / 2;
            other[middle] ^= 1;
            fs::write(path, other).unwrap();
        }),
        ("missing", |path, _| fs::remove_file(path).unwrap()),
    ];

    let files = files(&kept.path);
    assert!(files.len() > 8, "{files:?}");
    for path in &files {
        let whole = fs::read(path).unwrap();
        for (damage, make) in damages {
            make(path, &whole);
            let outcome = restored(&stack, &request).await;
            assert!(
                matches!(outcome, Err(BackupError::Damaged { .. })),
                "{} {damage}: {outcome:?}",
                path.display()
            );
        }
        fs::write(path, &whole).unwrap();
    }

    assert_eq!(born(&stack).await, before);
    // That it would have been touched is the other half.
    restored(&stack, &request).await.unwrap();
    assert_ne!(born(&stack).await, before);
}

/// Writes the manifest with `from` replaced by `to`, and the hash that belongs to it.
fn forge(backup: &Path, from: &str, to: &str) {
    use sha2::{Digest, Sha256};
    let manifest = fs::read_to_string(backup.join("manifest.json")).unwrap();
    assert!(manifest.contains(from), "{manifest}");
    let manifest = manifest.replace(from, to);
    fs::write(backup.join("manifest.json"), &manifest).unwrap();
    let sums = fs::read_to_string(backup.join("SHA256SUMS")).unwrap();
    let others = sums.lines().filter(|line| !line.ends_with("  manifest.json"));
    let mut own = String::new();
    for byte in Sha256::digest(manifest.as_bytes()) {
        write!(own, "{byte:02x}").unwrap();
    }
    let own = format!("{own}  manifest.json\n");
    let sums = others.chain([own.as_str()]).collect::<Vec<_>>().join("\n");
    fs::write(backup.join("SHA256SUMS"), sums).unwrap();
}

#[tokio::test]
async fn a_backup_of_another_version_and_one_into_data_are_told_before_anything_is_touched() {
    let place = tempfile::tempdir().unwrap();
    let stack = started(&["nats"]).await;
    seeds::nats(&stack, 20).await;
    let kept = taken(&stack, place.path()).await;
    let before = born(&stack).await;
    let replacing = Restore {
        replace: true,
        ..Restore::of(&kept.path)
    };
    let version = kept.manifest.engines[0].origin.version.clone();

    let occupied = restored(&stack, &Restore::of(&kept.path)).await;
    forge(
        &kept.path,
        &format!("\"version\": \"{version}\""),
        "\"version\": \"99.1.0\"",
    );
    let newer = restored(&stack, &replacing).await;
    forge(
        &kept.path,
        "\"service\": \"suho-nats-server\"",
        "\"service\": \"suho-kafka\"",
    );
    let elsewhere = restored(&stack, &replacing).await;
    forge(&kept.path, "\"format\": 2", "\"format\": 3");
    let unknown = restored(&stack, &replacing).await;

    let words = |outcome: Result<(), BackupError>| outcome.unwrap_err().to_string();
    let occupied = words(occupied);
    assert!(
        occupied.contains("20 messages in the stream LEDGER") && occupied.contains("--replace"),
        "{occupied}"
    );
    let newer = words(newer);
    assert!(
        newer.contains("made by version 99.1.0") && newer.contains("nothing was touched"),
        "{newer}"
    );
    assert!(words(elsewhere).contains("suho-kafka does not run here"));
    assert!(words(unknown).contains("its format is 3"));
    assert_eq!(born(&stack).await, before);
}
