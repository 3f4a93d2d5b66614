//! Filters and aggregates.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::super::super::EngineError;
use super::super::super::asking::prove_and_remove;
use super::super::super::proving::{Evidence, Subject};
use super::class::{Class, TICKS, Tick, texts};

const VECTORS: &[(&str, &str)] = &[("trend", "cosine")];

/// Whether a property can be asked for in a condition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Index {
    /// It is indexed for that.
    Filterable,
    /// It is not.
    Absent,
}

/// Whether a condition allows a tick, decided here.
type IsWanted = fn(&Tick) -> bool;

/// Asks for ticks by a comparison, by a pattern, and by both, where the price has this `index`.
pub async fn filters(subject: &Subject<'_>, index: Index) -> Result<Evidence, EngineError> {
    let class = Class::new(subject.endpoint).await?;
    let dear = "{ path: [\"price\"], operator: GreaterThan, valueInt: 100 }";
    let golden = "{ path: [\"text\"], operator: Like, valueText: \"gol*\" }";
    let both = format!("{{ operator: And, operands: [{dear}, {golden}] }}");
    let cheap_or_golden =
        format!("{{ operator: Or, operands: [{{ path: [\"price\"], operator: LessThan, valueInt: 100 }}, {golden}] }}");
    let cases: [(&str, &str, IsWanted); 4] = [
        ("filter by a price", dear, |tick| tick.price > 100),
        ("filter by a pattern", golden, is_golden),
        ("filter by both", &both, |tick| tick.price > 100 && is_golden(tick)),
        ("filter by either", &cheap_or_golden, |tick| {
            tick.price < 100 || is_golden(tick)
        }),
    ];
    let proof = async {
        let filterable = index == Index::Filterable;
        let properties = json!({"properties": [
            {"name": "text", "dataType": ["text"]},
            {"name": "symbol", "dataType": ["text"]},
            {"name": "venue", "dataType": ["text"]},
            {"name": "price", "dataType": ["int"], "indexFilterable": filterable, "indexRangeFilters": false},
        ]});
        class.create(VECTORS, &properties).await?;
        class.insert(&["trend"], None).await?;
        for (action, condition, is_wanted) in cases {
            let mut found = texts(&class.get(&format!("(where: {condition})"), "text", action).await?);
            found.sort_unstable();
            let wanted = TICKS.iter().filter(|tick| is_wanted(tick));
            let mut wanted: Vec<_> = wanted.map(|tick| tick.text.to_owned()).collect();
            wanted.sort_unstable();
            subject.endpoint.expect(action, &wanted, &found)?;
        }
        Ok(())
    };
    prove_and_remove(subject.endpoint, proof, class.delete()).await?;
    Evidence::proved(format!("4 conditions on {} objects", TICKS.len()))
}

fn is_golden(tick: &Tick) -> bool {
    tick.text.split(' ').any(|word| word.starts_with("gol"))
}

/// What is told of the prices of a group.
#[derive(Debug, Default, PartialEq)]
struct Summary {
    count: i64,
    sum: i64,
    minimum: i64,
    maximum: i64,
    mean: f64,
}

/// Aggregates the prices of the groups that are alike in `property`, which has to be the symbol.
pub async fn aggregates(subject: &Subject<'_>, property: &str) -> Result<Evidence, EngineError> {
    let class = Class::new(subject.endpoint).await?;
    let action = "aggregate by symbol";
    let proof = async {
        class.create(VECTORS, &Value::Null).await?;
        class.insert(&["trend"], None).await?;
        let grouping = format!("(groupBy: [\"{property}\"])");
        let fields = "groupedBy { value } meta { count } price { sum minimum maximum mean }";
        let groups = class.aggregate(&grouping, fields, action).await?;
        let found: BTreeMap<_, _> = groups
            .iter()
            .map(|group| {
                (
                    group["groupedBy"]["value"].as_str().unwrap_or_default().to_owned(),
                    told(group),
                )
            })
            .collect();
        subject.endpoint.expect(action, &computed(), &found)
    };
    prove_and_remove(subject.endpoint, proof, class.delete()).await?;
    Evidence::proved(format!("{} objects in {} groups", TICKS.len(), computed().len()))
}

fn told(group: &Value) -> Summary {
    let number = |value: &Value| value.as_i64().unwrap_or_default();
    let price = &group["price"];
    Summary {
        count: number(&group["meta"]["count"]),
        sum: number(&price["sum"]),
        minimum: number(&price["minimum"]),
        maximum: number(&price["maximum"]),
        mean: price["mean"].as_f64().unwrap_or_default(),
    }
}

/// By symbol.
#[expect(clippy::cast_precision_loss, reason = "the prices are small")]
fn computed() -> BTreeMap<String, Summary> {
    let mut prices: BTreeMap<String, Vec<i64>> = BTreeMap::new();
    for tick in &TICKS {
        prices.entry(tick.symbol.to_owned()).or_default().push(tick.price);
    }
    let summary = |prices: &Vec<i64>| {
        let sum: i64 = prices.iter().sum();
        Summary {
            count: i64::try_from(prices.len()).unwrap_or(i64::MAX),
            sum,
            minimum: prices.iter().copied().min().unwrap_or_default(),
            maximum: prices.iter().copied().max().unwrap_or_default(),
            mean: sum as f64 / prices.len() as f64,
        }
    };
    prices
        .iter()
        .map(|(symbol, prices)| (symbol.clone(), summary(prices)))
        .collect()
}
