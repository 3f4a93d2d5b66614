//! What the server loads, refuses and assumes.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::super::super::asking::and_remove;
use super::super::super::http::Caller;
use super::super::super::proving::{Finding, SettingVerdict};
use super::super::super::{Endpoint, EngineError};
use super::super::client;
use super::{switch, value_of};
use crate::deployment::Setting;

const DEFAULT_LIMIT: &str = "QUERY_DEFAULTS_LIMIT";
const METRICS: &str = "/metrics";
/// More objects than this are not written to see where a query ends by itself.
const MOST_OBJECTS: usize = 1_000;

/// What a class shows that nobody else uses.
struct Assumptions {
    /// The vectorizer of a class that names none.
    vectorizer: String,
    /// How many objects a query without a limit returns; none where there are not enough to tell.
    limit: Option<usize>,
    /// Whether an object of an unknown class makes the class.
    makes_classes: bool,
}

/// What was seen of the server.
pub(super) struct Conduct {
    meta: Value,
    node: String,
    /// The reason where the service user may not write.
    assumptions: Result<Assumptions, String>,
    /// Whether metrics are told; the reason where they are out of reach.
    metrics: Result<bool, String>,
}

impl Conduct {
    pub(super) async fn ask(endpoint: &Endpoint, settings: &[Setting]) -> Result<Self, EngineError> {
        let caller = client::connect(endpoint)?;
        let nodes = caller.send(Method::GET, "/v1/nodes", "list the nodes").await?;
        let assumptions = assumptions(&caller, settings).await;
        Ok(Self {
            meta: caller.send(Method::GET, "/v1/meta", "list the modules").await?,
            node: nodes["nodes"][0]["name"].as_str().unwrap_or_default().to_owned(),
            assumptions: assumptions.map_err(|error| format!("failed to {}", error.in_full())),
            metrics: metrics(endpoint).await?,
        })
    }

    /// What was seen of `setting`; none where it shows in nothing.
    pub(super) fn find(&self, setting: &Setting) -> Option<Finding> {
        let configured = setting.value.expose();
        Some(match setting.key.as_str() {
            "CLUSTER_HOSTNAME" => Finding::compared(configured == self.node, &self.node, "the name of the node"),
            "ENABLE_MODULES" => self.has_modules(configured),
            "API_BASED_MODULES_DISABLED" => self.has_no_other_modules(configured),
            "BACKUP_FILESYSTEM_PATH" => self.backups(configured),
            "DEFAULT_VECTORIZER_MODULE" => self.assumed(|class| {
                let origin = "the vectorizer of a class that names none";
                Finding::compared(configured == class.vectorizer, &class.vectorizer, origin)
            }),
            "AUTOSCHEMA_ENABLED" => self.assumed(|class| {
                let is_wanted = !configured.eq_ignore_ascii_case("false");
                let origin = "whether an object of an unknown class is taken";
                Finding::compared(
                    is_wanted == class.makes_classes,
                    class.makes_classes.to_string(),
                    origin,
                )
            }),
            DEFAULT_LIMIT => self.assumed(|class| limit(configured, class.limit)),
            "PROMETHEUS_MONITORING_ENABLED" => match &self.metrics {
                Ok(is_told) => super::switched(configured, *is_told, "whether metrics are told"),
                Err(reason) => Finding::not_askable(reason),
            },
            _ => return None,
        })
    }

    fn modules(&self) -> Vec<&str> {
        let modules = self.meta["modules"].as_object();
        modules.into_iter().flatten().map(|(name, _)| name.as_str()).collect()
    }

    fn has_modules(&self, configured: &str) -> Finding {
        let modules = self.modules();
        let has_all = configured.split(',').all(|name| modules.contains(&name.trim()));
        Finding::compared(has_all, modules.join(","), "the modules that are loaded")
    }

    /// Those that call other services are dozens, so one other module is not enough to tell.
    fn has_no_other_modules(&self, configured: &str) -> Finding {
        let is_disabled = !self.modules().iter().any(|name| name.contains("openai"));
        Finding::compared(
            switch(configured) == is_disabled,
            is_disabled.to_string(),
            "whether a module that calls another service is loaded",
        )
    }

