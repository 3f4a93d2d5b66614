//! Named vectors, distances, keywords, and both together.

use serde_json::{Value, json};

use super::super::super::asking::prove_and_remove;
use super::super::super::proving::{Evidence, Subject};
use super::super::super::{Endpoint, EngineError};
use super::class::{Class, TICKS, Tick, text, texts, written};

/// What is looked for near.
const WANTED: [f64; 3] = [1.0, 0.5, 0.25];
/// The word that is looked for.
const WORD: &str = "gold";
/// Weaviate computes in single precision.
const TOLERANCE: f64 = 1e-5;

/// Inserts a batch into a class that has vectors by these `names`, and reads each of `trend` and `shape` back.
pub async fn named(subject: &Subject<'_>, names: &[&str]) -> Result<Evidence, EngineError> {
    let class = Class::new(subject.endpoint).await?;
    let proof = async {
        let vectors: Vec<_> = names.iter().map(|name| (*name, "cosine")).collect();
        class.create(&vectors, &Value::Null).await?;
        class.insert(&["trend", "shape"], None).await?;
        for name in ["trend", "shape"] {
            let action = format!("read the vectors named {name}");
            subject
                .endpoint
                .expect(&action, &written(), &class.contents(name).await?)?;
        }
        Ok(())
    };
    prove_and_remove(subject.endpoint, proof, class.delete()).await?;
    Evidence::proved(format!(
        "{} objects in a batch, 2 vectors of each as they were",
        TICKS.len()
    ))
}

/// Our own arithmetic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arithmetic {
    /// One less the cosine of the angle.
    Cosine,
    /// The sum of the squared differences.
    Squares,
}

impl Arithmetic {
    fn distance(self, one: &[f64; 3], other: &[f64; 3]) -> f64 {
        let sum = |term: fn(f64, f64) -> f64| one.iter().zip(other).map(|(a, b)| term(*a, *b)).sum::<f64>();
        match self {
            Self::Cosine => {
                let lengths = sum(|a, _| a * a).sqrt() * sum(|_, b| b * b).sqrt();
                1.0 - sum(|a, b| a * b) / lengths
            }
            Self::Squares => sum(|a, b| (a - b) * (a - b)),
        }
    }

    /// Every tick with its distance, the nearest first.
    fn nearest(self) -> Vec<(String, f64)> {
        best(|tick| Some(-self.distance(&tick.vector, &WANTED)))
            .into_iter()
            .map(|(text, closeness)| (text, -closeness))
            .collect()
    }
}

/// The ticks that have a score, the highest first.
fn best(score: impl Fn(&Tick) -> Option<f64>) -> Vec<(String, f64)> {
    let mut scored: Vec<_> = TICKS
        .iter()
        .filter_map(|tick| Some((tick.text.to_owned(), score(tick)?)))
        .collect();
    scored.sort_by(|one, other| other.1.total_cmp(&one.1));
    scored
}

/// Searches a class whose vectors have this `metric`, and holds each distance against `arithmetic`.
pub async fn distances(subject: &Subject<'_>, arithmetic: Arithmetic, metric: &str) -> Result<Evidence, EngineError> {
    let class = Class::new(subject.endpoint).await?;
    let proof = async {
        class.create(&[("trend", metric)], &Value::Null).await?;
        class.insert(&["trend"], None).await?;
        let action = "search near a vector";
        let rows = class
            .get(&near_vector(), "text _additional { distance }", action)
            .await?;
        let found = rows
            .iter()
            .map(|row| (text(row), row["_additional"]["distance"].as_f64()));
        expect_scores(
            subject.endpoint,
            action,
            &arithmetic.nearest(),
            &found.collect::<Vec<_>>(),
        )
    };
    prove_and_remove(subject.endpoint, proof, class.delete()).await?;
    let nearest = arithmetic.nearest();
    Evidence::proved(format!(
        "{} objects in our order, the nearest at {:.4}",
        nearest.len(),
        nearest[0].1
    ))
}

fn near_vector() -> String {
    format!("(nearVector: {{ vector: {WANTED:?}, targetVectors: [\"trend\"] }})")
}

fn expect_scores(
    endpoint: &Endpoint,
    action: &str,
    expected: &[(String, f64)],
    found: &[(String, Option<f64>)],
) -> Result<(), EngineError> {
    let is_equal = expected.len() == found.len()
        && expected.iter().zip(found).all(|((text, score), (found, effective))| {
            text == found && effective.is_some_and(|effective| (effective - score).abs() < TOLERANCE)
        });
    if is_equal {
        Ok(())
    } else {
        Err(endpoint.unexpected(action, format!("{expected:?}"), format!("{found:?}")))
    }
}

