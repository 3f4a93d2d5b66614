//! Search views.

use std::time::Duration;

use reqwest::Method;
use serde_json::json;

use super::super::super::asking::eventually;
use super::super::super::{EngineError, Evidence, Subject};
use super::scene::Scene;

const HEADLINES: [(&str, &str); 3] = [
    ("a", "Markets are closing higher"),
    ("b", "The central bank keeps its rate"),
    ("c", "A market for every currency"),
];
/// Every second at most by default; here ten times as often.
const COMMIT_INTERVAL: Duration = Duration::from_millis(100);
/// What a commit may take beyond its interval.
const PATIENCE: Duration = Duration::from_secs(3);

/// A view over English headlines finds those with a word, whatever its ending.
pub async fn view(subject: &Subject<'_>) -> Result<Evidence, EngineError> {
    const QUERY: &str = "FOR h IN headlines_view SEARCH ANALYZER(h.text IN TOKENS(@word, 'text_en'), 'text_en') \
                         SORT h._key RETURN h._key";
    let scene = Scene::open(subject.endpoint)?;
    scene
        .prove(async {
            let session = scene.session();
            session.create_collection("headlines").await?;
            let link = json!({"fields": {"text": {"analyzers": ["text_en"]}}});
            let view = json!({
                "name": "headlines_view",
                "type": "arangosearch",
                "commitIntervalMsec": COMMIT_INTERVAL.as_millis(),
                "links": {"headlines": link},
            });
            session.send(Method::POST, "/_api/view", &view, "create a view").await?;
            for (key, text) in HEADLINES {
                session.insert("headlines", &json!({"_key": key, "text": text})).await?;
            }
            let expected: Vec<_> = HEADLINES
                .iter()
                .filter(|(_, text)| text.to_lowercase().contains("market"))
                .map(|(key, _)| *key)
                .collect();
            let searching = "find headlines by a word";
            let search = || session.query(QUERY, json!({"word": "market"}), searching);
            let complete = || async { Ok(Some(search().await?).filter(|found| *found == json!(expected))) };
            if eventually(COMMIT_INTERVAL + PATIENCE, complete).await?.is_none() {
                scene.endpoint.expect(searching, &json!(expected), &search().await?)?;
            }
            Evidence::proved(format!(
                "{} of {} headlines have the word",
                expected.len(),
                HEADLINES.len()
            ))
        })
        .await
}
