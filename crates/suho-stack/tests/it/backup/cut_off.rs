use std::{fs, path::Path, process::Command, time::Duration};

use suho_stack::backup::{BackupError, Request, Target, list, take};

use super::{entries, quiet, seeds, started, taken};

/// A small file system of its own, as long as it lives.
struct Small(tempfile::TempDir);

impl Small {
    /// None where this user may not mount.
    fn mount(megabytes: u32) -> Option<Self> {
        let directory = tempfile::tempdir().unwrap();
        let size = format!("size={megabytes}m");
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &size, "tmpfs"])
            .arg(directory.path())
            .status();
        mounted.is_ok_and(|status| status.success()).then(|| Self(directory))
    }

    fn path(&self) -> &Path {
        self.0.path()
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(self.path()).status();
    }
}

#[tokio::test]
async fn a_disk_without_room_ends_in_its_name_and_in_no_backup() {
    let Some(small) = Small::mount(1) else {
        eprintln!("not asked: this user may not mount a file system");
        return;
    };
    let stack = started(&["nats"]).await;
    let jetstream = seeds::jetstream(&stack).await;
    seeds::nats(&stack, 10).await;
    for _ in 0..40 {
        // Nothing that could be compressed.
        let noise: Vec<u8> = (0..100_000).map(|_| rand::random()).collect();
        jetstream
            .publish("ledger.noise", noise.into())
            .await
            .unwrap()
            .await
            .unwrap();
    }
    let target = Target::of(stack.state()).await.unwrap();

    let outcome = take(&target, &Request::new(small.path()), &quiet).await;

    let error = outcome.unwrap_err();
    assert!(matches!(error, BackupError::Engine(_)), "{error:?}");
    assert!(error.to_string().contains("No space left on device"), "{error}");
    assert!(entries(small.path()).is_empty(), "{:?}", entries(small.path()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_that_is_dropped_at_any_moment_leaves_nothing() {
    let place = tempfile::tempdir().unwrap();
    let stack = started(&["nats", "postgresql"]).await;
    seeds::nats(&stack, 50).await;
    let target = Target::of(stack.state()).await.unwrap();
    let request = Request::new(place.path());

    let mut dropped = 0;
    for milliseconds in [1, 20, 60, 100, 150, 200, 300, 400] {
        let taking = take(&target, &request, &quiet);
        let ended = tokio::time::timeout(Duration::from_millis(milliseconds), taking).await;
        dropped += usize::from(ended.is_err());
        let whole = list(place.path()).unwrap();
        assert!(whole.iter().all(Result::is_ok), "{whole:?}");
        // A thread that still wrote may have left the shell of a draft, which is no backup.
        let visible = entries(place.path());
        let visible = visible
            .iter()
            .filter(|path| !path.file_name().unwrap().to_string_lossy().starts_with('.'));
        assert_eq!(visible.count(), whole.len());
    }

    assert!(dropped >= 3, "{dropped}");
    let kept = taken(&stack, place.path()).await;
    kept.verify().await.unwrap();
    let hidden = |path: &std::path::PathBuf| path.file_name().unwrap().to_string_lossy().starts_with(".draft");
    assert!(!entries(place.path()).iter().any(hidden));
    // The tools of those that were dropped have ended with them.
    let sessions = "SELECT count(*) FROM pg_stat_activity WHERE application_name IN ('pg_dump', 'suho-backup')";
    let mut left = String::new();
    for _ in 0..40 {
        left = seeds::sql(&stack, sessions).await;
        if left.trim() == "0" {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(left.trim(), "0");
    fs::remove_dir_all(kept.path).unwrap();
}

/// What the server has of a backup goes with that, or with the next one.
#[tokio::test(flavor = "multi_thread")]
async fn clickhouse_is_left_with_no_copy_and_no_archive() {
    let place = tempfile::tempdir().unwrap();
    let stack = started(&["clickhouse"]).await;
    seeds::everything(&stack).await;
    let target = Target::of(stack.state()).await.unwrap();
    let request = Request::new(place.path());

    let mut dropped = 0;
    for milliseconds in [20, 40, 60, 80, 100, 150, 200] {
        let taking = take(&target, &request, &quiet);
        let ended = tokio::time::timeout(Duration::from_millis(milliseconds), taking).await;
        dropped += usize::from(ended.is_err());
    }
    assert!(dropped >= 3, "{dropped}");
    let kept = taken(&stack, place.path()).await;

    kept.verify().await.unwrap();
    let copies = "SELECT count() FROM system.databases WHERE startsWith(name, 'suho_backup_')";
    assert_eq!(seeds::clickhouse_query(&stack, copies).await.trim(), "0");
    let archives = seeds::inside(&stack, "suho-clickhouse", "ls /var/lib/clickhouse/backups").await;
    assert_eq!(archives, "");
}
