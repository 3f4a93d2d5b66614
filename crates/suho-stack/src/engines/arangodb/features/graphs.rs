//! Graphs: what a traversal reaches, and the paths between two vertices by their weights.

use std::collections::BTreeSet;

use reqwest::Method;
use serde_json::{Value, json};

use super::super::super::{EngineError, Evidence, Subject};
use super::scene::{Scene, Session};

const FROM: &str = "frankfurt";
const TO: &str = "tokyo";
/// Lines between trading venues, with what a message over them costs. The way of the fewest steps is the dearest.
pub(super) const LINES: [(&str, &str, u64); 6] = [
    ("frankfurt", "tokyo", 100),
    ("frankfurt", "london", 7),
    ("london", "newyork", 30),
    ("newyork", "tokyo", 40),
    ("london", "singapore", 50),
    ("singapore", "tokyo", 35),
];

/// A way from [`FROM`], and what it costs.
#[derive(Debug, Clone)]
struct Way {
    venues: Vec<&'static str>,
    cost: u64,
}

/// Every way from [`FROM`] that meets no venue twice, found here.
fn ways() -> Vec<Way> {
    let mut ways = vec![Way {
        venues: vec![FROM],
        cost: 0,
    }];
    let mut next = 0;
    while let Some(way) = ways.get(next).cloned() {
        for (from, to, cost) in LINES {
            if way.venues.last() == Some(&from) && !way.venues.contains(&to) {
                let venues = way.venues.iter().copied().chain([to]).collect();
                let cost = way.cost + cost;
                ways.push(Way { venues, cost });
            }
        }
        next += 1;
    }
    ways
}

/// A traversal along the arrows reaches exactly what is one or two steps away.
pub async fn traversal(subject: &Subject<'_>) -> Result<Evidence, EngineError> {
    const QUERY: &str = "FOR venue IN 1..2 OUTBOUND @from GRAPH 'lines' \
                         OPTIONS {order: 'bfs', uniqueVertices: 'global'} \
                         SORT venue._key RETURN venue._key";
    let scene = Scene::open(subject.endpoint)?;
    scene
        .prove(async {
            let session = scene.session();
            draw(&session).await?;
            let reached: BTreeSet<&str> = ways()
                .iter()
                .filter(|way| (2..=3).contains(&way.venues.len()))
                .filter_map(|way| way.venues.last().copied())
                .collect();
            let traversing = "traverse two steps of a graph";
            let found = session.query(QUERY, json!({"from": id(FROM)}), traversing).await?;
            scene.endpoint.expect(traversing, &json!(reached), &found)?;
            Evidence::proved(format!("{} venues within 2 steps of {FROM}", reached.len()))
        })
        .await
}

/// The lightest path and the first three by weight are those that are computed here.
pub async fn shortest_paths(subject: &Subject<'_>) -> Result<Evidence, EngineError> {
    const SHORTEST: &str = "FOR venue IN OUTBOUND SHORTEST_PATH @from TO @to GRAPH 'lines' \
                            OPTIONS {weightAttribute: 'cost'} RETURN venue._key";
    const SEVERAL: &str = "FOR path IN OUTBOUND K_SHORTEST_PATHS @from TO @to GRAPH 'lines' \
                           OPTIONS {weightAttribute: 'cost'} LIMIT 3 \
                           RETURN {venues: path.vertices[*]._key, cost: path.weight}";
    let scene = Scene::open(subject.endpoint)?;
    scene
        .prove(async {
            let session = scene.session();
            draw(&session).await?;
            let mut ways = ways();
            ways.retain(|way| way.venues.last() == Some(&TO));
            ways.sort_by_key(|way| way.cost);
            let ends = || json!({"from": id(FROM), "to": id(TO)});

            let finding = "find the lightest path";
            let found = session.query(SHORTEST, ends(), finding).await?;
            let lightest = ways.first().map(|way| &way.venues);
            scene.endpoint.expect(finding, &json!(lightest), &found)?;

            let finding = "find paths in the order of their weights";
            let found = session.query(SEVERAL, ends(), finding).await?;
            let expected: Vec<_> = ways.iter().map(|way| (json!(way.venues), Some(way.cost))).collect();
            scene.endpoint.expect(finding, &expected, &venues_and_costs(&found))?;
            let costs: Vec<_> = ways.iter().map(|way| way.cost.to_string()).collect();
            Evidence::proved(format!("{} paths, of weights {}", ways.len(), costs.join(", ")))
        })
        .await
}

/// Weights are numbers with a fraction in the answer.
fn venues_and_costs(found: &Value) -> Vec<(Value, Option<u64>)> {
    let whole = |cost: &Value| {
        let text = cost.to_string();
        text.strip_suffix(".0").unwrap_or(&text).parse().ok()
    };
    let paths = found.as_array().map(Vec::as_slice).unwrap_or_default();
    paths
        .iter()
        .map(|path| (path["venues"].clone(), whole(&path["cost"])))
        .collect()
}

/// Creates the graph with its collections, the venues and the lines.
async fn draw(session: &Session<'_>) -> Result<(), EngineError> {
    let lines = json!([{"collection": "connections", "from": ["venues"], "to": ["venues"]}]);
    let graph = json!({"name": "lines", "edgeDefinitions": lines});
    session
        .send(Method::POST, "/_api/gharial", &graph, "create a graph")
        .await?;
    let venues: BTreeSet<_> = LINES.iter().flat_map(|(from, to, _)| [*from, *to]).collect();
    for venue in venues {
        session.insert("venues", &json!({"_key": venue})).await?;
    }
    for (from, to, cost) in LINES {
        let line = json!({"_from": id(from), "_to": id(to), "cost": cost});
        session.insert("connections", &line).await?;
    }
    Ok(())
}

fn id(venue: &str) -> String {
    format!("venues/{venue}")
}
