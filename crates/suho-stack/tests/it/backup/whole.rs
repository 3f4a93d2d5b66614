use std::{collections::BTreeMap, fs, process::Command};

use suho_stack::{
    backup::{BackupError, Kept, Request, Restore, Target, list, restore, take},
    engines::backup::Tally,
};

use super::{quiet, restored, seeds, started, taken};

const ENGINES: [&str; 6] = ["postgresql", "clickhouse", "dragonflydb", "weaviate", "nats", "kafka"];

fn tallies(kept: &Kept) -> BTreeMap<&str, &Tally> {
    let parts = kept.manifest.engines.iter();
    parts
        .flat_map(|part| &part.tallies)
        .map(|tally| (tally.what.as_str(), tally))
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_engine_is_restored_into_another_stack_equal_by_its_counts() {
    let place = tempfile::tempdir().unwrap();
    let first = started(&ENGINES).await;
    seeds::everything(&first).await;
    let kept = taken(&first, place.path()).await;
    first.stop().await.unwrap();
    let mut second = started(&ENGINES).await;

    let target = Target::of(second.state()).await.unwrap();
    restore(&target, &Restore::of(&kept.path), &quiet).await.unwrap();
    second.follow(target.restarter()).await;

    let again = taken(&second, place.path()).await;
    let (before, after) = (tallies(&kept), tallies(&again));
    let expected = [
        ("rows of market.ticks in suho", 9_000),
        ("rows of scratch.odd in suho", 1),
        ("rows of market.ticks", 20_000),
        ("keys of the database 0", 6),
        ("keys of the database 3", 1),
        ("objects of Note", 600),
        ("objects of Desk of rates", 1),
        ("messages of the stream LEDGER", 300),
        ("messages of the stream QUOTES", 1),
        ("messages of the stream KV_limits", 1),
        ("consumers of the stream LEDGER", 1),
        ("positions of the group settlement", 1),
    ];
    for (what, count) in expected {
        assert_eq!(
            before.get(what).map(|tally| tally.count),
            Some(count),
            "{what} in {before:#?}"
        );
    }
    assert_eq!(before, after);
    assert_eq!(list(place.path()).unwrap().len(), 2);
    let left_out: Vec<_> = kept.manifest.left_out.keys().collect();
    assert_eq!(left_out, ["suho-zookeeper"]);

    // What is not counted: rights, settings, views that work, a lease, a database beside, and a stream that ages again.
    let role = "SELECT current_setting('work_mem'), has_table_privilege('desk', 'market.ticks', 'SELECT'),
                (SELECT count(*) FROM pg_database WHERE datname = 'second' OR datname LIKE 'suho_re%')";
    assert_eq!(seeds::sql(&second, role).await.trim(), "11MB|t|1");
    seeds::sql(
        &second,
        "INSERT INTO market.ticks VALUES ('2026-12-01', 1, 1, 1, 1, 'buy')",
    )
    .await;
    let candles = seeds::clickhouse_query(&second, "SELECT sum(trades) FROM market.candles_1h").await;
    assert_eq!(candles.trim(), "20000");
    let ledger = seeds::jetstream(&second).await.get_stream("QUOTES").await.unwrap();
    assert_eq!(ledger.cached_info().config.max_age.as_secs(), 3_600);
    second.stop().await.unwrap();
}

/// Without suho: the archive is one of `BACKUP`'s.
#[tokio::test]
async fn clickhouse_itself_restores_a_table_out_of_the_backup() {
    let place = tempfile::tempdir().unwrap();
    let stack = started(&["clickhouse"]).await;
    seeds::everything(&stack).await;
    let kept = taken(&stack, place.path()).await;
    let container = &stack.state().member("suho-clickhouse").unwrap().container;
    let archive = "/var/lib/clickhouse/backups/kept.tar";
    let copied = Command::new("docker")
        .arg("cp")
        .arg(kept.path.join("clickhouse/tables.tar"))
        .arg(format!("{container}:{archive}"))
        .status();
    assert!(copied.unwrap().success());
    seeds::inside(&stack, "suho-clickhouse", &format!("chmod 0644 {archive}")).await;

    let restore = "RESTORE TABLE market.ticks AS market.again FROM Disk('backups', 'kept.tar')";
    seeds::clickhouse_query(&stack, restore).await;

    let rows = seeds::clickhouse_query(&stack, "SELECT count() FROM market.again").await;
    assert_eq!(rows.trim(), "20000");
}

#[tokio::test]
async fn an_encrypted_backup_is_opened_by_its_identity_alone() {
    let place = tempfile::tempdir().unwrap();
    let identity = age::x25519::Identity::generate();
    let stranger = age::x25519::Identity::generate();
    let file = |identity: &age::x25519::Identity, name: &str| {
        use age::secrecy::ExposeSecret as _;
        let path = place.path().join(name);
        fs::write(&path, identity.to_string().expose_secret()).unwrap();
        Some(path)
    };
    let (own, strange) = (file(&identity, "own"), file(&stranger, "strange"));
    let stack = started(&["nats"]).await;
    seeds::nats(&stack, 10).await;
    let request = Request {
        recipients: vec![identity.to_public().to_string()],
        ..Request::new(place.path())
    };
    let kept = take(&Target::of(stack.state()).await.unwrap(), &request, &quiet)
        .await
        .unwrap();
    let request = |identity| Restore {
        replace: true,
        identity,
        ..Restore::of(&kept.path)
    };

    let unopened = restored(&stack, &request(None)).await;
    let refused = restored(&stack, &request(strange)).await;
    let opened = restored(&stack, &request(own)).await;

    assert!(matches!(unopened, Err(BackupError::Identity(_))), "{unopened:?}");
    assert!(matches!(refused, Err(BackupError::Identity(_))), "{refused:?}");
    opened.unwrap();
    let content = fs::read(kept.path.join("nats/LEDGER/stream.tar.s2.age")).unwrap();
    assert!(content.starts_with(b"age-encryption.org/v1"));
}

/// Who writes meanwhile is in it or not; what is in it is equal to what was counted of it.
#[tokio::test(flavor = "multi_thread")]
async fn a_backup_under_load_is_of_one_moment() {
    let place = tempfile::tempdir().unwrap();
    let stack = started(&["postgresql", "clickhouse", "nats"]).await;
    seeds::everything(&stack).await;
    let load = async {
        let jetstream = seeds::jetstream(&stack).await;
        for number in 0_u64.. {
            let ticks = format!(
                "INSERT INTO market.ticks SELECT now() + i * interval '1 s', 1, {number} * 100 + i, 1, 1, 'sell'
                 FROM generate_series(1, 100) i"
            );
            seeds::sql(&stack, &ticks).await;
            let ticks = "INSERT INTO market.ticks SELECT 'L', now64(6), 1, 1, 'buy', 'X', number FROM numbers(100)";
            seeds::clickhouse_query(&stack, ticks).await;
            jetstream
                .publish("ledger.load", "x".into())
                .await
                .unwrap()
                .await
                .unwrap();
        }
    };
    let kept = tokio::select! {
        kept = taken(&stack, place.path()) => kept,
        () = load => unreachable!("it writes for ever"),
    };

    let request = Restore {
        replace: true,
        ..Restore::of(&kept.path)
    };
    restored(&stack, &request).await.unwrap();

    let rows = tallies(&kept)["rows of market.ticks in suho"].count;
    let found = seeds::sql(&stack, "SELECT count(*) FROM market.ticks").await;
    assert_eq!(found.trim(), rows.to_string());
}
