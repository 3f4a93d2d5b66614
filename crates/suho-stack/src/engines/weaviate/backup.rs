//! Weaviate's own backup by its module for file systems, carried out of the container and back into one.

use std::fmt::Write as _;

use async_trait::async_trait;
use reqwest::Method;
use serde::Deserialize;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::super::EngineError;
use super::super::backup::{Account, Backup, Instance, Packing, Reads, Shelf, Tally, Vault, compare, settled};
use super::super::http::Caller;
use super::super::scratch;
use super::client;
use super::features::storage::run;

/// The directory that the module has written, in one file.
const CONTENT: &str = "backup.tar";
/// How many objects are read at once.
const PAGE: usize = 500;
/// By which the directory of a backup is known in the volume.
const NAME: &str = "suho_backup_";
const WRITE: [&str; 4] = [
    "sh",
    "-c",
    r#"cd "$BACKUP_FILESYSTEM_PATH" && exec tar -cf - "$0""#,
    "%",
];
const READ: [&str; 3] = [
    "sh",
    "-c",
    r#"mkdir -p "$BACKUP_FILESYSTEM_PATH" && cd "$BACKUP_FILESYSTEM_PATH" && exec tar -xf -"#,
];
/// Weaviate deletes no backup by itself.
const CLEAR: [&str; 3] = [
    "sh",
    "-c",
    r#"cd "$BACKUP_FILESYSTEM_PATH" 2>/dev/null && rm -rf suho_backup_* || true"#,
];

/// `/v1/backups/filesystem`.
#[derive(Debug)]
pub(super) struct Module;

#[async_trait]
impl Backup for Module {
    async fn back_up(&self, instance: &Instance<'_>, vault: &dyn Vault) -> Result<Account, EngineError> {
        let caller = client::connect(instance.endpoint)?;
        let counting = async {
            let classes = classes(&caller).await?;
            let before = count(&caller, &classes, Detail::Version).await?;
            Ok((classes, before))
        };
        let (_, (classes, before)) = tokio::try_join!(instance.tools.ask(&CLEAR), counting)?;
        if classes.is_empty() {
            return Ok(Account::default());
        }
        let id = scratch::name(NAME);
        let body = json!({"id": id});
        let path = format!("/{id}");
        let making = run(&caller, "", &path, &body, "make a backup");
        // The module waits more than it works: meanwhile the objects are read.
        let ((), mut tallies) = tokio::try_join!(making, count(&caller, &classes, Detail::Whole))?;
        let carrying = async {
            let command: Vec<&str> = WRITE
                .iter()
                .map(|word| if *word == "%" { id.as_str() } else { *word })
                .collect();
            let tar = instance.tools.start(&command, Reads::Nothing).await?;
            tar.into_file(vault.create(CONTENT, Packing::Compressed).await?).await
        };
        let (after, carried) = tokio::join!(count(&caller, &classes, Detail::Version), carrying);
        instance.tools.ask(&CLEAR).await?;
        carried?;
        let (same, notes) = settled(&before, after?);
        tallies.retain(|tally| same.iter().any(|same| same.what == tally.what));
        Ok(Account { tallies, notes })
    }

    async fn occupied(&self, instance: &Instance<'_>) -> Result<Vec<String>, EngineError> {
        let classes = classes(&client::connect(instance.endpoint)?).await?;
        Ok(classes
            .iter()
            .map(|class| format!("the class {}", name(class)))
            .collect())
    }

    async fn restore(
        &self,
        instance: &Instance<'_>,
        store: &dyn Shelf,
        account: &Account,
    ) -> Result<Vec<Tally>, EngineError> {
        let endpoint = instance.endpoint;
        let caller = client::connect(endpoint)?;
        let present = classes(&caller).await?;
        if !store.names().iter().any(|name| name == CONTENT) {
            return Ok(Vec::new());
        }
        instance.tools.ask(&CLEAR).await?;
        let tar = instance.tools.start(&READ, Reads::Input).await?;
        tar.fed(store.open(CONTENT).await?).await?;
        let restoring = async {
            let id = carried(instance).await?;
            // The module puts back no class that exists.
            for class in &present {
                client::delete_class(&caller, name(class)).await?;
            }
            let path = format!("/{id}/restore");
            run(&caller, &path, &path, &json!({}), "restore a backup").await
        };
        let restored = restoring.await;
        instance.tools.ask(&CLEAR).await?;
        restored?;
        let tallies = count(&caller, &classes(&caller).await?, Detail::Whole).await?;
        compare(endpoint, &account.tallies, &tallies)?;
        Ok(tallies)
    }
}