    fn backups(&self, configured: &str) -> Finding {
        let path = self.meta["modules"]["backup-filesystem"]["backupsPath"].as_str();
        let path = path.unwrap_or("nowhere");
        Finding::compared(configured == path, path, "where the module keeps backups")
    }

    fn assumed(&self, compare: impl FnOnce(&Assumptions) -> Finding) -> Finding {
        match &self.assumptions {
            Ok(assumptions) => compare(assumptions),
            Err(error) => Finding::without_value(SettingVerdict::Failed { error: error.clone() }),
        }
    }
}

fn limit(configured: &str, found: Option<usize>) -> Finding {
    match found {
        Some(found) => Finding::compared(
            configured.parse() == Ok(found),
            format!("{found}"),
            "how many objects a query without a limit returned",
        ),
        None => Finding::not_askable(format!(
            "more than {MOST_OBJECTS} objects would have to be written to see it"
        )),
    }
}

async fn assumptions(caller: &Caller<'_>, settings: &[Setting]) -> Result<Assumptions, EngineError> {
    let limit = value_of(settings, DEFAULT_LIMIT).and_then(|limit| limit.parse().ok());
    let (class, unknown) = (client::scratch_class(), client::scratch_class());
    let asking = async {
        Ok(Assumptions {
            vectorizer: vectorizer(caller, &class).await?,
            limit: returned(caller, &class, limit).await?,
            makes_classes: is_taken(caller, &unknown).await?,
        })
    };
    let removal = async {
        client::delete_class(caller, &class).await?;
        client::delete_class(caller, &unknown).await
    };
    and_remove(caller.endpoint, asking, removal).await
}

/// Creates `class` without a word of a vectorizer.
async fn vectorizer(caller: &Caller<'_>, class: &str) -> Result<String, EngineError> {
    let action = "create a class without a vectorizer";
    let definition = json!({"class": class, "properties": [{"name": "value", "dataType": ["int"]}]});
    let created = caller.post("/v1/schema", &definition, action).await?;
    Ok(created["vectorizer"].as_str().unwrap_or_default().to_owned())
}

/// How many objects of `class` a query returns that sets no limit, of one object more than `limit`.
async fn returned(caller: &Caller<'_>, class: &str, limit: Option<usize>) -> Result<Option<usize>, EngineError> {
    let Some(limit) = limit.filter(|limit| *limit < MOST_OBJECTS) else {
        return Ok(None);
    };
    let objects: Vec<Value> = (0..=limit)
        .map(|value| json!({"class": class, "properties": {"value": value}}))
        .collect();
    let batch = json!({"objects": objects});
    caller
        .post("/v1/batch/objects", &batch, "write more objects than a query returns")
        .await?;
    let path = format!("/v1/objects?class={class}");
    let found = caller.send(Method::GET, &path, "query without a limit").await?;
    Ok(found["objects"].as_array().map(Vec::len))
}

/// Whether an object of a class that nobody has made is taken.
async fn is_taken(caller: &Caller<'_>, class: &str) -> Result<bool, EngineError> {
    let object = json!({"class": class, "properties": {"value": 1}});
    let action = "write an object of an unknown class";
    match caller
        .status(Method::POST, "/v1/objects", Some(&object), action)
        .await?
    {
        (StatusCode::UNPROCESSABLE_ENTITY, _) => Ok(false),
        (status, _) if status.is_success() => Ok(true),
        (status, words) => Err(caller.endpoint.failed(action)(format!("{status}: {words}"))),
    }
}

/// Whether the server tells its metrics where the deployment expects them.
async fn metrics(endpoint: &Endpoint) -> Result<Result<bool, String>, EngineError> {
    match client::metrics(endpoint) {
        Err(error @ EngineError::NotPublished { .. }) => Ok(Err(format!("failed to {}", error.in_full()))),
        caller => Ok(Ok(caller?.text(METRICS, "read the metrics").await.is_ok())),
    }
}