/// The weight of the vectors in a hybrid query; keywords have the rest.
#[derive(Debug, Clone, Copy)]
pub struct Alphas {
    /// With which only keywords count.
    pub keywords: f64,
    /// With which only vectors count.
    pub vectors: f64,
}

impl Alphas {
    /// Both ends of the scale.
    pub const ENDS: Self = Self {
        keywords: 0.0,
        vectors: 1.0,
    };
}

/// Searches by a word, which has to score as our own arithmetic does, then by both at each of `alphas`.
pub async fn hybrid(subject: &Subject<'_>, alphas: Alphas) -> Result<Evidence, EngineError> {
    let class = Class::new(subject.endpoint).await?;
    let endpoint = subject.endpoint;
    let by_words = best(relevance);
    let by_vectors = Arithmetic::Cosine.nearest();
    let proof = async {
        class.create(&[("trend", "cosine")], &Value::Null).await?;
        class.insert(&["trend"], None).await?;
        let action = "search by keywords";
        let rows = class
            .get(
                &format!("(bm25: {{ query: {WORD:?} }})"),
                "text _additional { score }",
                action,
            )
            .await?;
        let found = rows.iter().map(|row| (text(row), score(row)));
        expect_scores(endpoint, action, &by_words, &found.collect::<Vec<_>>())?;

        let sides = [
            (
                "search by both, where keywords count",
                alphas.keywords,
                names(&by_words),
            ),
            (
                "search by both, where vectors count",
                alphas.vectors,
                names(&by_vectors),
            ),
        ];
        for (action, alpha, expected) in sides {
            let rows = class.get(&both(alpha), "text", action).await?;
            endpoint.expect(action, &expected, &texts(&rows))?;
        }
        Ok(())
    };
    prove_and_remove(endpoint, proof, class.delete()).await?;
    Evidence::proved(format!(
        "{} objects by keywords at alpha 0, {} by vectors at alpha 1, both in our order",
        by_words.len(),
        by_vectors.len()
    ))
}

fn both(alpha: f64) -> String {
    let vector = json!(WANTED);
    format!("(hybrid: {{ query: {WORD:?}, vector: {vector}, alpha: {alpha}, targetVectors: [\"trend\"] }})")
}

fn names(scored: &[(String, f64)]) -> Vec<String> {
    scored.iter().map(|(text, _)| text.clone()).collect()
}

/// Scores are told as texts.
fn score(row: &Value) -> Option<f64> {
    row["_additional"]["score"].as_str()?.parse().ok()
}

/// The relevance of a tick to the word by BM25, with Weaviate's defaults; none where it does not occur.
#[expect(clippy::cast_precision_loss, reason = "they are a handful")]
fn relevance(tick: &Tick) -> Option<f64> {
    const K1: f64 = 1.2;
    const B: f64 = 0.75;
    let words = |tick: &Tick| tick.text.split(' ').count() as f64;
    let occurrences = |tick: &Tick| tick.text.split(' ').filter(|word| *word == WORD).count() as f64;
    let all = TICKS.len() as f64;
    let with = TICKS.iter().filter(|tick| occurrences(tick) > 0.0).count() as f64;
    let mean = TICKS.iter().map(words).sum::<f64>() / all;
    let rarity = (1.0 + (all - with + 0.5) / (with + 0.5)).ln();
    let often = occurrences(tick);
    (often > 0.0).then(|| rarity * often / (often + K1 * (1.0 - B + B * words(tick) / mean)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_arithmetic_is_that_of_the_school() {
        let near = |found: f64, expected: f64| (found - expected).abs() < 1e-12;

        assert!(near(
            Arithmetic::Cosine.distance(&[1.0, 0.0, 0.0], &[0.0, 2.0, 0.0]),
            1.0
        ));
        assert!(near(
            Arithmetic::Cosine.distance(&[1.0, 0.0, 0.0], &[3.0, 0.0, 0.0]),
            0.0
        ));
        assert!(near(
            Arithmetic::Squares.distance(&[1.0, 0.0, 0.0], &[0.0, 2.0, 0.0]),
            5.0
        ));
    }

    #[test]
    fn no_order_hangs_on_a_hair() {
        for ranked in [
            Arithmetic::Cosine.nearest(),
            Arithmetic::Squares.nearest(),
            best(relevance),
        ] {
            for pair in ranked.windows(2) {
                assert!((pair[0].1 - pair[1].1).abs() > 100.0 * TOLERANCE, "{pair:?}");
            }
        }
        assert_ne!(names(&Arithmetic::Cosine.nearest()), names(&best(relevance)));
    }
}