/// The name of the backup that was carried into the volume.
async fn carried(instance: &Instance<'_>) -> Result<String, EngineError> {
    let listed = instance
        .tools
        .ask(&["sh", "-c", r#"ls "$BACKUP_FILESYSTEM_PATH""#])
        .await?;
    let found = listed.lines().find(|line| line.starts_with(NAME)).map(str::to_owned);
    found.ok_or_else(|| {
        let action = "find the backup in the volume";
        instance
            .endpoint
            .unexpected(action, format!("a directory {NAME}…"), listed)
    })
}

async fn classes(caller: &Caller<'_>) -> Result<Vec<Value>, EngineError> {
    let schema = caller.send(Method::GET, "/v1/schema", "read the schema").await?;
    Ok(schema["classes"].as_array().cloned().unwrap_or_default())
}

fn name(class: &Value) -> &str {
    class["class"].as_str().unwrap_or_default()
}

/// What is read of each object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Detail {
    /// All of it.
    Whole,
    /// All but its vectors, which are most of it: when it last changed is told all the same.
    Version,
}

/// The objects of each class and tenant, with a sum of their hashes.
async fn count(caller: &Caller<'_>, classes: &[Value], detail: Detail) -> Result<Vec<Tally>, EngineError> {
    let mut tallies = Vec::new();
    for class in classes {
        let class_name = name(class);
        if class["multiTenancyConfig"]["enabled"].as_bool() != Some(true) {
            tallies.push(objects(caller, class_name, None, detail).await?);
            continue;
        }
        let path = format!("/v1/schema/{class_name}/tenants");
        let tenants = caller.send(Method::GET, &path, "list the tenants").await?;
        for tenant in tenants.as_array().into_iter().flatten() {
            // One that is not in memory cannot be read; it is in the backup all the same.
            if matches!(tenant["activityStatus"].as_str(), Some("HOT" | "ACTIVE") | None) {
                tallies.push(objects(caller, class_name, tenant["name"].as_str(), detail).await?);
            }
        }
    }
    Ok(tallies)
}

/// The objects of a page: the rest of each is hashed as it is told.
#[derive(Deserialize)]
struct Page {
    objects: Option<Vec<Object>>,
}

#[derive(Deserialize)]
struct Object {
    id: String,
}

/// The objects of a class, read page by page, which are in the order of their ids.
async fn objects(caller: &Caller<'_>, class: &str, tenant: Option<&str>, detail: Detail) -> Result<Tally, EngineError> {
    let words = match tenant {
        Some(tenant) => format!("objects of {class} of {tenant}"),
        None => format!("objects of {class}"),
    };
    let action = format!("read the {words}");
    let (mut count, mut hasher, mut after) = (0, Sha256::new(), String::new());
    loop {
        let mut path = format!("/v1/objects?class={class}&limit={PAGE}&after={after}");
        if detail == Detail::Whole {
            path.push_str("&include=vector");
        }
        if let Some(tenant) = tenant {
            // Writing to a String cannot fail.
            let _ = write!(path, "&tenant={tenant}");
        }
        let text = caller.text(&path, &action).await?;
        let page: Page = serde_json::from_str(&text).map_err(caller.endpoint.failed(&action))?;
        let mut found = page.objects.unwrap_or_default();
        count += found.len() as u64;
        hasher.update(text);
        match found.pop() {
            Some(last) if found.len() + 1 == PAGE => after = last.id,
            _ => return Ok(Tally::sum(words, count, checksum(hasher))),
        }
    }
}

fn checksum(hasher: Sha256) -> String {
    let mut checksum = format!("{:x}", hasher.finalize());
    checksum.truncate(32);
    checksum
}
