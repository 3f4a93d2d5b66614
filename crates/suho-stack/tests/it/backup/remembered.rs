use std::{collections::BTreeMap, sync::Mutex};

use chrono::{DateTime, Utc};
use suho_stack::{
    backup::{Kept, Progress, Request, Restore, Target, take},
    stack::Stack,
};

use super::{quiet, restored, seeds, started};

/// When each service was last backed up, as the exporter reads it.
async fn memory(stack: &Stack) -> BTreeMap<String, DateTime<Utc>> {
    let question =
        "SELECT coalesce(shobj_description(oid, 'pg_authid'), '{}') FROM pg_roles WHERE rolname = 'suho_admin'";
    serde_json::from_str(&seeds::sql(stack, question).await).unwrap()
}

async fn taken(stack: &Stack, service: &str, tell: &(dyn Fn(Progress) + Send + Sync)) -> (tempfile::TempDir, Kept) {
    let place = tempfile::tempdir().unwrap();
    let request = Request {
        services: vec![service.to_owned()],
        ..Request::new(place.path())
    };
    let target = Target::of(stack.state()).await.unwrap();
    let kept = take(&target, &request, tell).await.unwrap();
    (place, kept)
}

#[tokio::test]
async fn each_engine_is_remembered_and_neither_a_restore_nor_a_server_that_is_read_only_changes_it() {
    let stack = started(&["nats", "postgresql"]).await;
    assert_eq!(memory(&stack).await, BTreeMap::new());

    let (_nats, nats) = taken(&stack, "suho-nats-server", &quiet).await;
    let (_postgresql, postgresql) = taken(&stack, "suho-postgresql", &quiet).await;
    let expected = BTreeMap::from([
        ("suho-nats-server".to_owned(), nats.manifest.created_at),
        ("suho-postgresql".to_owned(), postgresql.manifest.created_at),
    ]);
    assert_eq!(memory(&stack).await, expected);

    let replacing = Restore {
        replace: true,
        ..Restore::of(&postgresql.path)
    };
    restored(&stack, &replacing).await.unwrap();
    assert_eq!(memory(&stack).await, expected);

    seeds::sql(&stack, "ALTER ROLE suho_admin SET default_transaction_read_only = on").await;
    let told = Mutex::new(Vec::new());
    let (_unremembered, kept) = taken(&stack, "suho-nats-server", &|progress| {
        if let Progress::Note { words, .. } = progress {
            told.lock().unwrap().push(words);
        }
    })
    .await;
    kept.verify().await.unwrap();
    let told = told.into_inner().unwrap();
    assert!(
        told.iter()
            .any(|words| words.contains("is not told of this backup") && words.contains("read-only")),
        "{told:?}"
    );
    assert_eq!(memory(&stack).await, expected);
    stack.stop().await.unwrap();
}
