//! The queries that Grafana would ask, read out of its dashboards.

use serde_json::Value;

use crate::deployment::Files;

const DIRECTORY: &str = "monitoring/grafana/dashboards/";

/// A query of a panel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Query {
    /// `kafka.json: Consumer lag`
    pub panel: String,
    /// Its expression.
    pub expression: String,
}

/// Every query of every dashboard among `files`; or which of them is no dashboard.
pub fn queries(files: &Files) -> Result<Vec<Query>, String> {
    let mut found = Vec::new();
    for (path, bytes) in files.iter() {
        let Some(name) = path.strip_prefix(DIRECTORY) else {
            continue;
        };
        let dashboard: Value = serde_json::from_slice(bytes).map_err(|error| format!("{path}: {error}"))?;
        for panel in list(&dashboard, "panels") {
            let title = panel["title"].as_str().unwrap_or_default();
            found.extend(list(panel, "targets").filter_map(|target| {
                Some(Query {
                    panel: format!("{name}: {title}"),
                    expression: target["expr"].as_str()?.to_owned(),
                })
            }));
        }
    }
    Ok(found)
}

fn list<'a>(value: &'a Value, key: &str) -> impl Iterator<Item = &'a Value> {
    value[key].as_array().into_iter().flatten()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engines;

    #[test]
    fn the_overview_has_a_row_for_every_engine() -> Result<(), String> {
        let queries = queries(&Files::embedded())?;
        for engine in engines::all() {
            let name = engine.service().trim_start_matches("suho-");
            let selector = format!("suho:engine_up{{engine=\"{name}\"}}");
            assert!(
                queries.iter().any(|query| query.expression == selector),
                "no panel asks {selector}"
            );
            let own = format!("{name}.json: ");
            assert!(queries.iter().any(|query| query.panel.starts_with(&own)), "{own}");
        }
        Ok(())
    }
}
