//! The names that ClickHouse knows.

use std::sync::LazyLock;

use super::super::vocabulary::{Kind, Objection, Vocabulary, begins_with_a_digit, is_one_of, object_by, shown};
use crate::deployment::Setting;

static SERVER: LazyLock<Vocabulary> =
    LazyLock::new(|| Vocabulary::read(include_str!("server_settings.txt"), is_spelled));
static STRUCTURE: LazyLock<Vocabulary> = LazyLock::new(|| Vocabulary::read(include_str!("structure.txt"), is_spelled));
static MERGE_TREE: LazyLock<Vocabulary> =
    LazyLock::new(|| Vocabulary::read(include_str!("merge_tree_settings.txt"), is_spelled));
static USERS: LazyLock<Vocabulary> = LazyLock::new(|| Vocabulary::read(include_str!("users.txt"), is_spelled));
static QUERY: LazyLock<Vocabulary> = LazyLock::new(|| Vocabulary::read(include_str!("settings.txt"), is_spelled));
static ENVIRONMENT: LazyLock<Vocabulary> =
    LazyLock::new(|| Vocabulary::read(include_str!("environment.txt"), is_spelled));

/// What may be laid on an element without it being a setting of its own.
const ATTRIBUTES: [&str; 5] = ["from_env", "replace", "remove", "optional", "hide_in_preprocessed"];

/// What a constraint of a profile may say.
const CONSTRAINTS: [&str; 7] = [
    "min",
    "max",
    "readonly",
    "const",
    "changeable_in_readonly",
    "allow",
    "disallow",
];

/// What is wrong with each of `settings`.
pub(super) fn object(settings: &[Setting]) -> Vec<Option<Objection>> {
    object_by(settings, &ENVIRONMENT, |setting| {
        let (element, attribute) = element_of(&setting.key);
        // What the environment fills in is not known here.
        let value = shown(setting).filter(|_| attribute.is_none());
        match attribute {
            Some(attribute) if !ATTRIBUTES.contains(&attribute.as_str()) => {
                let message = format!(
                    "`{attribute}` is no attribute that ClickHouse knows; known are {}",
                    ATTRIBUTES.join(", ")
                );
                Some(Objection::new(message))
            }
            _ if setting.file.contains("users") => users(&element, value),
            _ => config(&element, value),
        }
    })
}

/// The names of the server's settings, of queries' and of `MergeTree`'s.
#[must_use]
pub fn settings() -> [(&'static str, &'static Vocabulary); 3] {
    [
        ("server_settings", &SERVER),
        ("settings", &QUERY),
        ("merge_tree_settings", &MERGE_TREE),
    ]
}

/// `networks.ip[3]` is `networks.ip`, and `password[@from_env]` is `password` and its attribute.
fn element_of(key: &str) -> (String, Option<String>) {
    let mut element = String::new();
    let mut attribute = None;
    for (index, piece) in key.split('[').enumerate() {
        let (inside, rest) = if index == 0 {
            ("", piece)
        } else {
            piece.split_once(']').unwrap_or((piece, ""))
        };
        attribute = inside.strip_prefix('@').map(str::to_owned).or(attribute);
        element.push_str(rest);
    }
    (element, attribute)
}

fn config(element: &str, value: Option<&str>) -> Option<Objection> {
    for section in ["merge_tree.", "replicated_merge_tree."] {
        if let Some(name) = element.strip_prefix(section) {
            return Some(MERGE_TREE.object(name, value)?.within(section));
        }
    }
    if SERVER.knows(element) {
        return SERVER.object(element, value);
    }
    let objection = STRUCTURE.object(element, value)?;
    Some(Objection {
        nearest: closest(element, [objection.nearest, SERVER.nearest(element)]),
        ..objection
    })
}

fn users(element: &str, value: Option<&str>) -> Option<Objection> {
    let Some((profile, name)) = element.strip_prefix("profiles.").and_then(|rest| rest.split_once('.')) else {
        return USERS.object(element, value);
    };
    let scope = format!("profiles.{profile}.");
    if name == "profile" {
        return None;
    }
    let Some(constrained) = name.strip_prefix("constraints.") else {
        return Some(QUERY.object(name, value)?.within(&scope));
    };
    let scope = format!("{scope}constraints.");
    let (name, constraint) = constrained.split_once('.').unwrap_or((constrained, ""));
    if !constraint.is_empty() && !CONSTRAINTS.contains(&constraint) {
        let message = format!("`{constraint}` is no constraint; known are {}", CONSTRAINTS.join(", "));
        return Some(Objection::new(message));
    }
    let value = value.filter(|_| matches!(constraint, "min" | "max"));
    Some(QUERY.object(name, value)?.within(&scope))
}

/// That of `candidates` which is most like `name`.
fn closest(name: &str, candidates: [Option<String>; 2]) -> Option<String> {
    let likeness = |candidate: &String| strsim::normalized_damerau_levenshtein(name, candidate);
    let by_likeness = |one: &String, other: &String| likeness(one).total_cmp(&likeness(other));
    candidates.into_iter().flatten().max_by(by_likeness)
}

fn is_spelled(kind: Kind, value: &str) -> bool {
    const BOOLEANS: [&str; 6] = ["true", "false", "yes", "no", "on", "off"];
    match kind {
        Kind::Boolean => value.parse::<i64>().is_ok() || is_one_of(&BOOLEANS, value),
        Kind::Integer => value.parse::<i128>().is_ok(),
        // Some are also said in words: `auto`, `inf`.
        _ => begins_with_a_digit(value) || ["auto", "inf", "nan"].iter().any(|word| value.starts_with(word)),
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::super::super::vocabulary::tests::assert_list;
    use super::*;

    #[rstest]
    #[case(include_str!("server_settings.txt"))]
    #[case(include_str!("settings.txt"))]
    #[case(include_str!("merge_tree_settings.txt"))]
    #[case(include_str!("structure.txt"))]
    #[case(include_str!("users.txt"))]
    #[case(include_str!("environment.txt"))]
    fn a_list_is_in_order(#[case] list: &str) {
        assert_list(list);
    }

    #[rstest]
    #[case("users.suho.networks.ip[3]", "users.suho.networks.ip", None)]
    #[case("users.suho.password[@from_env]", "users.suho.password", Some("from_env"))]
    #[case("a[1].b[2][@c]", "a.b", Some("c"))]
    fn an_element_is_told_from_its_number_and_attribute(
        #[case] key: &str,
        #[case] element: &str,
        #[case] attribute: Option<&str>,
    ) {
        assert_eq!(element_of(key), (element.to_owned(), attribute.map(str::to_owned)));
    }
}
